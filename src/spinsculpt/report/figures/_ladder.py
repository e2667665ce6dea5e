"""The ladder of designs: states reached, metabolites told apart, what that costs in time, and bounds."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from spinsculpt.core.colours import BLACK, BLUE, GREY, PALE, VERMILION
from spinsculpt.core.plotting import PAGE_WIDTH, bare_spectrum, house_style, ppm_axis
from spinsculpt.report.figures._style import Style, save

BUDGET = 400  # steps within which the seed paper converged
FLOOR = 1e-7  # of a loss: single precision


def draw_states(history: pd.DataFrame, spectra: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """How far every step of the best start is from the unitary bound, and the spectra before and after.

    Args:
        history: columns design, step, loss (of the best start).
        spectra: columns design, metabolite, shot ("pulse_acquire" before), ppm, value.
        stem, style: as everywhere.
    """
    names = style.ordered(history["design"])
    with house_style():
        figure = plt.figure(figsize=(PAGE_WIDTH, 0.8 + 0.75 * len(names)))
        grid = figure.add_gridspec(len(names), 2, width_ratios=[1, 1.1])
        axes = figure.add_subplot(grid[:, 0])
        for name in names:
            run = history[history["design"] == name]
            axes.plot(run["step"], run["loss"].clip(lower=FLOOR), color=style.colour(name), label=style.label(name))
        axes.set_yscale("log")
        axes.set_ylim(FLOOR, 2)
        axes.set_xlim(0, min(BUDGET, 1.5 * history[history["loss"] > FLOOR]["step"].max()))
        axes.set_xlabel("optimiser step")
        axes.set_ylabel("1 − share of the unitary bound")
        axes.grid(axis="y", color=PALE, linewidth=0.6)
        shown = _range_of_signal(spectra)
        for row, name in enumerate(names):
            panel = figure.add_subplot(grid[row, 1])
            _before_after(panel, spectra[spectra["design"] == name], "pulse_acquire", style.colour(name), shown)
            panel.set_title(style.label(name), loc="left", color=style.colour(name), fontsize=8)
            panel.tick_params(labelbottom=row == len(names) - 1)
            if row < len(names) - 1:
                panel.set_xlabel("")
        handles = [
            Line2D([], [], color=GREY, label="pulse-acquire"),
            Line2D([], [], color=BLACK, label="designed pulse"),
        ]
        figure.legend(handles=handles, loc="outside lower right", ncols=2)
        return save(figure, stem, style, table=history, spectra=spectra)


def draw_selectivity(spectra: pd.DataFrame, windows: dict, stem: Path | str, style: Style) -> list[Path]:
    """Wanted and unwanted metabolites of each design beside the reference PRESS, one row a design.

    Args:
        spectra: columns design, metabolite, shot ("press" before), ppm, value; wanted metabolites first.
        windows: {design: (low, high)} in ppm, in which the design was judged.
        stem, style: as everywhere.
    """
    names = style.ordered(spectra["design"])
    columns = int(spectra.groupby("design")["metabolite"].nunique().max())
    with house_style():
        figure, grid = plt.subplots(
            len(names), columns, figsize=(PAGE_WIDTH, 0.7 + 1.35 * len(names)), squeeze=False, sharey="row"
        )
        for row, name in zip(grid, names, strict=True):
            own = spectra[spectra["design"] == name]
            low, high = windows[name]
            for axes, metabolite in zip(row, dict.fromkeys(own["metabolite"]), strict=False):
                axes.axvspan(low, high, color=PALE, linewidth=0, zorder=0)
                mine = own[(own["metabolite"] == metabolite) & own["ppm"].between(low - 0.4, high + 0.4)]
                _before_after(axes, mine, "press", style.colour(name), (low - 0.4, high + 0.4))
                axes.set_title(metabolite, loc="right", fontsize=8)
            row[0].set_title(style.label(name), loc="left", color=style.colour(name), fontsize=8)
            for axes in row[own["metabolite"].nunique() :]:
                axes.set_visible(False)
        _legend(figure, "PRESS TE 30")
        return save(figure, stem, style, table=spectra)


def draw_frontier(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Gain and selectivity against the duration of the pulse, with and without decay during it.

    Args:
        table: columns design, wanted, kind, duration_ms, decay (True: T1 and T2 act during the pulse), gain (peak over
            that of the reference PRESS), ratio (wanted over unwanted peak), worst_ratio (of the conditions that the
            design was made for), robust (whether there are several).
        stem, style: as everywhere.
    """
    colours = dict(zip(dict.fromkeys(table["wanted"]), (BLUE, VERMILION), strict=False))
    markers = {"excitation": "o", "prep": "s"}
    with house_style():
        figure, row = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.0))
        for (wanted, kind, decay), part in table.groupby(["wanted", "kind", "decay"], sort=False):
            look = {
                "color": colours[wanted],
                "marker": markers.get(kind, "D"),
                "markersize": 4,
                "linestyle": "--" if decay else "-",
                "markerfacecolor": "white" if decay else colours[wanted],
            }
            plain = part[~part["robust"]].sort_values("duration_ms")
            row[0].plot(plain["duration_ms"], plain["gain"], **look)
            row[1].plot(plain["duration_ms"], plain["ratio"], **look)
            for _, each in part[part["robust"]].iterrows():
                row[0].plot(each["duration_ms"], each["gain"], "*", color=colours[wanted], markersize=8)
                row[1].plot([each["duration_ms"]] * 2, [each["worst_ratio"], each["ratio"]], "-", color=colours[wanted])
                row[1].plot(each["duration_ms"], each["worst_ratio"], "*", color=colours[wanted], markersize=8)
        row[0].axhline(1, color=GREY, linewidth=0.8, zorder=0)
        row[0].set_ylabel("wanted peak / that of PRESS")
        row[0].set_ylim(bottom=0)
        row[1].set_yscale("log")
        row[1].yaxis.set_major_formatter("{x:g}")
        row[1].yaxis.set_minor_formatter("")
        row[1].set_ylabel("wanted peak / unwanted peak")
        for axes in row:
            axes.set_xlabel("pulse duration (ms)")
            axes.grid(axis="y", color=PALE, linewidth=0.6)
        handles = [Line2D([], [], color=colour, label=f"{name} kept") for name, colour in colours.items()]
        handles += [
            Line2D([], [], color=GREY, marker="o", markersize=4, label="excitation"),
            Line2D([], [], color=GREY, marker="s", markersize=4, label="before PRESS"),
            Line2D(
                [], [], color=GREY, linestyle="--", marker="o", markersize=4, markerfacecolor="white", label="with T2"
            ),
            Line2D([], [], color=GREY, marker="*", markersize=8, linestyle="", label="robust, worst case"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        return save(figure, stem, style, table=table)


def draw_bounds(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Bounds of designs and of their rivals, one panel a baseline.

    Args:
        table: columns baseline, name (design or rival), metabolite, value (CRLB over that of the reference PRESS),
            worst (the largest over B1 and B0; equal to value for rivals).
        stem, style: as everywhere.
    """
    baselines = list(dict.fromkeys(table["baseline"]))
    colours = dict(zip(dict.fromkeys(table["metabolite"]), (BLUE, VERMILION), strict=False))
    tallest = max(table[table["baseline"] == b]["name"].nunique() for b in baselines)
    with house_style():
        figure, row = plt.subplots(
            1, len(baselines), figsize=(PAGE_WIDTH, 0.9 + 0.3 * tallest), squeeze=False, sharex=True
        )
        for axes, baseline in zip(row[0], baselines, strict=True):
            part = table[table["baseline"] == baseline]
            order = part.groupby("name")["value"].mean().sort_values(ascending=False).index
            for level, name in enumerate(order):
                own = part[part["name"] == name]
                for shift, (_, each) in zip((0.14, -0.14), own.iterrows(), strict=False):
                    colour = colours[each["metabolite"]]
                    axes.plot(each["value"], level + shift, "o", color=colour, markersize=4.5)
                    axes.plot([each["value"], each["worst"]], [level + shift] * 2, color=colour, linewidth=1)
            axes.set_yticks(range(len(order)), [style.label(name) for name in order])
            axes.axvline(1, color=GREY, linewidth=0.8, zorder=0)
            axes.set_xscale("log")
            axes.set_xticks([0.5, 0.7, 1, 2, 4], ["0.5", "0.7", "1", "2", "4"])
            axes.minorticks_off()
            axes.grid(axis="x", color=PALE, linewidth=0.6)
            axes.set_title(f"baseline {baseline}", loc="left")
            axes.set_xlabel("Cramér-Rao bound / that of PRESS TE 30")
        handles = [
            Line2D([], [], color=colour, marker="o", linestyle="", markersize=4.5, label=name)
            for name, colour in colours.items()
        ]
        handles.append(Line2D([], [], color=GREY, label="to the worst of B$_1$ ±20 %, B$_0$ ±10 Hz"))
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        return save(figure, stem, style, table=table)


def _mark(marker: str, **more) -> Line2D:
    return Line2D([], [], color=GREY, marker=marker, markersize=8 if marker == "*" else 4, **more)


def _legend(figure, before: str) -> None:
    handles = [Line2D([], [], color=GREY, label=before), Line2D([], [], color=BLACK, label="designed pulse (coloured)")]
    figure.legend(handles=handles, loc="outside lower right", ncols=2)


def _range_of_signal(spectra: pd.DataFrame) -> tuple[float, float]:
    large = spectra[np.abs(spectra["value"]) > 0.05 * np.abs(spectra["value"]).max()]["ppm"]
    return large.min() - 0.05, large.max() + 0.05


def _before_after(axes, spectra: pd.DataFrame, before: str, colour: str, shown: tuple[float, float]) -> None:
    """Spectrum before in grey, those of the shots of the design in colour, over a range in ppm."""
    for shot, line in spectra.groupby("shot", sort=False):
        old = shot == before
        axes.plot(line["ppm"], line["value"], color=GREY if old else colour, zorder=1 if old else 2)
    bare_spectrum(axes)
    axes.axhline(0, color=PALE, linewidth=0.6, zorder=0)
    ppm_axis(axes, shown[1], shown[0])
