"""Evolution of coupled spins: exact event interpreter (numpy) here; the differentiable engine is `dynamics.engine`.

Importing this package imports neither torch nor numba.
"""

from spinsculpt.dynamics._exact import evolve, line_list, pulse_propagator

__all__ = ["evolve", "line_list", "pulse_propagator"]
