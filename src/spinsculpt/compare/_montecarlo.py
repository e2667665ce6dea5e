"""What fits of noisy data say, with the right model and with wrong ones: bias, SD, RMSE, coverage, and who is best."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import chi2
from threadpoolctl import threadpool_limits

from spinsculpt.basis import BasisSet
from spinsculpt.compare._analysis import Analysis, broadened, same_time_noise, typical_concentrations
from spinsculpt.compare._separation import noise_of_study
from spinsculpt.config import Compare
from spinsculpt.config import MonteCarlo as Settings
from spinsculpt.core.conventions import FID, WATER_PPM, time_axis
from spinsculpt.core.spectra import decay
from spinsculpt.fit import FitModel, FitResult, fit, minimise
from spinsculpt.physics.spins import Library

COLUMNS = [
    *("sequence", "condition", "axis", "level", "metabolite"),
    *("bias", "sd", "rmse", "bound", "coverage", "repeats", "unit"),
]
RANKING = ["sequence", "metabolite", "rmse", "low", "high", "best", "conditions", "unit"]
RETEST = ["sequence", "subject", "metabolite", "truth", "first", "second", "unit"]
RIGHT = "right model"
BROADER = 15.0  # Hz, Gaussian, of the macromolecules
UNKNOWN = {"copy": "MM12", "ppm": 2.3, "part": 0.1}  # no editing pulse touches its original
HUMP = {"ppm": 2.6, "fwhm_ppm": 0.8, "height": 0.02}  # of the baseline: height in peaks of the highest signal
LIPID = {"ppm": 1.3, "fwhm_ppm": 0.15, "height": 0.3}  # in the same unit
DRIFT = {"hz": 2.0, "degrees": 5.0}  # of the last shot against the others
MOTION = {"part": 0.9, "degrees": 15.0}  # signal and phase of the last shot after motion
RESAMPLES = 400
LASTING = 0.512  # s of signal that is fitted: of a line of 3 Hz less than 1 % is left, and fits take half the time


@dataclass(frozen=True)
class _Condition:
    """One way of measuring and fitting: bases of the data and of the fit, what is added, and the noise."""

    name: str
    axis: str  # "model", "snr", "linewidth" or "ratio"
    level: float
    data: list[BasisSet]
    fitted: list[BasisSet]
    linewidth: float
    snr: float
    scaled: Mapping[str, float]  # concentrations relative to the typical ones
    extra: Mapping[str, float] | None = None


@dataclass(frozen=True)
class MonteCarlo:
    """The three tables of a Monte Carlo study: `errors` (COLUMNS), `ranking` (RANKING) and `retest` (RETEST)."""

    errors: pd.DataFrame
    ranking: pd.DataFrame
    retest: pd.DataFrame


def monte_carlo_study(
    analyses: Sequence[Analysis],
    ideal: Mapping[str, Mapping[str, BasisSet]],
    library: Library,
    model: FitModel,
    settings: Compare,
    between: float = 0.15,
    processes: int = 1,
) -> MonteCarlo:
    """Fits of noisy spectra of each analysis, under right and wrong models, and of a cohort that is measured twice.

    Every condition is fitted `repeats` times with new noise, at equal total scan time. Wrong models, at the SNR and
    linewidth of the study: T2 20 % shorter or longer than the fit supposes; macromolecules 15 Hz broader; a signal that
    no basis function has; a hump of the baseline that no parabola follows; lipids of the scalp; a basis of ideal pulses
    for what real ones measured; between shots a drift of 2 Hz and 5 degrees, and one shot that lost a tenth of its
    signal and 15 degrees by motion (both leave a sequence of one shot as it is). With the right model: other SNR,
    linewidths and ratios of the pair.

    Args:
        analyses: what is compared, with the bases of all shots; only those of `judged` are.
        ideal: {analysis: basis of its sub-spectra with ideal pulses}, of those with real ones.
        library: T2 and concentrations.
        model: the fit model of the study.
        settings: the validated section `compare` of the config.
        between: coefficient of variation of concentrations between the subjects of the cohort.
        processes: analyses that are worked on at once; the numbers do not depend on it.
    """
    noise = noise_of_study(analyses[0], library, settings)
    tasks = [
        (
            replace(analysis, bases=_early(analysis.bases), shots=_early(analysis.shots)),
            _early(ideal.get(analysis.name, analysis.bases)),
            *(library, model, settings, noise, between),
        )
        for analysis in judged(analyses)
    ]
    if processes > 1 and len(tasks) > 1:
        with ProcessPoolExecutor(processes) as pool:
            parts = list(pool.map(_judged, tasks))
    else:
        parts = [_judged(task) for task in tasks]
    errors = pd.DataFrame([row for rows, _, _ in parts for row in rows], columns=COLUMNS)
    samples = {task[0].name: pooled for task, (_, pooled, _) in zip(tasks, parts, strict=True)}
    retest = pd.DataFrame([row for _, _, rows in parts for row in rows], columns=RETEST)
    return MonteCarlo(errors, _ranked(samples, settings), retest)


def _early(bases: Mapping[str, BasisSet]) -> dict[str, BasisSet]:
    """Basis sets that end after `LASTING`."""
    return {name: replace(basis, fids=basis.fids[:, : round(LASTING / basis.dwell)]) for name, basis in bases.items()}


def judged(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Analyses of sequences that can be played; of a study of ideal ones alone, all."""
    return [analysis for analysis in analyses if analysis.sequence.playable] or list(analyses)


