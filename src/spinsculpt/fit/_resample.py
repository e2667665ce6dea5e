"""Uncertainty without formulas: Monte Carlo, bootstrap, and samples of the posterior."""

import os
from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.problems import sentence_of
from spinsculpt.core.progress import bar
from spinsculpt.fit._crlb import covariance_of
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._model import Problem
from spinsculpt.fit._result import FitResult
from spinsculpt.fit._solver import Solution, minimise


def monte_carlo(
    result: FitResult, repeats: int = 1000, seed: int = 0, kind: str = "noise", processes: int | None = None
) -> np.ndarray:
    """Concentrations of repeated fits of the fitted model with new noise.

    Args:
        result: a fit of the builtin engine.
        repeats: number of fits.
        seed: of the random numbers; the same seed gives the same numbers whatever the number of processes.
        kind: "noise" (Gaussian, with the SD that the CRLBs use) or "bootstrap" (residuals drawn with replacement).
        processes: how many work at once; None: one a core.
    Returns:
        Shape (repeats, L). `spread` turns it into mean and covariance.
    """
    problem, solution = _origin(result)
    if kind not in ("noise", "bootstrap"):
        raise SpinsculptError(f"Monte Carlo draws noise or bootstrap, not {kind!r}.")
    linear = problem.linear(solution.theta)
    b = problem.baseline_coefficients(linear, solution.concentrations)
    model = solution.concentrations @ linear.rows + b @ problem.baseline
    residual = problem.target - model if kind == "bootstrap" else None
    sd = result.curves[0].noise_sd / np.sqrt(problem.noise[0, 0])
    chunks = np.array_split(np.arange(repeats), max(1, min(repeats, 4 * (processes or os.cpu_count() or 1))))
    tasks = [(problem, solution.theta, model, residual, sd, seed, chunk) for chunk in chunks if len(chunk)]
    parts: list[np.ndarray] = []
    with bar(len(tasks), f"parts of {repeats} fits with new noise") as step:
        if processes == 1 or repeats < 20:
            for task in tasks:
                parts.append(_refit(task))
                step()
        else:
            from concurrent.futures import ProcessPoolExecutor  # not needed by a single fit, so not imported for one

            with ProcessPoolExecutor(processes) as pool:
                for part in pool.map(_refit, tasks):
                    parts.append(part)
                    step()
    return np.concatenate(parts)


def resample_averages(
    problem: Problem, solution: Solution, parts: Sequence[np.ndarray], repeats: int, seed: int, small: float
) -> np.ndarray:
    """Covariance of the concentrations, shape (L, L), over fits of a scan whose averages are drawn with replacement.

    What varies from average to average is in it, noise or not: motion, drift of water and of lipids.

    Args:
        problem, solution: of the whole scan; each fit begins at its minimum.
        parts: of each spectrum its FID in successive parts, shape (points, n), n the same for all: parts of one time
            stay together.
        repeats: number of fits.
        seed: of the random numbers.
        small: how close to the minimum a fit must come, see `minimise`.
    """
    count = parts[0].shape[1]
    apart = [part - part.mean(axis=1, keepdims=True) for part in parts]
    rows = problem.whiten(
        [block.transform(each[: len(block.samples)].T) for block, each in zip(problem.blocks, apart, strict=True)]
    ) * np.sqrt(count / (count - 1.0))
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), repeats) / count
    fits = [
        minimise(problem.retarget(problem.target + draw @ rows), solution.theta, small).concentrations for draw in draws
    ]
    return np.cov(fits, rowvar=False)


def spread(names: tuple[str, ...], samples: np.ndarray) -> Estimates:
    """Mean and covariance of samples, shape (n, L)."""
    return Estimates(names, samples.mean(axis=0), np.cov(samples, rowvar=False))


def sample_posterior(result: FitResult, draws: int = 2000, seed: int = 0) -> np.ndarray:
    r"""Draw concentrations from their posterior by emcee (Foreman-Mackey et al. 2013, doi:10.1086/670067).

    Priors are flat: in the nonlinear parameters within their bounds, in the concentrations and the baseline without
    any, so that the SDs compare with CRLBs and Monte Carlo. Given the nonlinear parameters theta the rest is Gaussian
    and is integrated in closed form, p(theta | y) ~ det(G)^(-1/2) exp(-chi^2(theta) / 2); the chain runs over theta
    alone, and each of its points gives one draw of the concentrations.

    Returns:
        Shape (about `draws`, L).
    """
    try:
        import emcee
    except ModuleNotFoundError as error:
        raise SpinsculptError(sentence_of(error)) from error
    problem, solution = _origin(result)
    rng = np.random.default_rng(seed)
    scale = (result.curves[0].noise_sd ** 2) / problem.noise[0, 0]
    free = covariance_of(problem, solution.theta, solution.concentrations)  # a chain leaves a bound that holds the fit
    sd = np.sqrt(scale * np.diag(free))[len(result.names) :]

    def log_posterior(theta: np.ndarray) -> float:
        if np.any(theta < problem.lower) or np.any(theta > problem.upper):
            return -np.inf
        linear = problem.linear(theta)
        factor = np.linalg.cholesky(linear.gram)
        half = np.linalg.solve(factor, linear.right)
        cost = linear.constant - half @ half + theta @ problem.prior_precision @ theta
        return -0.5 * cost / scale - np.log(np.diag(factor)).sum()

    walkers = 4 * len(solution.theta)
    start = solution.theta + 0.5 * sd * rng.standard_normal((walkers, len(sd)))
    width = np.where(np.isfinite(problem.upper - problem.lower), problem.upper - problem.lower, np.inf)
    inset = np.minimum(1e-3 * sd, 1e-3 * width)
    start = np.clip(start, problem.lower + inset * (1 + rng.random(start.shape)), problem.upper - inset)
    sampler = emcee.EnsembleSampler(walkers, len(sd), log_posterior)
    sampler.random_state = np.random.RandomState(seed).get_state()
    burn, steps = 200, max(200, 10 * -(-draws // walkers))
    with threadpool_limits(1):
        sampler.run_mcmc(start, burn + steps)
        chain = sampler.get_chain(discard=burn, thin=10, flat=True)
        return np.array([_draw(problem, theta, scale, rng) for theta in chain])


def _draw(problem: Problem, theta: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    linear = problem.linear(theta)
    factor = np.linalg.cholesky(linear.gram)
    mean = np.linalg.solve(factor.T, np.linalg.solve(factor, linear.right))
    return mean + np.sqrt(scale) * np.linalg.solve(factor.T, rng.standard_normal(len(mean)))


def _origin(result: FitResult):
    if result.engine != "builtin" or result.problem is None or result.solution is None:
        raise SpinsculptError("Monte Carlo repeats fits of the builtin engine; this result has no such fit in it.")
    return result.problem, result.solution


def _refit(task: tuple) -> np.ndarray:
    problem, theta, model, residual, sd, seed, numbers = task
    found = []
    with threadpool_limits(1):  # one process a core is parallel enough
        for number in numbers:
            rng = np.random.default_rng([seed, int(number)])
            if residual is None:
                noise = sd * rng.standard_normal(len(model))
            else:
                points = residual.reshape(-1, 2)
                noise = points[rng.integers(len(points), size=len(points))].ravel()
            found.append(minimise(problem.retarget(model + noise), theta).concentrations)
    return np.array(found)
