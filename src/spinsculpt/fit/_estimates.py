"""Numbers with their covariance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinsculpt.core.errors import SpinsculptError


@dataclass(frozen=True)
class Estimates:
    """Concentrations and their covariance: from a fit, or predicted by the Cramer-Rao lower bound.

    Attributes:
        names: metabolites.
        values: concentrations in units of the data per proton, shape (n,).
        covariance: shape (n, n), units squared; rows of quantities that the data do not determine are infinite.
    """

    names: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray

    @property
    def sd(self) -> np.ndarray:
        """Standard deviations (CRLB), shape (n,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def percent(self) -> np.ndarray:
        """CRLB in per cent of the value, infinite where the value is zero, shape (n,)."""
        return _percent(self.values, self.sd)

    def index(self, name: str) -> int:
        """Position of `name`; an unknown one is an error that lists the known ones."""
        if name not in self.names:
            raise SpinsculptError(f"There is no {name!r} in this fit; it has {', '.join(self.names)}.")
        return self.names.index(name)

    def correlation(self, a: str, b: str) -> float:
        """Correlation coefficient of two estimates, -1 to 1."""
        i, j = self.index(a), self.index(b)
        return float(self.covariance[i, j] / (self.sd[i] * self.sd[j]))

    def total(self, names: Sequence[str], weights: np.ndarray | None = None) -> tuple[float, float]:
        """Sum of several metabolites, each by its weight (1 if None), and its SD, sqrt(w' V w)."""
        pick = [self.index(name) for name in names]
        w = np.ones(len(pick)) if weights is None else weights
        return float(w @ self.values[pick]), float(np.sqrt(max(w @ self.covariance[np.ix_(pick, pick)] @ w, 0.0)))

    def ratio(self, numerator: Sequence[str], denominator: Sequence[str]) -> tuple[float, float]:
        """Ratio of two sums and its SD to first order with all covariances.

        var(a/b) = (va - 2 r vab + r^2 vb) / b^2 with r = a/b, which stays finite at a = 0. A denominator of zero
        gives (nan, inf).
        """
        up, down = np.zeros(len(self.names)), np.zeros(len(self.names))
        up[[self.index(name) for name in numerator]] = 1.0
        down[[self.index(name) for name in denominator]] = 1.0
        a, b = up @ self.values, down @ self.values
        if b <= 0.0:
            return float("nan"), float("inf")
        gradient = (up - a / b * down) / b
        used = gradient != 0.0  # an infinite variance elsewhere must not turn into nan
        variance = gradient[used] @ self.covariance[np.ix_(used, used)] @ gradient[used]
        return float(a / b), float(np.sqrt(max(variance, 0.0)))


def percent_of(value: float, sd: float) -> float:
    """`sd` in per cent of `value`, infinite at zero."""
    return float(_percent(np.array([value]), np.array([sd]))[0])


def _percent(values: np.ndarray, sd: np.ndarray) -> np.ndarray:
    return np.divide(100.0 * sd, np.abs(values), out=np.full(len(values), np.inf), where=values != 0.0)
