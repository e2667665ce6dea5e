"""Where two fit engines differ: Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from spinsculpt.core.colours import GREY, PALE
from spinsculpt.core.plotting import PAGE_WIDTH, house_style
from spinsculpt.report.figures._style import Style, save

_LIMIT = 1.96  # SDs: 95 % of normal differences


def draw_engines(
    table: pd.DataFrame, stem: Path | str, style: Style, metabolites: Sequence[str] = ("Glu", "Gln")
) -> list[Path]:
    """Mean of two engines against their difference: a panel each of `metabolites` and one of all; a row a pair.

    Dashed: limits of agreement (mean of the differences +- 1.96 SD), where there are three fits or more. Bars: SD of
    the first engine, what a difference has to be held against. What either engine does not call reliable is counted in
    the title and not drawn.

    Args:
        table: as of `spinsculpt.compare.engines_table`; concentrations are drawn, ratios where there are none.
        stem, style: as everywhere.
        metabolites: those with a panel of their own; sums (Glu+Gln) repeat their parts and are left out of the last.
    """
    quantity = "concentration" if (table["quantity"] == "concentration").any() else "ratio"
    part = table[table["quantity"] == quantity]
    shown = [name for name in metabolites if name in set(part["metabolite"])]
    names, pairs = style.ordered(part["sequence"]), list(part.groupby(["first", "second"], sort=False))
    with house_style():
        figure, grid = plt.subplots(
            len(pairs), len(shown) + 1, figsize=(PAGE_WIDTH, 0.5 + 2.4 * len(pairs)), squeeze=False
        )
        for row, ((first, second), rows) in zip(grid, pairs, strict=True):
            for axes, name in zip(row, shown, strict=False):
                _panel(axes, rows[rows["metabolite"] == name], names, style, bars=True, title=name)
            single = rows[~rows["metabolite"].str.contains("+", regex=False)]
            _panel(row[-1], single, names, style, bars=False, title="all metabolites")
            row[0].set_ylabel(f"{second} − {first} ({rows['unit'].iloc[0]})")
        for axes in grid[-1]:
            axes.set_xlabel(f"mean of both engines ({part['unit'].iloc[0]})")
        handles = [Line2D([], [], marker="o", linestyle="", color=style.colour(n), label=style.label(n)) for n in names]
        handles += [
            Line2D([], [], color=GREY, label="mean difference"),
            Line2D([], [], color=GREY, linestyle="--", label="limits of agreement (95 %)"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))
        return save(figure, stem, style, table=part)


def _panel(axes, part: pd.DataFrame, names: list[str], style: Style, bars: bool, title: str) -> None:
    flagged = int((part["reliable"] != "yes").sum())
    axes.set_title(f"{title}, {flagged} not reliable" if flagged else title, loc="left")
    part = part[part["reliable"] == "yes"]
    mean = (part["value_first"] + part["value_second"]) / 2
    difference = part["value_second"] - part["value_first"]
    axes.axhline(0, color=PALE, linewidth=0.8, zorder=0)
    for name in names:
        here = part["sequence"] == name
        axes.errorbar(
            mean[here],
            difference[here],
            part.loc[here, "sd_first"] if bars else None,
            fmt="o",
            color=style.colour(name),
            markersize=4 if bars else 3,
            elinewidth=0.8,
            markeredgewidth=0,
        )
    middle, spread = agreement(difference)
    axes.axhline(middle, color=GREY, linewidth=0.8)
    for limit in (middle - spread, middle + spread):
        axes.axhline(limit, color=GREY, linewidth=0.8, linestyle="--")
    axes.margins(x=0.12)


def agreement(difference: pd.Series) -> tuple[float, float]:
    """Mean of the differences, and how far the limits of agreement are from it (nan below three differences)."""
    spread = _LIMIT * difference.std(ddof=1) if len(difference) > 2 else np.nan
    return float(difference.mean()), float(spread)
