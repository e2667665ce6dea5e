r"""What a slice-selective pulse does to coupled spins, at many places at once.

The Hamiltonian is split into what acts on single spins (RF, gradient, chemical shift), whose rotations are exact, and
the scalar couplings, which commute with rotations of all spins alike. Only the shift differences of coupled spins keep
the two from commuting, so few symmetric (Strang) steps suffice: half of the rotation, the couplings, the other half.

Many spins are cut in two groups that couple weakly with each other. Each evolves on its own in the same way, and what
couples the two acts in fewer steps still.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import prod

import numpy as np

from spinsculpt.core.conventions import ppm_to_hz
from spinsculpt.physics.pulses import Pulse, spin_rotation
from spinsculpt.physics.sequences import ShapedPulse
from spinsculpt.physics.spins import SpinSystem, hamiltonian, rotation, total

_SPLITTING = 4e-4  # error of a propagator that the splitting may make; that of spectra is 2e-5 to 8e-4 of their peak
_WHOLE = 64  # states up to which the spins are not cut in two
_PRECISION = np.complex64  # 1e-6 of a signal, far below what the splitting and the grid leave


def slice_propagators(
    event: ShapedPulse, system: SpinSystem, central_frequency: float, places: np.ndarray, b0_hz: float = 0.0
) -> np.ndarray:
    """Unitaries of a pulse at many places, complex64, shape (places, d, d).

    Args:
        event: the pulse with its phase and offset.
        system: the spins.
        central_frequency: MHz.
        places: Hz that the slice gradient at its nominal strength adds, shape (places,).
        b0_hz: offset of the main field in Hz.
    """
    pulse = replace(event.pulse, b1=np.asarray(event.pulse.b1, complex) * np.exp(1j * np.deg2rad(event.phase)))
    offsets = np.array([ppm_to_hz(shift, central_frequency) for shift in system.shifts]) - event.offset + b0_hz
    u = _evolved(pulse, system, offsets, np.asarray(places))
    # The frame of the pulse turns at its offset about z; both frames agree in the middle of the pulse.
    quantum_number = np.diag(total(system.levels, "z")).real
    turn = np.exp(-1j * np.pi * event.offset * pulse.duration * quantum_number).astype(_PRECISION)
    return turn[:, None] * u * turn


def _evolved(pulse: Pulse, system: SpinSystem, offsets: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Unitaries in the frame of the pulse, (places, d, d); offsets of the spins and places in Hz."""
    cut = _weakest_cut(system, offsets)
    split = [(i, j, value) for i, j, value in system.couplings if not cut or i < cut <= j]
    # Steps of T make an error of 0.02 to 0.1 J (nu_j - nu_k) (2 pi T)^2: measured, for all kinds of pulses and spins.
    longest = np.sqrt(_SPLITTING / (0.08 * _mixing(split, offsets))) / (2 * np.pi)  # s
    pulse = pulse.finer(2 * int(np.ceil(pulse.dwell / longest)))  # so that every step has a middle
    steps = int(np.ceil(pulse.duration / longest))
    edges = 2 * np.linspace(0, len(pulse.b1) // 2, steps + 1).astype(int)
    middles = [0, *(edges[:-1] + edges[1:]) // 2, len(pulse.b1)]
    coupled = _coupled(system, split)

    def alone(step: int) -> list[np.ndarray]:
        """What each spin, or each half of them, does from the middle of the step before to that of a step."""
        part = pulse[middles[step] : middles[step + 1]]
        if cut:
            halves = slice(0, cut), slice(cut, system.n_spins)
            return [_evolved(part, _part(system, half), offsets[half], places) for half in halves]
        a, b = spin_rotation(part, offsets, place=places[:, None])
        return [rotation(count, a[:, k], b[:, k]).astype(_PRECISION) for k, count in enumerate(system.levels)]

    u = _kronecker(alone(0), len(places))
    for step in range(steps):
        u = coupled((edges[step + 1] - edges[step]) * pulse.dwell, u)
        u = _product(alone(step + 1), u)
    return u


def _weakest_cut(system: SpinSystem, offsets: np.ndarray) -> int:
    """Where to cut the list of spins in two that couple weakly with each other; 0: not, because they are few."""
    n = system.n_spins
    if system.dimension <= _WHOLE:
        return 0
    return min(
        range(max(1, n // 3), n - n // 3 + 1),
        key=lambda cut: _mixing([pair for pair in system.couplings if pair[0] < cut <= pair[1]], offsets),
    )


def _mixing(couplings: list[tuple[int, int, float]], offsets: np.ndarray) -> float:
    """Largest J (nu_j - nu_k) in Hz^2: what keeps couplings and shifts from commuting."""
    return max((abs(value * (offsets[i] - offsets[j])) for i, j, value in couplings), default=0.0) + 1e-9


def _part(system: SpinSystem, spins: slice) -> SpinSystem:
    """Some of the spins, with the couplings among them."""
    inside = range(system.n_spins)[spins]
    return replace(
        system,
        spins=system.spins[spins],
        shifts=system.shifts[spins],
        levels=system.levels[spins],
        couplings=tuple(
            (i - inside.start, j - inside.start, v) for i, j, v in system.couplings if i in inside and j in inside
        ),
    )


def _coupled(system: SpinSystem, split: list[tuple[int, int, float]]) -> Callable[[float, np.ndarray], np.ndarray]:
    """Function of a time in s and u (places, d, d): some of the couplings alone for that time, times u."""
    spins = slice(min((i for i, *_ in split), default=0), max((j for _, j, _ in split), default=0) + 1)
    among = _part(replace(system, couplings=tuple(split), shifts=(0.0,) * system.n_spins), spins)
    h, rows = hamiltonian(among, 0.0), prod(system.levels[: spins.start])
    blocks = [(states, *np.linalg.eigh(h[np.ix_(states, states)])) for states in _sectors(among.levels)]

    def coupled(duration: float, u: np.ndarray) -> np.ndarray:
        before = u.reshape(len(u), rows, among.dimension, -1)
        after = np.empty_like(before)
        for states, energy, vectors in blocks:  # couplings conserve F_z
            evolution = (vectors * np.exp(-1j * energy * duration)) @ vectors.T
            after[:, :, states] = evolution.astype(_PRECISION) @ before[:, :, states]
        return after.reshape(u.shape)

    return coupled


def sorted_by_order(u: np.ndarray, levels: tuple[int, ...]) -> np.ndarray:
    """Unitaries (places, d, d) with their states sorted by F_z; in memory the rows of all places follow one another."""
    order = np.concatenate(_sectors(levels))
    return u.swapaxes(0, 1)[order][..., order].swapaxes(0, 1)


def unsorted(u: np.ndarray, levels: tuple[int, ...]) -> np.ndarray:
    """The inverse of `sorted_by_order`."""
    back = np.argsort(np.concatenate(_sectors(levels)))
    return u[:, back][:, :, back]


def conjugated(
    u: np.ndarray, rho: np.ndarray, levels: tuple[int, ...], kept: tuple[int, ...] | None = None, summed: bool = False
) -> np.ndarray:
    """States u rho u', of which a coherence filter will keep the orders `kept` (None: all).

    A state of order p fills only the blocks between states whose F_z differ by p. Only those are multiplied that hold
    something, and only those computed that are kept: a sixth of all between two spoilers, for nine spins.

    Args:
        u: of `sorted_by_order`, shape (places, d, d), or (1, d, d) if it is the same at all places of the states.
        rho: state at all places alike, (d, d), or at each, (places, d, d).
        levels: of the spins.
        kept: orders that are wanted.
        summed: over the places, which is one large product where each place would take a small one.
    Returns:
        Shape (places, d, d), or (d, d) if summed.
    """
    sectors = _sectors(levels)
    ends = np.cumsum([len(states) for states in sectors])
    blocks = [(states, slice(end - len(states), end)) for states, end in zip(sectors, ends, strict=True)]
    if rho.ndim == 3:
        u = np.broadcast_to(u, rho.shape)
    by_rows = u.swapaxes(0, 1)  # (d, places, d)
    half = np.zeros(by_rows.shape, u.dtype)
    for rows, row in blocks:
        for columns, column in blocks:
            part = rho[..., rows[:, None], columns].astype(u.dtype)
            if part.ndim == 2 and part.any():
                half[..., column] += (by_rows.reshape(-1, u.shape[-1])[:, row] @ part).reshape(half[..., column].shape)
            elif part.any():
                half[..., column] += (u[..., row] @ part).swapaxes(0, 1)
    size = len(half)
    product = np.zeros((size, size) if summed else u.shape, u.dtype)
    for p, (rows, row) in enumerate(blocks):
        for q, (columns, column) in enumerate(blocks):
            if kept is None or p - q in kept:
                left, right = half[row], by_rows[column].conj()
                if summed:
                    found = left.reshape(len(left), -1) @ right.reshape(len(right), -1).T
                else:
                    found = left.swapaxes(0, 1) @ right.transpose(1, 2, 0)
                product[..., rows[:, None], columns] = found
    return product


@cache
def _sectors(levels: tuple[int, ...]) -> list[np.ndarray]:
    """Indices of the states of each quantum number of F_z, ascending."""
    quantum_number = np.rint(2 * np.diag(total(levels, "z")).real)
    return [np.flatnonzero(quantum_number == m) for m in np.unique(quantum_number)]


def _product(factors: list[np.ndarray], u: np.ndarray) -> np.ndarray:
    """Kronecker product of unitaries (places, d_k, d_k) times u (places, d, d)."""
    middle = len(factors) // 2
    upper, lower = _kronecker(factors[:middle], len(u)), _kronecker(factors[middle:], len(u))
    rows, columns = upper.shape[1], lower.shape[1]
    u = (upper @ u.reshape(len(u), rows, -1)).reshape(len(u), rows, columns, -1)
    return (lower[:, None] @ u).reshape(len(u), rows * columns, -1)


def _kronecker(factors: list[np.ndarray], count: int) -> np.ndarray:
    """Kronecker product of matrices (count, d_k, d_k), shape (count, d, d); ones without any."""
    product = np.ones((count, 1, 1), _PRECISION)
    for factor in factors:
        size = product.shape[1] * factor.shape[1]
        product = np.einsum("xij,xkl->xikjl", product, factor).reshape(count, size, size)
    return product
