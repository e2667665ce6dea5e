"""A radio-frequency pulse as samples."""

from dataclasses import dataclass

import numpy as np

from spinsculpt.conventions import GAMMA_BAR


@dataclass(frozen=True)
class Pulse:
    """Piecewise-constant RF waveform in the rotating frame.

    Attributes:
        name: what the pulse is called in files and figures.
        b1: complex samples B1x + i B1y in uT, shape (samples,).
        dwell: duration of one sample in s.
    """

    name: str
    b1: np.ndarray
    dwell: float

    @property
    def duration(self) -> float:
        """Length in s."""
        return len(self.b1) * self.dwell

    @property
    def peak_b1(self) -> float:
        """Largest amplitude in uT."""
        return float(np.abs(self.b1).max())

    @property
    def nutation(self) -> np.ndarray:
        """Complex nutation frequency omega_1x + i omega_1y in rad/s, shape (samples,)."""
        return 2 * np.pi * GAMMA_BAR * np.asarray(self.b1)  # uT * MHz/T = Hz

    @property
    def energy(self) -> float:
        """Integral of B1^2 in uT^2 ms, proportional to SAR."""
        return float((np.abs(self.b1) ** 2).sum() * self.dwell * 1e3)
