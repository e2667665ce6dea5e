"""Macromolecules and lipids as Gaussian lines of the library, and those of another study in place of a basis's own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import MACROMOLECULES
from spinsculpt.core.conventions import GAMMA_BAR, ppm_to_hz, time_axis
from spinsculpt.core.spectra import decay
from spinsculpt.physics.spins import Library, Macromolecule, load_library

_VARIED = ("MM09", "MM12", "MM14", "MM17", "MM20")  # of which the library has the lines of another study
_ALIKE = 0.1  # by which a sequence may act on one of them otherwise than on another, amplitude and phase together


def of_study(bases: Sequence[BasisSet], choice: str | None) -> list[BasisSet]:
    """The bases with the macromolecules of another study in place of those of the same name, as large at t = 0.

    Only where the sequences leave all of them alike, as PRESS, sLASER or STEAM do: an edited or designed spectrum keeps
    its own, since what a pulse did to a line at one place says nothing about one at another.

    Args:
        bases: one a spectrum.
        choice: of `FitModel.macromolecules`.
    """
    if choice in (None, MACROMOLECULES[0]):
        return list(bases)
    library, other = library_for(bases[0]), library_for(bases[0], choice)
    varied = [name for name in _VARIED if all(name in basis.names for basis in bases)]
    seen = [
        basis[name][0] / sum(protons for _, protons, _ in library.macromolecules[name].peaks)
        for basis in bases
        for name in varied
    ]
    if not varied or np.abs(np.array(seen) / np.mean(seen) - 1.0).max() > _ALIKE:
        return list(bases)
    return [_replaced(basis, varied, other) for basis in bases]


def _replaced(basis: BasisSet, names: Sequence[str], library: Library) -> BasisSet:
    fids = basis.fids.copy()
    for name in names:
        line = gaussian_lines(library.macromolecules[name], basis)
        fids[basis.index(name)] = basis[name][0] * line / line[0]
    return replace(basis, fids=fids)


def library_for(basis: BasisSet, choice: str | None = None) -> Library:
    """The library at the field of a basis, with the macromolecules of a study."""
    alternatives = {} if choice is None else dict.fromkeys(_VARIED, choice)
    return load_library(field_strength=basis.central_frequency / GAMMA_BAR, alternatives=alternatives)


def gaussian_lines(macromolecule: Macromolecule, basis: BasisSet) -> np.ndarray:
    """FID of its peaks, one proton at full signal = 1, shape (points,)."""
    t, frequency = time_axis(basis.points, basis.dwell), basis.central_frequency
    return sum(
        spin.weight
        * np.exp(2j * np.pi * ppm_to_hz(spin.shifts[0], frequency) * t)
        * decay(basis.points, basis.dwell, 0.0, width * frequency)
        for spin, width in macromolecule.spins()
    )
