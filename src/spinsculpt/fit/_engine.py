"""What an engine that fits promises, and which there are."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import Fit, FitModel
from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit._average import fit
from spinsculpt.fit._fslmrs import fit_with_fsl_mrs
from spinsculpt.fit._result import FitResult


class FitEngine(Protocol):
    """The contract of a fit engine: measured spectra with their bases in, one `FitResult` out.

    Concentrations are in the units of the bases (1 is the basis function as it is) and none is negative. Curves,
    baseline and SDs are the engine's own, what it does not report is computed by us at its estimates, and a message
    says where the two disagree. What it cannot fit (`study.can_fit`, a line shape, a prior) it refuses with a sentence
    that names the key: no engine stands in for another. Scaling by water, flags of quality and files come afterwards,
    the same for all.
    """

    def __call__(
        self, data: Sequence[FID], bases: Sequence[BasisSet], model: FitModel, *, labels: Sequence[str]
    ) -> FitResult:
        """Fit spectra with one set of concentrations.

        Args:
            data: one FID a spectrum.
            bases: one basis a spectrum, at the frequency of the data and no shorter.
            model: what to fit.
            labels: names of the spectra in tables and messages.
        Raises:
            SpinsculptError: data and bases do not belong together, or the engine cannot fit this.
        """


def engine_of(name: str, section: Fit, parts: Sequence[np.ndarray] = ()) -> FitEngine:
    """The engine of that name with the settings of the section `fit` that are its own.

    Args:
        name: "builtin" or "fsl_mrs".
        section: settled.
        parts: of each FID in successive parts, shape (points, n), which the builtin engine resamples.
    """
    match name:
        case "builtin":
            return partial(fit, parts=parts, repeats=section.bootstrap, seed=section.seed)
        case "fsl_mrs":
            return partial(fit_with_fsl_mrs, command=section.fsl_mrs_command)
    raise SpinsculptError(f"fit: the engine must be builtin or fsl_mrs, not {name!r}.")
