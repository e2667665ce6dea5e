"""Do the parts of a configuration fit together? Asked before anything runs, after the schema has been checked."""

from collections.abc import Mapping

from spinsculpt.config import nearest_name
from spinsculpt.errors import SpinsculptError


def check_study(config: Mapping) -> None:
    """Check every name in a validated configuration that refers to something else in it, or to the library.

    Raises:
        SpinsculptError: one sentence a mistake, with the key and the nearest known name.
    """
    problems = [
        f"{key}: {nearest_name(name, list(known), what)}"
        for key, name, known, what in _references(config)
        if name not in known
    ]
    problems += _wrong_spectra(config)
    if problems:
        raise SpinsculptError("\n".join(problems))
    _check_library(config["basis"])


def _references(config: Mapping):
    """(key, name, where it must be found, what it is) of every reference."""
    for name, entry in config["sequences"].items():
        for slot in ("excitation", "prep", "gap"):
            if entry[slot]:
                yield f"sequences.{name}.{slot}", entry[slot], config["designs"], "design"
    for name, entry in config["analyses"].items():
        yield f"analyses.{name}.sequence", entry["sequence"], config["sequences"], "sequence"
    for name in config["compare"]["analyses"]:
        yield "compare.analyses", name, config["analyses"], "analysis"
    for name in config["figures"]["designs"]:
        yield "figures.designs", name, config["designs"], "design"
    simulated = [*config["basis"]["metabolites"], *config["basis"]["macromolecules"]]
    for name in config["compare"]["pair"]:
        yield "compare.pair", name, simulated, "name in the basis"
    yield "compare.noise.metabolite", config["compare"]["noise"]["metabolite"], simulated, "name in the basis"
    yield "sweep.design", config["sweep"]["design"], config["designs"], "design"


def _wrong_spectra(config: Mapping) -> list[str]:
    """Analyses of an edited sequence must name sub-spectra, all others must not."""
    sentences = []
    for name, entry in config["analyses"].items():
        sequence = config["sequences"].get(entry["sequence"], {"type": None})
        edited = sequence["type"] == "megapress"
        if edited and not entry["spectra"]:
            sentences.append(
                f"analyses.{name}.spectra: {entry['sequence']} is edited; name its spectra, e.g. [on, off]."
            )
        if entry["spectra"] and sequence["type"] and not edited:
            sentences.append(f"analyses.{name}.spectra: {entry['sequence']} is not edited; leave out its spectra.")
    return sentences


def _check_library(basis: Mapping) -> None:
    from spinsculpt.basis import basis_library
    from spinsculpt.macromolecules import NAME

    made_by_a_rule = bool(basis["nulled"]["data"])
    library = basis_library({**basis, "measured": None} if made_by_a_rule else basis)
    for name in [*basis["metabolites"], *basis["macromolecules"]]:
        if not (made_by_a_rule and name == NAME):
            library[name]
