"""The metabolite library: shifts, couplings, relaxation and concentrations, each with its source."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import product
from pathlib import Path

import numpy as np

from spinsculpt.core.conventions import larmor_frequency
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.folders import checked_name
from spinsculpt.core.gate import quantity, read_json, read_yaml
from spinsculpt.physics.spins._system import SpinSystem

LIBRARY_PATH = Path(__file__).with_name("metabolites.yaml")

_SYNONYMS = {
    "mIns": "Ins", "mI": "Ins", "Myo": "Ins", "sIns": "Scyllo", "Scy": "Scyllo", "Ch": "Cho", "PC": "PCh", "bHG": "2HG",
    "Phenyl": "Phe", "Tyros": "Tyr", "Lip13": "Lip13a", "PEth": "PE", "Cth": "Cystat", "Glucose": "Glc", "Vc": "Asc",
}  # fmt: skip
_SPIN_STATES = {"14N": (-1.0, 0.0, 1.0), "31P": (-0.5, 0.5)}  # m of nuclei that are never pulsed


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

    @property
    def protons(self) -> float:
        """Number of protons seen: the first point of an undamped pulse-acquire FID."""
        return sum(part.protons for part in self.parts)


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

    def spins(self, spread: bool = False) -> Iterator[tuple[SpinSystem, float]]:
        """Uncoupled spins that stand for the peaks, with the Gaussian width in ppm that each keeps.

        A frequency-selective pulse acts on the wings of a broad line otherwise than on its centre. With `spread`, 0.8
        of the width of a peak are spread over the nine nodes of a Gauss-Hermite rule and 0.6 stay with each, which
        makes the same line (0.64 + 0.36 = 1).
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(9) if spread else (np.zeros(1), np.ones(1))
        kept = 0.6 if spread else 1.0
        for ppm, protons, width in self.peaks:
            sigma = 0.8 * width / np.sqrt(8 * np.log(2))
            for node, weight in zip(nodes, weights / weights.sum(), strict=True):
                shift = (float(ppm + node * sigma),)
                yield SpinSystem(self.name, ("H",), shift, weight=float(protons * weight)), kept * width


@dataclass(frozen=True)
class Library:
    metabolites: dict[str, Metabolite]
    macromolecules: dict[str, Macromolecule]

    def __getitem__(self, name: str) -> Metabolite | Macromolecule:
        """Entry of that name; an unknown name is an error that lists the nearest ones."""
        entries = self.metabolites | self.macromolecules
        if name not in entries:
            raise SpinsculptError(f"The library has no {name!r}; {_nearest(name, entries)}")
        return entries[name]


def load_library(
    path: Path | str = LIBRARY_PATH,
    field_strength: float = 3.0,
    alternatives: Mapping[str, str] | None = None,
    exchangeable: bool = False,
    heteronuclear: bool = True,
) -> Library:
    """Read the library file (YAML) for a field.

    Args:
        path: the file; the one of the package by default. Entries of another file are added to those of the package,
            and stand for the ones of the same name.
        field_strength: T. Relaxation times are interpolated between the fields tabulated and held constant beyond.
        alternatives: spin systems, or lines of macromolecules, to use in place of the default ones, e.g.
            {"GABA": "govindaraju2000", "MM20": "birch2017"}.
        exchangeable: keep the NH protons that exchange with water.
        heteronuclear: split protons by their couplings to 14N and 31P. Those nuclei are never pulsed, so each of their
            states is a spin system of its own with shifted protons: exact, but up to six parts for one.
    """
    chosen = tuple(sorted((alternatives or {}).items()))
    try:
        made = _made(Path(path), field_strength, chosen, exchangeable, heteronuclear)
        return Library(dict(made.metabolites), dict(made.macromolecules))
    except SpinsculptError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise SpinsculptError(
            f"{path} is no metabolite library ({type(error).__name__}: {brief(error)}); write it like metabolites.yaml."
        ) from error


@lru_cache(16)
def _made(
    path: Path,
    field_strength: float,
    alternatives: tuple[tuple[str, str], ...],
    exchangeable: bool,
    heteronuclear: bool,
) -> Library:
    content = _read(path)
    if path != LIBRARY_PATH:
        content = _over_builtin(content, path)
    return _library(content, field_strength, dict(alternatives), exchangeable, heteronuclear, path)


