"""Isolated spins through a shot, at all positions of a voxel at once: what tests a grid, scales water and decays.

rho = [[z, c], [d, -z]] of one spin 1/2, from z = 1; c is of order +1, d of order -1, which is what the receiver sees.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from spinsculpt.core.conventions import GAMMA_BAR, ppm_to_hz
from spinsculpt.core.remembered import remembered
from spinsculpt.physics.pulses import Pulse, spin_rotation
from spinsculpt.physics.sequences import CoherenceFilter, Delay, HardPulse, Sequence, ShapedPulse, Shot

STEP = 5e-4  # s between instants of decay in a pulse


@dataclass(frozen=True)
class Axis:
    """Positions along one slice axis in m, shape (points,), and the weight of each (spacing over slice thickness)."""

    positions: np.ndarray
    weight: float


@dataclass(frozen=True)
class Decay:
    """Rates in 1/s, several variants at a time.

    Attributes:
        rates: in the plane, along z, and in the plane during pulses with B1, shape (variants, 3).
        begin: index of the last event without decay: the signal that is detected comes into being there.
    """

    rates: np.ndarray
    begin: int = -1


NO_DECAY = Decay(np.zeros((1, 3)), np.inf)


def isolated_signal(
    shot: Shot,
    shifts: np.ndarray,
    central_frequency: float,
    axes: Mapping[str, Axis],
    decay: Decay = NO_DECAY,
    b1_scale: float = 1.0,
    b0_hz: float = 0.0,
) -> np.ndarray:
    """Signal of isolated spins at the first sample, mean over the voxel; 1 is all of one proton.

    Args:
        shot: with its slots filled.
        shifts: ppm, shape (shifts,).
        central_frequency: MHz.
        axes: positions along the slice axes (`slice_axes`).
        decay: what relaxes on the way.
        b1_scale: factor on the amplitude of shaped pulses.
        b0_hz: offset of the main field in Hz.
    Returns:
        Complex, shape (variants of the decay, shifts).
    """
    offsets = ppm_to_hz(np.asarray(shifts, float), central_frequency) + b0_hz
    z = np.ones((len(decay.rates), len(offsets)), complex)
    c, d = np.zeros_like(z), np.zeros_like(z)
    last, opened = _last_on_axis(shot), []  # each open axis is one more dimension of the states
    for k, event in enumerate(shot.events):
        rates = decay.rates if k > decay.begin else 0 * decay.rates
        match event:
            case CoherenceFilter(orders):
                c, z, d = (part if order in orders else 0 * part for part, order in ((c, 1), (z, 0), (d, -1)))
            case Delay(duration):
                turn = _beside(np.exp(-2j * np.pi * offsets * duration)[None], c)
                plane, along = (_beside(np.exp(-duration * rates[:, i, None]), c) for i in (0, 1))
                c, d, z = c * turn * plane, d * turn.conj() * plane, z * along
            case HardPulse(angle, phase):
                half = np.deg2rad(angle) / 2
                turned = -1j * np.sin(half) * np.exp(1j * np.deg2rad(phase))
                c, d, z = _rotated(c, d, z, np.cos(half) + 0j, turned)
            case ShapedPulse():
                axis = event.gradient[0] if event.gradient else None
                if axis in axes and axis not in opened:
                    opened.append(axis)
                    c, d, z = (part[..., None] for part in (c, d, z))
                at = opened.index(axis) if axis in axes else None
                c, d, z = _pulsed((c, d, z), event, offsets, axes.get(axis), at, rates, b1_scale)
        for axis in [one for one in opened if last[one] == k]:
            c, d, z = (part.sum(2 + opened.index(axis)) * axes[axis].weight for part in (c, d, z))
            opened.remove(axis)
    return d


def voxel_signal(
    sequence: Sequence,
    shifts: np.ndarray,
    central_frequency: float,
    axes: Mapping[str, Axis],
    b1_scale: float = 1.0,
    b0_hz: float = 0.0,
) -> np.ndarray:
    """Signal of isolated spins from the voxel alone: of the last shot, or of DIFF where shots select a slice.

    Arguments are those of `isolated_signal`; complex, shape (shifts,).
    """
    parts = list(sequence.measured.values())[-1]
    frame = (np.asarray(shifts, float), central_frequency, axes, NO_DECAY, b1_scale, b0_hz)
    return sum(weight * isolated_signal(sequence.shot(shot.name), *frame)[0] for weight, shot in parts)


def _beside(values: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Values (variants, shifts) that multiply a state of more dimensions."""
    return values.reshape(*values.shape, *[1] * (state.ndim - 2))


