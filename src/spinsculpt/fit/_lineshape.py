"""A free line shape that all signals share: what a shim leaves that no Voigt line has.

The FID of every basis function is multiplied by L(t) = 1 + sum_j d_j (exp(2 pi i j f t) - 1), a convolution of the
spectrum with taps d_j at multiples j of f, as LCModel's (Provencher 1993, doi:10.1002/mrm.1910300604). L(0) = 1, so
that amplitudes keep their meaning. The taps are held small by a ridge whose strength has the least Akaike criterion
(that of the automatic spline); when no ridge is worth its degrees of freedom, the line stays a Voigt line.
"""

from dataclasses import replace

import numpy as np

from spinsculpt.fit._model import Problem
from spinsculpt.fit._solver import Solution, minimise

REACH, STEP = 12, 1.0  # taps on each side, and Hz between them
STRENGTHS = np.logspace(0.0, -6.0, 13)  # of the ridge, in largest eigenvalues of the information on the taps
AIC_WEIGHT = 5.0  # as of the automatic spline
_ROUNDS = 3


def free_line(problem: Problem, solution: Solution, **accuracy: float) -> Solution:
    """The minimum with a free common line, from that with Voigt lines; the problem keeps the line.

    Metabolites, widths, shifts, phases and baseline are projected out of the taps, so that these take only what
    nothing else can; then the fit is repeated with the new line.
    """
    taps = np.array([j for j in range(-REACH, REACH + 1) if j])
    waves = [np.exp(2j * np.pi * STEP * np.outer(taps, block.time)) - 1.0 for block in problem.blocks]
    deviation = np.zeros(len(taps))
    problem.set_line(None)
    for _ in range(_ROUNDS):
        linear = problem.linear(solution.theta)
        c = solution.concentrations
        rows = problem.whiten(
            [
                block.transform(wave * (c @ fids)) * phase
                for block, wave, fids, phase in zip(
                    problem.blocks, waves, problem.damped_by_voigt(solution.theta), linear.phase, strict=True
                )
            ]
        )
        known = np.concatenate([linear.rows[c > 0.0], problem.jacobian(linear, c)])
        known = known[known.any(axis=1)]  # a group of which nothing was found has no width and no shift
        residual = problem.target - c @ linear.rows + deviation @ rows  # what taps, old ones included, may explain
        gram, right = _projected(problem, rows, known, residual)
        found = _taps(problem, gram, right, solution, deviation)
        if found is None:
            break
        deviation, ridge = found
        problem.set_line([1.0 + deviation @ wave for wave in waves], rows, ridge)
        solution = replace(minimise(problem, solution.theta, **accuracy), notes=solution.notes)
    return solution


def _projected(problem: Problem, rows: np.ndarray, known: np.ndarray, residual: np.ndarray):
    """Information on the taps, shape (J, J), and downhill gradient, (J,), with all else eliminated."""
    stacked = np.concatenate([rows, known, residual[None]])
    on_baseline = problem.on_baseline(stacked)
    products = stacked @ stacked.T - on_baseline @ on_baseline.T
    j, k = len(rows), len(rows) + len(known)
    inner = products[j:k, j:k]
    cross = products[:, j:k]
    products = products - cross @ np.linalg.solve(inner + 1e-9 * np.diag(np.diag(inner)), cross.T)
    return products[:j, :j], products[:j, k]


def _taps(problem: Problem, gram: np.ndarray, right: np.ndarray, solution: Solution, before: np.ndarray):
    """(taps, ridge) of the strength with the least criterion, None when a Voigt line has less."""
    values, vectors = np.linalg.eigh(gram)
    values, along = np.clip(values, 0.0, None), vectors.T @ right
    start = solution.cost + 2.0 * right @ before - before @ gram @ before  # chi-squared without taps
    best, chosen = len(problem.target) * np.log(max(start, 1e-300)), None
    for ridge in STRENGTHS * max(values.max(), 1e-300):
        taps = along / (values + ridge)
        chi2 = start - 2.0 * along @ taps + values @ taps**2
        freedom = float(np.sum(values / (values + ridge)))
        criterion = len(problem.target) * np.log(max(chi2, 1e-300)) + 2.0 * AIC_WEIGHT * freedom
        if criterion < best:
            best, chosen = criterion, (vectors @ taps, float(ridge))
    return chosen