def _library(
    content: dict,
    field_strength: float,
    chosen: dict[str, str],
    exchangeable: bool,
    heteronuclear: bool,
    path: Path | str,
) -> Library:
    sources = content["sources"]
    metabolites = {}
    for name, entry in content["metabolites"].items():
        parts, origin = _variant(name, entry, chosen.pop(name, None))
        systems = [s for part in parts for s in _systems(name, part, field_strength, exchangeable, heteronuclear)]
        metabolites[name] = Metabolite(
            name=name,
            full_name=entry["full_name"],
            parts=tuple(systems),
            **_relaxation_and_amount(name, entry, field_strength, path),
            sources=_citations(entry["sources"] | {"spins": origin}, sources),
        )
    macromolecules = {}
    for name, entry in content["macromolecules"].items():
        entry = _lines(name, entry, chosen.pop(name, None))
        macromolecules[name] = Macromolecule(
            name=name,
            peaks=tuple((ppm, protons, width) for ppm, protons, width in entry["peaks"]),
            **_relaxation_and_amount(name, entry, field_strength, path),
            sources=_citations(entry["sources"], sources),
        )
    if chosen:
        name = next(iter(chosen))
        known = _nearest(name, metabolites | macromolecules)
        raise SpinsculptError(f"alternatives: the library has no metabolite {name!r}; {known}")
    for one in metabolites.values():
        for system in one.parts:
            for value in (*system.shifts, system.weight):
                quantity(value, "ppm", path, f"{one.name}: a shift or weight")
            for *_, coupling in system.couplings:
                quantity(coupling, "broadening_hz" if coupling >= 0 else "b0_hz", path, f"{one.name}: a coupling")
    for one in macromolecules.values():
        for value in (value for peak in one.peaks for value in peak):
            quantity(value, "ppm", path, f"{one.name}: a peak")
    return Library(metabolites, macromolecules)


_SECTIONS = {  # what an entry of each section needs
    "metabolites": ("parts", "t1", "t2", "concentration"),
    "macromolecules": ("peaks", "t1", "t2", "concentration"),
}


def _over_builtin(own: dict, path: Path | str) -> dict:
    """The built-in library with the entries of one's own over it."""
    builtin = _read(LIBRARY_PATH)
    if not isinstance(own, dict) or not set(own) & set(_SECTIONS):
        raise SpinsculptError(f"{path} has neither the section metabolites nor macromolecules; add the entry to one.")
    if unknown := set(own) - set(_SECTIONS) - {"sources"}:
        raise SpinsculptError(f"{path}: a library has no section {min(unknown)!r}; {_nearest(min(unknown), _SECTIONS)}")
    merged = {"sources": builtin["sources"] | (own.get("sources") or {})}
    for section, needed in _SECTIONS.items():
        entries = own.get(section) or {}
        for name, entry in entries.items():
            if missing := [key for key in needed if key not in entry]:
                raise SpinsculptError(
                    f"{path}: {name} lacks {', '.join(missing)}; write it like those of metabolites.yaml."
                )
            entry.setdefault("full_name", name)
            blocks = (("spins" if block == "parts" else block) for block in needed)
            if missing := [block for block in blocks if block not in (entry.get("sources") or {})]:
                raise SpinsculptError(
                    f"{path}: {name} does not say where its {', '.join(missing)} come from; add sources: "
                    f"{{{', '.join(f'{block}: [Author year]' for block in missing)}}}, papers or your own measurement."
                )
        merged[section] = builtin[section] | entries
    return merged


def _relaxation_and_amount(name: str, entry: dict, field_strength: float, path: Path | str) -> dict[str, float]:
    checked_name(name, f"{path}: the metabolite")
    found = {key: _at_field(entry[key], field_strength) for key in ("t1", "t2")}
    found["concentration"] = entry["concentration"]
    for key, value in found.items():
        quantity(value, key, path, f"{name}.{key}")
    return found


