"""Entries of a configuration as a user writes them, for functions that take study objects."""

from spinsculpt import basis as _basis
from spinsculpt.config import Basis, SequenceEntry, parse
from spinsculpt.physics import sequences as _sequences


def basis_of(content: dict | Basis) -> Basis:
    """A section `basis` without macromolecules and line width unless they are given."""
    if isinstance(content, Basis):
        return content
    return parse(Basis, {"macromolecules": [], "linewidth": 0.0, **content}, "basis")


def build_sequence(name, entry, *args, **keys):
    entry = entry if isinstance(entry, SequenceEntry) else parse(SequenceEntry, entry, f"sequences.{name}")
    return _sequences.build_sequence(name, entry, *args, **keys)


def simulate_basis(sequence, content, *args, **keys):
    return _basis.simulate_basis(sequence, basis_of(content), *args, **keys)


def basis_library(content):
    return _basis.basis_library(basis_of(content))