def _judged(task: tuple) -> tuple[list[dict], dict[str, np.ndarray], list[dict]]:
    """Rows of the errors of one analysis, its errors {measure: (models, repeats)}, and the rows of its cohort."""
    analysis, ideal, library, model, settings, (sd, reference), between = task
    pair = tuple(settings.pair)
    names = next(iter(analysis.bases.values())).names
    typical = typical_concentrations(names, library, settings.concentrations)
    wanted = settings.montecarlo
    rows, pooled, cohort = [], {}, []
    factors = list(zip(analysis.noise_factors, analysis.bases.values(), strict=True))
    sds = [factor * same_time_noise(sd, reference, basis) for factor, basis in factors]
    usual = np.array([typical[name] for name in names])
    clean = None
    for condition in _conditions(analysis, ideal, library, settings):
        amounts = usual * np.array([condition.scaled.get(name, 1.0) for name in names])
        louder, target = settings.noise.snr / condition.snr, None
        if clean is None or condition.axis in ("model", "linewidth"):
            fids = []
            for basis in (broadened(basis, condition.linewidth) for basis in condition.data):
                signal = amounts @ basis.fids
                if condition.name == "unknown signal":
                    signal = signal + _unknown(basis, amounts, library)
                if condition.extra:
                    signal = signal + _line(signal, basis, condition.extra)
                fids.append(FID(signal, basis.dwell, basis.central_frequency))
            found = fit(fids, condition.fitted, model, noise_sd=sds)
            clean = clean or found
        else:  # the right model at another SNR or ratio: only the target and the noise differ
            found = clean
            linear = clean.problem.linear(clean.solution.theta)
            target = clean.problem.target + (amounts - usual) @ linear.rows
        generator = _generator(wanted.seed, analysis.name, condition.name)
        samples = _refitted(found, wanted.repeats, generator, target, louder)
        truth = {name: amounts[names.index(name)] for name in pair}
        pick = [found.concentrations.index(name) for name in pair]
        errors = _errors_of(samples[:, pick], list(truth.values()), pair)
        bounds = _bounds_of(found, pair, truth, louder)
        for measure, values in errors.items():
            given = {"sequence": analysis.name, "condition": condition.name, "axis": condition.axis}
            given |= {"level": condition.level, "metabolite": measure, "unit": "%"}
            rows.append(given | _summary(values, bounds[measure]))
            if condition.axis == "model":
                pooled.setdefault(measure, []).append(values)
    if wanted.subjects:
        cohort = _cohort(analysis.name, clean, typical, pair, wanted, between)
    return rows, {measure: np.array(values) for measure, values in pooled.items()}, cohort


