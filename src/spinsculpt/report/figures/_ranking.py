"""The answer in figures: ranking with intervals, bias and SD, scan time, power, losses, repeatability."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter, ScalarFormatter

from spinsculpt.compare import retest_table, subjects_needed
from spinsculpt.core.colours import GREY, PALE
from spinsculpt.core.plotting import PAGE_WIDTH, house_style
from spinsculpt.report.figures._style import Style, save

RIGHT = "right model"


def draw_ranking(ranking: pd.DataFrame, errors: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """RMSE over all models with intervals, the best at the top; a tick at the bound of the right model.

    Args:
        ranking, errors: compare/ranking.tsv and compare/montecarlo.tsv.
        stem, style: as everywhere.
    """
    measures = list(dict.fromkeys(ranking["metabolite"]))
    order = list(ranking.loc[ranking["metabolite"] == measures[-1], "sequence"])
    bounds = errors[errors["condition"] == RIGHT].set_index(["sequence", "metabolite"])["bound"]
    table = ranking.assign(bound=[bounds.get((r.sequence, r.metabolite), np.nan) for r in ranking.itertuples()])
    with house_style():
        figure, row = plt.subplots(
            1, len(measures), figsize=(PAGE_WIDTH, 0.8 + 0.22 * len(order)), sharey=True, squeeze=False
        )
        for axes, measure in zip(row[0], measures, strict=True):
            part = table[table["metabolite"] == measure].set_index("sequence")
            for place, name in enumerate(order):
                here, colour = part.loc[name], style.colour(name)
                axes.axhline(place, color=PALE, linewidth=0.6, zorder=0)
                axes.plot([here["low"], here["high"]], [place, place], color=colour, linewidth=2.2, alpha=0.5)
                axes.plot(here["rmse"], place, "o", color=colour, markersize=4.5)
                axes.plot(here["bound"], place, "|", color="black", markersize=9)
            axes.set_title(measure, loc="left")
            axes.set_xlim(left=0)
            axes.set_xlabel("error (%)")
        _names(row[0, 0], order, style)
        return save(figure, stem, style, table=table)


def draw_errors(ranking: pd.DataFrame, errors: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Maps of bias and SD of the ratio, sequences by conditions.

    Args:
        ranking, errors, stem, style: as of `draw_ranking`.
    """
    measure, order = _measure(ranking)
    part = errors[errors["metabolite"] == measure]
    conditions = list(dict.fromkeys(part["condition"]))
    with house_style():
        figure, grid = plt.subplots(2, 1, figsize=(PAGE_WIDTH, 1.6 + 0.42 * len(order)), sharex=True)
        for axes, column, limit, colours in ((grid[0], "bias", 30.0, "RdBu_r"), (grid[1], "sd", 30.0, "viridis")):
            values = part.pivot(index="sequence", columns="condition", values=column).loc[order, conditions]
            low = -limit if column == "bias" else 0.0
            image = axes.imshow(values, cmap=colours, vmin=low, vmax=limit, aspect="auto")
            for (y, x), value in np.ndenumerate(values.to_numpy()):
                dark = abs(value) > 0.6 * limit if column == "bias" else value < 0.6 * limit
                axes.text(
                    x, y, f"{value:.0f}", ha="center", va="center", fontsize=6, color="white" if dark else "black"
                )
            axes.set_yticks(range(len(order)), [style.label(name) for name in order])
            axes.set_title(f"{column.upper() if column == 'sd' else column} of {measure} (%)", loc="left")
            figure.colorbar(image, ax=axes, extend="both" if column == "bias" else "max", pad=0.01)
        grid[1].set_xticks(range(len(conditions)), conditions, rotation=40, ha="right")
        return save(figure, stem, style, table=part)


