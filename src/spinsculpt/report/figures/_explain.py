"""Why a designed pulse works: what the state is made of, which spins carry the signal, what the pulse withstands."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from spinsculpt.core.colours import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILION
from spinsculpt.core.plotting import PAGE_WIDTH, house_style
from spinsculpt.report.figures._style import Style, save

_CLASSES = {  # name in the table: name in the figure, colour
    "in_phase": ("in-phase, Ix", BLUE),
    "antiphase": ("antiphase, IxSz …", SKY),
    "multi_spin": ("multi-spin, IxSx …", ORANGE),
    "z_order": ("z order, IzSz …", PURPLE),
    "longitudinal": ("longitudinal, Iz", PALE),
}
_TERMS = 8  # bars of product operators
_PRINTED = 4  # terms of the state that are written out


def draw_explanation(
    along: pd.DataFrame,
    state: pd.DataFrame,
    spins: pd.DataFrame,
    robustness: pd.DataFrame,
    stem: Path | str,
    style: Style,
) -> list[Path]:
    """The state along the pulse and at the first sample, one row a metabolite; below, the loss over B1 and B0.

    Args:
        along: columns metabolite, time_ms, kind ("coherence order" or "operator class"), name, share.
        state: columns metabolite, term, coefficient, share; leading product operators, largest share first.
        spins: columns metabolite, spin, reached, bound; in-phase magnetisation of each spin in units of one proton.
        robustness: columns objective, b1_scale, b0_hz, loss.
        stem: path without suffix.
        style: resolution.
    Returns:
        The files written.
    """
    metabolites, objectives = (list(dict.fromkeys(column)) for column in (along["metabolite"], robustness["objective"]))
    heights = [2.3] * len(metabolites) + [1.9] * bool(objectives)
    with house_style():
        figure = plt.figure(figsize=(PAGE_WIDTH, 0.4 + sum(heights)))
        rows = np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights))
        for row, name in zip(rows, metabolites, strict=False):
            parts = [table[table["metabolite"] == name] for table in (along, state, spins)]
            _metabolite(row, name, *parts)
        if objectives:
            _robustness(rows[-1], robustness, objectives)
        return save(figure, stem, style, table=along, state=state, spins=spins, robustness=robustness)


def written_out(terms: Sequence[str], coefficients: Sequence[float]) -> str:
    """A state as a sum of product operators: `0.38 H4x − 1.32 H2z H3z H4x`."""
    pairs = zip(terms, coefficients, strict=True)
    text = " ".join(f"{'−' if value < 0 else '+'} {abs(value):.2f} {term}" for term, value in pairs)
    return f"−{text[2:]}" if text.startswith("−") else text.removeprefix("+ ")


def _metabolite(row: SubFigure, name: str, along: pd.DataFrame, state: pd.DataFrame, spins: pd.DataFrame) -> None:
    text = written_out(state["term"][:_PRINTED], state["coefficient"][:_PRINTED])
    row.suptitle(f"{name}:  {text} …", fontsize=8, x=0.01, ha="left")
    axes = row.subplots(1, 4, width_ratios=[1, 1, 0.9, 0.75])
    orders = along[along["kind"] == "coherence order"]
    names = sorted(set(orders["name"]), key=int)
    shades = matplotlib.colormaps["cividis"](np.linspace(0, 1, len(names)))
    _shares(axes[0], orders, {order: (order, shade) for order, shade in zip(names, shades, strict=True)}, "order |p|")
    axes[0].set_ylabel("share of the density operator")
    _shares(axes[1], along[along["kind"] == "operator class"], _CLASSES, "operators")
    leading = state[:_TERMS][::-1]
    axes[2].barh(leading["term"], 100 * leading["share"], color=np.where(leading["coefficient"] < 0, VERMILION, GREEN))
    axes[2].tick_params(axis="y", labelsize=5.5, length=0)
    axes[2].set_xlabel("share at the end (%)")
    axes[3].barh(spins["spin"], spins["bound"], color=PALE)
    axes[3].barh(spins["spin"], spins["reached"], color=BLUE, height=0.5)
    axes[3].invert_yaxis()
    axes[3].tick_params(axis="y", length=0)
    axes[3].set_xlabel("signal (protons)")


def _shares(axes: Axes, table: pd.DataFrame, looks: dict[str, tuple[str, object]], title: str) -> None:
    wide = table.pivot(index="time_ms", columns="name", values="share")[list(looks)]
    labels, colours = zip(*looks.values(), strict=True)
    axes.stackplot(wide.index, wide.to_numpy().T, labels=labels, colors=colours, linewidth=0)
    axes.set_xlim(wide.index[0], wide.index[-1])
    axes.set_ylim(0, 1)
    axes.set_xlabel("time in the pulse (ms)")
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=2 if len(labels[0]) > 2 else 6,
        fontsize=5.5,
        title=title,
        title_fontsize=6,
        handlelength=0.8,
        columnspacing=0.8,
    )


def _robustness(row: SubFigure, table: pd.DataFrame, objectives: list[str]) -> None:
    row.suptitle(
        "Parts of the loss over B$_1$ and B$_0$ (0: PRESS of reference; low is good)", fontsize=8, x=0.01, ha="left"
    )
    for axes, name in zip(row.subplots(1, max(3, len(objectives))).flat, [*objectives, None, None], strict=False):
        if name is None:
            axes.set_axis_off()
            continue
        part = table[table["objective"] == name]
        wide = part.pivot(index="b0_hz", columns="b1_scale", values="loss").sort_index(ascending=False)
        axes.imshow(wide, cmap="cividis_r", aspect="auto")
        middle = (wide.to_numpy().min() + wide.to_numpy().max()) / 2
        for (i, j), value in np.ndenumerate(wide.to_numpy()):
            colour = "white" if value > middle else "black"
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=6, color=colour)
        axes.set_title(name, loc="left", color=GREY, fontsize=8)
        axes.set_xticks(range(wide.shape[1]), [f"{scale:g}" for scale in wide.columns])
        axes.set_yticks(range(wide.shape[0]), [f"{offset:+g}" for offset in wide.index])
        axes.set_xlabel("B$_1$ scale")
        axes.set_ylabel("B$_0$ offset (Hz)")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
