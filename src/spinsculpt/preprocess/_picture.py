"""One page a scan: what preprocessing did to it, how good it is, and how it was fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spinsculpt.core.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, VERMILION
from spinsculpt.core.conventions import CHOLINE_PPM, CREATINE_CH2_PPM, CREATINE_PPM, NAA_PPM, ppm_axis, to_spectrum
from spinsculpt.core.plotting import PAGE_WIDTH, bare_spectrum, house_style
from spinsculpt.core.plotting import ppm_axis as reversed_axis
from spinsculpt.core.provenance import atomic_path
from spinsculpt.data.nifti import MRSData
from spinsculpt.preprocess._quality import MEASURES, in_words

COLOURS = {"": BLUE, "ON": BLUE, "A": BLUE, "OFF": VERMILION, "B": VERMILION, "C": ORANGE, "D": PURPLE, "DIFF": GREEN}
NAMED = {
    NAA_PPM: "NAA",
    2.35: "Glu",
    CREATINE_PPM: "tCr",
    CHOLINE_PPM: "tCho",
    3.56: "Ins",
    CREATINE_CH2_PPM: "tCr",
}
EDITED = {3.01: "GABA", 3.75: "Glx"}  # ppm, what editing at 1.9 ppm leaves in DIFF
MAGNIFIED = 5.0  # DIFF, whose NAA is clipped
WINDOW, METABOLITES = (0.0, 5.2), (0.5, 4.2)  # ppm: what is drawn, and what sets its scale
HEIGHTS = {"overview": 2.1, "clean": 2.8, "drift": 1.4, "fit": 2.4}  # inches


@dataclass(frozen=True)
class Trace:
    """One fitted spectrum, real parts, all of shape (n,) over the points of the fit range.

    Attributes:
        name: what was fitted, e.g. "megapress on".
        ppm, data, fit, baseline: `fit` includes the baseline.
    """

    name: str
    ppm: np.ndarray
    data: np.ndarray
    fit: np.ndarray
    baseline: np.ndarray


def draw_page(
    path: Path | str,
    result: MRSData,
    labels: Sequence[str],
    originals: Mapping[str, np.ndarray],
    quality: Mapping,
    drift: Mapping,
    title: str,
    reasons: Mapping[str, str] | None = None,
    fits: Sequence[Trace] = (),
) -> None:
    """Draw spectra before and after, drift over the averages, the numbers, and where given the verdict and the fits.

    Args:
        path: PNG.
        result: the clean scan; data of two conditions along DIM_EDIT in the order of `labels`.
        labels: the conditions, ON and OFF or A and B; [""] where there are none.
        originals: mean of the averages of each condition as measured, shape (points,).
        quality: numbers of the quality control.
        drift: shift (Hz), phase (rad) and rejected, each of shape (averages,), of each condition; may be empty.
        title: of the page.
        reasons: as of `failures`, empty for an accepted scan; None for no verdict.
        fits: what was fitted to it.
    """
    moved = any(item.shift.size > 1 for item in drift.values())
    rows = ["overview", "clean", *["drift"] * moved, *["fit"] * bool(fits)]
    heights = [HEIGHTS[row] for row in rows]
    with house_style():
        figure = Figure(figsize=(PAGE_WIDTH, sum(heights) + 0.5), layout="constrained")
        grid = dict(zip(rows, figure.add_gridspec(len(rows), 1, height_ratios=heights), strict=True))

        def panels(row: str, count: int) -> list[Axes]:
            return [figure.add_subplot(place) for place in grid[row].subgridspec(1, count)]

        wide, words = panels("overview", 2)
        _draw_wide(wide, result, originals)
        _write(words, quality, reasons)
        _draw_clean(panels("clean", 1)[0], result, labels, originals)
        if moved:
            _draw_drift(panels("drift", 2), drift)
        if fits:
            axes = panels("fit", len(fits))
            for place, trace in zip(axes, fits, strict=True):
                _draw_fit(place, trace)
            figure.legend(handles=axes[0].lines[1:], loc="outside lower center", ncols=4)
        figure.suptitle(title)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=150)


def _draw_wide(axes: Axes, result: MRSData, originals: Mapping[str, np.ndarray]) -> None:
    """Magnitudes as measured over the whole band: how large water is, and what lies far out."""
    ppm = ppm_axis(result.points, result.dwell, result.central_frequency)
    for label, fid in originals.items():
        axes.semilogy(ppm, np.abs(to_spectrum(fid)), color=COLOURS[label], linewidth=0.6)
    axes.set_title("as measured: magnitude", loc="left")
    axes.set_ylabel("signal (a.u., logarithmic)")
    reversed_axis(axes, ppm.max(), ppm.min())


def _draw_clean(axes: Axes, result: MRSData, labels: Sequence[str], originals: Mapping[str, np.ndarray]) -> None:
    """Each condition, and their difference, below one another on one scale; as measured in grey behind."""
    ppm = ppm_axis(result.points, result.dwell, result.central_frequency)
    shown, scaling = ((ppm > low) & (ppm < high) for low, high in (WINDOW, METABOLITES))
    after = to_spectrum(result.fids.reshape(result.points, -1).T).real
    traces = dict(zip(labels, after, strict=True))
    if set(labels) == {"ON", "OFF"}:
        largest = 0.5 * np.abs(after[1, scaling]).max()
        traces["DIFF"] = np.clip(MAGNIFIED * 0.5 * (after[0] - after[1]), -largest, largest)
    gap = 0.1 * np.ptp(after[:, scaling])
    floor = 0.0
    for label, values in traces.items():
        low, high = values[scaling].min() - gap, values[scaling].max() + gap
        offset = floor - high
        floor = offset + low
        axes.axhline(offset, color=PALE, linewidth=0.6, zorder=0)
        if label in originals:
            before = np.clip(to_spectrum(originals[label]).real, low, high)
            axes.plot(ppm[shown], before[shown] + offset, color=GREY, linewidth=0.6)
        axes.plot(ppm[shown], values[shown] + offset, color=COLOURS[label], linewidth=0.9)
        words = f"DIFF × {MAGNIFIED:g}" if label == "DIFF" else label
        axes.annotate(words, (WINDOW[0] + 0.05, offset + gap), color=COLOURS[label], ha="right", weight="bold")
        for shift, name in (EDITED if label == "DIFF" else {}).items():
            near = values[np.abs(ppm - shift) < 0.08].max()
            axes.annotate(name, (shift, offset + near + 0.15 * gap), fontsize=6.5, ha="center", color=COLOURS[label])
    axes.set_ylim(floor, 0.8 * gap)
    for shift, name in NAMED.items():
        axes.axvline(shift, color=PALE, linewidth=0.6, zorder=0)
        axes.annotate(name, (shift, 1.0), xycoords=("data", "axes fraction"), fontsize=6.5, ha="center", va="bottom")
    axes.set_title("after, real part (grey: as measured, clipped)", loc="left", pad=12)
    _spectrum_axes(axes, WINDOW[1], WINDOW[0])


def _spectrum_axes(axes: Axes, high: float, low: float) -> None:
    bare_spectrum(axes)
    reversed_axis(axes, high, low)
    axes.set_ylabel("signal (a.u.)")


def _draw_drift(panels: Sequence[Axes], drift: Mapping) -> None:
    """Frequency and phase of every average as measured; averages that were left out are crossed."""
    for label, item in drift.items():
        number = np.arange(1, item.shift.size + 1)
        degrees = np.degrees(np.unwrap(2 * item.phase) / 2)  # a sign that alternates is no drift
        for axes, values in zip(panels, (item.shift - item.shift.mean(), degrees - degrees.mean()), strict=True):
            axes.plot(number, values, ".-", color=COLOURS[label], linewidth=0.7, markersize=3)
            axes.plot(number[item.rejected], values[item.rejected], "x", color=BLACK, markersize=7)
    crossed = " (×: left out)" if any(item.rejected.any() for item in drift.values()) else ""
    for axes, title, unit in zip(panels, ("frequency", "phase, modulo 180°"), ("shift (Hz)", "phase (°)"), strict=True):
        axes.set_title(f"{title}{crossed}", loc="left")
        axes.set(xlabel="average of each condition" if len(drift) > 1 else "average", ylabel=unit)
        axes.xaxis.get_major_locator().set_params(integer=True)


def _draw_fit(axes: Axes, trace: Trace) -> None:
    """Data, fit and baseline; above them the residual on the same scale."""
    gaps = np.flatnonzero(np.diff(trace.ppm) > 1.5 * np.median(np.diff(trace.ppm))) + 1  # ranges left out of the fit
    ppm, data, fit, baseline = (np.insert(v, gaps, np.nan) for v in (trace.ppm, trace.data, trace.fit, trace.baseline))
    level = np.nanmax(data) + 0.2 * (np.nanmax(data) - np.nanmin(data))
    axes.axhline(level, color=PALE, linewidth=0.6)
    axes.plot(ppm, data - fit + level, color=BLACK, linewidth=0.5, label="residual")
    axes.plot(ppm, data, color=GREY, linewidth=1.1, label="data")
    axes.plot(ppm, fit, color=VERMILION, linewidth=0.8, label="fit")
    axes.plot(ppm, baseline, color=GREEN, linewidth=0.8, linestyle="--", label="baseline")
    axes.set_title(trace.name, loc="left")
    _spectrum_axes(axes, np.nanmax(ppm), np.nanmin(ppm))


def _write(axes: Axes, quality: Mapping, reasons: Mapping[str, str] | None) -> None:
    """The numbers; those outside their limits with the reason, below the verdict."""
    axes.axis("off")
    reasons_of = reasons or {}
    lines = [
        (reasons_of.get(name) or f"{words} {in_words(quality[name], unit)}", VERMILION if name in reasons_of else BLACK)
        for name, (words, unit) in MEASURES.items()
        if quality.get(name) is not None
    ]
    if reasons is not None:
        lines.insert(0, ("REJECTED", VERMILION) if reasons else ("ACCEPTED", GREEN))
    for k, (text, colour) in enumerate(lines):
        weight = "normal" if colour == BLACK else "bold"
        place = (0.0, 1.0 - k / len(MEASURES))
        axes.annotate(text, place, xycoords="axes fraction", fontsize=7, color=colour, weight=weight, va="top")
