"""Do the parts of a configuration fit together? Asked before anything runs, after each key has been checked."""

from pathlib import Path

from spinsculpt.app.plan._spectra import spectra_of
from spinsculpt.config import Basis, Study, nearest_name, plain
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.subjects import checked_place


def settle(study: Study) -> Study:
    """A study with what it leaves open, as real scans or the simulated cohort want it."""
    measured, basis = bool(study.subjects), study.basis
    baselines = {name: form for name, form in study.compare.baselines.items() if form is not None}
    if not baselines:
        raise SpinsculptError("compare.baselines leaves out every baseline; name one, such as {quadratic: poly:2}.")
    lipids = [name for name in basis.lipids if name not in basis.macromolecules] if measured else []
    return study.but(
        compare=study.compare.but(baselines=baselines),
        fit=study.fit.settled(measured),
        basis=basis.but(macromolecules=(*basis.macromolecules, *lipids)),
    )


def check_study(config: Study) -> None:
    """Check every name in a validated configuration that refers to something else in it, or to the library.

    Raises:
        SpinsculptError: one sentence a mistake, with the key and the nearest known name.
    """
    for key in ("data", "subjects", "example_data"):
        checked_place(getattr(config, key), key)
    problems = [
        f"{key}: {nearest_name(name, list(known), what)}"
        for key, name, known, what in _references(config)
        if name not in known
    ]
    from spinsculpt.physics.sequences import is_pulse_file

    problems += [
        f"sequences.{name}.{slot}: there is no pulse file {filled} here; put it there, or name a design."
        for name, entry in config.sequences.items()
        for slot, filled in entry.slots.items()
        if is_pulse_file(filled) and not Path(filled).is_file()
    ]
    problems += _wrong_slots(config)
    problems += _wrong_spectra(config)
    if config.scan_jobs == "whole" and "builtin" not in config.fit.engines:
        problems.append("scan_jobs: whole fits with the engine builtin; name it in fit.engines, or say stages.")
    if problems:
        raise SpinsculptError("\n".join(problems))
    _check_library(config.basis)


def _references(config: Study):
    """(key, name, where it must be found, what it is) of every reference."""
    from spinsculpt.physics.sequences import is_pulse_file

    for name, entry in config.sequences.items():
        for slot, filled in entry.slots.items():
            if not is_pulse_file(filled):
                yield f"sequences.{name}.{slot}", filled, config.designs, "design"
    for name, entry in config.analyses.items():
        yield f"analyses.{name}.sequence", entry.sequence, config.sequences, "sequence"
    for key in ("analyses", "rivals"):
        for name in getattr(config.compare, key):
            yield f"compare.{key}", name, config.analyses, "analysis"
    for name in config.figures.designs:
        yield "figures.designs", name, config.designs, "design"
    simulated = config.basis.names
    for name in config.compare.pair:
        yield "compare.pair", name, simulated, "name in the basis"
    yield "compare.noise.metabolite", config.compare.noise.metabolite, simulated, "name in the basis"
    for rung, designs in plain(config.ladder).items():
        for name in designs:
            yield f"ladder.{rung}", name, config.designs, "design"
    yield "sweep.design", config.sweep.design, config.designs, "design"


def _wrong_slots(config: Study) -> list[str]:
    """Pulses where a sequence has no place for them, said before a design of minutes is made."""
    sentences = []
    for name, entry in config.sequences.items():
        if entry.misplaced:
            sentences.append(f"sequences.{name}: {entry.misplaced}")
            continue
        for slot, filled in entry.slots.items():
            kind = config.designs[filled].kind if filled in config.designs else slot
            if slot not in kind.split("_"):
                sentences.append(f"sequences.{name}.{slot}: {filled} is a design of kind {kind}; name it there.")
    return sentences


def _wrong_spectra(config: Study) -> list[str]:
    """Analyses of a sequence of several shots must name sub-spectra that it has, all others must name none."""
    sentences = []
    for name, entry in config.analyses.items():
        if entry.sequence not in config.sequences:
            continue
        key, known = f"analyses.{name}.spectra", spectra_of(config.sequences[entry.sequence], config.designs)
        if known and not entry.spectra:
            sentences.append(f"{key}: {entry.sequence} has several shots; name its spectra, of {', '.join(known)}.")
        if entry.spectra and not known:
            sentences.append(f"{key}: {entry.sequence} has one shot; leave out its spectra.")
        elif unknown := [spectrum for spectrum in entry.spectra if spectrum not in known]:
            sentences.append(f"{key}: {nearest_name(unknown[0], list(known), 'spectrum')}")
    return sentences


def _check_library(basis: Basis) -> None:
    from spinsculpt.basis import basis_library
    from spinsculpt.fit.macromolecules import NAME

    made_by_a_rule = bool(basis.nulled.data)
    library = basis_library(basis.but(measured=None) if made_by_a_rule else basis)
    for name in basis.names:
        if not (made_by_a_rule and name == NAME):
            library[name]