def _conditions(analysis: Analysis, ideal: Mapping, library: Library, settings: Compare) -> Iterator[_Condition]:
    """All conditions, the nominal one first; for every analysis the same, so that their rankings compare."""
    width, snr, wanted = settings.linewidth_hz, settings.noise.snr, settings.montecarlo
    right = list(analysis.measured(library).values())

    def wrong(name: str, data: list[BasisSet] = right, fitted: list[BasisSet] = right, **more) -> _Condition:
        return _Condition(name, "model", np.nan, data, fitted, width, snr, {}, **more)

    yield wrong(RIGHT)
    for scale in (0.8, 1.2):
        yield wrong(f"T2 x {scale:g}", list(analysis.measured(library, scale).values()))
    yield wrong("broader macromolecules", [_broader(basis, library) for basis in right])
    if UNKNOWN["copy"] in right[0].names:
        yield wrong("unknown signal")
    yield wrong("hump of the baseline", extra=HUMP)
    yield wrong("lipids of the scalp", extra=LIPID)
    yield wrong("basis of ideal pulses", fitted=list(replace(analysis, bases=ideal).measured(library).values()))
    turned = np.deg2rad(DRIFT["degrees"])
    yield wrong(
        "drift between shots",
        _changed(analysis, library, lambda t: np.exp(1j * (DRIFT["hz"] * 2 * np.pi * t + turned))),
    )
    moved = MOTION["part"] * np.exp(1j * np.deg2rad(MOTION["degrees"]))
    yield wrong("motion of one shot", _changed(analysis, library, lambda t: moved))

    def other(axis: str, level: float, linewidth: float = width, snr: float = snr, scaled=None) -> _Condition:
        return _Condition(f"{axis} {level:g}", axis, level, right, right, linewidth, snr, scaled or {})

    for level in wanted.snr:
        yield other("snr", level, snr=level)
    for level in wanted.linewidth_hz:
        yield other("linewidth", level, linewidth=level)
    first, second = settings.pair
    given = {name: value for name, value in settings.concentrations.items() if name in settings.pair}
    typical = typical_concentrations((first, second), library, given)
    for level in wanted.ratio:
        yield other("ratio", level, scaled={second: level * typical[first] / typical[second]})


def _refitted(
    clean: FitResult,
    repeats: int,
    generator: np.random.Generator,
    target: np.ndarray | None = None,
    louder: float = 1.0,
) -> np.ndarray:
    """Concentrations of fits with new noise, shape (repeats, L).

    Args:
        clean: fit of noise-free data.
        repeats: number of fits.
        generator: of the noise.
        target: other noise-free data of the same problem.
        louder: factor on the noise that the problem supposes.
    """
    problem, theta = clean.problem, clean.solution.theta
    target = problem.target if target is None else target
    sd = louder * clean.curves[0].noise_sd / np.sqrt(problem.noise[0, 0])
    with threadpool_limits(1):
        return np.array(
            [
                minimise(problem.retarget(target + sd * generator.standard_normal(len(target))), theta).concentrations
                for _ in range(repeats)
            ]
        )


def _errors_of(found: np.ndarray, truth: Sequence[float], pair: Sequence[str]) -> dict[str, np.ndarray]:
    """Errors in % of the pair and of its ratio; a fit that finds nothing of the first has no ratio (nan)."""
    first, second = pair
    errors = {name: 100 * (found[:, k] / truth[k] - 1) for k, name in enumerate(pair)}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(found[:, 0] > 0, found[:, 1] / found[:, 0], np.nan)
    return errors | {f"{second}/{first}": 100 * (ratio * truth[0] / truth[1] - 1)}


