"""Basis sets: simulate, read and write. Importing this package does not import torch or numba."""

from spinsculpt.basis._axes import slice_axes
from spinsculpt.basis._basisset import BasisSet
from spinsculpt.basis._decay import DecayTimes, decay_times
from spinsculpt.basis._export import read_jmrui, read_nifti, write_jmrui, write_nifti
from spinsculpt.basis._folder import list_basis, listed_basis, read_basis, write_basis
from spinsculpt.basis._fslmrs import read_fslmrs, write_fslmrs
from spinsculpt.basis._isolated import Axis
from spinsculpt.basis._lcmodel import read_lcmodel, write_lcmodel
from spinsculpt.basis._picture import draw_basis
from spinsculpt.basis._simulate import basis_library, simulate_basis
from spinsculpt.basis._slices import VoxelSpace, averaged_lines

__all__ = [
    "Axis",
    "BasisSet",
    "DecayTimes",
    "VoxelSpace",
    "averaged_lines",
    "basis_library",
    "decay_times",
    "draw_basis",
    "list_basis",
    "listed_basis",
    "read_basis",
    "read_fslmrs",
    "read_jmrui",
    "read_lcmodel",
    "read_nifti",
    "simulate_basis",
    "slice_axes",
    "write_basis",
    "write_fslmrs",
    "write_jmrui",
    "write_lcmodel",
    "write_nifti",
]
