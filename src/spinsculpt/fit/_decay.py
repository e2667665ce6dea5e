"""Relaxation times of what a basis holds, and basis functions that decay with T2 during the acquisition."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import BROAD, matches
from spinsculpt.core.conventions import GAMMA_BAR, time_axis
from spinsculpt.core.gate import quantity
from spinsculpt.physics.spins import load_library

LINE_T2 = ("off", "library")  # of `FitModel.line_t2`


def relaxation_of(basis: BasisSet) -> dict[str, tuple[float, float]]:
    """(T1, T2) in s of what the basis holds: those of its own library, else of ours at its field."""
    told = basis.meta.get("relaxation")
    if isinstance(told, dict):
        return {
            name: (quantity(t1, "t1", "The basis", name), quantity(t2, "t2", "The basis", name))
            for name, (t1, t2) in told.items()
            if name in basis.names
        }
    library = load_library(field_strength=basis.central_frequency / GAMMA_BAR)
    known = {**library.metabolites, **library.macromolecules}
    broad = library.macromolecules["MM09"]
    entries = {name: broad if matches(name, BROAD[0]) else None for name in basis.names}
    entries = {name: known.get(name, entry) for name, entry in entries.items()}
    return {name: (entry.t1, entry.t2) for name, entry in entries.items() if entry is not None}


def with_line_t2(bases: Sequence[BasisSet], choice: str) -> list[BasisSet]:
    """The bases with each metabolite multiplied by exp(-t / T2), t = 0 at the first sample.

    A concentration keeps its meaning, the signal at t = 0. Macromolecules and lipids (BROAD) keep the widths that they
    were measured with, which hold their T2. A metabolite whose T2 is not known decays with the mean rate of the others.

    Args:
        bases: one a spectrum, on the time axis of its data.
        choice: of `FitModel.line_t2`.
    """
    return [_decaying(basis) for basis in bases] if choice == LINE_T2[1] else list(bases)


def _decaying(basis: BasisSet) -> BasisSet:
    metabolites = [name for name in basis.names if not matches(name, BROAD[0])]
    rates = {name: 1.0 / t2 for name, (_, t2) in relaxation_of(basis).items() if name in metabolites}
    mean = float(np.mean(list(rates.values()))) if rates else 0.0
    of_each = np.array([rates.get(name, mean) if name in metabolites else 0.0 for name in basis.names])
    return replace(basis, fids=basis.fids * np.exp(-np.outer(of_each, time_axis(basis.points, basis.dwell))))
