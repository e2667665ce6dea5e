r"""How long a signal decays with T2 in a sequence, and how long it waits along z: not TE, where pulses last.

While a refocusing or a designed pulse turns magnetisation, part of it lies along z and decays with T1, much slower. To
first order in the rates the signal loses exp(-tau / T2 - zeta / T1), tau and zeta the times that the detected pathway
spends in the plane and along z. They follow from isolated spins at each chemical shift, all positions in the voxel, in
steps of half a millisecond: pulses are short against 1 / J, so a coupled partner changes little of the time along z.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spinsculpt.basis._isolated import Axis, Decay, isolated_signal
from spinsculpt.core.conventions import WATER_PPM
from spinsculpt.physics.sequences import CoherenceFilter, Event, HardPulse, Sequence, ShapedPulse, Shot
from spinsculpt.physics.spins import Library, Macromolecule

# Variants of decay in 1/s: in the plane, along z, in the plane during pulses. The first is the signal itself.
_RATES = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 10.0], [0.0, 1.0, 0.0], [0.0, 0.0, 10.0]])
_WEAK = 0.2  # of the strongest shot: weaker signals, of slices that nearly cancel, decay as that of the strongest
_ALIKE = 0.01  # ppm, closer shifts decay alike


@dataclass(frozen=True)
class DecayTimes:
    """Times in s of one metabolite in one shot.

    Attributes:
        transverse: that the signal decays with T2.
        along_z: that it decays with T1.
        in_pulses: the share of `transverse` during pulses, where T1rho may stand for T2.
    """

    transverse: float
    along_z: float = 0.0
    in_pulses: float = 0.0


def decay_times(
    sequence: Sequence, library: Library, names: list[str], central_frequency: float, axes: Mapping[str, Axis]
) -> dict[str, dict[str, DecayTimes]]:
    """{shot: {metabolite, macromolecule or "water": its times}} of a sequence without empty slots.

    Args:
        sequence: with its slots filled.
        library: chemical shifts.
        names: of metabolites and macromolecules.
        central_frequency: MHz.
        axes: positions along the slice axes (`slice_axes`).
    """
    protons = {name: _protons(library[name]) for name in names} | {"water": (np.array([WATER_PPM]), np.ones(1))}
    shifts = np.unique(np.concatenate([ppm for ppm, _ in protons.values()]))
    signals = {shot.name: _signals(shot, shifts, central_frequency, axes) for shot in sequence.shots}
    sizes = np.abs([signal[0] for signal in signals.values()])  # (shots, shifts)
    times = np.array([_times(signal) for signal in signals.values()])  # (shots, 3, shifts)
    best = times[sizes.argmax(axis=0), :, np.arange(len(shifts))].T
    result: dict[str, dict[str, DecayTimes]] = {}
    for name, size, own in zip(signals, sizes, times, strict=True):
        curves = np.where(size < _WEAK * sizes.max(axis=0), best, own)
        result[name] = {}
        for entry, (ppm, count) in protons.items():
            at = np.searchsorted(shifts, ppm)
            share = count * np.maximum(size[at], 1e-6) ** 2  # protons weighted by the energy of their signals
            result[name][entry] = DecayTimes(*(float(share @ curve[at] / share.sum()) for curve in curves))
    return result


def _protons(entry) -> tuple[np.ndarray, np.ndarray]:
    """Chemical shifts of an entry, to `_ALIKE`, and the protons at each."""
    if isinstance(entry, Macromolecule):
        protons = [(ppm, count) for ppm, count, _ in entry.peaks]
    else:
        protons = [(ppm, part.weight) for part in entry.parts for ppm in part.shifts]
    ppm, count = np.array(protons, float).T
    return np.round(np.round(ppm / _ALIKE) * _ALIKE, 6), count


def _signals(shot: Shot, shifts: np.ndarray, central_frequency: float, axes: Mapping[str, Axis]) -> np.ndarray:
    """Complex signal of isolated spins under each of _RATES, (variants, shifts)."""
    return isolated_signal(shot, shifts, central_frequency, axes, Decay(_RATES, _excitation(shot)))


def _times(signals: np.ndarray) -> np.ndarray:
    """transverse, along_z and in_pulses in s at each shift, (3, shifts)."""
    plain, energy = signals[0], np.maximum(np.abs(signals[0]) ** 2, 1e-12)
    left = (plain.conj() * signals[1:]).real / energy
    return -np.log(np.clip(left, 1e-3, 1.0)) / _RATES[1:].max(axis=1)[:, None]


def _excitation(shot: Shot) -> int:
    """Index of the pulse that makes the detected coherence: the last before the first filter without order 0."""
    first = next((k for k, e in enumerate(shot.events) if isinstance(e, CoherenceFilter) and 0 not in e.orders), None)
    pulses = [k for k, event in enumerate(shot.events[:first]) if _turns(event)]
    return pulses[-1] if pulses else -1


def _turns(event: Event) -> bool:
    return isinstance(event, HardPulse) or (isinstance(event, ShapedPulse) and event.pulse.peak_b1 > 0)
