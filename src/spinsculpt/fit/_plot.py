"""A picture of one fit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spinsculpt.core.colours import BLUE, GREEN, VERMILION
from spinsculpt.core.plotting import Picture
from spinsculpt.fit._curve import Curve


def plot_fit(curves: Sequence[Curve], names: Sequence[str], path: Path | str) -> None:
    """Write the picture of `draw_fit`."""
    draw_fit(curves, names).savefig(path, dpi=150)


def draw_fit(curves: Sequence[Curve], names: Sequence[str]) -> Figure:
    """Data, fit, baseline, residual and the largest metabolites of every spectrum, ppm from high to low."""
    figure = Picture(figsize=(6.4 * len(curves), 6.4), layout="constrained")
    for axis, curve in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves, strict=True):
        gaps = np.flatnonzero(np.diff(curve.ppm) > 1.5 * np.median(np.diff(curve.ppm))) + 1

        def draw(values, axis=axis, curve=curve, gaps=gaps, **style):
            axis.plot(np.insert(curve.ppm, gaps, np.nan), np.insert(values, gaps, np.nan), **style)

        span = np.ptp(curve.data.real) or 1.0
        draw(curve.data.real, color="0.6", lw=1.2, label="data")
        draw(curve.fit.real, color=VERMILION, lw=0.9, label="fit")
        draw(curve.baseline.real, color=GREEN, lw=0.9, label="baseline")
        if curve.baselines is not None:
            every = curve.baselines.real
            label = f"baselines of {len(every)} models"
            axis.fill_between(
                curve.ppm, every.min(axis=0), every.max(axis=0), color=GREEN, alpha=0.2, lw=0, label=label
            )
        level = curve.data.real.max() + 0.15 * span
        draw(curve.residual.real + level, color="0.2", lw=0.7)
        axis.text(curve.ppm.max(), level, " residual", va="bottom", fontsize=8)
        largest = np.argsort(np.max(np.abs(curve.components.real), axis=1))[::-1][:8]
        for rank, k in enumerate(largest, 1):
            level = curve.data.real.min() - 0.13 * span * rank
            draw(curve.components[k].real + level, color=BLUE, lw=0.7)
            axis.text(curve.ppm.max(), level, f" {names[k]}", va="bottom", fontsize=8)
        axis.set(xlabel="chemical shift (ppm)", xlim=(curve.ppm.max(), curve.ppm.min()), yticks=[])
        axis.set_title(curve.label, loc="left", fontsize=10)
        axis.legend(frameon=False, fontsize=8, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderpad=0.0)
    figure.axes[0].set_ylabel("signal (arbitrary units)")
    return figure
