r"""How long a signal decays with T2 in a sequence, and how long it waits along z: not TE, where pulses last.

While a refocusing or a designed pulse turns magnetisation, part of it lies along z and decays with T1, much slower. To
first order in the rates the signal loses exp(-tau / T2 - zeta / T1), tau and zeta the times that the detected pathway
spends in the plane and along z. They follow from isolated spins at each chemical shift, all positions in the voxel, in
steps of `STEP`: pulses are short against 1 / J, so a coupled partner changes little of the time along z.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from spinsculpt.basis._slices import Axis
from spinsculpt.conventions import GAMMA_BAR, WATER_PPM, ppm_to_hz
from spinsculpt.pulses import Pulse, spin_rotation
from spinsculpt.sequences import CoherenceFilter, Delay, Event, HardPulse, Sequence, ShapedPulse, Shot
from spinsculpt.spins import Library, Macromolecule

STEP = 5e-4  # s between instants of decay in a pulse
SHIFTS = np.arange(0.4, 5.6, 0.05)  # ppm
_RATES = {"none": (0.0, 0.0, 0.0), "transverse": (10.0, 0.0, 10.0), "along_z": (0.0, 1.0, 0.0), "in_pulses": (0, 0, 10)}
_WEAK = 0.2  # of the strongest shot: weaker signals, of slices that nearly cancel, decay as that of the strongest


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
    found = {shot.name: _of_shot(shot, central_frequency, axes) for shot in sequence.shots}
    strongest = np.max([np.abs(signal["none"]) for signal in found.values()], axis=0)
    times = {name: _times(signal) for name, signal in found.items()}
    order = np.argmax([np.abs(signal["none"]) for signal in found.values()], axis=0)
    best = np.array(list(times.values()))[order, :, np.arange(len(SHIFTS))].T  # (3, shifts)
    result = {}
    for name, signal in found.items():
        size = np.abs(signal["none"])
        curves = np.where(size < _WEAK * strongest, best, times[name])
        result[name] = {entry: _of_entry(library[entry], curves, np.maximum(size, 1e-6) ** 2) for entry in names}
        result[name]["water"] = DecayTimes(*(float(np.interp(WATER_PPM, SHIFTS, curve)) for curve in curves))
    return result


def _of_entry(entry, curves: np.ndarray, weight: np.ndarray) -> DecayTimes:
    """Mean over the protons of an entry, weighted by the energy of their signals; curves (3, shifts) in s."""
    if isinstance(entry, Macromolecule):
        protons = [(ppm, count) for ppm, count, _ in entry.peaks]
    else:
        protons = [(ppm, part.weight) for part in entry.parts for ppm in part.shifts]
    ppm, count = np.array(protons).T
    share = count * np.interp(ppm, SHIFTS, weight)
    return DecayTimes(*(float(share @ np.interp(ppm, SHIFTS, curve) / share.sum()) for curve in curves))


def _times(signal: Mapping[str, np.ndarray]) -> np.ndarray:
    """transverse, along_z and in_pulses in s at each shift, (3, shifts)."""
    plain = signal["none"]
    energy = np.maximum(np.abs(plain) ** 2, 1e-12)
    rates = {name: max(_RATES[name]) for name in ("transverse", "along_z", "in_pulses")}
    return np.array(
        [
            -np.log(np.clip((plain.conj() * signal[name]).real / energy, 1e-3, 1.0)) / rate
            for name, rate in rates.items()
        ]
    )


def _of_shot(shot: Shot, central_frequency: float, axes: Mapping[str, Axis]) -> dict[str, np.ndarray]:
    """Complex signal of an isolated spin at each of SHIFTS under each of _RATES, mean over the voxel."""
    offsets = ppm_to_hz(SHIFTS, central_frequency)[:, None]
    rates = np.array(list(_RATES.values()))[:, :, None, None]  # (variants, 3, 1, 1): plane, z, plane during pulses
    z = np.ones((len(_RATES), len(SHIFTS), 1), complex)  # rho = [[z, c], [d, -z]]
    c, d = np.zeros_like(z), np.zeros_like(z)
    begin, last = _excitation(shot), _last_on_axis(shot)
    axis = None
    for k, event in enumerate(shot.events):
        relaxing = k > begin
        match event:
            case CoherenceFilter(orders):
                c, z, d = (part if order in orders else 0 * part for part, order in ((c, 1), (z, 0), (d, -1)))
            case Delay(duration):
                turn = np.exp(-2j * np.pi * offsets * duration)
                decay = np.exp(-duration * rates) if relaxing else np.ones_like(rates)
                c, d, z = c * turn * decay[:, 0], d * turn.conj() * decay[:, 0], z * decay[:, 1]
            case HardPulse(angle, phase):
                half = np.deg2rad(angle) / 2
                turned = -1j * np.sin(half) * np.exp(1j * np.deg2rad(phase))
                c, d, z = _rotated(c, d, z, np.cos(half) + 0j, turned)
            case ShapedPulse():
                if event.gradient and event.gradient[0] in axes and event.gradient[0] != axis:
                    c, d, z, axis = *_averaged((c, d, z), axes.get(axis)), event.gradient[0]
                c, d, z = _pulsed(c, d, z, event, offsets, axes.get(axis), rates if relaxing else 0 * rates)
        if axis and last.get(axis) == k:
            c, d, z, axis = *_averaged((c, d, z), axes[axis]), None
    _, d, _ = _averaged((c, d, z), axes.get(axis))
    return {name: signal[:, 0] for name, signal in zip(_RATES, d, strict=True)}


def _averaged(state: tuple[np.ndarray, ...], axis: Axis | None) -> tuple[np.ndarray, ...]:
    """States summed over the positions of an axis; as they are without one."""
    if axis is None:
        return state
    return tuple(part.sum(-1, keepdims=True) * axis.weight if part.shape[-1] > 1 else part for part in state)


def _pulsed(c, d, z, event: ShapedPulse, offsets: np.ndarray, axis: Axis | None, rates: np.ndarray):
    """The state after a pulse, with decay between its parts."""
    pulse, silent = event.pulse, event.pulse.peak_b1 == 0
    selective = event.gradient is not None and axis is not None
    place = GAMMA_BAR * 1e3 * event.gradient[1] * axis.positions if selective else np.zeros(1)
    edges = _edges(pulse)
    for (low, high), (a, b) in zip(pairwise(edges), _rotations_of(pulse, offsets - event.offset, place), strict=True):
        duration = (high - low) * pulse.dwell
        middle = (low + high) / 2 * pulse.dwell - pulse.duration / 2  # s from the middle of the pulse
        a = a * np.exp(-1j * np.pi * event.offset * duration)  # the frame of the pulse turns at its offset
        b = b * np.exp(1j * (np.deg2rad(event.phase) + 2 * np.pi * event.offset * middle))
        half = np.exp(-duration / 2 * rates)
        plane, along = half[:, 0 if silent else 2], half[:, 1]
        c, d, z = _rotated(c * plane, d * plane, z * along, a, b)
        c, d, z = c * plane, d * plane, z * along
    return c, d, z


def _edges(pulse: Pulse) -> np.ndarray:
    """First samples of the parts of a pulse between which signals decay, and the end of the last part."""
    parts = max(1, min(len(pulse.b1), int(np.ceil(pulse.duration / STEP))))
    return np.linspace(0, len(pulse.b1), parts + 1).astype(int)


def _rotations_of(pulse: Pulse, offset: np.ndarray, place: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """What each part of a pulse does at offsets, shape (shifts, 1), and places, shape (positions,), in Hz."""
    gradient = None if pulse.gradient is None else np.asarray(pulse.gradient, float).tobytes()
    return _rotations(np.asarray(pulse.b1, complex).tobytes(), pulse.dwell, gradient, offset.tobytes(), place.tobytes())


@lru_cache(16)  # the same pulses come back: in other shots, on other axes, and when only the times of a sequence change
def _rotations(b1: bytes, dwell: float, gradient: bytes | None, offset: bytes, place: bytes):
    pulse = Pulse("part", np.frombuffer(b1, complex), dwell, None if gradient is None else np.frombuffer(gradient))
    offsets, places = np.frombuffer(offset)[:, None], np.frombuffer(place)
    return [spin_rotation(pulse[low:high], offsets, place=places) for low, high in pairwise(_edges(pulse))]


def _rotated(c, d, z, a, b):
    """U rho U' with U = [[a, -conj(b)], [b, conj(a)]]."""
    ca, cb = np.conj(a), np.conj(b)
    return (
        2 * a * cb * z - cb**2 * d + a**2 * c,
        2 * ca * b * z + ca**2 * d - b**2 * c,
        (np.abs(a) ** 2 - np.abs(b) ** 2) * z - ca * cb * d - a * b * c,
    )


def _excitation(shot: Shot) -> int:
    """Index of the pulse that makes the detected coherence: the last before the first filter without order 0."""
    first = next((k for k, e in enumerate(shot.events) if isinstance(e, CoherenceFilter) and 0 not in e.orders), None)
    pulses = [k for k, event in enumerate(shot.events[:first]) if _turns(event)]
    return pulses[-1] if pulses else -1


def _turns(event: Event) -> bool:
    return isinstance(event, HardPulse) or (isinstance(event, ShapedPulse) and event.pulse.peak_b1 > 0)


def _last_on_axis(shot: Shot) -> dict[str, int]:
    """Index of the last event along each slice axis, of its filter if one follows at once."""
    found = {}
    for k, event in enumerate(shot.events):
        if isinstance(event, ShapedPulse) and event.gradient:
            follows = k + 1 < len(shot.events) and isinstance(shot.events[k + 1], CoherenceFilter)
            found[event.gradient[0]] = k + follows
    return found
