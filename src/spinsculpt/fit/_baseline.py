"""Baselines: columns of a smooth complex function over the fit range, and the penalty on its curvature."""

import numpy as np

STIFFEST = 2.01  # degrees of freedom of a real spline; 2 is a straight line


def polynomial(ppm: np.ndarray, order: int) -> np.ndarray:
    """Orthonormal real polynomials up to `order` over the points `ppm`, shape (order + 1, len(ppm))."""
    x = 2.0 * (ppm - ppm.min()) / np.ptp(ppm) - 1.0
    columns, _ = np.linalg.qr(np.polynomial.legendre.legvander(x, order))
    return columns.T


def spline(ppm: np.ndarray, per_ppm: float = 15.0) -> tuple[np.ndarray, np.ndarray]:
    """Cubic B-splines on equal knots and the penalty of P-splines.

    Eilers & Marx 1996 (doi:10.1214/ss/1038425655) in the form that Wilson 2021 (ABfit, doi:10.1002/mrm.28385) uses
    for spectra: many knots, and a penalty on second differences of the coefficients that makes it stiff.

    Args:
        ppm: points, shape (n,).
        per_ppm: knots per ppm.
    Returns:
        columns, shape (m, n), and penalty D'D, shape (m, m).

    >>> columns, penalty = spline(np.linspace(0.2, 4.2, 100))
    >>> bool(np.allclose(columns.sum(axis=0), 1)), float(abs(penalty @ np.arange(len(penalty))).max())
    (True, 0.0)
    """
    from scipy.interpolate import BSpline  # imports slowly, and splines alone need it

    low, high = ppm.min(), ppm.max()
    intervals = max(int(np.ceil((high - low) * per_ppm)), 4)
    position = (ppm - low) / (high - low) * intervals
    columns = BSpline.design_matrix(position, np.arange(-3.0, intervals + 4.0), 3).toarray().T
    difference = np.diff(np.eye(len(columns)), 2, axis=0)
    return columns, difference.T @ difference


def strength_for(columns: np.ndarray, penalty: np.ndarray, dimension: float) -> float:
    """Weight of the penalty at which the spline has `dimension` degrees of freedom (2 is a straight line)."""
    from scipy.linalg import eigh
    from scipy.optimize import brentq

    # In the basis that diagonalises penalty against gram, the trace is a sum of 1 / (1 + strength * e).
    gram = columns @ columns.T
    e = np.clip(eigh(penalty, gram + _ridge(gram), eigvals_only=True), 0.0, None)

    def excess(exponent: float) -> float:
        return float(np.sum(1.0 / (1.0 + 10.0**exponent * e))) - dimension

    softest, stiffest = -20.0, 30.0  # log10: from no penalty to a straight line
    return 10.0 ** (brentq(excess, softest, stiffest, xtol=1e-12) if excess(softest) > 0.0 else softest)


def _ridge(gram: np.ndarray) -> np.ndarray:
    return 1e-10 * np.trace(gram) / len(gram) * np.eye(len(gram))
