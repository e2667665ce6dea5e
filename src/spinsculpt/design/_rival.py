"""The honest rivals of a designed pulse: PRESS with its two echo times chosen in the same way, and MEGA-PRESS."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import torch

from spinsculpt.design._optimise import Search
from spinsculpt.design._problem import Design
from spinsculpt.design._simulate import Signals
from spinsculpt.pulses import gaussian
from spinsculpt.sequences import megapress as edited

SHORTEST, LONGEST = 0.010, {"te1": 0.040, "te2": 0.080}  # s; gradients and slice-selective pulses leave no room below
STARTS = {"te1": (0.0105, 0.014, 0.020, 0.030), "te2": (0.0105, 0.014, 0.020, 0.030, 0.045, 0.065)}  # s, every pair
STEPS, SCREENING = 24, (0.08, 0.16, 0.24)
NOMINAL = {"b1_scale": 1.0, "b0_hz": 0.0, "broadening_hz": 0.0, "pulse_offset_hz": 0.0}


def best_press(design: Design, metabolites: Mapping[str, float]) -> dict:
    """Echo times of the PRESS with the lowest weighted mean of log CRLBs, by the optimiser of the design.

    Args:
        design: whose metabolites, model, linewidth and relaxation are used.
        metabolites: weight of each bound.
    Returns:
        te1_s, te2_s and, relative to the reference, the CRLB of each metabolite.
    """
    changed = {
        "kind": "press",
        "times": {name: (SHORTEST, longest) for name, longest in LONGEST.items()},
        "objectives": [{"type": "crlb", "metabolites": dict(metabolites)}],
        "robustness": {**design.entry["robustness"], **{key: [value] for key, value in NOMINAL.items()}},
        "decay_interval": 0.0,
    }
    rival = Design("press", {**design.entry, **changed}, design.basis)
    starts = rival.times.parameters(torch.as_tensor(np.array(list(product(STARTS["te1"], STARTS["te2"])))))
    search = Search(rival.evaluate, starts, "lbfgs", STEPS, 0.3, SCREENING)
    while search.done < STEPS:
        search.advance()
    search.finish()
    x = search.best[2]
    with torch.no_grad():
        bounds = rival.crlb(metabolites).sd(rival.signals(x[None]))[0, 0]
        reference = rival.crlb(metabolites, tuple(rival.reference.fids)).sd(rival.reference)[0, 0]
    times = rival.times.values(rival.of_times(x))
    return {
        "te1_s": round(times["te1"], 5),
        "te2_s": round(times["te2"], 5),
        "crlb_over_reference": dict(zip(metabolites, (bounds / reference).tolist(), strict=True)),
    }


def megapress(design: Design, metabolites: Mapping[str, float]) -> dict:
    """Bounds of MEGA-PRESS (TE 68 ms, 14 ms Gaussian pulses at 1.9 and 7.46 ppm) at the same scan time.

    Returns:
        megapress (ON and OFF fitted jointly) and megapress_diff (DIFF alone), each with the CRLB of each metabolite
        relative to the reference.
    """
    frequency = design.acquisition.central_frequency
    shots = design.measured(edited(gaussian(0.014, 180.0), central_frequency=frequency))
    diff = {"diff": (shots.fids["on"] - shots.fids["off"]) / 2}  # of two shots, each with sqrt(2) times the noise
    single = Signals(shots.names, diff, {}, {})
    reference = design.crlb(metabolites, tuple(design.reference.fids)).sd(design.reference)[0, 0]
    found = {
        "megapress": design.crlb(metabolites, ("on", "off")).sd(shots)[0, 0],
        "megapress_diff": design.crlb(metabolites, ("diff",)).sd(single)[0, 0],
    }
    return {
        name: {"crlb_over_reference": dict(zip(metabolites, (bounds / reference).tolist(), strict=True))}
        for name, bounds in found.items()
    }