def _pulsed(state, event: ShapedPulse, offsets: np.ndarray, axis: Axis | None, at: int | None, rates, b1_scale: float):
    """The state after a pulse, with decay between its parts; `at` is the dimension of its axis among the open ones."""
    c, d, z = state
    pulse, relaxing = event.pulse, bool(rates.any())
    place = np.zeros(1) if axis is None else GAMMA_BAR * 1e3 * event.gradient[1] * axis.positions
    shape = [1, len(offsets), *[1] * (c.ndim - 2)]
    if at is not None:
        shape[2 + at] = len(place)
    if b1_scale != 1.0:
        pulse = replace(pulse, b1=b1_scale * pulse.b1)
    rotations = _rotations(pulse, (offsets - event.offset).tobytes(), place.tobytes(), relaxing)
    for (low, high), (a, b) in zip(pairwise(_edges(pulse, relaxing)), rotations, strict=True):
        duration = (high - low) * pulse.dwell
        middle = (low + high) / 2 * pulse.dwell - pulse.duration / 2  # s from the middle of the pulse
        # the frame of the pulse turns at its offset
        a = a.reshape(shape) * np.exp(-1j * np.pi * event.offset * duration)
        b = b.reshape(shape) * np.exp(1j * (np.deg2rad(event.phase) + 2 * np.pi * event.offset * middle))
        if not relaxing:
            c, d, z = _rotated(c, d, z, a, b)
            continue
        half = np.exp(-duration / 2 * rates)
        plane, along = (_beside(half[:, i, None], c) for i in (0 if pulse.peak_b1 == 0 else 2, 1))
        c, d, z = _rotated(c * plane, d * plane, z * along, a, b)
        c, d, z = c * plane, d * plane, z * along
    return c, d, z


def _edges(pulse: Pulse, relaxing: bool) -> np.ndarray:
    """First samples of the parts of a pulse between which signals decay, and the end of the last part."""
    parts = max(1, min(len(pulse.b1), int(np.ceil(pulse.duration / STEP)))) if relaxing else 1
    return np.linspace(0, len(pulse.b1), parts + 1).astype(int)


@remembered(megabytes=64)  # the same pulses come back: in other shots, on other axes, and when only delays change
def _rotations(pulse: Pulse, offset: bytes, place: bytes, relaxing: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """What each part of a pulse does at offsets, shape (shifts,), and places, shape (positions,), in Hz."""
    offsets, places = np.frombuffer(offset)[:, None], np.frombuffer(place)
    parts = pairwise(_edges(pulse, relaxing))
    return [spin_rotation(pulse[low:high], offsets, place=places) for low, high in parts]


def _rotated(c, d, z, a, b):
    """U rho U' with U = [[a, -conj(b)], [b, conj(a)]]."""
    ca, cb = np.conj(a), np.conj(b)
    return (
        2 * a * cb * z - cb**2 * d + a**2 * c,
        2 * ca * b * z + ca**2 * d - b**2 * c,
        (np.abs(a) ** 2 - np.abs(b) ** 2) * z - ca * cb * d - a * b * c,
    )


def _last_on_axis(shot: Shot) -> dict[str, int]:
    """Index of the last event along each slice axis, of its filter if one follows at once."""
    found = {}
    for k, event in enumerate(shot.events):
        if isinstance(event, ShapedPulse) and event.gradient:
            follows = k + 1 < len(shot.events) and isinstance(shot.events[k + 1], CoherenceFilter)
            found[event.gradient[0]] = k + follows
    return found
