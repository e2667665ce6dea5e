"""One look for every picture of the package: colours, fonts, axes. Imports matplotlib, so import it where you draw."""

import os
import sys
from contextlib import contextmanager
from io import BytesIO

import matplotlib
from matplotlib.figure import Figure

if "MPLBACKEND" not in os.environ and "matplotlib.pyplot" not in sys.modules:  # a notebook keeps the one it has
    matplotlib.use("Agg", force=False)  # no display is needed

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


@contextmanager
def house_style():
    """All drawing happens inside: the settings do not leak into the user's matplotlib."""
    with matplotlib.rc_context(_RC):
        yield


def ppm_axis(axes, high: float, low: float, label: bool = True) -> None:
    """Chemical shift as spectroscopists read it: from high to low."""
    axes.set_xlim(high, low)
    if label:
        axes.set_xlabel("chemical shift (ppm)")


def bare_spectrum(axes) -> None:
    """No vertical axis: for stacked spectra, whose scale the axis label or a scale bar gives."""
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False, labelleft=False)


class Picture(Figure):
    """A figure that a notebook shows by itself, whether or not pyplot was imported."""

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.savefig(stream, format="png", dpi=110)
        return stream.getvalue()
