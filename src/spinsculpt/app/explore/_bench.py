"""From a configuration to what is on the screen, by the functions that the workflow calls; remembered by its text."""

import json
from collections.abc import Mapping
from collections.abc import Sequence as TextSequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt.app.plan import settle
from spinsculpt.basis import basis_library, simulate_basis
from spinsculpt.compare import Analysis, all_bounds, broadened, noise_of_study, typical_concentrations
from spinsculpt.config import (
    IDEAL_TE1,
    AnalysisEntry,
    Basis,
    Compare,
    Figures,
    Fit,
    SequenceEntry,
    Study,
    SystemEntry,
    plain,
)
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.pulses import Pulse, excitation_profile, refocusing_profile
from spinsculpt.physics.sequences import Sequence, ShapedPulse, build_sequence, is_pulse_file

ANCHOR = "press30"  # the sequence whose noise all others share, at equal scan time
NOW = "now"  # the sequence that the sliders describe
SHAPED = ("refocusing", "selective_excitation", "editing")  # keys of an entry whose `shape` may be a pulse file


def configuration(
    sequences: Mapping[str, SequenceEntry],
    spectra: Mapping[str, TextSequence[str]],
    basis: Basis,
    compare: Compare,
    fit: Fit | None = None,
    system: SystemEntry | None = None,
) -> Study:
    """The whole configuration of what is on the screen.

    Args:
        sequences: entries by name, those on the screen.
        spectra: sub-spectra to fit, of the sequences that have several.
        basis, compare, fit, system: sections.
    """
    anchor = SequenceEntry(type="press", echo_time=0.03, te1=IDEAL_TE1["press"])
    entries = {ANCHOR: anchor, **{name: entry for name, entry in sequences.items() if name != ANCHOR}}
    analyses = {name: AnalysisEntry(sequence=name, spectra=tuple(spectra.get(name, ()))) for name in entries}
    return settle(
        Study(
            sequences=entries,
            basis=basis,
            analyses=analyses,
            compare=compare.but(analyses=tuple(entries), rivals=()),
            fit=fit or Fit(),
            system=system or SystemEntry(),
            figures=Figures(designs=()),
            designs={},
        )
    )


@dataclass(frozen=True)
class Shown:
    """What the screen shows of one sequence.

    Attributes:
        sequence: with its slots filled.
        ppm: shape (points,).
        names: of the basis.
        spectra: every sub-spectrum of the sequence, each name at its concentration, real, {label: (names, points)}.
        fitted: those sub-spectra that the bounds are of.
        bounds: {name: CRLB in %}.
        ratio: SD of the ratio of the pair in %.
        correlation: of the pair.
    """

    sequence: Sequence
    ppm: np.ndarray
    names: tuple[str, ...]
    spectra: Mapping[str, np.ndarray]
    fitted: tuple[str, ...]
    bounds: Mapping[str, float]
    ratio: float
    correlation: float


def show(config: Study) -> dict[str, Shown]:
    """Spectra and bounds of every sequence of a configuration but the anchor, unless it is alone.

    Args:
        config: as of `configuration`; slots name pulse files, not designs.
    """
    wanted = [name for name in config.compare.analyses if name != ANCHOR] or [ANCHOR]
    return {name: _shown(name, *_texts(name, config)) for name in wanted}


