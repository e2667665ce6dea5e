"""Evolution of coupled spins: exact event interpreter (numpy) here; the differentiable engine is `dynamics.engine`.

Importing this package imports neither torch nor numba.
"""

from spinsculpt.dynamics._exact import detected_lines, evolve, free_eigensystem, line_list, propagator

__all__ = ["detected_lines", "evolve", "free_eigensystem", "line_list", "propagator"]
