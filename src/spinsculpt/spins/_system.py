"""A group of coupled protons."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SpinSystem:
    """Coupled spins 1/2 that evolve together.

    Attributes:
        name: metabolite and part, e.g. "GSH/cysteine".
        spins: names of the spins, e.g. ("H2", "H3a", "H3b").
        shifts: chemical shifts in ppm, one a spin.
        couplings: scalar couplings in Hz as (i, j, J) with i < j, indices into `spins`.
        weight: factor of the signal: equivalent uncoupled protons folded into one spin, fractions of anomers.
    """

    name: str
    spins: tuple[str, ...]
    shifts: tuple[float, ...]
    couplings: tuple[tuple[int, int, float], ...] = ()
    weight: float = 1.0

    def __post_init__(self):
        if len(self.spins) != len(self.shifts):
            raise ValueError(f"{self.name}: {len(self.spins)} spins but {len(self.shifts)} chemical shifts.")
        for i, j, _ in self.couplings:
            if not 0 <= i < j < len(self.spins):
                raise ValueError(f"{self.name}: coupling ({i}, {j}) does not name two different spins in order.")

    @property
    def n_spins(self) -> int:
        return len(self.spins)

    @property
    def dimension(self) -> int:
        return 2**self.n_spins

    @property
    def protons(self) -> float:
        """Number of protons that the system stands for (1 proton = signal 1)."""
        return self.weight * self.n_spins

    @property
    def coupling_matrix(self) -> np.ndarray:
        """J in Hz, upper triangle, shape (n_spins, n_spins)."""
        matrix = np.zeros((self.n_spins, self.n_spins))
        for i, j, value in self.couplings:
            matrix[i, j] = value
        return matrix
