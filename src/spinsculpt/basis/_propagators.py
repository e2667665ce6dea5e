r"""What a slice-selective pulse does to coupled spins, at many places at once.

The Hamiltonian is split into what acts on single spins (RF, gradient, chemical shift), whose rotations are exact, and
the scalar couplings, which commute with rotations of all spins alike. Only the shift differences of coupled spins keep
the two from commuting, so few symmetric (Strang) steps suffice: half of the rotation, the couplings, the other half.
"""

from dataclasses import replace
from functools import cache

import numpy as np

from spinsculpt.conventions import ppm_to_hz
from spinsculpt.pulses import spin_rotation
from spinsculpt.sequences import ShapedPulse
from spinsculpt.spins import SpinSystem, hamiltonian, rotation, total

_SPLITTING = 4e-4  # error of a propagator that the splitting may make
_PRECISION = np.complex64  # 1e-6 of a signal, far below what the splitting and the grid leave


def slice_propagators(
    event: ShapedPulse, system: SpinSystem, central_frequency: float, places: np.ndarray
) -> np.ndarray:
    """Unitaries of a pulse at many places, complex64, shape (places, d, d).

    Args:
        event: the pulse with its phase and offset.
        system: the spins.
        central_frequency: MHz.
        places: Hz that the slice gradient at its nominal strength adds, shape (places,).
    """
    pulse = replace(event.pulse, b1=np.asarray(event.pulse.b1, complex) * np.exp(1j * np.deg2rad(event.phase)))
    shifts = np.array([ppm_to_hz(shift, central_frequency) for shift in system.shifts])
    # Steps of T make an error of 0.02 to 0.1 J (nu_j - nu_k) (2 pi T)^2: measured, for all kinds of pulses and spins.
    mixing = max((abs(value * (shifts[i] - shifts[j])) for i, j, value in system.couplings), default=0.0)  # Hz^2
    longest = np.sqrt(_SPLITTING / max(0.08 * mixing, 1e-9)) / (2 * np.pi)  # s
    pulse = pulse.finer(2 * int(np.ceil(pulse.dwell / longest)))  # so that every step has a middle
    steps = int(np.ceil(pulse.duration / longest))
    edges = 2 * np.linspace(0, len(pulse.b1) // 2, steps + 1).astype(int)
    middles = [0, *(edges[:-1] + edges[1:]) // 2, len(pulse.b1)]
    couplings = hamiltonian(replace(system, shifts=(0.0,) * system.n_spins), 0.0)
    blocks = [(states, *np.linalg.eigh(couplings[np.ix_(states, states)])) for states in _sectors(system.levels)]

    def rotations(step: int) -> list[np.ndarray]:
        """Rotation of each spin from the middle of the step before to that of a step, (places, d_k, d_k) each."""
        part = pulse[middles[step] : middles[step + 1]]
        a, b = spin_rotation(part, shifts - event.offset, place=np.asarray(places)[:, None])
        return [rotation(count, a[:, k], b[:, k]).astype(_PRECISION) for k, count in enumerate(system.levels)]

    def coupled(duration: float, u: np.ndarray) -> np.ndarray:
        """The couplings alone for a time in s, times u; they conserve F_z."""
        product = np.empty_like(u)
        for states, energy, vectors in blocks:
            evolution = (vectors * np.exp(-1j * energy * duration)) @ vectors.T
            product[:, states] = evolution.astype(_PRECISION) @ u[:, states]
        return product

    u = _kronecker(rotations(0), len(places))
    for step in range(steps):
        u = coupled((edges[step + 1] - edges[step]) * pulse.dwell, u)
        u = _rotated(rotations(step + 1), u)
    # The frame of the pulse turns at its offset about z; both frames agree in the middle of the pulse.
    quantum_number = np.diag(total(system.levels, "z")).real
    turn = np.exp(-1j * np.pi * event.offset * pulse.duration * quantum_number).astype(_PRECISION)
    return turn[:, None] * u * turn


def conjugated(
    u: np.ndarray, rho: np.ndarray, levels: tuple[int, ...], kept: tuple[int, ...] | None = None
) -> np.ndarray:
    """States u rho u', of which a coherence filter will keep the orders `kept` (None: all), shape (places, d, d).

    A state of order p fills only the blocks between states whose F_z differ by p. Only those are multiplied that hold
    something, and only those computed that are kept: a sixth of all between two spoilers, for nine spins.
    """
    sectors = _sectors(levels)
    ends = np.cumsum([len(states) for states in sectors])
    blocks = [(states, slice(end - len(states), end)) for states, end in zip(sectors, ends, strict=True)]
    order = np.concatenate(sectors)
    u = u[:, order][:, :, order]
    half, product = np.zeros_like(u), np.zeros_like(u)  # rows of `half` and all of u are sorted by F_z
    for rows, row in blocks:
        for columns, column in blocks:
            part = rho[..., rows[:, None], columns].astype(u.dtype)
            if part.any():
                half[..., column] += u[..., row] @ part
    for p, (rows, row) in enumerate(blocks):
        for q, (columns, column) in enumerate(blocks):
            if kept is None or p - q in kept:
                product[:, rows[:, None], columns] = half[:, row] @ u[:, column].conj().swapaxes(1, 2)
    return product


@cache
def _sectors(levels: tuple[int, ...]) -> list[np.ndarray]:
    """Indices of the states of each quantum number of F_z, ascending."""
    quantum_number = np.rint(2 * np.diag(total(levels, "z")).real)
    return [np.flatnonzero(quantum_number == m) for m in np.unique(quantum_number)]


def _rotated(rotations: list[np.ndarray], u: np.ndarray) -> np.ndarray:
    """Rotations of single spins, (places, d_k, d_k) each, times u (places, d, d)."""
    middle = len(rotations) // 2
    upper, lower = _kronecker(rotations[:middle], len(u)), _kronecker(rotations[middle:], len(u))
    rows, columns = upper.shape[1], lower.shape[1]
    u = (upper @ u.reshape(len(u), rows, -1)).reshape(len(u), rows, columns, -1)
    return (lower[:, None] @ u).reshape(len(u), rows * columns, -1)


def _kronecker(rotations: list[np.ndarray], count: int) -> np.ndarray:
    """Kronecker product of matrices (count, d_k, d_k), shape (count, d, d); ones without any."""
    product = np.ones((count, 1, 1), _PRECISION)
    for single in rotations:
        size = product.shape[1] * single.shape[1]
        product = np.einsum("xij,xkl->xikjl", product, single).reshape(count, size, size)
    return product
