"""Every figure is a function of a tidy table: PDF and PNG, with the table that was drawn beside them as .tsv.

The look of every picture is in `spinsculpt.plotting`; no display is needed.
"""

import matplotlib

matplotlib.use("Agg")

from spinsculpt.figures._cohort import draw_fits, draw_preprocessing, draw_recovery
from spinsculpt.figures._design import draw_design
from spinsculpt.figures._engines import draw_engines
from spinsculpt.figures._explain import draw_explanation
from spinsculpt.figures._files import (
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
from spinsculpt.figures._fingerprints import (
    FINGERPRINT_WORDS,
    draw_bounds_plane,
    draw_designed_schedule,
    draw_schedule,
    plot_fingerprints,
    shown,
)
from spinsculpt.figures._ladder import draw_bounds, draw_frontier, draw_selectivity, draw_states
from spinsculpt.figures._ranking import (
    draw_errors,
    draw_losses,
    draw_power,
    draw_ranking,
    draw_retest,
    draw_time,
)
from spinsculpt.figures._separation import draw_crlb, draw_spectra
from spinsculpt.figures._style import Style
from spinsculpt.figures._sweep import draw_sweep

__all__ = [
    "FINGERPRINT_WORDS",
    "ScanView",
    "Style",
    "draw_bounds",
    "draw_bounds_plane",
    "draw_crlb",
    "draw_design",
    "draw_designed_schedule",
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
    "draw_schedule",
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
    "plot_fingerprints",
    "plot_fits",
    "plot_ladder",
    "plot_preprocessing",
    "plot_recovery",
    "plot_scan",
    "plot_spectra",
    "plot_sweep",
    "shown",
    "study_style",
]
