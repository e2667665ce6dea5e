"""Goal-driven design of RF pulses by gradient descent through the spin dynamics (torch)."""

from spinsculpt.design._objectives import (
    CRLB,
    Enhance,
    Power,
    Smooth,
    Suppress,
    TargetSpectrum,
    TargetState,
    Window,
    robust,
)
from spinsculpt.design._optimise import Search
from spinsculpt.design._parametrise import Parametrisation
from spinsculpt.design._problem import Design, Model
from spinsculpt.design._run import run_design
from spinsculpt.design._simulate import Acquisition, FieldCondition, Signals, Simulation

__all__ = [
    "CRLB",
    "Acquisition",
    "Design",
    "Enhance",
    "FieldCondition",
    "Model",
    "Parametrisation",
    "Power",
    "Search",
    "Signals",
    "Simulation",
    "Smooth",
    "Suppress",
    "TargetSpectrum",
    "TargetState",
    "Window",
    "robust",
    "run_design",
]
