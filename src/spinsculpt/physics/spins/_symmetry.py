r"""Magnetically equivalent spins as total spins: one large system becomes a few small ones, exactly.

Spins that share their chemical shift and their coupling to every spin outside of their group enter the Hamiltonian,
RF, gradients and detection by their sum S = sum_k I_k alone; couplings within the group commute with all of these. So
S^2 is conserved: a methyl group is a spin 3/2 or, twice, a spin 1/2, and the signals of these sectors add.
"""

from functools import reduce
from itertools import product
from math import prod

import numpy as np

from spinsculpt.physics.spins._system import SpinSystem


def symmetry_sectors(system: SpinSystem) -> tuple[SpinSystem, ...]:
    """Smaller systems whose signals add up to that of the whole; (system,) if no spins are equivalent.

    A sector that occurs several times is returned once. Its weight is that of the system times the share of all states
    that its copies hold, which keeps the signal (4 w / d) Tr[rho F_+]. Total spins of 0 give none and are left out.
    """
    groups = sorted(equivalent_spins(system), key=len, reverse=True)  # large spins first: long runs of rows to mix
    if len(groups) == system.n_spins:
        return (system,)
    sectors = []
    for choice in product(*(_total_spins([system.levels[k] for k in group]) for group in groups)):
        levels, copies = zip(*choice, strict=True)
        share = prod(levels) * prod(copies) / system.dimension
        if present := {group: count for group, count in zip(groups, levels, strict=True) if count > 1}:
            sectors.append(_sector(system, present, share))
    return tuple(sectors)


def equivalent_spins(system: SpinSystem) -> list[tuple[int, ...]]:
    """Indices of the spins in groups of magnetically equivalent ones, as few groups as there can be.

    Groups are split until all spins of each have the same shift and the same coupling to every spin outside.
    """
    coupling = system.coupling_matrix + system.coupling_matrix.T
    groups = [tuple(range(system.n_spins))]
    while True:
        alike: dict[tuple, list[int]] = {}
        for group in groups:
            outside = [k for k in range(system.n_spins) if k not in group]
            for spin in group:
                alike.setdefault((group, system.shifts[spin], *coupling[spin, outside]), []).append(spin)
        if len(alike) == len(groups):
            return groups
        groups = [tuple(group) for group in alike.values()]


def _total_spins(levels: list[int]) -> list[tuple[int, int]]:
    """(2 S + 1, copies) of each total spin S of some spins, largest first: (4, 1) and (2, 2) of a methyl group.

    Every S has one state of each M from -S to S, so it occurs as often as M = S has more states than M = S + 1.
    """
    states = reduce(np.convolve, [np.ones(count, int) for count in levels])  # of each M, from the highest down
    copies = np.diff(states, prepend=0)
    return [(len(states) - 2 * k, int(copies[k])) for k in range((len(states) + 1) // 2) if copies[k]]


def _sector(system: SpinSystem, groups: dict[tuple[int, ...], int], share: float) -> SpinSystem:
    """The total spins of some groups, {spins: levels}."""
    first = [group[0] for group in groups]
    coupling = (system.coupling_matrix + system.coupling_matrix.T)[np.ix_(first, first)]
    return SpinSystem(
        name=system.name,
        spins=tuple("+".join(system.spins[k] for k in group) for group in groups),
        shifts=tuple(system.shifts[k] for k in first),
        couplings=tuple((int(i), int(j), float(coupling[i, j])) for i, j in np.argwhere(np.triu(coupling))),
        weight=system.weight * share,
        levels=tuple(groups.values()),
    )
