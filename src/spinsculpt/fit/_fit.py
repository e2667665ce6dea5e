"""Fit one or several spectra under one model: from prepared data and basis to a FitResult."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import Baseline, FitModel
from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit import _result
from spinsculpt.fit._broad import of_study
from spinsculpt.fit._crlb import covariance_of
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._lineshape import free_line
from spinsculpt.fit._model import Problem, noise_matrix
from spinsculpt.fit._noise import noise_covariance
from spinsculpt.fit._residual import misfit_of, nuisance_messages, residual_messages, residual_tests
from spinsculpt.fit._result import Curve, FitResult, ParameterEstimate
from spinsculpt.fit._solver import Solution, minimise
from spinsculpt.fit._starts import explained, starts

STIFFNESSES = (0.6, 1.0, 1.5, 2.0, 3.0, 4.5, 7.0)  # degrees of freedom per ppm that the automatic spline tries first
SOFTEST = 12.0  # and at most: there are 15 knots per ppm
AIC_WEIGHT = 5.0  # Wilson 2021 (doi:10.1002/mrm.28385): plain AIC lets the baseline follow the metabolites
_DEPENDENT = 1e-3  # smallest eigenvalue of the correlation of noise; below, one spectrum is made of the others
HIGH_RESIDUAL = 2.0  # reduced chi-squared above which the model misses something
_STRAIGHT = 2.0  # degrees of freedom of a straight line
_Place = tuple[tuple[float, ...], np.ndarray]  # shifts of the spectra (rad/s), parameters theta
UNITS = {"gamma": "1/s", "gauss": "1/s^2", "eps": "rad/s", "phi0": "rad", "phi1": "rad/Hz"}


def fit_one(
    fids: Sequence[FID],
    bases: Sequence[BasisSet],
    model: FitModel,
    labels: Sequence[str],
    noise_sd: Sequence[float] | np.ndarray | None = None,
) -> FitResult:
    """The fit of prepared data (`_data.prepare`) under one model; arguments as of `fit`."""
    problem = build_problem(fids, bases, model, labels, noise_sd)
    return report(problem, solve(problem), labels)


def build_problem(
    fids: Sequence[FID],
    bases: Sequence[BasisSet],
    model: FitModel,
    labels: Sequence[str],
    noise_sd: Sequence[float] | np.ndarray | None = None,
) -> Problem:
    """The problem of prepared data (`_data.prepare`), with its noise; conjugated data are refused."""
    noise = noise_covariance(fids) if noise_sd is None else noise_matrix(noise_sd)
    noise = floored(noise, fids)
    if np.linalg.eigvalsh(_correlation(noise))[0] < _DEPENDENT:
        raise SpinsculptError(
            f"{', '.join(labels)}: the noise of one is that of the others, as if a scan were given twice, or a "
            "difference beside both its parts; leave one out."
        )
    problem = Problem(fids, of_study(bases, model.macromolecules), model, noise)
    _refuse_conjugated(problem, labels)
    return problem


def solve(problem: Problem) -> Solution:
    """The lowest minimum of several starts, with automatic stiffness and soft ratios when the model has them."""
    model = problem.model
    if model.baseline == Baseline("spline"):
        shifts, solution = _choose_stiffness(problem)
    else:
        shifts, solution = lowest(problem, beginnings(problem))
    problem.recentre(shifts)
    return refined(problem, solution)


def refined(problem: Problem, solution: Solution, new_line: bool = True, **accuracy: float) -> Solution:
    """A minimum with what needs one to begin with, when the model has it: a free line (`new_line`), soft ratios."""
    if problem.model.line == "free" and new_line:
        solution = free_line(problem, solution, **accuracy)
    if _by_residual(problem):
        for _ in range(2):
            problem.weigh_priors(_chi2(problem, solution) / len(problem.target))
            solution = replace(minimise(problem, solution.theta, **accuracy), notes=solution.notes)
    if problem.model.priors:
        for _ in range(2 if accuracy else 3):  # the scale of the priors is that of the concentrations themselves
            problem.set_soft_ratios(solution.concentrations)
            solution = replace(minimise(problem, solution.theta, **accuracy), notes=solution.notes)
    return solution


def beginnings(problem: Problem) -> list[_Place]:
    """Shifts of the spectra and parameters of the starting points, most promising first."""
    return [(start.shifts, start.theta) for start in starts(problem, problem.model.starts)]


def lowest(problem: Problem, places: Sequence[_Place], **accuracy: float) -> tuple[tuple[float, ...], Solution]:
    """The lowest of the minima below several places, with the shifts about which its bounds lie.

    Priors on lines that have not been weighed against the residual are, and the search begins anew.
    """
    while True:
        best = None
        for shifts, theta in places:
            problem.recentre(shifts)
            solution = minimise(problem, theta, known=best[1] if best else None, **accuracy)
            if best is None or solution.cost < best[1].cost:
                best = (shifts, solution)
        if problem.weighed or not _by_residual(problem):
            return best
        problem.weigh_priors(_chi2(problem, best[1]) / len(problem.target))


def _by_residual(problem: Problem) -> bool:
    """Whether priors on lines are weighed against the residual, where the noise is taken from, too."""
    return problem.tied and problem.model.noise == "residual"


def _choose_stiffness(problem: Problem) -> tuple[tuple[float, ...], Solution]:
    """Stiffness with the least Akaike criterion, R ln(chi^2) + 2 w (degrees of freedom of the baseline).

    At each stiffness the fit begins anew from every starting point and from the minima of its neighbours, along the
    path and back: warm starts alone end in a minimum that only the stiffest baseline has. While an edge of the grid
    is the best, the grid goes on, up to a straight line or as many knots as there are.
    """
    tried: dict[float, tuple[tuple[float, ...], Solution]] = {}

    def criterion(stiffness: float) -> float:
        problem.set_stiffness(stiffness)
        chi2 = _chi2(problem, tried[stiffness][1])
        return len(problem.target) * np.log(chi2) + 2.0 * AIC_WEIGHT * problem.baseline_dimension

    def visit(stiffness: float, *warm: float) -> None:
        problem.set_stiffness(stiffness)
        places = [(shifts, solution.theta) for shifts, solution in (tried[each] for each in warm)]
        if stiffness in tried:
            tried[stiffness] = min(tried[stiffness], lowest(problem, places), key=lambda item: item[1].cost)
        else:
            tried[stiffness] = lowest(problem, beginnings(problem) + places)

    grid = list(STIFFNESSES)
    for before, stiffness in zip([None, *grid], grid, strict=False):
        visit(stiffness, *() if before is None else (before,))
    for after, stiffness in itertools.pairwise(reversed(grid)):
        visit(stiffness, after)
    note = ""
    while not note:
        best = min(grid, key=criterion)
        if best not in (grid[0], grid[-1]):
            break
        further = best * (grid[0] / grid[1] if best == grid[0] else grid[-1] / grid[-2])
        if not SOFTEST >= further >= _STRAIGHT / sum(high - low for low, high in problem.model.ranges):
            note = (
                f"The automatic spline chose the {'stiffest' if best == grid[0] else 'softest'} baseline there is "
                f"({best:.2g} degrees of freedom per ppm)."
            )
            break
        visit(further, best)
        grid = sorted([*grid, further])
    problem.set_stiffness(best)
    shifts, solution = tried[best]
    return shifts, replace(solution, notes=(note,) if note else ())


def report(
    problem: Problem,
    solution: Solution,
    labels: Sequence[str],
    engine: str = "builtin",
    curves: Sequence[Curve] | None = None,
) -> FitResult:
    """Turn a solution into a FitResult: covariance, curves, quality and flags.

    `curves` are those of another engine, one a spectrum: they are stored as they are, and chi-squared is theirs.
    """
    model, theta, c = problem.model, solution.theta, solution.concentrations
    chi2 = _chi2(problem, solution) if curves is None else _chi2_of(problem, curves)
    free = int(np.count_nonzero(c > 0.0)) + len(theta)
    degrees = max(len(problem.target) - free - problem.baseline_dimension, 1.0)
    reduced = chi2 / degrees
    # From the residual as FSL-MRS takes it: no correction for the number of fitted parameters.
    inflation = chi2 / len(problem.target) if model.noise == "residual" else 1.0
    held = problem.held(theta, c)
    covariance = covariance_of(problem, theta, c, held) * inflation
    count = len(c)
    estimates = Estimates(problem.names, c, covariance[:count, :count])
    if curves is None:
        curves = tuple(_curve(problem, solution, s, label) for s, label in enumerate(labels))
    curves = tuple(
        replace(curve, noise_sd=float(np.sqrt(problem.noise[s, s] * inflation))) for s, curve in enumerate(curves)
    )
    parameters = _parameters(problem, theta, np.sqrt(np.diag(covariance))[count:], labels)
    snr, fwhm = _peaks(problem, theta, c, curves[0].noise_sd)
    detected = _detection(problem, chi2, max(1.0, reduced))
    misfit = reduced > HIGH_RESIDUAL
    signal_free = np.sqrt(np.diag(problem.noise))
    of_spectra = [
        misfit_of(curve.components, curve.residual, sd) for curve, sd in zip(curves, signal_free, strict=True)
    ]
    local = np.max(of_spectra, axis=0)
    flags = _flags(problem, solution, estimates, parameters, detected, misfit, local)
    tests = {curve.label: residual_tests(curve, float(sd)) for curve, sd in zip(curves, signal_free, strict=True)}
    told = [*_messages(solution, flags, detected, misfit, reduced), *_without_reference(model, estimates)]
    return FitResult(
        engine=engine,
        concentrations=estimates,
        parameters=parameters,
        covariance=covariance,
        curves=curves,
        snr=snr,
        fwhm=fwhm,
        flags=flags,
        misfit=local,
        messages=(*told, *suspicions(tests, estimates, model)) if detected else tuple(told),
        qc={
            "converged": solution.converged,
            "steps": solution.steps,
            "chi_squared": chi2,
            "degrees_of_freedom": degrees,
            "reduced_chi_squared": reduced,
            "noise_from": "residual" if model.noise == "residual" else "signal-free points",
            "noise_sd": {curve.label: curve.noise_sd for curve in curves},
            "signal_free_noise_sd": dict(zip(labels, signal_free.tolist(), strict=True)),
            "residual": tests,
            "noise_correlation": _correlation(problem.noise).tolist(),
            "covariance": "posterior: penalties and priors included"
            if _has_priors(problem)
            else "Cramer-Rao lower bound",
            "baseline_degrees_of_freedom": problem.baseline_dimension,
            "linewidth_hz": linewidth(problem, theta),
            "held_by_bounds": [each.name for each, at in zip(parameters, held, strict=True) if at],
            "at_zero": [name for name, value in zip(problem.names, c, strict=True) if value <= 0.0],
            "reliable": [name for name, flag in zip(problem.names, flags, strict=True) if not flag],
        },
        model=model,
        problem=problem,
        solution=solution,
    )


def suspicions(tests: dict, estimates: Estimates, model: FitModel) -> list[str]:
    """Sentences about residuals (by label, of `residual_tests`) and about what is not plausible."""
    reference = [name for name in model.reference if name in estimates.names]
    of_residuals = [text for label, each in tests.items() for text in residual_messages(each, label, estimates.names)]
    return [*of_residuals, *nuisance_messages(estimates, reference, model.max_ratio)]


def linewidth(problem: Problem, theta: np.ndarray) -> list[float]:
    """Voigt width in Hz that the fit adds to each group in the first spectrum (Olivero & Longbothum 1977)."""
    v = problem.values(theta, 0)
    lorentz, gauss = v["gamma"] / np.pi, 2.0 * np.sqrt(v["gauss"] * np.log(2.0)) / np.pi
    return (0.5346 * lorentz + np.sqrt(0.2166 * lorentz**2 + gauss**2)).tolist()


def floored(noise: np.ndarray, fids: Sequence[FID]) -> np.ndarray:
    """Noise that is not zero: spectra without any noise are fitted as if they had 1e-6 of their highest point."""
    floor = np.array([1e-6 * np.max(np.abs(fid.spectrum)) for fid in fids]) ** 2
    return noise + np.diag(np.maximum(floor - np.diag(noise), 0.0))


def _refuse_conjugated(problem: Problem, labels: Sequence[str]) -> None:
    as_is, mirrored = explained(problem), explained(problem, conjugate=True)
    if mirrored > 4.0 * as_is and mirrored > 10.0 * _threshold(problem):
        raise SpinsculptError(
            f"{' and '.join(labels)}: the data look complex-conjugated: mirrored about water, the metabolites "
            f"explain {mirrored / max(as_is, 1e-300):.0f} times as much of the signal. Conjugate the FID (a NIfTI-MRS "
            "file holds the conjugate of what a Fourier transform wants) or convert the raw file again."
        )


def _threshold(problem: Problem) -> float:
    """Decrease of chi-squared that as many parameters reach in pure noise only by a rare chance."""
    count = len(problem.names) + len(problem.parameters)
    return count + 6.0 * np.sqrt(2.0 * count)


def _detection(problem: Problem, chi2: float, scale: float) -> bool:
    """Whether the metabolites explain more than noise lets them."""
    projected = problem.residual_without_metabolites()
    return (projected - chi2) / scale > _threshold(problem)


def _chi2(problem: Problem, solution: Solution) -> float:
    linear = problem.linear(solution.theta)
    b = problem.baseline_coefficients(linear, solution.concentrations)
    residual = problem.target - solution.concentrations @ linear.rows - b @ problem.baseline
    return float(residual @ residual)


def _chi2_of(problem: Problem, curves: Sequence[Curve]) -> float:
    """Chi-squared of curves that another engine fitted."""
    residual = problem.whiten([curve.residual[None] for curve in curves])[0]
    return float(residual @ residual)


def _curve(problem: Problem, solution: Solution, s: int, label: str) -> Curve:
    block = problem.blocks[s]
    components = solution.concentrations[:, None] * problem.components(solution.theta, s)
    coefficients = problem.baseline_coefficients(problem.linear(solution.theta), solution.concentrations)
    baseline = problem.baseline_curve(coefficients, s)
    return Curve(label, block.ppm, block.data, components.sum(axis=0) + baseline, baseline, components)


def _parameters(
    problem: Problem, theta: np.ndarray, sd: np.ndarray, labels: Sequence[str]
) -> tuple[ParameterEstimate, ...]:
    names = {"gauss": "sigma2"}
    found = []
    for k, p in enumerate(problem.parameters):
        name = names.get(p.kind, p.kind) + ("" if p.group is None else f"_{p.group}")
        if p.spectrum is not None:
            name += f":{labels[p.spectrum]}"
        low, high = float(problem.lower[k]), float(problem.upper[k])
        margin = 1e-6 * (high - low) if np.isfinite(high - low) else 0.0
        # A width of zero is a line as narrow as the basis: possible, not suspicious.
        bound = theta[k] >= high - margin or (p.kind not in ("gamma", "gauss") and theta[k] <= low + margin)
        found.append(ParameterEstimate(name, float(theta[k]), float(sd[k]), UNITS[p.kind], low, high, bool(bound)))
    return tuple(found)


def _peaks(problem: Problem, theta: np.ndarray, c: np.ndarray, noise_sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Peak height over noise and width in Hz of the highest peak of each metabolite in the first spectrum."""
    block, unphased = problem.blocks[0], theta.copy()
    for k, parameter in enumerate(problem.parameters):
        if parameter.kind.startswith("phi"):
            unphased[k] = 0.0
    components = problem.components(unphased, 0).real
    heights = np.max(np.abs(components), axis=1)
    widths = [_width(block.frequency, row * np.sign(row[np.argmax(np.abs(row))])) for row in components]
    return c * heights / noise_sd, np.array(widths)


