"""The honest rival of a designed pulse: PRESS with nothing but its two echo times chosen, by the same objective."""

from collections.abc import Mapping
from itertools import product

import numpy as np
from scipy.optimize import minimize

from spinsculpt.design._problem import Design
from spinsculpt.design._simulate import Simulation
from spinsculpt.sequences import press

GRID_TE1, GRID_TE2 = (0.010, 0.014, 0.020, 0.030), (0.010, 0.014, 0.020, 0.030, 0.045, 0.065)  # s


def best_press(design: Design, metabolites: Mapping[str, float], shortest: float = 0.010) -> dict:
    """Echo times of the PRESS with the lowest weighted mean of log CRLBs: the best of a grid, refined by Nelder-Mead.

    Args:
        design: whose metabolites, model, linewidth and relaxation are used.
        metabolites: weight of each bound.
        shortest: of either echo time in s, what gradients and slice-selective pulses leave room for.
    Returns:
        te1_s, te2_s and, relative to the reference, the CRLB of each metabolite.
    """
    reference = design.crlb(metabolites, tuple(design.reference.fids)).sd(design.reference)[0, 0].cpu().numpy()
    weights = np.array(list(metabolites.values())) / sum(metabolites.values())
    seen: dict[tuple[float, float], np.ndarray] = {}

    def ratios(te1: float, te2: float) -> np.ndarray:
        key = round(te1, 5), round(te2, 5)
        if key not in seen:
            sequence = press(sum(key), key[0], "rival")
            simulation = Simulation(
                sequence, design.library, design.names, design.acquisition, relaxation=design.entry["relaxation"]
            )
            seen[key] = design.crlb(metabolites, ("rival",)).sd(simulation({}))[0, 0].cpu().numpy() / reference
        return seen[key]

    def loss(times: np.ndarray) -> float:
        te1, te2 = np.maximum(times, shortest)
        outside = np.abs(times - (te1, te2)).sum()
        return float(weights @ np.log(ratios(te1, te2)) + 100 * outside)

    start = min(product(GRID_TE1, GRID_TE2), key=lambda times: loss(np.array(times)))
    options = {"initial_simplex": np.add(start, [[0, 0], [0.002, 0], [0, 0.003]]), "maxfev": 25, "xatol": 2e-4}
    times = minimize(loss, start, method="Nelder-Mead", options=options).x
    te1, te2 = np.maximum(times, shortest)
    return {
        "te1_s": round(float(te1), 5),
        "te2_s": round(float(te2), 5),
        "crlb_over_reference": dict(zip(metabolites, ratios(te1, te2).tolist(), strict=True)),
    }
