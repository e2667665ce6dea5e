"""One fitted spectrum."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """One fitted spectrum, all arrays over the points of the fit range (ppm ascending).

    Attributes:
        label: name of the spectrum, e.g. "on".
        ppm: shape (n,).
        data, fit, baseline: complex, shape (n,); `fit` includes the baseline.
        components: each metabolite at its fitted concentration, complex, shape (L, n).
        noise_sd: SD of the noise of one real channel that the CRLBs use.
        baselines: of every model that was averaged, complex, shape (models, n); None of a fit under one model.
    """

    label: str
    ppm: np.ndarray
    data: np.ndarray
    fit: np.ndarray
    baseline: np.ndarray
    components: np.ndarray
    noise_sd: float = float("nan")
    baselines: np.ndarray | None = None

    @property
    def residual(self) -> np.ndarray:
        return self.data - self.fit
