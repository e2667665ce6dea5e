"""Cramer-Rao lower bounds: of a fit, and of a measurement that is only planned."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import Baseline, FitModel
from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit._data import prepare
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._model import Problem, noise_matrix

_SINGULAR = 1e-13  # relative eigenvalue of the information below which a direction is undetermined


def predict_crlb(
    bases: Sequence[BasisSet],
    concentrations: dict[str, float],
    model: FitModel,
    noise_sd: Sequence[float] | np.ndarray,
    linewidth_hz: float,
    gaussian_hz: float = 0.0,
    stiffness: float | None = None,
) -> Estimates:
    """CRLBs that a fit of `bases` would have, by the Jacobian that the fit itself uses.

    Args:
        bases: one a spectrum; several are a joint fit, each with its share of the scan time in its `noise_sd`.
        concentrations: of every name that the model takes from the bases, in units in which one proton gives the basis.
        model: the model that would be fitted; all its parameters count as unknown.
        noise_sd: SD of one real channel of `to_spectrum`, one a spectrum; or the covariance of spectra with noise in
            common.
        linewidth_hz: Lorentzian full width at half maximum of the measurement; what is in a basis already
            (`BasisSet.linewidth`) is not added again.
        gaussian_hz: Gaussian full width at half maximum.
        stiffness: degrees of freedom per ppm of a spline baseline, where `model.baseline` leaves it open.
    Returns:
        Concentrations with their covariance; every other parameter marginalised.
    """
    missing = [name for name in model.selection(bases[0].names) if name not in concentrations]
    if missing:
        raise SpinsculptError(
            f"No concentration is given for {', '.join(missing)}; give one, or exclude the name from the fit."
        )
    if model.baseline == Baseline("spline"):
        if stiffness is None:
            raise SpinsculptError("A predicted CRLB needs the stiffness of the spline: baseline spline:STIFFNESS.")
        model = replace(model, baseline=f"spline:{stiffness}")
    labels = [f"basis {k + 1}" for k in range(len(bases))]
    flat = [FID(np.ones(basis.points, complex), basis.dwell, basis.central_frequency) for basis in bases]
    fids, matched = prepare(flat, bases, model, labels)
    problem = Problem(fids, matched, model, noise_matrix(noise_sd))
    values = {
        "gamma": np.pi * max(linewidth_hz - bases[0].linewidth, 0.0),
        "gauss": (np.pi * gaussian_hz) ** 2 / (4.0 * np.log(2.0)),
    }
    theta = np.array([values.get(parameter.kind, 0.0) for parameter in problem.parameters])
    c = np.array([concentrations[name] for name in problem.names], float)
    problem.set_soft_ratios(c)
    covariance = covariance_of(problem, theta, c)
    return Estimates(problem.names, c, covariance[: len(c), : len(c)])


def covariance_of(problem: Problem, theta: np.ndarray, c: np.ndarray, held: np.ndarray | None = None) -> np.ndarray:
    """Covariance of concentrations and nonlinear parameters, the baseline marginalised, shape (L + K, L + K).

    The inverse of the information matrix. `held`, shape (K,), says which nonlinear parameters a bound holds: noise does
    not move them, so they count as known and have no variance. Concentrations at zero count as unknown, because no one
    knows that they are zero. What the data do not determine gets a variance so large that no estimate of it passes a
    limit; sums that the data do determine keep theirs.
    """
    information = problem.fisher(theta, c)
    count = len(c) + len(theta)
    if held is not None and held.any():
        free = np.ones(len(information), bool)
        free[len(c) : count] = ~held
        covariance = np.zeros_like(information)
        covariance[np.ix_(free, free)] = _inverse(information[np.ix_(free, free)])
        return covariance[:count, :count]
    return _inverse(information)[:count, :count]


def _inverse(information: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.diag(information))
    scale[scale == 0.0] = np.finfo(float).tiny ** 0.25
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    values = np.maximum(values, _SINGULAR * values[-1])
    return (vectors / values) @ vectors.T / np.outer(scale, scale)
