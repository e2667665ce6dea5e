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
    yield "sweep.design", config["sweep"]["design"], config["designs"], "design"


def _check_library(basis: Mapping) -> None:
    from spinsculpt.basis import basis_library
    from spinsculpt.macromolecules import NAME

    made_by_a_rule = bool(basis["nulled"]["data"])
    library = basis_library({**basis, "measured": None} if made_by_a_rule else basis)
    for name in [*basis["metabolites"], *basis["macromolecules"]]:
        if not (made_by_a_rule and name == NAME):
            library[name]