def read_macromolecule(path: Path | str) -> Macromolecule:
    """Read one macromolecule basis function (JSON), fitted to a metabolite-nulled spectrum or written by hand.

    The file needs `peaks_ppm_protons_fwhm_ppm`; `name`, `t1_s`, `t2_s` and `concentration_mM` have defaults.
    """
    content = read_json(path, "macromolecule file")
    try:
        return Macromolecule(
            checked_name(content.get("name", "MMexp"), f"{path}: name"),
            tuple(
                (quantity(ppm, "ppm", path), quantity(area, "share", path, "protons"), quantity(width, "ppm", path))
                for ppm, area, width in content["peaks_ppm_protons_fwhm_ppm"]
            ),
            quantity(content.get("t1_s", 0.3), "t1", path, "t1_s"),
            quantity(content.get("t2_s", 0.035), "t2", path, "t2_s"),
            quantity(content.get("concentration_mM", 1.0), "concentration", path, "concentration_mM"),
            {"peaks": str(path)},
        )
    except SpinsculptError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise SpinsculptError(
            f"{path} is no macromolecule file ({error}); it needs peaks_ppm_protons_fwhm_ppm: [[ppm, protons, width]]."
        ) from error


@cache
def _read(path: Path) -> dict:
    if not path.is_file():
        raise SpinsculptError(f"There is no metabolite library at {path}.")
    return read_yaml(path)


def _variant(name: str, entry: dict, choice: str | None) -> tuple[list[dict], list[str]]:
    """Parts and sources of the default spin system or of the alternative of that name."""
    default, others = entry["sources"]["spins"], entry.get("alternatives", {})
    if choice is None or choice == default[0]:
        return entry["parts"], default
    if choice not in others:
        known = ", ".join([default[0], *others])
        raise SpinsculptError(f"alternatives: {name} has no spin system {choice!r}; choose one of {known}.")
    return others[choice]["parts"], others[choice]["sources"]


def _lines(name: str, entry: dict, choice: str | None) -> dict:
    """The entry of a macromolecule, with the lines of the alternative of that name."""
    default, others = entry["sources"]["peaks"], entry.get("alternatives", {})
    if choice is None or choice == default[0]:
        return entry
    if choice not in others:
        known = ", ".join([default[0], *others])
        raise SpinsculptError(f"alternatives: {name} has no lines of {choice!r}; choose one of {known}.")
    other = others[choice]
    sources = entry["sources"] | dict.fromkeys(("peaks", "concentration"), other["sources"])
    return entry | {"peaks": other["peaks"], "concentration": other["concentration"], "sources": sources}


def _systems(name: str, part: dict, field_strength: float, exchangeable: bool, hetero: bool) -> Iterator[SpinSystem]:
    """Spin systems of one entry of `parts`: one, none (exchangeable), or one a state of the heteronuclei."""
    dropped = () if exchangeable else part.get("exchangeable", ())
    shifts = {spin: ppm for spin, ppm in part["shifts"].items() if spin not in dropped}
    if not shifts:
        return
    index = {spin: k for k, spin in enumerate(shifts)}
    couplings = []
    for a, b, value in part.get("couplings", ()):
        if a in index and b in index:
            couplings.append((*sorted((index[a], index[b])), value))
    nuclei = part.get("nuclei", {}) if hetero else {}
    states = list(product(*(_SPIN_STATES[nucleus] for nucleus in nuclei)))
    for state in states:
        splitting = dict.fromkeys(shifts, 0.0)  # Hz
        for m, coupled in zip(state, nuclei.values(), strict=True):
            for spin, value in coupled.items():
                splitting[spin] += m * value
        yield SpinSystem(
            name=f"{name}/{next(iter(shifts))}" + "".join(f"{m:+g}" for m in state),
            spins=tuple(shifts),
            shifts=tuple(ppm + splitting[spin] / larmor_frequency(field_strength) for spin, ppm in shifts.items()),
            couplings=tuple(couplings),
            weight=part.get("weight", 1.0) / len(states),
        )


def _at_field(value: float | dict[float, float], field_strength: float) -> float:
    if isinstance(value, dict):
        return float(np.interp(field_strength, sorted(value), [value[f] for f in sorted(value)]))
    return float(value)


def _citations(keys: dict[str, list[str]], sources: dict[str, str]) -> dict[str, str]:
    """The source of each block of numbers; a word that is no key of `sources` stands for itself."""
    listed = {block: [names] if isinstance(names, str) else names for block, names in keys.items()}
    return {block: "; ".join(str(sources.get(key, key)) for key in names) for block, names in listed.items()}


def _nearest(name: str, known: Collection[str]) -> str:
    """Sentence with the nearest known names."""
    lowered = {k.lower(): k for k in known} | {s.lower(): k for s, k in _SYNONYMS.items() if k in known}
    close = list(dict.fromkeys(lowered[match] for match in get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)))
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"it has {', '.join(known)}."
