"""From converted to clean spectra, one scan a call. Importing this package imports neither torch nor matplotlib."""

from spinsculpt.preprocess._align import align, outliers
from spinsculpt.preprocess._coils import coil_weights, combine_coils
from spinsculpt.preprocess._eddy import correct_eddy_currents
from spinsculpt.preprocess._fslmrs import find_fsl_mrs_preproc
from spinsculpt.preprocess._match import match, shifted
from spinsculpt.preprocess._nuisance import remove_lines
from spinsculpt.preprocess._quality import MEASURES, failures, in_words
from spinsculpt.preprocess._reference import find_singlets
from spinsculpt.preprocess._scan import Drift, preprocess_scan, preprocess_water, uncorrected

__all__ = [
    "MEASURES",
    "Drift",
    "Trace",
    "align",
    "coil_weights",
    "combine_coils",
    "correct_eddy_currents",
    "draw_page",
    "failures",
    "find_fsl_mrs_preproc",
    "find_singlets",
    "in_words",
    "match",
    "outliers",
    "preprocess_scan",
    "preprocess_water",
    "remove_lines",
    "shifted",
    "uncorrected",
]


def __getattr__(name: str):
    """The page of a scan is drawn by few, and matplotlib imports slowly."""
    if name in ("Trace", "draw_page"):
        from spinsculpt.preprocess import _picture

        return getattr(_picture, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
