"""Receiver coils combined into one signal."""

import numpy as np

from spinsculpt.core.conventions import SIGNAL_PPM, ppm_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData

_LEAST_NOISE = 1e-6  # of the largest variance


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
    noise = _noise(data)
    if not np.all(np.linalg.norm(noise, axis=1) > 0):
        dead = np.flatnonzero(np.linalg.norm(noise, axis=1) == 0)
        raise SpinsculptError(f"coil {dead[0]} of {coils} holds only zeros; leave it out when converting the scan.")
    whitening = _whitening(np.cov(noise))
    signal = whitening @ _by_coil(reference)
    left, _, _ = np.linalg.svd(signal, full_matrices=False)
    weights = left[:, 0].conj() @ whitening
    start = weights @ _by_coil(reference)[:, 0]
    return weights * np.exp(-1j * np.angle(start))


def _whitening(covariance: np.ndarray) -> np.ndarray:
    """W with W C W^H = 1. Directions without noise (fewer samples than coils, a coil given twice) get a little."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.maximum(values, _LEAST_NOISE * values[-1]))).conj().T


def combine_coils(data: MRSData, weights: np.ndarray) -> MRSData:
    """The data without DIM_COIL."""
    axis = 1 + data.dims.index("DIM_COIL")
    return data.drop("DIM_COIL", np.tensordot(data.fids, weights, axes=(axis, 0)))


def _by_coil(data: MRSData) -> np.ndarray:
    """The mean FID of each coil, shape (coils, points)."""
    fids = np.moveaxis(data.fids, 1 + data.dims.index("DIM_COIL"), 0)
    return fids.reshape(*fids.shape[:2], -1).mean(axis=2)


def _noise(data: MRSData) -> np.ndarray:
    """Samples of each coil without signal, shape (coils, samples): the ends of the FIDs or the edges of the spectra.

    What is left of a signal correlates the coils, so the one of the two is taken that correlates them less. A spurious
    echo fills the edges of a spectrum, a short acquisition leaves signal at the end of the FID.
    """
    fids = np.moveaxis(data.fids, 1 + data.dims.index("DIM_COIL"), 0).reshape(data.size("DIM_COIL"), data.points, -1)
    axis = ppm_axis(data.points, data.dwell, data.central_frequency)
    edges = (axis < SIGNAL_PPM[0]) | (axis > SIGNAL_PPM[1])
    if np.count_nonzero(edges) < 100:
        edges = np.argsort(np.abs(axis - np.mean(axis)))[-max(100, data.points // 10) :]
    spectra = to_spectrum(np.moveaxis(fids, 1, 2))
    candidates = [each.reshape(len(fids), -1) for each in (fids[:, -data.points // 4 :], spectra[:, :, edges])]
    return max(candidates, key=_independence)


def _independence(noise: np.ndarray) -> float:
    """Log of the determinant of the correlations between coils: 0 for independent ones, far below for a common signal.

    Of few samples it comes out too low, by the mean of the log determinant of a complex Wishart matrix, taken off here.
    """
    from scipy.special import digamma  # imports slowly

    coils, samples = noise.shape
    if not np.all(np.linalg.norm(noise, axis=1) > 0):
        return -np.inf
    bias = np.sum(digamma(samples - np.arange(coils))) - coils * np.log(samples)
    return float(np.linalg.slogdet(np.corrcoef(noise))[1] - bias)