def _bounds_of(clean: FitResult, pair: Sequence[str], truth: Mapping[str, float], louder: float) -> dict[str, float]:
    """Cramer-Rao bounds of the pair and its ratio in % of the truth, from the covariance of a noise-free fit."""
    first, second = pair
    found = clean.concentrations
    a, b = found.index(first), found.index(second)
    relative = louder**2 * found.covariance[np.ix_([a, b], [a, b])] / np.outer(*2 * [[truth[first], truth[second]]])
    ratio = np.sqrt(max(relative[0, 0] + relative[1, 1] - 2 * relative[0, 1], 0.0))
    sds = 100 * np.sqrt(np.diag(relative))
    return {first: float(sds[0]), second: float(sds[1]), f"{second}/{first}": 100 * float(ratio)}


def _summary(errors: np.ndarray, bound: float) -> dict:
    known = errors[np.isfinite(errors)]
    return {
        "bias": known.mean(),
        "sd": known.std(ddof=1),
        "rmse": np.sqrt((known**2).mean()),
        "bound": bound,
        "coverage": 100 * (np.abs(known) <= 1.96 * bound).mean(),
        "repeats": len(known),
    }


def _ranked(samples: Mapping[str, Mapping[str, np.ndarray]], settings: Compare) -> pd.DataFrame:
    """RMSE over all models of each analysis, its 95 % interval, and how often it is the smallest, by bootstrap."""
    rows = []
    measures = list(next(iter(samples.values()))) if samples else []
    for measure in measures:
        drawn = {}
        for name, pooled in samples.items():
            errors = pooled[measure]
            generator = _generator(settings.montecarlo.seed, name, "bootstrap")
            index = generator.integers(errors.shape[1], size=(RESAMPLES, *errors.shape))
            squares = np.take_along_axis(np.broadcast_to(errors**2, index.shape), index, axis=-1)
            drawn[name] = np.sqrt(np.nanmean(squares, axis=(1, 2)))
        table = pd.DataFrame(drawn)
        wins = table.idxmin(axis=1).value_counts(normalize=True)
        for name, pooled in samples.items():
            low, high = np.percentile(drawn[name], [2.5, 97.5])
            rmse = float(np.sqrt(np.nanmean(pooled[measure] ** 2)))
            rows.append(
                {"sequence": name, "metabolite": measure, "rmse": rmse, "low": low, "high": high}
                | {"best": float(wins.get(name, 0.0)), "conditions": len(pooled[measure]), "unit": "%"}
            )
    table = pd.DataFrame(rows, columns=RANKING)
    order = {measure: k for k, measure in enumerate(measures)}
    return table.sort_values(["metabolite", "rmse"], key=lambda c: c.map(order) if c.name == "metabolite" else c)


def _cohort(name, clean: FitResult, typical, pair, wanted: Settings, between: float) -> list[dict]:
    """The pair in subjects who differ, measured on two days that differ by noise alone."""
    problem, rows = clean.problem, []
    linear = problem.linear(clean.solution.theta)
    names = clean.concentrations.names
    usual = np.array([typical[each] for each in names])
    spread = np.sqrt(np.log1p(between**2))
    pick = [names.index(each) for each in pair]
    for subject in range(wanted.subjects):
        person = _generator(wanted.seed, f"subject {subject}")  # the same for every sequence
        amounts = usual * np.exp(spread * person.standard_normal(len(usual)) - spread**2 / 2)
        target = problem.target + (amounts - usual) @ linear.rows
        found = _refitted(clean, 2, _generator(wanted.seed, name, f"subject {subject}"), target)[:, pick]
        values = {each: (amounts[place], *found[:, k]) for k, (each, place) in enumerate(zip(pair, pick, strict=True))}
        true, days = amounts[pick[1]] / amounts[pick[0]], found[:, 1] / np.maximum(found[:, 0], 1e-9)
        values[f"{pair[1]}/{pair[0]}"] = (true, *days)
        for measure, (truth, one, two) in values.items():
            given = {"sequence": name, "subject": f"{subject + 1:02d}", "metabolite": measure}
            rows.append(given | {"truth": truth, "first": one, "second": two, "unit": "1" if "/" in measure else "mM"})
    return rows


