"""Fit spectra as linear combinations of a basis, with uncertainties. No torch, no numba, no pandas."""

from spinsculpt.fit._amplitudes import signal_per_proton, water_amplitude
from spinsculpt.fit._average import describe_model, fit
from spinsculpt.fit._crlb import predict_crlb
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._files import fit_files, fit_measured
from spinsculpt.fit._fslmrs import find_fsl_mrs, fit_with_fsl_mrs
from spinsculpt.fit._model import BROAD, MEASURED, SIMULATED, FitModel, SoftRatio, matches
from spinsculpt.fit._quantify import WaterScaling, water_scaling
from spinsculpt.fit._resample import monte_carlo, sample_posterior, spread
from spinsculpt.fit._result import Curve, FitResult
from spinsculpt.fit._tissue import tissue_fractions, voxel_fractions

__all__ = [
    "BROAD",
    "MEASURED",
    "SIMULATED",
    "Curve",
    "Estimates",
    "FitModel",
    "FitResult",
    "SoftRatio",
    "WaterScaling",
    "describe_model",
    "find_fsl_mrs",
    "fit",
    "fit_files",
    "fit_measured",
    "fit_with_fsl_mrs",
    "matches",
    "monte_carlo",
    "predict_crlb",
    "sample_posterior",
    "signal_per_proton",
    "spread",
    "tissue_fractions",
    "voxel_fractions",
    "water_amplitude",
    "water_scaling",
]
