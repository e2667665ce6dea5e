"""What a pulse does to an isolated spin as a function of its offset."""

from collections.abc import Callable

import numpy as np

from spinsculpt.errors import SpinsculptError
from spinsculpt.pulses._pulse import Pulse


def spin_rotation(
    pulse: Pulse, offset: np.ndarray, b1_scale: float | np.ndarray = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    r"""Cayley-Klein parameters of the rotation of a spin 1/2: U = [[a, -conj(b)], [b, conj(a)]].

    Args:
        pulse: the waveform.
        offset: frequency of the spin minus that of the pulse in Hz, any shape.
        b1_scale: factor on the amplitude; a number or an array of the shape of `offset`.
    Returns:
        a, b: complex, of the shape of `offset`.
    """
    offset = np.asarray(offset, float)
    a, b = np.ones(offset.shape, complex), np.zeros(offset.shape, complex)
    half_z = np.pi * offset * pulse.dwell
    for nutation in pulse.nutation * pulse.dwell / 2:
        sample = nutation * b1_scale
        angle = np.sqrt(half_z**2 + np.abs(sample) ** 2)
        sine = np.sinc(angle / np.pi)
        step_a = np.cos(angle) - 1j * half_z * sine
        step_b = -1j * sample * sine
        a, b = step_a * a - np.conj(step_b) * b, step_b * a + np.conj(step_a) * b
    return a, b


def refocusing_profile(pulse: Pulse, offset: np.ndarray, b1_scale: float | np.ndarray = 1.0) -> np.ndarray:
    """Part of the order -1 that the pulse turns into order +1, |b|^2, from 0 to 1; offset in Hz."""
    return np.abs(spin_rotation(pulse, offset, b1_scale)[1]) ** 2


def excitation_profile(pulse: Pulse, offset: np.ndarray, b1_scale: float | np.ndarray = 1.0) -> np.ndarray:
    """Transverse magnetisation after the pulse from equilibrium, 2 conj(a) b, complex; offset in Hz."""
    a, b = spin_rotation(pulse, offset, b1_scale)
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


def slice_bandwidth(pulse: Pulse) -> float:
    """Bandwidth in Hz that a slice gradient spreads over the slice: of what the pulse is for, 90 or 180 degrees."""
    inverts = refocusing_profile(pulse, np.zeros(1))[0] > 0.75
    return bandwidth(pulse, refocusing_profile if inverts else excitation_profile)
