"""One spectrum under many defensible models: the mean of what they say, and how far they differ.

No one knows the baseline of a real scan, nor the width and the proportions of its macromolecules and lipids, nor the
line that its shim makes, nor where the flank of water ends. Each choice is defensible and each moves Glu and Gln, often
by more than the noise. So all are fitted, in an even share of their combinations;
their weights are (chi^2 per point)^-2, their mean is the estimate, and their weighted covariance is the uncertainty of
the model, which stands beside the Cramer-Rao bound (docs/fitting.md says how rule and set were chosen).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from spinsculpt.basis import BasisSet
from spinsculpt.config import AVERAGE_GROUPS, AVERAGE_RANGES, LINES, MACROMOLECULES, SHAPES, FitModel, matches
from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.progress import bar
from spinsculpt.fit import _result
from spinsculpt.fit._broad import of_study
from spinsculpt.fit._data import prepare
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._fit import beginnings, build_problem, fit_one, lowest, refined, report, suspicions
from spinsculpt.fit._model import Problem
from spinsculpt.fit._resample import resample_averages
from spinsculpt.fit._residual import MACROMOLECULE_NAMES, residual_tests
from spinsculpt.fit._result import Curve, FitResult, ModelFit
from spinsculpt.fit._solver import Solution, minimise

STIFFNESSES = (10.0, 7.0, 5.5, 4.0, 2.5, 1.5)  # degrees of freedom per ppm, from soft to stiff
HIGH_RESIDUAL = 10.0  # reduced chi-squared up to which the total SD was seen to hold (docs/fitting.md)
FEWEST = 8  # parts of a scan whose resampling says something
_ENOUGH = 1e-2  # of the variance of the noise: what a further step of a member may promise, a tenth of an SD
# What lies under macromolecules with all its signals (of GABA, those at 3.0, 2.3 and 1.9 ppm), so that models which err
# about these in common agree on a wrong number: their spread alone does not tell.
COVERED = ("GABA",)
_POWER = 2.0  # of chi-squared per point in the weights
MODEL_SD_FACTOR = 1.7  # by which the SD between models is too small, since they err in common too (docs/fitting.md)


def fit(
    data: Sequence[FID],
    bases: Sequence[BasisSet],
    model: FitModel | None = None,
    noise_sd: Sequence[float] | np.ndarray | None = None,
    labels: Sequence[str] | None = None,
    parts: Sequence[np.ndarray] = (),
    repeats: int = 0,
    seed: int = 1,
) -> FitResult:
    """Fit spectra with one set of concentrations, under one model or, with the baseline "average", under many.

    Args:
        data: one FID a spectrum; more than one is a joint fit.
        bases: one basis a spectrum.
        model: what to fit; the default FitModel if None.
        noise_sd: SD of the noise of one real channel of `to_spectrum`, one a spectrum; None: from signal-free points,
            with the noise that spectra have in common. A covariance matrix says both.
        labels: names of the spectra for tables and messages.
        parts: each FID in successive parts, shape (points, n), of which the FID is the mean; none without.
        repeats: number of fits of resampled parts, where there are at least FEWEST; 0 for none.
        seed: of their random numbers.
    Raises:
        SpinsculptError: when data and basis do not belong together or the data cannot be fitted.
    """
    model = model or FitModel()
    labels = tuple(labels or (["spectrum"] if len(data) == 1 else [f"spectrum{k + 1}" for k in range(len(data))]))
    fids, matched = prepare(data, bases, model, labels)
    with threadpool_limits(1):  # the matrices are small: threads would only wait for each other
        if model.baseline.kind != "average":
            result = fit_one(fids, matched, model, labels, noise_sd)
            problem, solution = result.problem, result.solution
        else:
            members = _members(fids, matched, model, labels, noise_sd)
            result = _average(members, model, labels)
            problem, solution = None, None
        if not repeats or not parts or parts[0].shape[1] < FEWEST:
            return result
        if problem is None:
            best = min(members, key=lambda each: each.chi2_per_point)
            problem, solution = _again(fids, matched, best, labels, noise_sd)
        covariance = resample_averages(problem, solution, parts, repeats, seed, _ENOUGH)
    return result.with_bootstrap(covariance, repeats, parts[0].shape[1])


@dataclass(frozen=True)
class _FittedModel:
    model: FitModel
    shifts: tuple[float, ...]  # about which its bounds lie
    result: FitResult
    chi2_per_point: float


def describe_model(model: FitModel) -> str:
    """The model in words, e.g. "baseline poly:2, line shape voigt, fitted in 0.2–4.2 ppm"."""
    average = model.baseline.kind == "average"
    members = [member for family in models_of(model) for member in family] if average else [model]
    stiff = f"{min(STIFFNESSES):g} to {max(STIFFNESSES):g} degrees of freedom per ppm"
    baseline = f"mean of {len(members)} models with spline baselines of {stiff}"
    ranges = dict.fromkeys(" and ".join(f"{low:g}–{high:g}" for low, high in member.ranges) for member in members)
    return (
        f"{baseline if average else f'baseline {model.baseline}'}, line shape "
        f"{' or '.join(dict.fromkeys(member.line for member in members))}, fitted in {' or '.join(ranges)} ppm"
    )


def models_of(model: FitModel) -> list[list[FitModel]]:
    """The models that an average is of: families of one fit range, grouping and line shape, from soft to stiff.

    What the user names is kept. The line shape takes turns over ranges and groups, proportions and lines of
    macromolecules over the stiffness: a part of all combinations, in which each choice still meets all of any other.
    """
    ranges = AVERAGE_RANGES if model.ppm is None else (model.ppm,)
    groups = AVERAGE_GROUPS if model.groups is None else (model.groups,)
    lines = LINES if model.lineshape is None else (model.lineshape,)
    shapes = _shapes(model)
    combined = list(itertools.product(enumerate(ranges), enumerate(groups), enumerate(lines)))
    if len(ranges) * len(groups) > 1:
        combined = [each for each in combined if (each[0][0] + each[1][0] - each[2][0]) % len(lines) == 0]
    return [
        [
            replace(
                model,
                ppm=ppm,
                groups=grouping,
                lineshape=line,
                baseline=f"spline:{stiffness}",
                soft_ratios=shapes[(k + turn) % len(shapes)][0],
                macromolecules=shapes[(k + turn) % len(shapes)][1],
            )
            for k, stiffness in enumerate(STIFFNESSES)
        ]
        for turn, ((_, ppm), (_, grouping), (_, line)) in enumerate(combined)
    ]


def _shapes(model: FitModel) -> list[tuple]:
    """Soft ratios and macromolecules that models take in turn: those of `SHAPES` that agree with what is named."""
    ratios, lines = model.soft_ratios, model.macromolecules
    if ratios is None and lines is None:
        return list(SHAPES)
    agreeing = [each for each in SHAPES if ratios in (None, each[0]) and lines in (None, each[1])]
    return list(dict.fromkeys(agreeing)) or [(ratios or SHAPES[0][0], lines or SHAPES[0][1])]


def _named(model: FitModel) -> str:
    ranges = " and ".join(f"{low:g}-{high:g}" for low, high in model.ranges)
    grouping = " | ".join(map(" ".join, model.grouping)) or "one group"
    ratios = f", ratios of {model.soft_ratios}" if model.soft_ratios == "lcmodel" else ""
    study = f", macromolecules of {model.macromolecules}" if model.macromolecules != MACROMOLECULES[0] else ""
    return f"{ranges} ppm, {grouping}, {model.line} line, {model.baseline}{ratios}{study}"


def _members(fids, bases, model: FitModel, labels, noise_sd) -> list[_FittedModel]:
    """Every model fitted: at the softest baseline from all starts, then from the neighbour's minimum and one start."""
    found, families = [], models_of(model)
    sets = {choice: of_study(bases, choice) for choice in MACROMOLECULES}
    with bar(len(families) * len(STIFFNESSES), "fits under models of the baseline") as step:
        for family in families:
            problem = build_problem(fids, bases, family[0], labels, noise_sd)
            first = beginnings(problem)
            places = first
            for each in family:
                problem.model = each
                problem.set_basis(sets[each.macromolecules])
                problem.set_stiffness(each.baseline.number)
                problem.concentration_penalty[:] = 0.0
                shifts, solution = lowest(problem, places, small=_ENOUGH)
                problem.recentre(shifts)
                # A free line is that of the softest baseline, where it takes least of what is not its own.
                solution = refined(problem, solution, new_line=places is first, small=_ENOUGH)
                result = replace(report(problem, solution, labels), problem=None, solution=None)
                chi2 = result.qc["chi_squared"] / len(problem.target)
                found.append(_FittedModel(each, shifts, result, chi2))
                places = [(shifts, solution.theta), *(first[:1] if problem.line is None else ())]
                step()
    converged = [member for member in found if member.result.qc["converged"]]
    return converged or found