def _width(frequency: np.ndarray, peak: np.ndarray) -> float:
    """Full width at half maximum of the highest peak in Hz, nan when the range cuts it."""
    top = int(np.argmax(peak))
    half = 0.5 * peak[top]
    if half <= 0.0:
        return float("nan")
    left, right = np.flatnonzero(peak[:top] < half), np.flatnonzero(peak[top:] < half)
    if not left.size or not right.size:
        return float("nan")
    i, j = left[-1], top + right[0]
    low = np.interp(half, peak[i : i + 2], frequency[i : i + 2])
    high = np.interp(-half, -peak[j - 1 : j + 1], frequency[j - 1 : j + 1])
    return float(high - low)


def _flags(
    problem: Problem,
    solution: Solution,
    estimates: Estimates,
    parameters: Sequence[ParameterEstimate],
    detected: bool,
    misfit: bool,
    local: np.ndarray,
) -> tuple[str, ...]:
    bad_groups = {
        p.group for p, e in zip(problem.parameters, parameters, strict=True) if e.at_bound and p.group is not None
    }
    flags, much = [], _result.implausible(estimates, problem.model)
    for k, percent in enumerate(estimates.percent):
        if not detected:
            flags.append(_result.NO_SIGNAL)
        elif not solution.converged:
            flags.append(_result.NOT_CONVERGED)
        elif estimates.values[k] <= 0.0:
            flags.append(_result.AT_ZERO)
        elif problem.groups[k] in bad_groups:
            flags.append(_result.AT_BOUND)
        else:
            poor = _result.poorly(percent, problem.model.max_crlb)
            nearby = _result.LOCAL_RESIDUAL if local[k] > HIGH_RESIDUAL else ""
            flags.append(poor or (_result.HIGH_RESIDUAL if misfit else nearby) or much[k])
    return tuple(flags)


