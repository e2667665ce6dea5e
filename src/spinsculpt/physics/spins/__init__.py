"""Spin systems, the metabolite library, and spin operators (numpy only)."""

from spinsculpt.physics.spins._bounds import transfer_bound, unitary_bound
from spinsculpt.physics.spins._library import Library, Macromolecule, Metabolite, load_library, read_macromolecule
from spinsculpt.physics.spins._operators import (
    coherence_order,
    hamiltonian,
    ladder,
    lowering,
    quantum_numbers,
    raising,
    rotation,
    scalar_coupling,
    single_spin,
    total,
)
from spinsculpt.physics.spins._symmetry import equivalent_spins, symmetry_sectors
from spinsculpt.physics.spins._system import SpinSystem

__all__ = [
    "Library",
    "Macromolecule",
    "Metabolite",
    "SpinSystem",
    "coherence_order",
    "equivalent_spins",
    "hamiltonian",
    "ladder",
    "load_library",
    "lowering",
    "quantum_numbers",
    "raising",
    "read_macromolecule",
    "rotation",
    "scalar_coupling",
    "single_spin",
    "symmetry_sectors",
    "total",
    "transfer_bound",
    "unitary_bound",
]