def under(config: Study, name: str, b1_scale: float, b0_hz: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Spectra of the pair in one sequence under another B1 and B0.

    Args:
        config, name: as of `show`, and which of its sequences.
        b1_scale: factor on the amplitude of shaped pulses.
        b0_hz: offset of the main field in Hz.
    Returns:
        ppm, shape (points,), and {sub-spectrum: shape (2, points)}, at the concentrations of the configuration.
    """
    pair = _text(config.basis.but(metabolites=config.compare.pair, macromolecules=()))
    entry, _, _, _, settings, _, files, system = _texts(name, config)
    return _under(name, entry, pair, settings, files, system, b1_scale, b0_hz)


@lru_cache(128)
def _under(name, entry, basis, compare, files, system, b1_scale, b0_hz):
    sequence = _built(name, entry, basis, files, system)
    sets = simulate_basis(sequence, Basis.of(json.loads(basis)), threads=2, b1_scale=b1_scale, b0_hz=b0_hz)
    ppm, drawn = _drawn(sequence, sets, _library(basis), Compare.of(json.loads(compare)))
    return ppm, drawn


def entry_files(entry: SequenceEntry) -> dict[tuple[str, ...], str]:
    """Files that an entry of `sequences` plays, by the keys that lead to them."""
    slots = {(slot,): filled for slot, filled in entry.slots.items() if is_pulse_file(filled)}
    shapes = {(key, "shape"): getattr(entry, key).shape for key in SHAPED}
    shapes = {keys: shape for keys, shape in shapes.items() if "/" in shape or "." in shape}
    return slots | shapes | {("files", shot): path for shot, path in entry.files.items()}


def with_file(entry: SequenceEntry, keys: tuple[str, ...], path: str) -> SequenceEntry:
    """The entry with another file at the place that `entry_files` gave."""
    match keys:
        case (slot,):
            return entry.but(**{slot: path})
        case ("files", shot):
            return entry.but(files={**entry.files, shot: path})
    return entry.but(**{keys[0]: getattr(entry, keys[0]).but(shape=path)})


def _texts(name: str, config: Study) -> tuple[str, ...]:
    entry = config.sequences[name]
    # a file that has changed is read anew
    stamps = {path: Path(path).stat().st_mtime_ns for path in entry_files(entry).values() if Path(path).exists()}
    parts = (entry, config.sequences[ANCHOR], config.analyses[name].spectra)
    parts += (config.basis, config.compare.but(analyses=(ANCHOR,)), config.fit, stamps, config.system)
    return tuple(map(_text, parts))


def _text(part: object) -> str:
    return json.dumps(plain(part), sort_keys=True)


@lru_cache(64)
def _shown(name, entry, anchor, spectra, basis, compare, fit, files, system) -> Shown:
    section, settings = Basis.of(json.loads(basis)), Compare.of(json.loads(compare))
    library = _library(basis)
    sequence, sets = _simulated(name, entry, basis, files, system)
    chosen = json.loads(spectra)
    missing = [label for label in chosen if label not in sets]
    if missing:
        raise SpinsculptError(f"{name} gives no spectrum {missing[0]!r}, but {', '.join(sets)}; choose another.")
    bases = {label: sets[label] for label in chosen} if chosen else dict(list(sets.items())[:1])
    analysis = Analysis(name, sequence, bases, _shots(sequence, sets))
    reduced = _text(section.but(metabolites=(settings.noise.metabolite,), macromolecules=()))
    reference = Analysis(ANCHOR, *_simulated(ANCHOR, anchor, reduced, "{}", system))
    sd = noise_of_study(reference, library, settings)
    estimates = all_bounds(analysis, library, Fit.of(json.loads(fit)).model(measured=False), settings, sd)
    percent = dict(zip(estimates.names, map(float, estimates.percent), strict=True))
    first, second = settings.pair
    correlation = float(estimates.correlation(first, second))
    a, b = percent[first], percent[second]
    ppm, drawn = _drawn(sequence, sets, library, settings)
    ratio = float(np.sqrt(max(0.0, a**2 + b**2 - 2 * correlation * a * b)))
    return Shown(sequence, ppm, next(iter(bases.values())).names, drawn, tuple(bases), percent, ratio, correlation)


def _drawn(sequence: Sequence, sets: Mapping, library, settings: Compare) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """ppm, and every sub-spectrum as measured, each name at its concentration."""
    drawn = {}
    measured = Analysis(sequence.name, sequence, sets, _shots(sequence, sets)).measured(library)
    for label, one in measured.items():
        shaped = broadened(one, settings.linewidth_hz)
        concentrations = typical_concentrations(shaped.names, library, settings.concentrations)
        weights = np.array([concentrations[each] for each in shaped.names])
        drawn[label] = weights[:, None] * shaped.spectra.real
    return shaped.ppm, drawn


def _shots(sequence: Sequence, sets: Mapping) -> dict:
    return {shot.name: sets[shot.name] for shot in sequence.shots if shot.name in sets}


@lru_cache(16)
def _library(basis: str):
    return basis_library(Basis.of(json.loads(basis)))


@lru_cache(64)
def _simulated(name: str, entry: str, basis: str, files: str, system: str):
    sequence = _built(name, entry, basis, files, system)
    return sequence, simulate_basis(sequence, Basis.of(json.loads(basis)), threads=2)


@lru_cache(64)
def _built(name: str, entry: str, basis: str, files: str, system: str) -> Sequence:
    limits, frequency = SystemEntry.of(json.loads(system)).limits(), Basis.of(json.loads(basis)).frequency
    return build_sequence(name, SequenceEntry.of(json.loads(entry)), {}, frequency, limits)


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
            elif kind == "shaped pulse":
                kind = f"{event.pulse.name} pulse" if peak else event.pulse.name  # no B1: a gradient that rephases
                peak = peak or np.nan
            rows.append({"start": 1e3 * now, "duration": 1e3 * event.duration, "event": kind, "peak": peak})
            now += event.duration
        found[shot.name] = pd.DataFrame(rows)
    return found


def profiles(sequence: Sequence) -> list[dict]:
    """Waveform, and profile over the offset (Hz), of each different shaped pulse."""
    events = (event for shot in sequence.shots for event in shot.events)
    pulses = (event.pulse for event in events if isinstance(event, ShapedPulse) and event.pulse.peak_b1)
    return [_profile(pulse) for pulse in dict.fromkeys(pulses)]


@lru_cache(64)
def _profile(pulse: Pulse) -> dict:
    span = max(300.0, 12.0 / pulse.duration)
    offset = np.linspace(-span, span, 301)
    time = 1e3 * pulse.dwell * (np.arange(len(pulse.b1)) + 0.5)
    return {
        "name": pulse.name,
        "time": time,
        "b1": pulse.b1,
        "offset": offset,
        "refocuses": refocusing_profile(pulse, offset),
        "excites": np.abs(excitation_profile(pulse, offset)),
        "peak": pulse.peak_b1,
        "duration": 1e3 * pulse.duration,
    }
