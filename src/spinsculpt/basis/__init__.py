"""Basis sets: simulate, read and write. Importing this package does not import torch or numba."""

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.basis._simulate import basis_library, central_frequency, simulate_basis

__all__ = ["BasisSet", "basis_library", "central_frequency", "simulate_basis"]
