"""The designed pulses and how the optimiser found them."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from spinsculpt.core.colours import GREY
from spinsculpt.core.plotting import PAGE_WIDTH, house_style
from spinsculpt.report.figures._style import Style, save


def draw_design(pulses: pd.DataFrame, history: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Amplitude and phase of each designed pulse against time, and the objective against the step.

    Args:
        pulses: columns design, slot, time_ms, amplitude_uT, phase_deg, peak_limit_uT (may be empty).
        history: columns design, start, step, loss; one start of the optimiser a line.
        stem: path without suffix.
        style: names and colours.
    Returns:
        The files written.
    """
    names = style.ordered(pulses["design"])
    with house_style():
        figure, grid = plt.subplots(
            len(names), 3, figsize=(PAGE_WIDTH, 0.5 + 1.75 * len(names)), squeeze=False, width_ratios=[1.25, 1.25, 1]
        )
        for row, name in zip(grid, names, strict=True):
            colour = style.colour(name)
            pulse = pulses[pulses["design"] == name]
            for (slot, own), line in zip(pulse.groupby("slot", sort=False), ("-", ":"), strict=False):
                edges, amplitude, phase = _steps(own)
                row[0].fill_between(edges, amplitude, step="post", color=colour, alpha=0.2, linewidth=0)
                row[0].step(edges, amplitude, where="post", color=colour, linestyle=line)
                row[1].step(edges, phase, where="post", color=colour, linestyle=line, label=slot)
            if pulse["slot"].nunique() > 1:
                row[1].legend(loc="upper right")
            limit = pulse["peak_limit_uT"].iloc[0] if "peak_limit_uT" in pulse else np.nan
            if np.isfinite(limit):
                row[0].axhline(limit, color=GREY, linewidth=0.8, linestyle="--")
                row[0].annotate(
                    f"limit {limit:g} µT",
                    (1, limit),
                    xycoords=("axes fraction", "data"),
                    xytext=(0, 2),
                    textcoords="offset points",
                    ha="right",
                    color=GREY,
                    fontsize=7,
                )
            row[0].set_ylim(0, 1.18 * np.nanmax([limit, pulse["amplitude_uT"].max()]))
            row[0].set_ylabel("B$_1$ amplitude (µT)")
            row[0].set_title(style.label(name), loc="left")
            row[1].set_ylim(-190, 190)
            row[1].set_yticks([-180, -90, 0, 90, 180])
            row[1].set_ylabel("phase (°)")
            for axes in row[:2]:
                axes.set_xlim(0, edges[-1])
                axes.set_xlabel("time (ms)")
            _convergence(row[2], history[history["design"] == name], colour)
        return save(figure, stem, style, table=pulses, history=history)


def _steps(pulse: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of the samples and their values, the last one repeated; `time_ms` is where a sample starts."""
    time = pulse["time_ms"].to_numpy()
    dwell = time[1] - time[0] if len(time) > 1 else 1.0
    edges = np.append(time, time[-1] + dwell)
    amplitude = pulse["amplitude_uT"].to_numpy()
    phase = (pulse["phase_deg"].to_numpy() + 180) % 360 - 180
    return edges, np.append(amplitude, amplitude[-1]), np.append(phase, phase[-1])


def _convergence(axes, history: pd.DataFrame, colour: str) -> None:
    runs = list(history.groupby("start"))
    if runs:
        best = min(runs, key=lambda run: run[1]["loss"].min())[0]
        for start, run in runs:
            chosen = start == best
            axes.plot(
                run["step"],
                run["loss"],
                color=colour if chosen else GREY,
                alpha=1 if chosen else 0.45,
                linewidth=1.3 if chosen else 0.7,
                zorder=3 if chosen else 2,
            )
        if len(runs) > 1:
            axes.set_title(f"{len(runs)} starts, best coloured", loc="right", fontsize=7, fontweight="normal")
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("objective")
