"""From a configuration to what is on the screen, by the functions that the workflow calls; remembered by its text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt.basis import basis_library, central_frequency, simulate_basis
from spinsculpt.compare import Analysis, all_bounds, noise_of_study
from spinsculpt.compare._analysis import as_measured, broadened, typical_concentrations
from spinsculpt.config import load_schema, validate
from spinsculpt.fit import FitModel
from spinsculpt.pulses import excitation_profile, read_designed, refocusing_profile
from spinsculpt.sequences import Sequence, ShapedPulse, build_sequence
from spinsculpt.system import System

ANCHOR = "press30"  # the sequence whose noise all others share, at equal scan time
SLOTS = ("excitation", "prep", "gap")


def configuration(
    sequences: Mapping[str, Mapping], spectra: Mapping[str, list], basis: Mapping, compare: Mapping, fit: Mapping
) -> dict:
    """The whole, checked configuration of what is on the screen.

    Args:
        sequences: entries by name, those on the screen.
        spectra: sub-spectra to fit, of the sequences that have several.
        basis, compare, fit: sections, as far as they differ from the defaults.
    """
    entries = {ANCHOR: {"type": "press", "echo_time": 0.03, "te1": 0.012}, **sequences}
    content = {
        "sequences": entries,
        "basis": dict(basis),
        "analyses": {name: {"sequence": name, "spectra": list(spectra.get(name, []))} for name in entries},
        "compare": {"analyses": list(entries), **compare},
        "fit": dict(fit),
        "figures": {"designs": []},
        "designs": {},
    }
    return validate(content, load_schema())


@dataclass(frozen=True)
class Shown:
    """What the screen shows of one sequence.

    Attributes:
        sequence: with its slots filled.
        ppm: shape (points,).
        names: of the basis.
        spectra: each name at its concentration, real, {sub-spectrum: shape (names, points)}.
        bounds: {name: CRLB in %}.
        ratio: SD of the ratio of the pair in %.
        correlation: of the pair.
    """

    sequence: Sequence
    ppm: np.ndarray
    names: tuple[str, ...]
    spectra: Mapping[str, np.ndarray]
    bounds: Mapping[str, float]
    ratio: float
    correlation: float


def show(config: Mapping, files: Mapping[str, Path | str] | None = None) -> dict[str, Shown]:
    """Spectra and bounds of every sequence of a configuration but the anchor, unless it is alone.

    Args:
        config: as of `configuration`.
        files: pulse.json by the name of its design, for entries that play one.
    """
    wanted = [name for name in config["compare"]["analyses"] if name != ANCHOR] or [ANCHOR]
    return {name: _shown(name, *_texts(name, config, files or {})) for name in wanted}


def _texts(name: str, config: Mapping, files: Mapping) -> tuple[str, ...]:
    entry = config["sequences"][name]
    pulses = {entry[slot]: str(files[entry[slot]]) for slot in SLOTS if entry.get(slot) in files}
    parts = (entry, config["sequences"][ANCHOR], config["analyses"][name]["spectra"])
    parts += (config["basis"], config["compare"] | {"analyses": []}, config["fit"], pulses, config["system"])
    return tuple(json.dumps(part, sort_keys=True) for part in parts)


@lru_cache(64)
def _shown(name, entry, anchor, spectra, basis, compare, fit, pulses, system) -> Shown:
    section, settings = json.loads(basis), json.loads(compare)
    library = _library(basis)
    sequence, sets = _simulated(name, entry, basis, pulses, system)
    chosen = json.loads(spectra)
    bases = {label: sets[label] for label in chosen} if chosen else dict(list(sets.items())[:1])
    analysis = Analysis(name, sequence, bases)
    noise = settings["noise"]
    reduced = json.dumps(section | {"metabolites": [noise["metabolite"]], "macromolecules": []}, sort_keys=True)
    reference = Analysis(ANCHOR, *_simulated(ANCHOR, anchor, reduced, "{}", system))
    sd = noise_of_study(reference, library, settings)
    estimates = all_bounds(analysis, library, FitModel.from_config(json.loads(fit)), settings, sd)
    percent = dict(zip(estimates.names, map(float, estimates.percent), strict=True))
    first, second = settings["pair"]
    correlation = float(estimates.correlation(first, second))
    a, b = percent[first], percent[second]
    concentrations = typical_concentrations(next(iter(bases.values())).names, library, settings["concentrations"])
    drawn = {}
    for label, one in bases.items():
        shaped = broadened(as_measured(one, library, sequence.echo_time), settings["linewidth_hz"])
        weights = np.array([concentrations[each] for each in shaped.names])
        drawn[label] = weights[:, None] * shaped.spectra.real
    ratio = float(np.sqrt(max(0.0, a**2 + b**2 - 2 * correlation * a * b)))
    return Shown(sequence, shaped.ppm, shaped.names, drawn, percent, ratio, correlation)


@lru_cache(16)
def _library(basis: str):
    return basis_library(json.loads(basis))


@lru_cache(64)
def _simulated(name: str, entry: str, basis: str, pulses: str, system: str):
    section = json.loads(basis)
    designs = {design: read_designed(path) for design, path in json.loads(pulses).items()}
    limits = System.from_config(json.loads(system))
    sequence = build_sequence(name, json.loads(entry), designs, central_frequency(section), limits)
    return sequence, simulate_basis(sequence, section, threads=2)


def ranking(shown: Mapping[str, Shown], pair) -> pd.DataFrame:
    """Bounds of the pair and of its ratio, the best ratio first."""
    first, second = pair
    rows = [
        {"sequence": name, f"{first} (%)": one.bounds[first], f"{second} (%)": one.bounds[second]}
        | {f"{second}/{first} (%)": one.ratio, "correlation": one.correlation}
        for name, one in shown.items()
    ]
    return pd.DataFrame(rows).sort_values(f"{second}/{first} (%)", ignore_index=True)


def diagram(sequence: Sequence) -> dict[str, pd.DataFrame]:
    """Events of each shot with start and duration (ms), what they are, and the peak B1 (uT) of shaped pulses."""
    found = {}
    for shot in sequence.shots:
        rows, now = [], 0.0
        for event in shot.events:
            peak = event.pulse.peak_b1 if isinstance(event, ShapedPulse) else np.nan
            words = {"HardPulse": "ideal pulse", "ShapedPulse": "shaped pulse", "CoherenceFilter": "spoiler"}
            kind = words.get(type(event).__name__, type(event).__name__.lower())
            if kind == "ideal pulse":
                kind = f"ideal {event.flip_angle:g}°"
            rows.append({"start": 1e3 * now, "duration": 1e3 * event.duration, "event": kind, "peak": peak})
            now += event.duration
        found[shot.name] = pd.DataFrame(rows)
    return found


def profiles(sequence: Sequence) -> list[dict]:
    """Waveform, and profile over the offset (Hz), of each different shaped pulse."""
    found = {}
    for event in (event for shot in sequence.shots for event in shot.events):
        if isinstance(event, ShapedPulse):
            found.setdefault((event.pulse.name, event.pulse.b1.tobytes()), event.pulse)
    made = []
    for pulse in found.values():
        span = max(300.0, 12.0 / pulse.duration)
        offset = np.linspace(-span, span, 301)
        refocuses = refocusing_profile(pulse, offset)
        excites = np.abs(excitation_profile(pulse, offset))
        time = 1e3 * pulse.dwell * (np.arange(len(pulse.b1)) + 0.5)
        made.append({"name": pulse.name, "time": time, "b1": pulse.b1, "offset": offset, "refocuses": refocuses})
        made[-1]["excites"] = excites
    return made
