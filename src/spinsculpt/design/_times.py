"""Echo times and the place of the pulse as variables of a design, beside its waveform."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch
from torch import Tensor

from spinsculpt.physics.sequences import Delay, Sequence

Build = Callable[[dict[str, float]], Sequence]
"""{"te1": s, "te2": s, "gap_shift": s} -> the sequence with these times."""


@dataclass(frozen=True)
class Timing:
    """How a sequence follows variables: a delay lasts what it lasts there + slope @ change of the variables.

    Attributes:
        delays: {shot: {index of the event: slope, shape (variables,)}}.
        echo_time: {spectrum: slope of its echo time, shape (variables,)}.
    """

    delays: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    echo_time: dict[str, np.ndarray] = field(default_factory=dict)


class Times:
    """Bounded times: t = shortest + (longest - shortest) * sigmoid(x).

    Every delay is a linear function of these times, so it is enough to know the sequence in the middle of the ranges
    and how each delay grows with each time.

    Args:
        build: makes the sequence.
        fixed: all times; those in `ranges` are variables instead.
        ranges: {name: (shortest, longest)} in s.
    Raises:
        SpinsculptError: somewhere in the ranges the pulses do not fit (from `build`).
    """

    def __init__(self, build: Build, fixed: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]):
        self._build, self._fixed, self._names = build, dict(fixed), tuple(ranges)
        low, high = np.array(list(ranges.values())).reshape(-1, 2).T
        for corner in product((0.0, 1.0), repeat=self.count):
            build(self._named(low + np.array(corner) * (high - low)))
        self._low, self._width, self._middle = low, high - low, (low + high) / 2
        self.sequence = build(self._named(self._middle))
        self.timing = self._timing()

    @property
    def count(self) -> int:
        """Number of variables."""
        return len(self._names)

    def initial(self, generator: torch.Generator, starts: int) -> Tensor:
        """Random parameters, shape (starts, count): times spread over the ranges."""
        x = torch.rand(starts, self.count, generator=generator, dtype=torch.float64, device="cpu")
        return torch.as_tensor(torch.logit(0.05 + 0.9 * x).numpy())

    def parameters(self, times: Tensor) -> Tensor:
        """The parameters that give times in s within the ranges, both (starts, count)."""
        return torch.logit((times - torch.as_tensor(self._low)) / torch.as_tensor(self._width))

    def changes(self, x: Tensor) -> Tensor:
        """Times in s from the middle of their ranges, shape (..., count)."""
        return torch.as_tensor(self._width) * (torch.sigmoid(x) - 0.5)

    def values(self, x: Tensor) -> dict[str, float]:
        """All times in s from the parameters of one start, shape (count,)."""
        return self._named(self._middle + self.changes(x).detach().cpu().numpy())

    def sequence_at(self, x: Tensor) -> Sequence:
        """The sequence with the times of one start."""
        return self._build(self.values(x))

    def _named(self, times: np.ndarray) -> dict[str, float]:
        return self._fixed | dict(zip(self._names, map(float, times), strict=True))

    def _timing(self) -> Timing:
        step = 1e-3 * self._width
        moved = [self._build(self._named(self._middle + row)) for row in np.diag(step)]
        delays = {}
        for shot_index, shot in enumerate(self.sequence.shots):
            durations = [
                np.array([e.duration if isinstance(e, Delay) else 0.0 for e in sequence.shots[shot_index].events])
                for sequence in (self.sequence, *moved)
            ]
            slopes = ((np.stack(durations[1:]) - durations[0]).T / step) if moved else np.zeros((len(durations[0]), 0))
            delays[shot.name] = {
                index: slope for index, slope in enumerate(slopes) if np.abs(slope).max(initial=0) > 1e-6
            }
        echoes = np.array([_echo_times(sequence) for sequence in (self.sequence, *moved)])
        slopes = (echoes[1:] - echoes[0]).T / step if moved else np.zeros((echoes.shape[1], 0))
        return Timing(delays, dict(zip(self.sequence.measured, slopes, strict=True)))


def _echo_times(sequence: Sequence) -> list[float]:
    """Echo time in s of each spectrum."""
    return [shots[0][1].echo_time or sequence.echo_time for shots in sequence.measured.values()]
