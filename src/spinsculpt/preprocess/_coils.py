"""Receiver coils combined into one signal."""

import numpy as np

from spinsculpt.conventions import ppm_axis, to_spectrum
from spinsculpt.errors import SpinsculptError
from spinsculpt.nifti import MRSData


def coil_weights(reference: MRSData, data: MRSData) -> np.ndarray:
    r"""Weights of the coils that give the largest signal-to-noise ratio.

    Noise is whitened with its covariance, measured where `data` has no signal; the whitened `reference` is s(t) times
    one complex sensitivity a coil, found as its first right singular vector (Rodgers and Robson 2010,
    doi:10.1002/mrm.22230). The combined signal is in units of its noise: scan and water reference combined with the
    same weights keep their ratio.

    Args:
        reference: strong signal with DIM_COIL, the water reference where there is one.
        data: the scan with DIM_COIL.
    Returns:
        complex, shape (coils,): the combined FID is the sum of weight times FID.
    """
    coils = data.size("DIM_COIL")
    if reference.size("DIM_COIL") != coils:
        raise SpinsculptError(
            f"the water reference has {reference.size('DIM_COIL')} coils and the scan {coils}; give the reference of "
            "the same scan."
        )
    noise = _signal_free(data)
    if not np.all(np.linalg.norm(noise, axis=1) > 0):
        dead = np.flatnonzero(np.linalg.norm(noise, axis=1) == 0)
        raise SpinsculptError(f"coil {dead[0]} of {coils} holds only zeros; leave it out when converting the scan.")
    whitening = np.linalg.inv(np.linalg.cholesky(np.cov(noise)))
    signal = whitening @ _by_coil(reference)
    left, _, _ = np.linalg.svd(signal, full_matrices=False)
    weights = left[:, 0].conj() @ whitening
    start = weights @ _by_coil(reference)[:, 0]
    return weights * np.exp(-1j * np.angle(start))


def combine_coils(data: MRSData, weights: np.ndarray) -> MRSData:
    """The data without DIM_COIL."""
    axis = 1 + data.dims.index("DIM_COIL")
    return data.drop("DIM_COIL", np.tensordot(data.fids, weights, axes=(axis, 0)))


def _by_coil(data: MRSData) -> np.ndarray:
    """The mean FID of each coil, shape (coils, points)."""
    fids = np.moveaxis(data.fids, 1 + data.dims.index("DIM_COIL"), 0)
    return fids.reshape(*fids.shape[:2], -1).mean(axis=2)


def _signal_free(data: MRSData) -> np.ndarray:
    """Points of all spectra without signal, shape (coils, points)."""
    fids = np.moveaxis(data.fids, 1 + data.dims.index("DIM_COIL"), 0).reshape(data.size("DIM_COIL"), data.points, -1)
    spectra = to_spectrum(np.moveaxis(fids, 1, 2))
    axis = ppm_axis(data.points, data.dwell, data.central_frequency)
    empty = (axis < -1.0) | (axis > 10.5)
    if np.count_nonzero(empty) < 100:
        empty = np.argsort(np.abs(axis - np.mean(axis)))[-max(100, data.points // 10) :]
    return spectra[:, :, empty].reshape(len(fids), -1)
