"""Shaped pulses of one's own, calibrated to a flip angle."""

import numpy as np

from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.pulses._pulse import Pulse


def _midpoints(samples: int) -> np.ndarray:
    """Middles of the samples as fractions of the duration, -0.5 to 0.5, shape (samples,)."""
    return (np.arange(samples) + 0.5) / samples - 0.5


def from_envelope(name: str, envelope: np.ndarray, duration: float, flip_angle: float) -> Pulse:
    """Pulse of any real envelope, scaled so that its on-resonance flip angle is right.

    Args:
        name: of the pulse.
        envelope: real amplitudes in any unit, shape (samples,).
        duration: s.
        flip_angle: degrees, on resonance: 2 pi gamma integral of B1.
    """
    area = float(np.sum(envelope)) / len(envelope)
    if abs(area) < 1e-9 * np.abs(envelope).max():
        raise SpinsculptError(f"Pulse {name!r} has no net area; give its peak B1 instead of a flip angle.")
    nutation = flip_angle / 360 / (area * duration)  # Hz at envelope 1
    return Pulse(name, np.asarray(envelope, complex) * nutation / GAMMA_BAR, duration / len(envelope))


def gaussian(duration: float, flip_angle: float = 180.0, truncation: float = 0.07, samples: int = 100) -> Pulse:
    """Gaussian pulse whose ends are at `truncation` of its peak; duration in s, flip angle in degrees.

    As a 180-degree pulse it inverts a band of 1.2 / duration (full width at half maximum): 86 Hz in 14 ms, like the
    editing pulses of MEGA-PRESS.
    """
    x = _midpoints(samples)
    return from_envelope("gaussian", np.exp(np.log(truncation) * (2 * x) ** 2), duration, flip_angle)


def sinc(duration: float, flip_angle: float = 90.0, lobes: int = 5, samples: int = 200) -> Pulse:
    """Hamming-windowed sinc with `lobes` lobes (odd); duration in s, flip angle in degrees."""
    x = _midpoints(samples)
    envelope = np.sinc(x * (lobes + 1)) * (0.54 + 0.46 * np.cos(2 * np.pi * x))
    return from_envelope("sinc", envelope, duration, flip_angle)


def hyperbolic_secant(
    duration: float, bandwidth: float, peak_b1: float, truncation: float = 0.01, samples: int = 400
) -> Pulse:
    r"""Adiabatic full passage B1 sech(b t) exp(i phi), d phi/dt = -pi BW tanh(b t).

    Silver, Joseph, Hoult 1985, doi:10.1103/PhysRevA.31.2753.

    Args:
        duration: s.
        bandwidth: full width of the frequency sweep in Hz.
        peak_b1: uT.
        truncation: amplitude at the ends relative to the peak.
        samples: number of samples.
    """
    beta = 2 * np.arccosh(1 / truncation) / duration
    t = _midpoints(samples) * duration
    phase = -np.pi * bandwidth / beta * np.log(np.cosh(beta * t))
    return Pulse("sech", peak_b1 / np.cosh(beta * t) * np.exp(1j * phase), duration / samples)


def goia(
    duration: float, bandwidth: float = 20000.0, peak_b1: float = 20.0, dip: float = 0.9, samples: int = 400
) -> Pulse:
    r"""GOIA-WURST(16, 4): an adiabatic pulse of low power and wide band, played while its slice gradient dips.

    B1 = 1 - |s|^16 and gradient g = 1 - dip + dip s^4 with s = sin(pi x), x from -1/2 to 1/2; the frequency sweep
    omega = c g integral B1^2 / g dt keeps the adiabaticity alike at every place (Tannus and Garwood 1997,
    doi:10.1002/(SICI)1099-1492(199712)10:8<423::AID-NBM488>3.0.CO;2-X; Andronesi 2010, doi:10.1016/j.jmr.2010.01.010).

    Args:
        duration: s.
        bandwidth: full width of the frequency sweep in Hz, at the full gradient.
        peak_b1: uT.
        dip: by what part the gradient is lower in the middle.
        samples: number of samples.
    """
    sine = np.sin(np.pi * _midpoints(samples))
    envelope, gradient = 1 - np.abs(sine) ** 16, 1 - dip + dip * sine**4
    density = envelope**2 / gradient
    reached = np.cumsum(density) - density / 2 - density.sum() / 2  # the integral from the middle of the pulse
    sweep = bandwidth / density.sum() * gradient * reached  # Hz, +-bandwidth / 2 at the ends
    phase = -2 * np.pi * (np.cumsum(sweep) - sweep / 2) * duration / samples
    return Pulse("goia", peak_b1 * envelope * np.exp(1j * phase), duration / samples, gradient)


def rectangular(duration: float, flip_angle: float, samples: int = 1) -> Pulse:
    """Block pulse; duration in s, flip angle in degrees."""
    return from_envelope("rectangular", np.ones(samples), duration, flip_angle)
