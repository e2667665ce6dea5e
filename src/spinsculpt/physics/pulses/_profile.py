"""What a pulse does to an isolated spin as a function of its offset."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.pulses._pulse import Pulse

_BATCH = 2**13  # rotations worked on at a time: samples times places, few enough for a cache


def spin_rotation(
    pulse: Pulse, offset: np.ndarray, b1_scale: float | np.ndarray = 1.0, place: float | np.ndarray = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    r"""Cayley-Klein parameters of the rotation of a spin 1/2: U = [[a, -conj(b)], [b, conj(a)]].

    Args:
        pulse: the waveform.
        offset: frequency of the spin minus that of the pulse in Hz, any shape.
        b1_scale: factor on the amplitude; a number or an array of the shape of `offset`.
        place: Hz that the slice gradient at its nominal strength adds where the spin is; follows `pulse.gradient`. A
            number or an array that broadcasts with `offset`.
    Returns:
        a, b: complex, of the shape of `offset` and `place`.
    """
    offset, place, b1_scale = (np.asarray(each, float) for each in (offset, place, b1_scale))
    shape = np.broadcast_shapes(offset.shape, place.shape, b1_scale.shape)
    a, b = np.ones(shape, complex), np.zeros(shape, complex)
    nutation = (pulse.nutation * pulse.dwell / 2).reshape(-1, *[1] * len(shape))
    half_z = np.pi * pulse.dwell * (offset + place)[None]
    for first in range(0, len(nutation), many := max(1, _BATCH // max(1, a.size))):
        samples = slice(first, first + many)
        if pulse.gradient is not None:
            strength = np.asarray(pulse.gradient, float)[samples].reshape(-1, *[1] * len(shape))
            half_z = np.pi * pulse.dwell * (offset + place * strength)
        a, b = _after((a, b), _ordered_product(*_steps(nutation[samples] * b1_scale, half_z)))
    return a, b


def _steps(nutation: np.ndarray, half_z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation of each sample, (samples, ...), from half of its angle about the plane (complex) and about z."""
    angle = np.sqrt(half_z**2 + nutation.real**2 + nutation.imag**2)
    sine = np.sin(angle) / np.where(angle > 0, angle, 1.0)
    sine = np.where(angle > 0, sine, 1.0)
    return np.cos(angle) - 1j * half_z * sine, -1j * nutation * sine


def _ordered_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (samples, ...) one after the other, the first axis gone: neighbours in pairs, then pairs of pairs."""
    while len(a) > 1:
        even = len(a) // 2 * 2
        pairs = _after((a[0:even:2], b[0:even:2]), (a[1:even:2], b[1:even:2]))
        a, b = (np.concatenate([pair, one[even:]]) for pair, one in zip(pairs, (a, b), strict=True))
    return a[0], b[0]


def _after(first: tuple[np.ndarray, np.ndarray], then: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both rotations one after the other."""
    (a, b), (c, d) = first, then
    return c * a - np.conj(d) * b, d * a + np.conj(c) * b


def refocusing_profile(
    pulse: Pulse, offset: np.ndarray, b1_scale: float | np.ndarray = 1.0, place: float | np.ndarray = 0.0
) -> np.ndarray:
    """Part of the order -1 that the pulse turns into order +1, |b|^2, from 0 to 1; arguments of `spin_rotation`."""
    return np.abs(spin_rotation(pulse, offset, b1_scale, place)[1]) ** 2


def excitation_profile(
    pulse: Pulse, offset: np.ndarray, b1_scale: float | np.ndarray = 1.0, place: float | np.ndarray = 0.0
) -> np.ndarray:
    """Transverse magnetisation after the pulse from equilibrium, 2 conj(a) b; arguments of `spin_rotation`."""
    a, b = spin_rotation(pulse, offset, b1_scale, place)
    return 2 * np.conj(a) * b


def bandwidth(pulse: Pulse, profile: Callable[[Pulse, np.ndarray], np.ndarray] = refocusing_profile) -> float:
    """Full width in Hz at half of the maximum of |profile(pulse, offset)|; |b|^2 is also what inversion sees."""
    span = 4.0 / pulse.duration
    for _ in range(12):
        offset = np.linspace(-span, span, 1001)
        value = np.abs(profile(pulse, offset))
        half = value.max() / 2
        inside = np.flatnonzero(value > half)
        first, last = inside[0], inside[-1]
        if first > 0 and last < len(offset) - 1 and len(inside) < len(offset) // 2:
            left = np.interp(half, value[[first - 1, first]], offset[[first - 1, first]])
            right = np.interp(half, value[[last + 1, last]], offset[[last + 1, last]])
            return float(right - left)
        span *= 2
    raise SpinsculptError(f"Pulse {pulse.name!r} has no band that ends below {span:.0f} Hz; check its samples.")


@lru_cache(256)  # every event of every sequence asks for it, of few different pulses
def slice_bandwidth(pulse: Pulse) -> float:
    """Bandwidth in Hz that a slice gradient of nominal strength spreads over the slice, for 90 or 180 degrees."""
    inverts = refocusing_profile(pulse, np.zeros(1))[0] > 0.75
    profile = refocusing_profile if inverts else excitation_profile
    return bandwidth(pulse, lambda pulse, place: profile(pulse, np.zeros(1), place=place))
