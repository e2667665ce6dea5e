"""Data and basis brought together, or refused with a sentence."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import FitModel
from spinsculpt.core.conventions import FID, ppm_to_hz, time_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit._decay import with_line_t2
from spinsculpt.fit._noise import acquired_points

FREQUENCY_TOLERANCE = 2e-3  # of the central frequency: more would move NAA against Ins by more than 0.7 Hz at 3 T


def prepare(
    data: Sequence[FID], bases: Sequence[BasisSet], model: FitModel, labels: Sequence[str]
) -> tuple[tuple[FID, ...], tuple[BasisSet, ...]]:
    """Data without filled-in zeros, and each basis on the time axis of its data with the metabolites of the model."""
    if not data or len(data) != len(bases):
        raise SpinsculptError(f"A fit needs one basis for each spectrum, not {len(bases)} for {len(data)}.")
    names = bases[0].names
    for basis, label in zip(bases, labels, strict=True):
        if set(basis.names) != set(names):
            odd = ", ".join(sorted(set(basis.names) ^ set(names)))
            raise SpinsculptError(
                f"{label}: a joint fit needs the same metabolites in each basis; only some have {odd}."
            )
    chosen = model.selection(names)
    if not chosen:
        raise SpinsculptError("fit: metabolites and exclude leave nothing to fit.")
    fids = tuple(_checked(fid, label) for fid, label in zip(data, labels, strict=True))
    matched = [_matched(*item, chosen) for item in zip(fids, bases, labels, strict=True)]
    matched = tuple(with_line_t2(matched, model.line_t2))
    for fid, label in zip(fids, labels, strict=True):
        inside = sum(np.count_nonzero((fid.ppm >= low) & (fid.ppm <= high)) for low, high in model.ranges)
        if 2 * inside <= len(chosen) + 20:
            raise SpinsculptError(
                f"{label}: only {inside} points lie in the fit range {_named(model.ranges)} ppm, too few for "
                f"{len(chosen)} metabolites; widen it."
            )
    return fids, matched


def _named(ranges: Sequence[tuple[float, float]]) -> str:
    return " and ".join(f"{low:g}-{high:g}" for low, high in ranges)


def _checked(fid: FID, label: str) -> FID:
    if fid.samples.ndim != 1:
        raise SpinsculptError(f"{label}: a fit takes one spectrum at a time, not data of shape {fid.samples.shape}.")
    bad = np.count_nonzero(~np.isfinite(fid.samples))
    if bad:
        raise SpinsculptError(
            f"{label}: {bad} of {fid.points} points are not finite numbers; repeat the preprocessing."
        )
    points = acquired_points(fid.samples)
    if points == 0:
        raise SpinsculptError(
            f"{label}: all points are zero, so there is nothing to fit; check the conversion of the file."
        )
    return replace(fid, samples=np.asarray(fid.samples[:points], complex))


def _matched(fid: FID, basis: BasisSet, label: str, names: Sequence[str]) -> BasisSet:
    if abs(basis.central_frequency / fid.central_frequency - 1.0) > FREQUENCY_TOLERANCE:
        raise SpinsculptError(
            f"{label}: the data were measured at {fid.central_frequency:.4f} MHz, but the basis was made for "
            f"{basis.central_frequency:.4f} MHz; simulate the basis at the frequency of the data."
        )
    duration, needed = (basis.points - 1) * basis.dwell, (fid.points - 1) * fid.dwell
    if duration < needed * (1.0 - 1e-9):
        raise SpinsculptError(
            f"{label}: the basis is shorter ({basis.points} points, {1e3 * duration:.1f} ms) than the data "
            f"({fid.points} points, {1e3 * needed:.1f} ms); simulate the basis with more points."
        )
    fids = basis.fids[[basis.index(name) for name in names]]
    if not np.all(np.isfinite(fids)):
        raise SpinsculptError(f"{label}: the basis holds numbers that are not finite; simulate it again.")
    same = abs(basis.dwell / fid.dwell - 1.0) < 1e-6
    fids = fids[:, : fid.points] if same else _resampled(fids, basis, fid)
    return replace(basis, names=tuple(names), fids=fids, dwell=fid.dwell)


def _resampled(fids: np.ndarray, basis: BasisSet, fid: FID) -> np.ndarray:
    """FIDs of the basis at the sample times of the data, shape (L, points).

    Splines of degree 7 on FIDs demodulated to 2.5 ppm, where all frequencies are low: at 3 T and 0.5 ms the error is
    below 1e-5 of the signal.
    """
    from scipy.interpolate import make_interp_spline  # takes longer to import than a fit to run, and is seldom needed

    source, wanted = time_axis(basis.points, basis.dwell), time_axis(fid.points, fid.dwell)
    turn = 2j * np.pi * ppm_to_hz(2.5, basis.central_frequency)
    smooth = make_interp_spline(source, fids * np.exp(-turn * source), k=7, axis=1)
    return smooth(wanted) * np.exp(turn * wanted)
