"""Every figure is a function of a tidy table: PDF and PNG, with the table that was drawn beside them as .tsv.

matplotlib is imported here and nowhere else, with the Agg backend: no display is needed.
"""

import matplotlib

matplotlib.use("Agg")

from spinsculpt.figures._cohort import draw_fits, draw_preprocessing, draw_recovery  # noqa: E402
from spinsculpt.figures._design import draw_design  # noqa: E402
from spinsculpt.figures._separation import draw_crlb, draw_spectra  # noqa: E402
from spinsculpt.figures._style import Style  # noqa: E402
from spinsculpt.figures._sweep import draw_sweep  # noqa: E402

__all__ = [
    "Style",
    "draw_crlb",
    "draw_design",
    "draw_fits",
    "draw_preprocessing",
    "draw_recovery",
    "draw_spectra",
    "draw_sweep",
]
