"""Fit spectra as linear combinations of a basis, with uncertainties. No torch, no numba, no pandas."""

from spinsculpt.config import BROAD, Baseline, FitModel, SoftRatio, matches
from spinsculpt.fit._amplitudes import signal_per_proton, water_amplitude
from spinsculpt.fit._average import MODEL_SD_FACTOR, describe_model, fit
from spinsculpt.fit._crlb import predict_crlb
from spinsculpt.fit._engine import FitEngine, engine_of
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._files import (
    Spectra,
    basis_at,
    conditions_of,
    fit_files,
    fit_measured,
    fit_scan,
    only_spectrum,
    parts_of,
    sub_spectrum,
)
from spinsculpt.fit._fslmrs import find_fsl_mrs, fit_with_fsl_mrs
from spinsculpt.fit._model import Axis, Layout, Problem, derivatives
from spinsculpt.fit._quantify import WaterScaling, water_scaling
from spinsculpt.fit._resample import monte_carlo, sample_posterior, spread
from spinsculpt.fit._result import Curve, FitResult
from spinsculpt.fit._solver import minimise
from spinsculpt.fit._tissue import tissue_fractions, voxel_fractions

__all__ = [
    "BROAD",
    "MODEL_SD_FACTOR",
    "Axis",
    "Baseline",
    "Curve",
    "Estimates",
    "FitEngine",
    "FitModel",
    "FitResult",
    "Layout",
    "Problem",
    "SoftRatio",
    "Spectra",
    "WaterScaling",
    "basis_at",
    "conditions_of",
    "derivatives",
    "describe_model",
    "engine_of",
    "find_fsl_mrs",
    "fit",
    "fit_files",
    "fit_measured",
    "fit_scan",
    "fit_with_fsl_mrs",
    "matches",
    "minimise",
    "monte_carlo",
    "only_spectrum",
    "parts_of",
    "predict_crlb",
    "sample_posterior",
    "signal_per_proton",
    "spread",
    "sub_spectrum",
    "tissue_fractions",
    "voxel_fractions",
    "water_amplitude",
    "water_scaling",
]
