"""Basis sets: simulate, read and write. Importing this package does not import torch or numba."""

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.basis._folder import export_lcmodel, read_basis, write_basis
from spinsculpt.basis._fslmrs import read_fslmrs, write_fslmrs
from spinsculpt.basis._lcmodel import read_lcmodel, write_lcmodel
from spinsculpt.basis._simulate import basis_library, central_frequency, simulate_basis

__all__ = [
    "BasisSet",
    "basis_library",
    "central_frequency",
    "export_lcmodel",
    "read_basis",
    "read_fslmrs",
    "read_lcmodel",
    "simulate_basis",
    "write_basis",
    "write_fslmrs",
    "write_lcmodel",
]
