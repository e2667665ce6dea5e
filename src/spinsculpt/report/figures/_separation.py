"""Which sequence separates the two metabolites: their spectra, and the Cramer-Rao bounds."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from spinsculpt.core.colours import GREY, PALE
from spinsculpt.core.plotting import PAGE_WIDTH, bare_spectrum, house_style, ppm_axis
from spinsculpt.report.figures._style import Style, save

_MARKERS = ("o", "D", "s", "^", "v")


def draw_spectra(table: pd.DataFrame, stem: Path | str, style: Style, window=(2.2, 2.6)) -> list[Path]:
    """Spectra of the pair, stacked by sequence, one column a metabolite, all on one scale.

    Args:
        table: columns sequence, spectrum, metabolite, ppm, value (1 = the peak of one uncoupled proton of 1 mM).
        stem, style: as everywhere.
        window: ppm range to shade.
    """
    metabolites = list(dict.fromkeys(table["metabolite"]))
    lines = table.groupby(["sequence", "spectrum"], sort=False).ngroups
    span = table.groupby(["sequence", "spectrum", "metabolite"], sort=False)["value"].agg(["min", "max"])
    step = 0.75 * float((span["max"] - span["min"]).max())
    with house_style():
        figure, axes_row = plt.subplots(
            1, len(metabolites), figsize=(PAGE_WIDTH, 0.9 + 0.62 * lines), sharey=True, squeeze=False
        )
        for axes, metabolite in zip(axes_row[0], metabolites, strict=True):
            part = table[table["metabolite"] == metabolite]
            axes.axvspan(*window, color=PALE, linewidth=0, zorder=0)
            traces = dict(iter(part.groupby(["sequence", "spectrum"], sort=False)))
            keys = [key for name in style.ordered(part["sequence"]) for key in traces if key[0] == name]
            for i, key in enumerate(keys):
                offset = (len(keys) - 1 - i) * step
                trace = traces[key]
                axes.axhline(offset, color=PALE, linewidth=0.6, zorder=1)
                axes.plot(trace["ppm"], trace["value"] + offset, color=style.colour(key[0]), zorder=2)
                if axes is axes_row[0, 0]:
                    axes.annotate(
                        _spectrum_label(key, style),
                        (0, offset),
                        xycoords=("axes fraction", "data"),
                        xytext=(-4, 0),
                        textcoords="offset points",
                        ha="right",
                        va="center",
                        color=style.colour(key[0]),
                        fontsize=7.5,
                    )
            axes.set_title(metabolite, loc="left")
            bare_spectrum(axes)
            ppm_axis(axes, part["ppm"].max(), part["ppm"].min())
        _scale_bar(axes_row[0, -1], step)
        return save(figure, stem, style, table=table)


def _spectrum_label(key: tuple[str, str], style: Style) -> str:
    name, spectrum = key
    label = style.label(name)
    return label if spectrum in ("", name) else f"{label}\n{spectrum.upper()}"


def _scale_bar(axes, step: float) -> None:
    height = float(f"{step / 2:.0e}")
    bottom = axes.get_ylim()[0] + 0.02 * np.ptp(axes.get_ylim())
    x = 0.985
    axes.plot([x, x], [bottom, bottom + height], transform=axes.get_yaxis_transform(), color="black", linewidth=1.4)
    axes.annotate(
        f"{height:g} proton·mM",
        (x, bottom + height / 2),
        xycoords=axes.get_yaxis_transform(),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=7,
    )


def draw_crlb(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Cramer-Rao bounds of the pair and of their ratio by sequence, for each baseline and macromolecule model.

    The bar spans the T2 scales of the table, the marker stands at scale 1, the tick is the floor (metabolite alone).

    Args:
        table: the separation table (other metrics are ignored).
        stem, style: as everywhere.
    """
    bounds = table[table["metric"].isin(["CRLB", "ratio SD"])]
    floors = table[table["metric"] == "CRLB floor"].set_index(["sequence", "metabolite"])["value"]
    columns = list(dict.fromkeys(bounds["metabolite"]))
    models = list(dict.fromkeys(bounds["macromolecules"]))
    baselines = list(dict.fromkeys(bounds["baseline"]))
    names = style.ordered(bounds["sequence"])
    places = np.arange(len(names))[::-1]
    shifts = np.linspace(0.17, -0.17, len(baselines)) if len(baselines) > 1 else np.zeros(1)
    with house_style():
        figure, grid = plt.subplots(
            len(models),
            len(columns),
            figsize=(PAGE_WIDTH, 0.75 + len(models) * (0.45 + 0.3 * len(names))),
            sharex="col",
            sharey=True,
            squeeze=False,
        )
        for row, macromolecules in zip(grid, models, strict=True):
            for axes, column in zip(row, columns, strict=True):
                part = bounds[(bounds["macromolecules"] == macromolecules) & (bounds["metabolite"] == column)]
                for name, place in zip(names, places, strict=True):
                    axes.axhline(place, color=PALE, linewidth=0.6, zorder=0)
                    for baseline, shift, marker in zip(baselines, shifts, _MARKERS, strict=False):
                        here = part[(part["sequence"] == name) & (part["baseline"] == baseline)]
                        _bound(axes, here, place + shift, marker, style.colour(name), filled=marker == _MARKERS[0])
                    if (name, column) in floors.index:
                        axes.plot(floors[name, column], place, "|", color="black", markersize=11, markeredgewidth=1)
                axes.set_xlim(left=0)
                axes.set_ylim(-0.6, len(names) - 0.4)
                axes.tick_params(left=False)
                axes.spines["left"].set_visible(False)
                if axes is row[0]:
                    axes.set_yticks(places, [style.label(name) for name in names])
                    axes.annotate(
                        f"macromolecules {macromolecules}",
                        (0, 1),
                        xycoords="axes fraction",
                        xytext=(0, 4),
                        textcoords="offset points",
                        fontsize=7.5,
                        color=GREY,
                        va="bottom",
                    )
        for axes, column in zip(grid[0], columns, strict=True):
            axes.set_title(column, loc="right")
        for axes, column in zip(grid[-1], columns, strict=True):
            axes.set_xlabel("SD of the ratio (%)" if "/" in column else "Cramér-Rao bound (%)")
        figure.legend(handles=_bound_legend(baselines, not floors.empty), loc="outside lower center", ncols=4)
        return save(figure, stem, style, table=bounds)


def _bound(axes, rows: pd.DataFrame, place: float, marker: str, colour: str, filled: bool) -> None:
    if rows.empty:
        return
    nominal = rows.loc[(rows["t2_scale"] - 1).abs().idxmin(), "value"]
    axes.plot([rows["value"].min(), rows["value"].max()], [place, place], color=colour, linewidth=2, alpha=0.4)
    face = colour if filled else "white"
    axes.plot(nominal, place, marker, color=colour, markerfacecolor=face, markersize=5.5, markeredgewidth=1.2)


def _bound_legend(baselines: list[str], floors: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], marker=marker, linestyle="", color=GREY, markerfacecolor=GREY if i == 0 else "white", label=name)
        for i, (name, marker) in enumerate(zip((f"{b} baseline" for b in baselines), _MARKERS, strict=False))
    ]
    handles.append(Line2D([], [], color=GREY, linewidth=2, alpha=0.4, label="T$_2$ of all signals scaled"))
    if floors:
        handles.append(Line2D([], [], marker="|", linestyle="", color="black", markersize=9, label="floor: alone"))
    return handles
