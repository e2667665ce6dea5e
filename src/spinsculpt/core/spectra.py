r"""From spectral lines to FIDs: s(t) = sum_l a_l exp(2 pi i f_l t) times the decay of the line shape."""

from dataclasses import dataclass

import numpy as np

from spinsculpt.core.conventions import time_axis

_CHUNK = 4096  # lines a block: bounds the memory of the outer product


@dataclass(frozen=True)
class LineList:
    """Spectral lines of one metabolite, FFT-positive.

    Attributes:
        frequency: offsets from the receiver in Hz, shape (lines,).
        amplitude: complex amplitudes at t = 0, one proton = 1, shape (lines,).
    """

    frequency: np.ndarray
    amplitude: np.ndarray

    def scaled(self, factor: complex) -> "LineList":
        """The same lines with amplitudes times `factor`."""
        return LineList(self.frequency, self.amplitude * factor)

    def fid(self, points: int, dwell: float) -> np.ndarray:
        """Undamped signal, complex, shape (points,), first sample at t = 0, `dwell` in s."""
        signal = np.zeros(points, complex)
        block = max(1, int(np.sqrt(points)))  # exp(i w (n b + m)) = exp(i w n b) exp(i w m): two short tables
        blocks = -(-points // block)
        for start in range(0, len(self.frequency), _CHUNK):
            omega = 2j * np.pi * self.frequency[start : start + _CHUNK] * dwell
            coarse = np.exp(np.outer(np.arange(blocks) * block, omega)) * self.amplitude[start : start + _CHUNK]
            fine = np.exp(np.outer(omega, np.arange(block)))
            signal += (coarse @ fine).ravel()[:points]
        return signal


def merge_lines(lists: list[LineList]) -> LineList:
    """Lines of several spin systems (or positions) side by side; their signals add."""
    return LineList(
        np.concatenate([lines.frequency for lines in lists]), np.concatenate([lines.amplitude for lines in lists])
    )


def decay(points: int, dwell: float, linewidth: float = 0.0, gaussian: float = 0.0) -> np.ndarray:
    r"""Line-shape envelope exp(-pi L t - (pi G t)^2 / (4 ln 2)), shape (points,).

    Args:
        points, dwell: of the FID; dwell in s.
        linewidth: Lorentzian full width at half maximum L in Hz (1 / (pi T2)).
        gaussian: Gaussian full width at half maximum G in Hz.
    """
    t = time_axis(points, dwell)
    return np.exp(-np.pi * linewidth * t - (np.pi * gaussian * t) ** 2 / (4 * np.log(2)))