def _messages(
    solution: Solution, flags: Sequence[str], detected: bool, misfit: bool, reduced: float
) -> tuple[str, ...]:
    found = list(solution.notes)
    if not detected:
        found.append("No metabolite is reliable: the spectrum holds no more than noise would explain.")
    elif all(flags):
        found.append("No metabolite is reliable; the flags of the summary say why.")
    if not solution.converged:
        found.append(f"The fit did not converge in {solution.steps} steps.")
    if _result.AT_BOUND in flags:
        found.append(
            "A width or a shift ended at its bound; check frequency and shim, or widen max_shift or max_width."
        )
    if misfit:
        found.append(
            f"High residual: {reduced:.1f} times the variance of the noise; the model misses something (baseline, "
            "macromolecules, lineshape), which no CRLB contains, and no estimate is called reliable."
        )
    return tuple(found)


def _without_reference(model: FitModel, estimates: Estimates) -> tuple[str, ...]:
    """That there are no ratios, where what they refer to is zero: creatine leaves a difference spectrum."""
    reference = [name for name in model.reference if name in estimates.names]
    if not reference or any(estimates.values[estimates.names.index(name)] > 0.0 for name in reference):
        return ()
    return (
        f"{'+'.join(reference)} is zero here (a difference spectrum holds none), so there are no ratios to it; give a "
        "water reference, or fit the conditions jointly.",
    )


def _has_priors(problem: Problem) -> bool:
    return bool(problem.prior_precision.any() or problem.concentration_penalty.any() or problem.baseline_penalty.any())


def _correlation(covariance: np.ndarray) -> np.ndarray:
    sd = np.sqrt(np.diag(covariance))
    return covariance / np.outer(sd, sd)