def retest_table(retest: pd.DataFrame) -> pd.DataFrame:
    """Repeatability by sequence and measure: CV within subjects, ICC and limits of agreement.

    CV in % of the mean with its 95 % interval (chi-squared); ICC(1,1), one-way (Shrout and Fleiss 1979,
    doi:10.1037/0033-2909.86.2.420); mean difference and its limits, +-1.96 SD, in % of the mean (Bland and Altman 1986,
    doi:10.1016/S0140-6736(86)90837-8).

    Args:
        retest: columns RETEST.
    """
    rows = []
    for (name, measure), part in retest.groupby(["sequence", "metabolite"], sort=False):
        one, two = part["first"].to_numpy(), part["second"].to_numpy()
        count, mean, difference = len(part), float(np.mean([one, two])), two - one
        within = float((difference**2).mean() / 2)
        among = 2 * float(np.var((one + two) / 2, ddof=1))
        limits = count * within / chi2.ppf([0.975, 0.025], count)
        low, high = 100 * np.sqrt(limits) / mean
        sd = 100 * difference.std(ddof=1) / mean
        bias = 100 * difference.mean() / mean
        rows.append(
            {"sequence": name, "metabolite": measure, "subjects": count, "cv": 100 * np.sqrt(within) / mean}
            | {"cv_low": low, "cv_high": high, "icc": (among - within) / (among + within)}
            | {"difference": bias, "lower_limit": bias - 1.96 * sd, "upper_limit": bias + 1.96 * sd}
        )
    return pd.DataFrame(rows)


def _broader(basis: BasisSet, library: Library) -> BasisSet:
    """The basis with broader macromolecules."""
    rate = (np.pi * BROADER) ** 2 / (4 * np.log(2))
    envelope = np.exp(-rate * time_axis(basis.points, basis.dwell) ** 2)
    rows = np.array([name in library.macromolecules for name in basis.names])
    return replace(basis, fids=np.where(rows[:, None], basis.fids * envelope, basis.fids))


def _unknown(basis: BasisSet, amounts: np.ndarray, library: Library) -> np.ndarray | float:
    """FID of the signal that no basis function has: a part of one macromolecule, seen at another chemical shift."""
    row, name = basis.index(UNKNOWN["copy"]), UNKNOWN["copy"]
    moved = UNKNOWN["ppm"] - library.macromolecules[name].peaks[0][0]  # ppm
    turn = np.exp(2j * np.pi * moved * basis.central_frequency * time_axis(basis.points, basis.dwell))
    return UNKNOWN["part"] * amounts[row] * basis.fids[row] * turn


def _line(signal: np.ndarray, basis: BasisSet, line: Mapping[str, float]) -> np.ndarray:
    """A Gaussian line whose peak is a part of the highest peak of the signal."""
    peak = np.abs(np.fft.fft(signal)).max()
    time = time_axis(basis.points, basis.dwell)
    shape = decay(basis.points, basis.dwell, 0.0, line["fwhm_ppm"] * basis.central_frequency)
    shape = shape * np.exp(2j * np.pi * (line["ppm"] - WATER_PPM) * basis.central_frequency * time)
    return line["height"] * peak / np.abs(np.fft.fft(shape)).max() * shape


def _changed(analysis: Analysis, library: Library, change) -> list[BasisSet]:
    """The measured sub-spectra when the signal of the last shot was multiplied by a function of time in s."""
    if len(analysis.sequence.shots) == 1:  # one shot cannot differ from another
        return list(analysis.measured(library).values())
    last = analysis.sequence.shots[-1].name

    def changed(name: str, basis: BasisSet) -> BasisSet:
        if name != last:
            return basis
        return replace(basis, fids=basis.fids * change(time_axis(basis.points, basis.dwell)))

    return list(analysis.measured(library, change=changed).values())


def _generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
