"""Why a pulse works: product operators of the final state, weights along the pulse, signal of each spin."""

from itertools import pairwise, product

import numpy as np

from spinsculpt.core.conventions import WATER_PPM
from spinsculpt.physics.dynamics import evolve
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.sequences import Event, ShapedPulse
from spinsculpt.physics.spins import SpinSystem, coherence_order, single_spin, transfer_bound


def product_operators(rho: np.ndarray, spins: tuple[str, ...], leading: int = 20) -> list[tuple[str, float, float]]:
    r"""The leading terms of rho = sum_B c_B B over products of spin operators, such as I1z I2z I5x.

    c_B = Tr[rho B] / Tr[B B]; the share of a term is c_B^2 Tr[B B] / Tr[rho rho], so that shares add up to 1 (less the
    unit operator). Antihermitian parts, which a filter of one coherence order leaves, are not looked at.

    Args:
        rho: density operator, shape (2**n, 2**n).
        spins: names of the spins.
        leading: number of terms.
    Returns:
        (term, coefficient, share), largest share first.
    """
    n = len(spins)
    hermitian = (rho + rho.conj().T) / 2
    norm = np.vdot(hermitian, hermitian).real
    expectation = _pauli_expectations(hermitian)
    terms = []
    for index in product(range(4), repeat=n):
        involved = [k for k, axis in enumerate(index) if axis]
        if involved:
            value = expectation[index]
            name = " ".join(f"{spins[k]}{'xyz'[index[k] - 1]}" for k in involved)
            terms.append(
                (name, float(value * 2 ** len(involved) / 2**n), float(value**2 / 2**n / norm) if norm else 0.0)
            )
    return sorted(terms, key=lambda term: -term[2])[:leading]


def operator_classes(rho: np.ndarray) -> dict[str, float]:
    """Share of each class of product operators in a density operator; the shares of a traceless one add up to 1.

    The classes are told apart by the transverse and longitudinal factors of a product: `longitudinal` Iz;
    `z_order` IzSz and longer; `in_phase` Ix, Iy, the signal; `antiphase` IxSz and longer; `multi_spin` two or more
    transverse factors, that is zero, double and higher quanta.

    Args:
        rho: density operator, shape (2**n, 2**n).
    """
    hermitian = (rho + rho.conj().T) / 2
    energy = _pauli_expectations(hermitian) ** 2 / max(len(rho) * np.vdot(hermitian, hermitian).real, 1e-30)
    axes = np.indices(energy.shape)
    transverse, longitudinal = ((axes == 1) | (axes == 2)).sum(0), (axes == 3).sum(0)
    classes = {
        "longitudinal": (transverse == 0) & (longitudinal == 1),
        "z_order": (transverse == 0) & (longitudinal > 1),
        "in_phase": (transverse == 1) & (longitudinal == 0),
        "antiphase": (transverse == 1) & (longitudinal > 0),
        "multi_spin": transverse > 1,
    }
    return {name: float(energy[members].sum()) for name, members in classes.items()}


def weights_along(
    before: tuple[Event, ...],
    pulse: Pulse,
    system: SpinSystem,
    central_frequency: float,
    receiver_ppm: float = WATER_PPM,
    steps: int = 24,
) -> list[tuple[float, dict[int, float], dict[str, float]]]:
    """What the density operator is made of along a pulse: (time in s, {order |p|: share}, {operator class: share}).

    Args:
        before: events that lead from equilibrium to the pulse.
        pulse: the designed pulse.
        system, central_frequency (MHz), receiver_ppm: as for `dynamics.line_list`.
        steps: intervals at whose ends the state is looked at.
    """
    frame = {"system": system, "central_frequency": central_frequency, "receiver_ppm": receiver_ppm}
    rho = evolve(before, **frame)
    order = np.abs(coherence_order(system.levels))
    edges = np.unique(np.linspace(0, len(pulse.b1), steps + 1).round().astype(int))
    found = [(0.0, _weights(rho, order), operator_classes(rho))]
    for first, last in pairwise(edges):
        chunk = Pulse(pulse.name, pulse.b1[first:last], pulse.dwell)
        rho = evolve([ShapedPulse(chunk)], **frame, start=rho)
        found.append((last * pulse.dwell, _weights(rho, order), operator_classes(rho)))
    return found


def spin_signals(rho: np.ndarray, spins: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """In-phase transverse magnetisation of each spin against the unitary bound from F_z.

    Returns:
        {spin: {"reached": |Tr[rho I_k+]| / Tr[I_kx^2], "bound": largest possible, "fraction": of it}}.
    """
    n, found = len(spins), {}
    for k, name in enumerate(spins):
        reached = abs(np.trace(rho @ single_spin((2,) * n, k, "p"))) / 2 ** (n - 2)
        bound = transfer_bound((2,) * n, (k,))
        found[name] = {"reached": float(reached), "bound": bound, "fraction": float(reached / bound)}
    return found


def _pauli_expectations(hermitian: np.ndarray) -> np.ndarray:
    """Tr[rho P] of all products P of unit (index 0) and Pauli matrices (1 to 3: x, y, z), shape (4,) * n."""
    n = len(hermitian).bit_length() - 1
    tensor = hermitian.reshape((2,) * (2 * n))
    single = np.stack([np.eye(2), *(2 * single_spin((2,), 0, axis) for axis in "xyz")])
    for left in range(n, 0, -1):  # trade the first row and column index that are left for a Pauli index at the end
        tensor = np.moveaxis(np.tensordot(single, tensor, axes=((2, 1), (0, left))), 0, -1)
    return tensor.real


def _weights(rho: np.ndarray, order: np.ndarray) -> dict[int, float]:
    energy = np.abs(rho) ** 2
    norm = max(float(energy.sum()), 1e-30)
    return {int(p): float(energy[order == p].sum()) / norm for p in np.unique(order)}
