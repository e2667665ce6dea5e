"""Basis sets: simulate, read and write. Importing this package does not import torch or numba."""

from spinsculpt.basis._basisset import BasisSet

__all__ = ["BasisSet"]