def draw_time(
    ranking: pd.DataFrame, errors: pd.DataFrame, minutes: float, stem: Path | str, style: Style
) -> list[Path]:
    """Error of the ratio against scan time, and the scan time that each sequence needs for one and the same SD.

    Args:
        ranking, errors, stem, style: as of `draw_ranking`.
        minutes: scan time of the study.
    """
    measure, order = _measure(ranking)
    part = errors[(errors["metabolite"] == measure) & (errors["axis"] == "model")]
    times = minutes * np.geomspace(0.1, 10, 41)
    bounds = part[part["condition"] == RIGHT].set_index("sequence")["bound"]
    rows = []
    for name in order:
        here = part[part["sequence"] == name]
        rmse = [np.sqrt(np.mean(here["bias"] ** 2 + here["sd"] ** 2 * minutes / time)) for time in times]
        rows.append(pd.DataFrame({"sequence": name, "minutes": times, "rmse": rmse}))
    table = pd.concat(rows)
    needed = pd.DataFrame(
        {"sequence": order, "minutes": [minutes * (bounds[n] / bounds[order[0]]) ** 2 for n in order]}
    )
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 0.9 + 0.22 * len(order)))
        for name in _coloured(order, style):
            one = table[table["sequence"] == name]
            left.plot(one["minutes"], one["rmse"], color=style.colour(name), label=style.label(name))
        left.set(xscale="log", yscale="log", xlabel="scan time (min)", ylabel=f"error of {measure} (%)")
        left.set_yticks([2, 3, 5, 10, 20, 30, 50])
        left.set_ylim(0.9 * table["rmse"].min(), 1.1 * table["rmse"].max())
        for axis in (left.xaxis, left.yaxis):
            _plain_numbers(axis)
        left.legend(fontsize=6.5)
        for place, row in enumerate(needed.itertuples()):
            right.barh(place, row.minutes, color=style.colour(row.sequence), height=0.6)
            right.text(row.minutes, place, f" {row.minutes:.1f}", va="center", fontsize=6.5)
        right.set(xscale="log", xlabel=f"scan time (min) for the SD of {style.label(order[0])}")
        _plain_numbers(right.xaxis)
        _names(right, order, style)
        return save(figure, stem, style, table=table, needed=needed)


def draw_power(
    ranking: pd.DataFrame, errors: pd.DataFrame, between: float, stem: Path | str, style: Style
) -> list[Path]:
    """Subjects in each of two groups against the effect, from the SDs of fits with the right model.

    Args:
        ranking, errors, stem, style: as of `draw_ranking`.
        between: coefficient of variation between subjects in %.
    """
    _, order = _measure(ranking)
    right = errors[errors["condition"] == RIGHT]
    measures = list(dict.fromkeys(ranking["metabolite"]))
    effects = np.arange(5.0, 41.0, 2.5)
    table = pd.DataFrame(
        {
            "sequence": row.sequence,
            "metabolite": row.metabolite,
            "effect": effect,
            "subjects": subjects_needed(effect, float(np.hypot(row.sd, between)), True),
        }
        for row in right.itertuples()
        for effect in effects
    )
    with house_style():
        figure, grid = plt.subplots(1, len(measures), figsize=(PAGE_WIDTH, 2.6), sharey=True, squeeze=False)
        for axes, measure in zip(grid[0], measures, strict=True):
            for name in _coloured(order, style):
                one = table[(table["sequence"] == name) & (table["metabolite"] == measure)]
                axes.plot(one["effect"], one["subjects"], color=style.colour(name), label=style.label(name))
            axes.set_title(measure, loc="left")
            axes.set(yscale="log", xlabel="difference of the groups (%)")
            _plain_numbers(axes.yaxis)
        grid[0, 0].set_ylabel("subjects a group (power 0.8)")
        grid[0, -1].legend(fontsize=6)
        return save(figure, stem, style, table=table)


