"""What a residual says about a model: whether it is noise, where in the spectrum it is not, and what hides it."""

from collections.abc import Mapping, Sequence

import numpy as np

from spinsculpt.config import LCMODEL_RATIOS, matches
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._result import Curve

WHITE = 4.0  # SDs beyond which a correlation is no chance
WINDOW = 0.2  # ppm over which misfit is looked at
MACROMOLECULE_NAMES = ("MM*", "Mac*", "M[0-9]*")
LIPID_NAMES = ("Lip*", "lip*", "LIP*")
LIPID_PPM = (0.7, 1.5)
_FAR = 3.0  # SDs of a prior (and of the estimate) beyond which a ratio of broad signals is not plausible


def residual_tests(curve: Curve, noise_sd: float) -> dict:
    """Numbers of the residual of one spectrum, JSON-serialisable.

    Args:
        curve: data and fit.
        noise_sd: SD of one real channel of signal-free points.
    Returns:
        "autocorrelation": of neighbouring points, 0 of white noise; "autocorrelation_sd": its SD then; "runs_z": (runs
        of one sign - expected) / SD, both channels together (Wald & Wolfowitz 1940, doi:10.1214/aoms/1177731909);
        "periodogram": largest distance of the cumulated periodogram from a straight line, times the root of its points,
        above 1.36 in 5 % of white noise (Bartlett's Kolmogorov-Smirnov test); "white": whether autocorrelation and runs
        are within WHITE SDs; "misfit_ppm": [from, to] of the window where the residual is largest, and "misfit": its
        RMS there in SDs of the noise.
    """
    residual = curve.residual
    n = len(residual)
    power = float(np.vdot(residual, residual).real)
    lag = float(np.vdot(residual[:-1], residual[1:]).real / power) if power else 0.0
    runs = [_runs_z(part) for part in (residual.real, residual.imag)]
    periodogram = np.abs(np.fft.fft(residual)) ** 2
    cumulated = np.cumsum(periodogram) / max(periodogram.sum(), 1e-300)
    distance = float(np.max(np.abs(cumulated - np.arange(1, n + 1) / n)) * np.sqrt(n))
    low, high, size = _worst(curve, noise_sd)
    z = float(np.sum(runs) / np.sqrt(2.0))
    return {
        "autocorrelation": lag,
        "autocorrelation_sd": float(1.0 / np.sqrt(2.0 * n)),
        "runs_z": z,
        "periodogram": distance,
        "white": bool(abs(lag) < WHITE / np.sqrt(2.0 * n) and abs(z) < WHITE),
        "misfit_ppm": [low, high],
        "misfit": size,
    }


def misfit_of(components: np.ndarray, residual: np.ndarray, noise_sd: float) -> np.ndarray:
    """Variance of the residual under the signals of each metabolite, in variances of the noise.

    Weighted by the power of the metabolite, so that a misfit elsewhere does not count.

    Args:
        components: spectra of the metabolites, any scale, shape (L, n).
        residual: shape (n,).
        noise_sd: SD of one real channel.
    Returns:
        shape (L,); 1 of a perfect fit.
    """
    power = np.abs(components) ** 2
    below = power.sum(axis=1)
    weighted = power @ np.abs(residual) ** 2
    return np.divide(weighted, below, out=np.zeros_like(below), where=below > 0.0) / (2.0 * noise_sd**2)


def residual_messages(tests: dict, label: str, names: Sequence[str]) -> list[str]:
    """Sentences about the residual of one spectrum."""
    found = []
    low, high = tests["misfit_ppm"]
    if not tests["white"]:
        found.append(
            f"{label}: the residual is not noise (neighbouring points correlate by {tests['autocorrelation']:.2f}, "
            f"0 +- {tests['autocorrelation_sd']:.2f} expected); it is largest at {low:.1f} to {high:.1f} ppm, "
            f"{tests['misfit']:.1f} times the noise."
        )
    lipids_missing = not any(matches(name, LIPID_NAMES) for name in names)
    if lipids_missing and tests["misfit"] > 3.0 and low < LIPID_PPM[1] and high > LIPID_PPM[0]:
        found.append(
            f"{label}: the misfit is largest where lipids lie and the basis has none; if the voxel may hold any "
            "(skull, tumour), add them: fit: add: [Lip09, Lip13a, Lip13b, Lip20], or --add on the command line."
        )
    return found


def nuisance_messages(estimates: Estimates, reference: Sequence[str], most: Mapping[str, float]) -> list[str]:
    """Sentences about what is not plausible, whatever chi-squared says: broad signals, and ratios above `most`."""
    found = []
    for soft in LCMODEL_RATIOS:
        if soft.metabolite not in estimates.names or not soft.metabolite.startswith("MM"):
            continue
        below = [name for name in estimates.names if matches(name, soft.reference)]
        if not below:
            continue
        value, sd = estimates.total([soft.metabolite])
        base, base_sd = estimates.total(below)
        wanted, tolerance = soft.ratio * base, np.hypot(soft.sd * base, np.hypot(sd, soft.ratio * base_sd))
        if tolerance > 0.0 and abs(value - wanted) > _FAR * tolerance:
            told = f"{value / base:.2f} of {'+'.join(below)}" if base > 0.0 else f"there, but {'+'.join(below)} is not"
            found.append(
                f"{soft.metabolite} is {told} ({soft.ratio:g} +- {soft.sd:g} expected): macromolecules stand for "
                "something else (lipids, baseline), or something else for them."
            )
    for name, limit in most.items():
        if reference and name in estimates.names:
            ratio, sd = estimates.ratio([name], reference)
            if ratio - sd > limit:
                found.append(
                    f"{name} is {ratio:.2f} of {'+'.join(reference)}, where healthy brain has at most {limit:g}: it "
                    "may stand for macromolecules or the baseline; fit: max_ratio changes the limit for other tissue."
                )
    return found


def _runs_z(values: np.ndarray) -> float:
    positive = values > 0.0
    plus, minus = int(positive.sum()), int((~positive).sum())
    n = plus + minus
    if not plus or not minus:
        return 0.0
    runs = 1 + int(np.count_nonzero(positive[1:] != positive[:-1]))
    expected = 1.0 + 2.0 * plus * minus / n
    variance = (expected - 1.0) * (expected - 2.0) / (n - 1.0)
    return float((runs - expected) / np.sqrt(variance)) if variance > 0.0 else 0.0


def _worst(curve: Curve, noise_sd: float) -> tuple[float, float, float]:
    """Window (from, to in ppm) with the largest residual, and its RMS in SDs of the noise."""
    place = np.floor((curve.ppm - curve.ppm.min()) / WINDOW).astype(int)
    power, count = np.bincount(place, np.abs(curve.residual) ** 2), np.bincount(place)
    rms = np.sqrt(np.divide(power, 2.0 * count, out=np.zeros_like(power), where=count > 4)) / noise_sd
    worst = int(np.argmax(rms))
    low = float(curve.ppm.min() + worst * WINDOW)
    return low, low + WINDOW, float(rms[worst])
