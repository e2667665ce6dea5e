r"""Relaxation by operator classes: populations with T1 towards equilibrium, all coherences with T2.

    d rho / dt = -i [H, rho] - Gamma o (rho - rho_eq),   Gamma = 1/T1 on the diagonal, 1/T2 elsewhere, rho_eq = F_z

with o the product element by element in the product basis. The fast way keeps evolution unitary between instants of
decay (Strang splitting: second order in the interval); the reference exponentiates the whole superoperator.
"""

from math import prod

import numpy as np

from spinsculpt.physics.dynamics._exact import free_eigensystem
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.spins import SpinSystem, total


def class_decay(levels: tuple[int, ...], t1: float, t2: float, interval: float) -> tuple[np.ndarray, np.ndarray]:
    """Factors and additions of `interval` s of relaxation: rho -> factor * rho + addition, both (d, d)."""
    dim = prod(levels)
    factor = np.full((dim, dim), np.exp(-interval / t2))
    np.fill_diagonal(factor, np.exp(-interval / t1))
    return factor, (1 - np.exp(-interval / t1)) * total(levels, "z").real


def liouville_evolve(
    rho: np.ndarray, pulse: Pulse, system: SpinSystem, t1: float, t2: float, central_frequency: float
) -> np.ndarray:
    """State after a pulse with relaxation, exactly, in Liouville space: the reference for two or three spins.

    Args:
        rho: initial density operator, shape (d, d).
        pulse: waveform on the frequency of the receiver (4.65 ppm).
        system: spins; the superoperators have d**4 elements.
        t1, t2: s.
        central_frequency: MHz.
    """
    levels, dim = system.levels, system.dimension
    energy, states = free_eigensystem(system, central_frequency)
    free = (states * energy) @ states.T
    one = np.eye(dim)
    gamma = np.full((dim, dim), 1 / t2)
    np.fill_diagonal(gamma, 1 / t1)
    source = (gamma * total(levels, "z").real).ravel()
    rho = np.append(rho.ravel(), 1.0)  # the last element carries the way back to equilibrium
    for w in pulse.nutation:
        h = free + w.real * total(levels, "x") + w.imag * total(levels, "y")
        generator = np.zeros((dim**2 + 1, dim**2 + 1), complex)
        generator[:-1, :-1] = -1j * (np.kron(h, one) - np.kron(one, h.T)) - np.diag(gamma.ravel())
        generator[:-1, -1] = source
        values, vectors = np.linalg.eig(generator)
        rho = vectors @ (np.exp(values * pulse.dwell) * np.linalg.solve(vectors, rho))
    return rho[:-1].reshape(dim, dim)
