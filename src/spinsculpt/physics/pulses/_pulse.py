"""A radio-frequency pulse as samples."""

from dataclasses import dataclass, replace

import numpy as np

from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError


@dataclass(frozen=True, eq=False)
class Pulse:
    """Piecewise-constant RF waveform in the rotating frame; pulses of the same samples are the same.

    Attributes:
        name: what the pulse is called in files and figures.
        b1: complex samples B1x + i B1y in uT, shape (samples,).
        dwell: duration of one sample in s.
        gradient: of a pulse that is played while its slice gradient changes (GOIA, FOCI, VERSE): the gradient relative
            to its nominal strength, shape (samples,). None: it is constant.
    """

    name: str
    b1: np.ndarray
    dwell: float
    gradient: np.ndarray | None = None

    def __post_init__(self):
        if self.gradient is not None and len(self.gradient) != len(self.b1):
            raise SpinsculptError(
                f"Pulse {self.name!r} has {len(self.b1)} samples of B1 but {len(self.gradient)} of its gradient; they "
                "must pair up."
            )

    @property
    def _content(self) -> tuple[str, bytes, float, bytes | None]:
        gradient = None if self.gradient is None else np.asarray(self.gradient, float).tobytes()
        return self.name, np.asarray(self.b1, complex).tobytes(), self.dwell, gradient

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pulse) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    def __getitem__(self, samples: slice) -> "Pulse":
        """Some of its samples, e.g. the first half: pulse[: len(pulse.b1) // 2]."""
        gradient = None if self.gradient is None else self.gradient[samples]
        return replace(self, b1=self.b1[samples], gradient=gradient)

    def finer(self, parts: int) -> "Pulse":
        """The same pulse, each sample cut into `parts`."""
        gradient = None if self.gradient is None else np.repeat(self.gradient, parts)
        return replace(self, b1=np.repeat(self.b1, parts), dwell=self.dwell / parts, gradient=gradient)

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
