"""Variable projection: concentrations by non-negative least squares, the rest by Levenberg-Marquardt."""

from dataclasses import dataclass

import numpy as np

from spinsculpt.fit._model import Linear, Problem

MAX_STEPS = 200
_SAME = 0.3  # SDs within which two minima are one
_SMALL = 1e-6  # of the noise variance: an expected decrease of chi-squared below which a fit has converged


@dataclass(frozen=True)
class Solution:
    """A minimum.

    Attributes:
        theta: nonlinear parameters, shape (K,).
        concentrations: shape (L,), >= 0.
        cost: chi-squared with all priors and penalties.
        converged: whether no step was expected to improve it.
        steps: accepted steps.
        notes: sentences about how it was found.
    """

    theta: np.ndarray
    concentrations: np.ndarray
    cost: float
    converged: bool
    steps: int
    notes: tuple[str, ...] = ()


def nonnegative(gram: np.ndarray, right: np.ndarray, guess: np.ndarray | None = None) -> np.ndarray:
    """Minimise c.gram.c - 2 right.c over c >= 0.

    The active-set method of Lawson & Hanson on the normal equations (Bro & de Jong 1997,
    doi:10.1002/(SICI)1099-128X(199709/10)11:5<393::AID-CEM483>3.0.CO;2-L), begun from the positive entries of `guess`.

    Args:
        gram: symmetric positive semi-definite, shape (L, L).
        right: shape (L,).
        guess: an earlier solution of a similar problem.
    Returns:
        c, shape (L,).
    """
    scale = np.sqrt(np.diag(gram))
    scale[scale == 0.0] = 1.0
    gram = gram / np.outer(scale, scale) + 1e-12 * np.eye(len(right))
    right = right / scale
    tolerance = 1e-12 * max(np.max(np.abs(right)), 1e-300)
    c = np.maximum(np.linalg.solve(gram, right) if guess is None else guess * scale, 0.0)
    free = c > 0.0
    for _ in range(10 * len(right)):
        while free.any():
            trial = np.zeros(len(right))
            trial[free] = np.linalg.solve(gram[np.ix_(free, free)], right[free])
            negative = free & (trial <= 0.0)
            if not negative.any():
                c = trial
                break
            step = np.min(c[negative] / (c[negative] - trial[negative]))
            c = np.maximum(c + step * (trial - c), 0.0)
            free &= ~(negative & (c <= 1e-14 * max(c.max(), 1e-300)))
            c[~free] = 0.0
        else:
            c = np.zeros(len(right))
        gain = np.where(free, -np.inf, right - gram @ c)
        best = int(np.argmax(gain))
        if gain[best] <= tolerance:
            break
        free[best] = True
    return c / scale


def minimise(problem: Problem, start: np.ndarray, small: float = _SMALL, known: Solution | None = None) -> Solution:
    """Follow the cost downhill from `start` (theta, shape (K,)) within the bounds of the problem.

    It ends where the next step promises less than `small` times the cost per point, or leads into the minimum that is
    `known` already, which is then the answer.
    """
    theta = np.clip(start, problem.lower, problem.upper)
    linear = problem.linear(theta)
    c = nonnegative(linear.gram, linear.right)
    cost = _cost(problem, linear, c, theta)
    damping, steps, converged = 1e-3, 0, False
    for _ in range(MAX_STEPS):
        matrix, gradient = problem.normal_equations(linear, c, theta)
        enough = small * max(cost / len(problem.target), 1e-12 * linear.constant / len(problem.target))
        step, _, promised = _step(problem, theta, matrix, gradient, 0.0)
        if promised <= enough:
            converged = True
            break
        if known is not None:
            apart = known.theta - theta - step
            if apart @ matrix @ apart < _SAME**2 * cost / len(problem.target):
                return known
        accepted = False
        while damping < 1e12:
            step, expected, _ = _step(problem, theta, matrix, gradient, damping)
            trial = theta + step
            trial_linear = problem.linear(trial)
            trial_c = nonnegative(trial_linear.gram, trial_linear.right, c)
            trial_cost = _cost(problem, trial_linear, trial_c, trial)
            gain = (cost - trial_cost) / expected if expected > 0.0 else -1.0
            if gain > 1e-4:
                accepted = True
                break
            damping *= 4.0
        if not accepted:  # not even a tiny step helps: the minimum to rounding
            converged = True
            break
        theta, linear, c, cost = trial, trial_linear, trial_c, trial_cost
        damping = max(damping * (0.1 if gain > 0.75 else 0.5 if gain > 0.25 else 2.0), 1e-9)
        steps += 1
    return Solution(theta, c, cost, converged, steps)


def _cost(problem: Problem, linear: Linear, c: np.ndarray, theta: np.ndarray) -> float:
    return float(
        linear.constant - 2.0 * linear.right @ c + c @ linear.gram @ c + theta @ problem.prior_precision @ theta
    )


def _step(
    problem: Problem, theta: np.ndarray, matrix: np.ndarray, gradient: np.ndarray, damping: float
) -> tuple[np.ndarray, float, float]:
    """A step within the bounds, the decrease of the cost expected of it, and that of the same step without bounds."""
    diagonal = np.diag(matrix)
    held = ((theta <= problem.lower) & (gradient < 0.0)) | ((theta >= problem.upper) & (gradient > 0.0))
    held |= diagonal <= 0.0
    step = np.zeros(len(theta))
    while not held.all():
        free = ~held
        step = np.zeros(len(theta))
        damped = matrix[np.ix_(free, free)] + np.diag((damping + 1e-14) * diagonal[free])
        step[free] = np.linalg.solve(damped, gradient[free])
        outside = ((theta <= problem.lower) & (step < 0.0)) | ((theta >= problem.upper) & (step > 0.0))
        if not outside.any():
            break
        held |= outside
    inside = np.clip(theta + step, problem.lower, problem.upper) - theta
    return inside, *(float(2.0 * gradient @ d - d @ matrix @ d) for d in (inside, step))