def draw_losses(separation: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """The bound of the ratio as unknowns are added: one row a sequence, one marker a step.

    Args:
        separation: compare/separation.tsv, of sequences that can be played.
        stem, style: as everywhere.
    """
    table = separation[separation["metric"] == "stepwise SD"]
    steps = list(dict.fromkeys(table["source"]))
    last = table[table["source"] == steps[-1]].sort_values("value")
    order = list(last["sequence"])
    shades = plt.get_cmap("viridis")(np.linspace(0.0, 0.9, len(steps)))
    with house_style():
        figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 0.9 + 0.24 * len(order)))
        for place, name in enumerate(order):
            values = table[table["sequence"] == name].set_index("source")["value"]
            axes.axhline(place, color=PALE, linewidth=0.6, zorder=0)
            shifts = np.linspace(-0.28, 0.28, len(steps))
            for step, shift, shade in zip(steps, shifts, shades, strict=True):
                label = step if place == 0 else None
                axes.plot(values[step], place + shift, "o", color=shade, markersize=3.6, label=label)
        axes.set(xscale="log", xlabel=f"smallest SD of {table['metabolite'].iloc[0]} (%) when these are unknown")
        axes.set_xticks([1, 2, 3, 5, 10, 20, 30, 50])
        axes.set_xlim(0.9 * table["value"].min(), 1.1 * table["value"].max())
        _plain_numbers(axes.xaxis)
        _names(axes, order, style)
        figure.legend(loc="outside lower center", ncols=3)
        return save(figure, stem, style, table=table)


def draw_retest(retest: pd.DataFrame, stem: Path | str, style: Style, most: int = 6) -> list[Path]:
    """Bland-Altman plots of the ratio of the sequences with the smallest CV within subjects.

    Args:
        retest: compare/retest.tsv.
        stem, style: as everywhere.
        most: sequences that are drawn.
    """
    measure = list(dict.fromkeys(retest["metabolite"]))[-1]
    part = retest[retest["metabolite"] == measure]
    numbers = retest_table(retest)
    best = numbers[numbers["metabolite"] == measure].sort_values("cv").head(most).set_index("sequence")
    with house_style():
        figure, grid = plt.subplots(
            -(-len(best) // 3),
            3,
            figsize=(PAGE_WIDTH, 1.9 * -(-len(best) // 3)),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        for axes in grid.flat[len(best) :]:
            axes.set_visible(False)
        for axes, (name, row) in zip(grid.flat, best.iterrows(), strict=False):
            one = part[part["sequence"] == name]
            mean = (one["first"] + one["second"]) / 2
            axes.plot(mean, one["second"] - one["first"], "o", color=style.colour(name), markersize=3)
            for limit, line in ((row["difference"], "-"), (row["lower_limit"], "--"), (row["upper_limit"], "--")):
                axes.axhline(limit / 100 * mean.mean(), color=GREY, linewidth=0.8, linestyle=line)
            axes.set_title(f"{style.label(name)}\nCV {row['cv']:.1f} %, ICC {row['icc']:.2f}", loc="left", fontsize=7)
        figure.supxlabel(f"{measure}, mean of two days", fontsize=8)
        figure.supylabel("difference", fontsize=8)
        return save(figure, stem, style, table=part, numbers=numbers)


def _measure(ranking: pd.DataFrame) -> tuple[str, list[str]]:
    """The ratio, last of the measures, and the sequences in the order of its ranking."""
    measure = list(dict.fromkeys(ranking["metabolite"]))[-1]
    return measure, list(ranking.loc[ranking["metabolite"] == measure, "sequence"])


def _coloured(order: list[str], style: Style) -> list[str]:
    """Sequences that have a colour of their own, and the best one."""
    return [name for k, name in enumerate(order) if k == 0 or style.colour(name) != GREY]


def _names(axes, order: list[str], style: Style) -> None:
    axes.set_yticks(range(len(order)), [style.label(name) for name in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.tick_params(axis="y", left=False)
    axes.spines["left"].set_visible(False)


def _plain_numbers(axis) -> None:
    """Ticks of a logarithmic axis as 10 and 100, not as powers."""
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())
