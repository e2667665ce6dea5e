"""One page that shows what preprocessing did to a scan."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np

from spinsculpt.conventions import ppm_axis, to_spectrum
from spinsculpt.nifti import MRSData
from spinsculpt.provenance import atomic_path

matplotlib.use("Agg", force=False)

BEFORE, AFTER, SECOND, THIRD = "0.6", "#0072b2", "#d55e00", "#009e73"  # colour-blind safe (Okabe and Ito)
NUMBERS = {
    "snr": "SNR of NAA {:.0f}",
    "linewidth_hz": "width of NAA {:.1f} Hz",
    "drift_hz": "drift {:.1f} Hz",
    "residual_water_ratio": "residual water {:.1f} x NAA",
    "lipid_ratio": "1.0-1.6 ppm {:.2f} x NAA",
    "rejected_fraction": "rejected {:.0%}",
    "subtraction_artefact": "subtraction artefact {:.1%}",
    "applied_shift_hz": "shifted by {:.1f} Hz",
    "applied_phase_deg": "phased by {:.0f}°",
}


def draw_page(
    path: Path | str,
    result: MRSData,
    labels: list[str],
    originals: Mapping[str, np.ndarray],
    quality: Mapping,
    drift: Mapping,
    title: str,
) -> None:
    """Spectra before and after, drift over the averages, and the numbers with the verdict; ppm from high to low."""
    from matplotlib.figure import Figure

    dynamic = any(item.shift.size > 1 for item in drift.values())
    figure = Figure(figsize=(11.0, 7.6 if dynamic else 6.2), layout="constrained")
    grid = figure.add_gridspec(3 if dynamic else 2, 2, height_ratios=[1, 1.6, 0.8][: 3 if dynamic else 2])
    ppm = ppm_axis(result.points, result.dwell, result.central_frequency)
    after = result.fids.reshape(result.points, -1)
    colours = dict(zip(labels, (AFTER, SECOND), strict=False))

    wide = figure.add_subplot(grid[0, 0])
    top = 0.0
    for label in labels:
        before = np.abs(to_spectrum(originals[label]))
        top = max(top, before.max())
        wide.plot(ppm, before, color=colours[label], lw=0.8, label=label or None)
    wide.set(title="before: magnitude", xlim=(9.0, 0.0), ylim=(-0.05 * top, 1.1 * top))
    words = figure.add_subplot(grid[0, 1])
    words.axis("off")
    _write_numbers(words, quality)

    clean = figure.add_subplot(grid[1, :])
    _draw_clean(clean, ppm, after, labels, originals, colours)
    if dynamic:
        _draw_drift(figure, grid, drift, colours)
    for axis in (wide, clean):
        axis.set(xlabel="chemical shift (ppm)", ylabel="signal (a.u.)", yticks=[])
    if len(labels) > 1:
        wide.legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _draw_clean(axis, ppm, after, labels, originals, colours) -> None:
    window = (ppm > 0.0) & (ppm < 5.2)
    metabolites = (ppm > 0.5) & (ppm < 4.2)
    real = to_spectrum(after.T).real
    height = np.ptp(real[:, metabolites])
    traces = [(label, real[k], colours[label]) for k, label in enumerate(labels)]
    if len(labels) > 1:
        traces.append(("DIFF", 0.5 * (real[0] - real[1]), THIRD))
    for k, (label, values, colour) in enumerate(traces):
        offset = -1.1 * k * height
        if label in originals:
            before = to_spectrum(originals[label]).real
            before = np.clip(before, -0.5 * height, 1.1 * real[:, metabolites].max())
            axis.plot(ppm[window], before[window] + offset, color=BEFORE, lw=0.8, label="before" if k == 0 else None)
        axis.plot(ppm[window], values[window] + offset, color=colour, lw=1.0, label=label or "after")
        axis.axhline(offset, color="0.85", lw=0.5, zorder=0)
    axis.set(title="after (colour) and before (grey, clipped): real part", xlim=(5.2, 0.0))
    for shift, name in ((2.008, "NAA"), (3.027, "tCr"), (3.2, "tCho"), (3.56, "Ins"), (2.35, "Glu")):
        axis.axvline(shift, color="0.9", lw=0.8, zorder=0)
        axis.text(
            shift, 1.0, name, transform=axis.get_xaxis_transform(), fontsize=7, ha="center", va="top", color="0.4"
        )
    axis.legend(frameon=False, fontsize=8, loc="upper right")


def _draw_drift(figure, grid, drift, colours) -> None:
    panels = [figure.add_subplot(grid[2, k]) for k in (0, 1)]
    for label, item in drift.items():
        number = np.arange(1, item.shift.size + 1)
        degrees = np.degrees(np.unwrap(2 * item.phase) / 2)  # a sign that alternates is no drift
        for axis, values in zip(panels, (item.shift - item.shift.mean(), degrees - degrees.mean()), strict=True):
            axis.plot(number, values, ".-", color=colours[label], lw=0.8, ms=4, label=label or None)
            axis.plot(number[item.rejected], values[item.rejected], "x", color="black", ms=8)
    panels[0].set(xlabel="average", ylabel="frequency (Hz)", title="drift (x: rejected)")
    panels[1].set(xlabel="average", ylabel="phase (degrees, modulo 180)", title="phase")


def _write_numbers(axis, quality: Mapping) -> None:
    lines = [text.format(quality[name]) for name, text in NUMBERS.items() if quality.get(name) is not None]
    good = quality["verdict"] == "accept"
    axis.text(0.0, 1.0, quality["verdict"].upper(), color=THIRD if good else SECOND, weight="bold", va="top")
    axis.text(0.0, 0.84, "\n".join(lines), va="top", fontsize=9, linespacing=1.5)
    axis.text(0.5, 0.84, "\n".join(quality["reasons"]), va="top", fontsize=9, linespacing=1.5, color=SECOND, wrap=True)