def _again(fids, bases, member: _FittedModel, labels, noise_sd) -> tuple[Problem, Solution]:
    """Problem and minimum of a member, which does not keep them."""
    problem = build_problem(fids, bases, member.model, labels, noise_sd)
    problem.recentre(member.shifts)
    theta = np.array([each.value for each in member.result.parameters])
    return problem, refined(problem, minimise(problem, theta, small=_ENOUGH), small=_ENOUGH)


def _average(members: Sequence[_FittedModel], model: FitModel, labels: Sequence[str]) -> FitResult:
    results = [member.result for member in members]
    weights = np.array([member.chi2_per_point for member in members]) ** -_POWER
    weights = weights / weights.sum()
    values = np.array([result.concentrations.values for result in results])
    mean = weights @ values
    apart = values - mean
    spread = MODEL_SD_FACTOR**2 * (apart * weights[:, None]).T @ apart
    count = len(mean)
    noise = np.einsum("k,kij->ij", weights, np.array([result.covariance[:count, :count] for result in results]))
    best = results[int(np.argmax(weights))]
    estimates = Estimates(best.names, mean, noise)
    total = Estimates(best.names, mean, noise + spread)
    widest = _widest(members)
    reduced = min(result.qc["reduced_chi_squared"] for result in results)
    misfit = reduced > HIGH_RESIDUAL
    local = weights @ np.array([result.misfit for result in results])
    flags = _flags(results, weights, total, model, misfit, local)
    curves = tuple(_mean_curve([results[k].curves[s] for k in widest], weights[widest]) for s in range(len(labels)))
    noise_sd = best.qc["signal_free_noise_sd"]
    tests = {curve.label: residual_tests(curve, noise_sd[curve.label]) for curve in curves}
    told = _messages(flags, misfit, reduced)
    return replace(
        best,
        concentrations=estimates,
        spread=spread,
        models=tuple(
            ModelFit(_named(member.model), float(weight), member.chi2_per_point, member.result.concentrations.values)
            for member, weight in zip(members, weights, strict=True)
        ),
        covariance=noise + spread,
        curves=curves,
        snr=weights @ np.array([result.snr for result in results]),
        flags=flags,
        misfit=local,
        messages=told if _result.NO_SIGNAL in flags else (*told, *suspicions(tests, total, model)),
        qc=best.qc
        | {
            "averaged_models": len(members),
            "residual": tests,
            "held_by_bounds": sorted({name for result in results for name in result.qc["held_by_bounds"]}),
            "reduced_chi_squared": reduced,
            "covariance": "of the noise (weighted mean over the models) and between the models",
            "reliable": [name for name, flag in zip(best.names, flags, strict=True) if not flag],
        },
        model=model,
    )


