"""The metabolite library: shifts, couplings, relaxation and concentrations, each with its source."""

from dataclasses import dataclass, field
from pathlib import Path

from spinsculpt.spins._system import SpinSystem

LIBRARY_PATH = Path(__file__).with_name("metabolites.yaml")


@dataclass(frozen=True)
class Metabolite:
    """A metabolite as independent groups of coupled spins.

    Attributes:
        name: short name of the field, e.g. "Glu".
        full_name: e.g. "glutamate".
        parts: independent spin systems whose signals add.
        t1, t2: relaxation times in s at the field asked for.
        concentration: typical concentration in brain in mM.
        sources: what each block of numbers was taken from.
    """

    name: str
    full_name: str
    parts: tuple[SpinSystem, ...]
    t1: float
    t2: float
    concentration: float
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Macromolecule:
    """A macromolecule (or lipid) resonance group that is fitted as one.

    Attributes:
        name: e.g. "MM09".
        peaks: (ppm, protons, full width at half maximum in ppm) of Gaussian lines.
        t1, t2: s.  concentration: mM.  sources: as for metabolites.
    """

    name: str
    peaks: tuple[tuple[float, float, float], ...]
    t1: float
    t2: float
    concentration: float
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Library:
    metabolites: dict[str, Metabolite]
    macromolecules: dict[str, Macromolecule]


def load_library(path: Path = LIBRARY_PATH, field_strength: float = 3.0) -> Library:
    """Read the library file (YAML) for a field in T."""
    raise NotImplementedError
