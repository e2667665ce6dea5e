"""One look for all figures: fonts, widths, and one colour a sequence."""

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spinsculpt.provenance import atomic_path

# Okabe and Ito, https://jfly.uni-koeln.de/color/: distinguishable with every kind of colour blindness.
BLUE, SKY, GREEN, VERMILION, ORANGE, PURPLE, BLACK = (
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#D55E00",
    "#E69F00",
    "#CC79A7",
    "#000000",
)
GREY, PALE = "#7F7F7F", "#E6E6E6"
PAGE_WIDTH = 7.1  # inches: two columns of a journal

_RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.1,
    "lines.solid_capstyle": "round",
    "pdf.fonttype": 42,  # text stays text in an editor
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Style:
    """Names and colours that all figures of a study share.

    Attributes:
        colours: one a sequence (analysis).
        labels: what a sequence is called in figures.
        dpi: of the PNG.
    """

    colours: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    dpi: int = 200

    @classmethod
    def from_config(cls, settings: Mapping, names: Iterable[str]) -> "Style":
        """Style of the section `figures`; sequences of `names` without a colour there take the free ones in order."""
        colours = dict(settings.get("colours", {}))
        free = [c for c in (BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE, BLACK) if c not in colours.values()]
        for name in names:
            if name not in colours:
                colours[name] = free.pop(0) if free else GREY
        return cls(colours, dict(settings.get("labels", {})), int(settings.get("dpi", cls.dpi)))

    def colour(self, name: str) -> str:
        return self.colours.get(name, GREY)

    def label(self, name: str) -> str:
        return self.labels.get(name, name)

    def ordered(self, names: Iterable[str]) -> list[str]:
        """`names` without repeats, in the order of the colours (that of the config), unknown ones last."""
        rank = {name: i for i, name in enumerate(self.colours)}
        return sorted(dict.fromkeys(names), key=lambda name: rank.get(name, len(rank)))


@contextmanager
def house_style():
    """All drawing happens inside: the settings do not leak into the user's matplotlib."""
    with plt.rc_context(_RC):
        yield


def save(figure: Figure, stem: Path | str, style: Style, **tables: pd.DataFrame) -> list[Path]:
    """Write STEM.pdf, STEM.png and the drawn tables as STEM.tsv (`table=`) or STEM_NAME.tsv; close the figure.

    The PDF has no date in it, so that the same numbers give the same file.
    """
    stem = Path(stem)
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("pdf", "png")]
    for path, more in zip(paths, ({"metadata": {"CreationDate": None}}, {"dpi": style.dpi}), strict=True):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, **more)
    plt.close(figure)
    for name, table in tables.items():
        path = stem.with_name(f"{stem.name}.tsv" if name == "table" else f"{stem.name}_{name}.tsv")
        with atomic_path(path) as temporary:
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
        paths.append(path)
    return paths


def ppm_axis(axes: Axes, high: float, low: float, label: bool = True) -> None:
    """Chemical shift as spectroscopists read it: from high to low."""
    axes.set_xlim(high, low)
    if label:
        axes.set_xlabel("chemical shift (ppm)")


def bare_spectrum(axes: Axes) -> None:
    """No vertical axis: for stacked spectra, whose scale the axis label or a scale bar gives."""
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False, labelleft=False)
