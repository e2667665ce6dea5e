r"""Spin operators in the product basis |m_1 m_2 ... m_n>, spin 1 the slowest index, alpha (+1/2) before beta."""

from functools import cache

import numpy as np

from spinsculpt.conventions import ppm_to_hz
from spinsculpt.spins._system import SpinSystem

_PAULI = {
    "x": np.array([[0, 0.5], [0.5, 0]], complex),
    "y": np.array([[0, -0.5j], [0.5j, 0]], complex),
    "z": np.array([[0.5, 0], [0, -0.5]], complex),
    "p": np.array([[0, 1], [0, 0]], complex),
    "m": np.array([[0, 0], [1, 0]], complex),
}


@cache
def single_spin(n_spins: int, spin: int, axis: str) -> np.ndarray:
    """Operator I_k,axis ("x", "y", "z", "p" raising, "m" lowering), complex, shape (2**n, 2**n), read-only."""
    operator = np.kron(np.kron(np.eye(2**spin), _PAULI[axis]), np.eye(2 ** (n_spins - spin - 1)))
    operator.setflags(write=False)
    return operator


@cache
def total(n_spins: int, axis: str) -> np.ndarray:
    """Total operator F_axis = sum_k I_k,axis, complex, shape (2**n, 2**n), read-only."""
    operator = sum(single_spin(n_spins, k, axis) for k in range(n_spins))
    operator.setflags(write=False)
    return operator


def raising(n_spins: int) -> np.ndarray:
    """F_+ = F_x + i F_y."""
    return total(n_spins, "p")


def lowering(n_spins: int) -> np.ndarray:
    """F_- = F_x - i F_y."""
    return total(n_spins, "m")


@cache
def coherence_order(n_spins: int) -> np.ndarray:
    """Coherence order p = M_row - M_column of each element of a density operator, integer, shape (2**n, 2**n)."""
    m = np.rint(np.diag(total(n_spins, "z")).real * 2).astype(int)
    order = (m[:, None] - m[None, :]) // 2
    order.setflags(write=False)
    return order


def hamiltonian(system: SpinSystem, central_frequency: float, receiver_ppm: float = 4.65) -> np.ndarray:
    r"""Free Hamiltonian sum_k 2pi nu_k I_kz + sum_{j<k} 2pi J_jk I_j.I_k in rad/s, real symmetric, shape (2**n, 2**n).

    Args:
        system: the spins.
        central_frequency: spectrometer frequency in MHz.
        receiver_ppm: chemical shift in ppm of the rotating frame.
    """
    n = system.n_spins
    h = np.zeros((2**n, 2**n))
    for k, shift in enumerate(system.shifts):
        offset = ppm_to_hz(shift, central_frequency) - ppm_to_hz(receiver_ppm, central_frequency)
        h += 2 * np.pi * offset * single_spin(n, k, "z").real
    states = np.arange(2**n)
    for i, j, value in system.couplings:  # I_i.I_j = P_ij / 2 - 1/4, where P_ij exchanges the two spins
        unlike = (states >> (n - 1 - i) ^ states >> (n - 1 - j)) & 1
        exchanged = states ^ unlike * (2 ** (n - 1 - i) + 2 ** (n - 1 - j))
        h[states, exchanged] += np.pi * value
        h[states, states] -= np.pi * value / 2
    return h
