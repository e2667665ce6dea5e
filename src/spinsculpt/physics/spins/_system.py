"""A group of coupled protons."""

from dataclasses import dataclass
from math import prod

import numpy as np


@dataclass(frozen=True)
class SpinSystem:
    """Coupled spins that evolve together: protons, or total spins of magnetically equivalent ones.

    Attributes:
        name: metabolite and part, e.g. "GSH/cysteine".
        spins: names of the spins, e.g. ("H2", "H3a", "H3b").
        shifts: chemical shifts in ppm, one a spin.
        couplings: scalar couplings in Hz as (i, j, J) with i < j, indices into `spins`.
        weight: factor of the signal: equivalent uncoupled protons folded into one spin, fractions of anomers, or the
            share of all states that a sector of a larger system holds.
        levels: 2 I + 1 of each spin, () for protons: 2 each.
    """

    name: str
    spins: tuple[str, ...]
    shifts: tuple[float, ...]
    couplings: tuple[tuple[int, int, float], ...] = ()
    weight: float = 1.0
    levels: tuple[int, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "levels", self.levels or (2,) * len(self.spins))
        if len(self.spins) != len(self.shifts):
            raise ValueError(f"{self.name}: {len(self.spins)} spins but {len(self.shifts)} chemical shifts.")
        if len(self.levels) != len(self.spins) or min(self.levels, default=2) < 2:
            raise ValueError(f"{self.name}: levels {self.levels} are not a number of 2 or more for each spin.")
        for i, j, _ in self.couplings:
            if not 0 <= i < j < len(self.spins):
                raise ValueError(f"{self.name}: coupling ({i}, {j}) does not name two different spins in order.")

    @property
    def n_spins(self) -> int:
        return len(self.spins)

    @property
    def dimension(self) -> int:
        return prod(self.levels)

    @property
    def protons(self) -> float:
        """Number of protons that the system stands for (1 proton = signal 1): weight times the sum of 4/3 I(I + 1)."""
        return self.weight * sum(d * d - 1 for d in self.levels) / 3

    @property
    def coupling_matrix(self) -> np.ndarray:
        """J in Hz, upper triangle, shape (n_spins, n_spins)."""
        matrix = np.zeros((self.n_spins, self.n_spins))
        for i, j, value in self.couplings:
            matrix[i, j] = value
        return matrix