def _widest(members: Sequence[_FittedModel]) -> list[int]:
    """Positions of the models with the widest fit range, whose curves can be averaged."""
    points = [len(member.result.curves[0].ppm) for member in members]
    return [k for k, count in enumerate(points) if count == max(points)]


def _mean_curve(curves: Sequence[Curve], weights: np.ndarray) -> Curve:
    parts = {
        key: np.average([getattr(curve, key) for curve in curves], axis=0, weights=weights)
        for key in ("fit", "baseline", "components", "noise_sd")
    }
    baselines = np.array([curve.baseline for curve in curves])
    return replace(curves[0], **{**parts, "noise_sd": float(parts["noise_sd"])}, baselines=baselines)


def _flags(results, weights, total: Estimates, model: FitModel, misfit: bool, local: np.ndarray) -> tuple[str, ...]:
    """What the most weighty half of the models says is wrong, then what the total SD says."""
    flags, much, differing = [], _result.implausible(total, model), _differing(results, total)
    for k, percent in enumerate(total.percent):
        found = ""
        for flag in (_result.NO_SIGNAL, _result.NOT_CONVERGED, _result.AT_BOUND):
            share = sum(w for w, result in zip(weights, results, strict=True) if result.flags[k] == flag)
            found = found or (flag if share > 0.5 else "")
        if not found and total.values[k] <= 0.0:
            found = _result.AT_ZERO
        poor = _result.poorly(percent, model.max_crlb, "SD") or (_result.MODELS_DIFFER if differing[k] else "")
        nearby = _result.LOCAL_RESIDUAL if local[k] > HIGH_RESIDUAL else ""
        flags.append(found or poor or (_result.HIGH_RESIDUAL if misfit else nearby) or much[k])
    return tuple(flags)


def _differing(results: Sequence[FitResult], total: Estimates) -> np.ndarray:
    """Of each metabolite, whether macromolecules cover it and some model moves it by more than its SD, shape (L,)."""
    if not any(matches(name, MACROMOLECULE_NAMES) for name in total.names):
        return np.zeros(len(total.names), bool)
    apart = np.abs(np.array([result.concentrations.values for result in results]) - total.values).max(axis=0)
    return (apart > total.sd) & np.array([name in COVERED for name in total.names])


def _messages(flags: Sequence[str], misfit: bool, reduced: float) -> tuple[str, ...]:
    found = []
    if _result.NO_SIGNAL in flags:
        found.append("No metabolite is reliable: the spectrum holds no more than noise would explain.")
    elif all(flags):
        found.append("No metabolite is reliable; the flags of the summary say why.")
    if misfit:
        found.append(
            f"High residual: {reduced:.1f} times the variance of the noise in the best of the models; they miss what "
            "their spread does not contain (a signal without basis function, an artefact), and no estimate is called "
            "reliable."
        )
    return tuple(found)


def refuse_average(result: FitResult, what: str) -> None:
    """Raise when `result` is of many models, of which `what` can be had of one only."""
    if result.models:
        raise SpinsculptError(f"fit: {what} needs one model; name a baseline, such as spline:5 or poly:2.")
