"""Every figure is a function of a tidy table: PDF and PNG, with the table that was drawn beside them as .tsv.

The look of every picture is in `spinsculpt.core.plotting`; no display is needed.
"""

import matplotlib

matplotlib.use("Agg")

from spinsculpt.report.figures._cohort import draw_fits, draw_preprocessing, draw_recovery
from spinsculpt.report.figures._design import draw_design
from spinsculpt.report.figures._engines import draw_engines
from spinsculpt.report.figures._explain import draw_explanation
from spinsculpt.report.figures._files import (
    ScanView,
    plot_answer,
    plot_crlb,
    plot_designs,
    plot_engines,
    plot_explanation,
    plot_fits,
    plot_ladder,
    plot_preprocessing,
    plot_recovery,
    plot_scan,
    plot_spectra,
    plot_sweep,
    study_style,
)
from spinsculpt.report.figures._ladder import draw_bounds, draw_frontier, draw_selectivity, draw_states
from spinsculpt.report.figures._ranking import (
    draw_errors,
    draw_losses,
    draw_power,
    draw_ranking,
    draw_retest,
    draw_time,
)
from spinsculpt.report.figures._separation import draw_crlb, draw_spectra
from spinsculpt.report.figures._style import Style, save
from spinsculpt.report.figures._sweep import draw_sweep

__all__ = [
    "ScanView",
    "Style",
    "draw_bounds",
    "draw_crlb",
    "draw_design",
    "draw_engines",
    "draw_errors",
    "draw_explanation",
    "draw_fits",
    "draw_frontier",
    "draw_losses",
    "draw_power",
    "draw_preprocessing",
    "draw_ranking",
    "draw_recovery",
    "draw_retest",
    "draw_selectivity",
    "draw_spectra",
    "draw_states",
    "draw_sweep",
    "draw_time",
    "plot_answer",
    "plot_crlb",
    "plot_designs",
    "plot_engines",
    "plot_explanation",
    "plot_fits",
    "plot_ladder",
    "plot_preprocessing",
    "plot_recovery",
    "plot_scan",
    "plot_spectra",
    "plot_sweep",
    "save",
    "study_style",
]
