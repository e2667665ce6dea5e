"""Do the parts of a configuration fit together? Asked before anything runs, after the schema has been checked."""

import math
from collections.abc import Mapping
from pathlib import Path

from spinsculpt.bids import nominal_field
from spinsculpt.config import nearest_name
from spinsculpt.errors import SpinsculptError
from spinsculpt.study import Basis, DesignEntry, SequenceEntry, Study, SystemEntry, plain
from spinsculpt.subjects import checked_place
from spinsculpt.system import OF_VENDOR


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


def measured_name(sequence: str, frequency: float | None, vendor: str) -> str:
    """Name of the basis of scans of one frequency and vendor: "press30@123.25MHz-siemens"; "press30" of unknown ones.

    Frequencies are rounded to a quarter MHz (a tenth below 100 MHz), so that the scans of a scanner share a basis; at
    3 T this moves NAA against Ins by 0.2 Hz at most.
    """
    if frequency is None:
        return sequence
    step = 0.25 if frequency > 100.0 else 0.1
    return f"{sequence}@{round(frequency / step) * step:g}MHz" + (f"-{vendor}" if vendor in OF_VENDOR else "")


def as_measured_at(name: str, basis: Basis, system: SystemEntry) -> tuple[Basis, SystemEntry]:
    """The sections `basis` and `system` for a name of `measured_name`: at its field, with the limits of its vendor."""
    _, at, scanner = name.partition("@")
    if not at:
        return basis, system
    frequency, _, vendor = scanner.partition("MHz")
    frequency, vendor = float(frequency), vendor.removeprefix("-")
    basis = basis.but(central_frequency=frequency, field=nominal_field(frequency))
    return basis, system.but(preset=OF_VENDOR[vendor]) if vendor and system.preset is None else system


def with_measured(basis: Basis, path: str) -> Basis:
    """The section `basis` with measured macromolecules (JSON at `path`) in place of those of the library."""
    from spinsculpt.macromolecules import NAME

    kept = [name for name in basis.macromolecules if not name.startswith("M")]
    return basis.but(measured=path, macromolecules=(NAME, *kept))


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
    problems += [
        f"sequences.{name}.{slot}: there is no pulse file {filled} here; put it there, or name a design."
        for name, entry in config.sequences.items()
        for slot, filled in entry.slots.items()
        if _is_file(filled) and not Path(filled).is_file()
    ]
    problems += _wrong_spectra(config)
    if problems:
        raise SpinsculptError("\n".join(problems))
    _check_library(config.basis)


def _references(config: Study):
    """(key, name, where it must be found, what it is) of every reference."""
    for name, entry in config.sequences.items():
        for slot, filled in entry.slots.items():
            if not _is_file(filled):
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


def design_seconds(entry: DesignEntry, names: int) -> float:
    """How long a design takes on two cores, to a factor of two or three: spin steps and bounds of all evaluations.

    Args:
        entry: of the section `designs`.
        names: metabolites and macromolecules of the basis, where the entry names none itself.
    """
    screens = sorted(entry.screening)
    kept = sum((b - a) * 0.5**k for k, (a, b) in enumerate(zip([0.0, *screens], [*screens, 1.0], strict=True)))
    members = math.prod(map(len, entry.robustness.axes))
    count = len(entry.metabolites) + len(entry.macromolecules or ()) if entry.metabolites else names
    duration = entry.echo_time / 2 if entry.duration == "fit" else entry.duration
    shots = 2 if entry.kind.endswith("pair") else entry.shots
    given = entry.models
    models = max(1, len(given.baselines)) * len(given.macromolecules) * len(given.t2_scales)
    bounds = models * any(goal.type in ("crlb", "ratio") for goal in entry.objectives)
    each = shots * count * (2e-5 * duration / entry.dwell + 1.5e-3 * bounds)  # s, timed on the default designs
    return 10 + (entry.starts * kept * entry.iterations + entry.polish) * members * each


def spectra_of(entry: SequenceEntry, designs: Mapping[str, DesignEntry]) -> tuple[str, ...]:
    """Names of the sub-spectra that an entry of `sequences` gives, shots first; none for a sequence of one shot."""
    shots = shots_of(entry, designs)
    if len(shots) < 2:
        return ()
    from spinsculpt.sequences import combinations_of

    if entry.echo_times:
        return (*shots, "mean")
    played = _designed_shots(entry, designs)
    if entry.type == "special" and played:
        return (*shots, *played)
    return (*shots, *combinations_of(shots))


def shots_of(entry: SequenceEntry, designs: Mapping[str, DesignEntry]) -> tuple[str, ...]:
    """Names of the shots of an entry of `sequences`; none for a sequence of one shot."""
    played = _designed_shots(entry, designs)
    if entry.edit:
        shots = played
    elif entry.type in ("megapress", "megaslaser"):
        shots = tuple(entry.editing.ppm)
    elif entry.echo_times:
        shots = tuple(f"te{time * 1e3:g}".replace(".", "p") for time in entry.echo_times)
    elif entry.echo_shifts:
        shots = tuple(f"ct{k + 1}" for k in range(len(entry.echo_shifts)))
    elif entry.type == "special":
        shots = tuple(shot + state for shot in played or ("",) for state in ("on", "off"))
    elif entry.type == "file":
        shots = tuple(entry.files)
    else:
        shots = played
    return shots if len(shots) > 1 else ()


def _designed_shots(entry: SequenceEntry, designs: Mapping[str, DesignEntry]) -> tuple[str, ...]:
    """Names of the shots whose pulses a design of several made for an entry of `sequences`; else none."""
    from spinsculpt.pulses import read_designed
    from spinsculpt.sequences import shot_names

    for slot, value in entry.slots.items():
        if value in designs:
            given = designs[value]
            count = 2 if given.kind.endswith("_pair") else given.shots
            count *= given.kind not in ("prep", "prep_gap", "excitation")
        elif _is_file(value) and Path(value).is_file():
            found = read_designed(value)
            count = max(len(found.pulses), len(found.echo_times)) if slot in ("gap", "edit", "refocus") else 1
        else:
            continue
        if count > 1:
            return shot_names(count)
    return ()


def _is_file(slot: str) -> bool:
    from spinsculpt.sequences import is_pulse_file

    return is_pulse_file(slot)


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
    from spinsculpt.macromolecules import NAME

    made_by_a_rule = bool(basis.nulled.data)
    library = basis_library(basis.but(measured=None) if made_by_a_rule else basis)
    for name in basis.names:
        if not (made_by_a_rule and name == NAME):
            library[name]
