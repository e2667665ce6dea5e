"""Molecular fingerprinting: quantitative CEST and MT maps through differentiable Bloch-McConnell physics."""

from spinsculpt.mrf._dictionary import Match, grid, match, random_grid
from spinsculpt.mrf._estimate import METHODS, Estimate, Task, estimate
from spinsculpt.mrf._kernel import simulate
from spinsculpt.mrf._model import NAMES, PARAMETERS, Model, tissue
from spinsculpt.mrf._protocol import Protocol, protocol_from_table, protocol_of, read_protocol

__all__ = [
    "METHODS",
    "NAMES",
    "PARAMETERS",
    "Estimate",
    "Match",
    "Model",
    "Protocol",
    "Task",
    "estimate",
    "grid",
    "match",
    "protocol_from_table",
    "protocol_of",
    "random_grid",
    "read_protocol",
    "simulate",
    "tissue",
]
