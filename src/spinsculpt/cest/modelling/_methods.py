"""The estimators behind one interface."""

from spinsculpt.cest.modelling._estimate import Estimate, Task, fit_voxels, match_voxels
from spinsculpt.core.errors import SpinsculptError

METHODS = ("dictionary", "vbmf", "supervised", "nbmf")


def estimate(method: str, task: Task, **settings: object) -> Estimate:
    """Values of each voxel by one of `METHODS`.

    Settings are those of `match_voxels` (dictionary), `fit_voxels` (vbmf), `fit_supervised` and `fit_network` (nbmf).
    """
    if method == "dictionary":
        return match_voxels(task, **settings)
    if method == "vbmf":
        return fit_voxels(task, **settings)
    if method in METHODS:
        from spinsculpt.cest.modelling._network import fit_network, fit_supervised  # torch only where it is needed

        return (fit_network if method == "nbmf" else fit_supervised)(task, **settings)
    raise SpinsculptError(f"unknown estimator {method!r}; known are {', '.join(METHODS)}.")
