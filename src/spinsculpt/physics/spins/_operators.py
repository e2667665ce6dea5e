r"""Spin operators in the product basis |m_1 m_2 ... m_n>, spin 1 the slowest index, m from I down to -I.

`levels` holds 2 I + 1 of each spin: (2, 2) are two protons, (2, 4) are a proton and a spin 3/2.
"""

from collections.abc import Iterable
from functools import cache
from math import prod

import numpy as np

from spinsculpt.core.conventions import WATER_PPM, ppm_to_hz
from spinsculpt.physics.spins._system import SpinSystem


@cache
def single_spin(levels: tuple[int, ...], spin: int, axis: str) -> np.ndarray:
    """Operator I_k,axis ("x", "y", "z", "p" raising, "m" lowering), complex, shape (d, d), read-only.

    d = prod(levels) is the dimension of the whole.
    """
    before, after = np.eye(prod(levels[:spin])), np.eye(prod(levels[spin + 1 :]))
    operator = np.kron(np.kron(before, _alone(levels[spin], axis)), after)
    operator.setflags(write=False)
    return operator


@cache
def total(levels: tuple[int, ...], axis: str) -> np.ndarray:
    """Total operator F_axis = sum_k I_k,axis, complex, shape (d, d), read-only."""
    operator = sum(single_spin(levels, k, axis) for k in range(len(levels)))
    operator.setflags(write=False)
    return operator


def raising(levels: tuple[int, ...]) -> np.ndarray:
    """F_+ = F_x + i F_y."""
    return total(levels, "p")


def lowering(levels: tuple[int, ...]) -> np.ndarray:
    """F_- = F_x - i F_y."""
    return total(levels, "m")


@cache
def coherence_order(levels: tuple[int, ...]) -> np.ndarray:
    """Coherence order p = M_row - M_column of each element of a density operator, integer, shape (d, d)."""
    m = np.diag(total(levels, "z")).real
    order = np.rint(m[:, None] - m[None, :]).astype(int)
    order.setflags(write=False)
    return order


def ladder(levels: int) -> np.ndarray:
    """<m + 1| I_+ |m> = sqrt(I(I + 1) - m(m + 1)) of one spin, m from I - 1 down to -I, shape (levels - 1,)."""
    below = np.arange(1, levels)
    return np.sqrt(below * (levels - below))


def rotation(levels: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rotation of one spin I, complex, shape (..., levels, levels): 2 I spins 1/2 turn alike in their symmetric states.

    Args:
        levels: 2 I + 1.
        a, b: Cayley-Klein parameters, a spin 1/2 turns by [[a, -conj(b)], [b, conj(a)]]; complex, any shape.
    """
    half = product = np.stack([a, -np.conj(b), b, np.conj(a)], -1).reshape(*np.shape(a), 2, 2)
    for size in 2 ** np.arange(2, levels):
        product = np.einsum("...ij,...kl->...ikjl", product, half).reshape(*half.shape[:-2], size, size)
    symmetric = _symmetric_states(levels)
    return product if levels == 2 else symmetric.T @ product @ symmetric


def hamiltonian(system: SpinSystem, central_frequency: float, receiver_ppm: float = WATER_PPM) -> np.ndarray:
    r"""Free Hamiltonian sum_k 2pi nu_k I_kz + sum_{j<k} 2pi J_jk I_j.I_k in rad/s, real symmetric, shape (d, d).

    Args:
        system: the spins.
        central_frequency: spectrometer frequency in MHz.
        receiver_ppm: chemical shift in ppm of the rotating frame.
    """
    offsets = ppm_to_hz(np.array(system.shifts), central_frequency) - ppm_to_hz(receiver_ppm, central_frequency)
    strengths = [(i, j, 2 * np.pi * value) for i, j, value in system.couplings]
    return np.diag(2 * np.pi * offsets @ quantum_numbers(system.levels)) + scalar_coupling(system.levels, strengths)


def scalar_coupling(levels: tuple[int, ...], strengths: Iterable[tuple[int, int, float]]) -> np.ndarray:
    r"""sum_{j<k} w_jk I_j.I_k, real symmetric, shape (d, d), from (j, k, w_jk = 2pi J_jk in rad/s).

    >>> np.linalg.eigvalsh(scalar_coupling((2, 2), [(0, 1, 4.0)])).tolist()  # a singlet below three triplets
    [-3.0, 1.0, 1.0, 1.0]
    """
    h = np.zeros((prod(levels), prod(levels)))
    for i, j, strength in strengths:
        places, elements = _scalar_product(levels, i, j)
        h[places] += strength * elements
    return h


@cache
def quantum_numbers(levels: tuple[int, ...]) -> np.ndarray:
    """m of each spin in each product state, shape (n_spins, d).

    >>> quantum_numbers((2, 3)).tolist()  # a proton and a spin 1
    [[0.5, 0.5, 0.5, -0.5, -0.5, -0.5], [1.0, 0.0, -1.0, 1.0, 0.0, -1.0]]
    """
    below = np.indices(levels).reshape(len(levels), -1)  # steps of each spin below its highest state
    return (np.array(levels)[:, None] - 1) / 2 - below


@cache
def _scalar_product(levels: tuple[int, ...], i: int, j: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Places (rows, columns) and values of the elements of I_i.I_j = I_iz I_jz + (I_i+ I_j- + I_i- I_j+) / 2."""
    states = np.arange(prod(levels))
    below = np.indices(levels).reshape(len(levels), -1)  # steps of each spin below its highest state
    m = quantum_numbers(levels)
    old = states[(below[i] > 0) & (below[j] < levels[j] - 1)]
    new = old - prod(levels[i + 1 :]) + prod(levels[j + 1 :])
    flip = ladder(levels[i])[below[i, old] - 1] * ladder(levels[j])[below[j, old]] / 2
    places = np.concatenate([states, old, new]), np.concatenate([states, new, old])
    return places, np.concatenate([m[i] * m[j], flip, flip])


@cache
def _alone(levels: int, axis: str) -> np.ndarray:
    """Operator of one spin by itself, shape (levels, levels)."""
    up = np.diag(ladder(levels), 1).astype(complex)
    match axis:
        case "p":
            return up
        case "m":
            return up.T
        case "x":
            return (up + up.T) / 2
        case "y":
            return (up - up.T) / 2j
        case "z":
            return np.diag((levels - 1) / 2 - np.arange(levels)).astype(complex)
    raise ValueError(f"A spin operator has no axis {axis!r}; choose x, y, z, p or m.")


@cache
def _symmetric_states(levels: int) -> np.ndarray:
    """States |m> of a spin I, m from I down, as columns over the states of 2 I spins 1/2, shape (4**I, levels)."""
    below = np.array([state.bit_count() for state in range(2 ** (levels - 1))])
    states = (below[:, None] == np.arange(levels)).astype(float)
    return states / np.linalg.norm(states, axis=0)
