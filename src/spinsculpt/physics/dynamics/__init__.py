"""Evolution of coupled spins: exact event interpreter (numpy) here; the differentiable engine is `dynamics.engine`.

Importing this package imports neither torch nor numba.
"""

from spinsculpt.physics.dynamics._exact import detected_lines, evolve, free_eigensystem, line_list, propagator
from spinsculpt.physics.dynamics._relaxation import class_decay, liouville_evolve

__all__ = [
    "class_decay",
    "detected_lines",
    "evolve",
    "free_eigensystem",
    "line_list",
    "liouville_evolve",
    "propagator",
]
