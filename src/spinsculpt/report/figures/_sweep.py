"""What the sweep of the designs found."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from spinsculpt.core.colours import GREY, PALE
from spinsculpt.core.plotting import PAGE_WIDTH, house_style
from spinsculpt.report.figures._style import Style, save

_MARKERS = ("o", "s", "^", "D", "v", "P")


def draw_sweep(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Cramer-Rao bounds of the designs against pulse duration, by B1 limit; a point a seed, a line through the best.

    Args:
        table: columns duration_ms, b1_limit_uT, seed, metric, metabolite, value, unit (other metrics than "CRLB" are
            ignored), and, for horizontal lines, reference rows with empty `seed` and the sequence in `sequence`.
        stem, style: as everywhere.
    """
    table = table[table["metric"] == "CRLB"]
    designs, references = table[table["seed"].notna()], table[table["seed"].isna()]
    metabolites = list(dict.fromkeys(table["metabolite"]))
    limits = sorted(set(designs["b1_limit_uT"]))
    shades = matplotlib.colormaps["cividis"](np.linspace(0.05, 0.8, len(limits)))
    with house_style():
        figure, row = plt.subplots(1, len(metabolites), figsize=(PAGE_WIDTH, 3), squeeze=False, sharex=True)
        for axes, metabolite in zip(row[0], metabolites, strict=True):
            part = designs[designs["metabolite"] == metabolite]
            for limit, shade, marker in zip(limits, shades, _cycle(len(limits)), strict=True):
                here = part[part["b1_limit_uT"] == limit]
                axes.plot(here["duration_ms"], here["value"], marker, color=shade, markersize=4, alpha=0.6)
                best = here.groupby("duration_ms")["value"].min()
                axes.plot(best.index, best.to_numpy(), color=shade)
            for _, reference in references[references["metabolite"] == metabolite].iterrows():
                colour = style.colour(reference["sequence"])
                axes.axhline(reference["value"], color=colour, linewidth=1, linestyle="--")
                axes.annotate(
                    style.label(reference["sequence"]),
                    (1, reference["value"]),
                    xycoords=("axes fraction", "data"),
                    xytext=(0, 2),
                    textcoords="offset points",
                    ha="right",
                    color=colour,
                    fontsize=7,
                )
            axes.set_title(metabolite, loc="left")
            axes.set_xticks(sorted(set(designs["duration_ms"])))
            axes.set_xlabel("pulse duration (ms)")
            axes.set_ylabel(f"Cramér-Rao bound ({part['unit'].iloc[0]})")
            axes.grid(axis="y", color=PALE, linewidth=0.6)
            axes.set_axisbelow(True)
        handles = [
            Line2D([], [], color=shade, marker=marker, markersize=4, label=f"B$_1$ ≤ {limit:g} µT")
            for limit, shade, marker in zip(limits, shades, _cycle(len(limits)), strict=True)
        ]
        handles.append(Line2D([], [], color=GREY, linestyle="", marker="o", alpha=0.6, label="a seed; line: the best"))
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))
        return save(figure, stem, style, table=table)


def _cycle(count: int) -> list[str]:
    return [_MARKERS[i % len(_MARKERS)] for i in range(count)]
