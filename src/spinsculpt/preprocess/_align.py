"""Frequency and phase drift over the averages of a scan, and averages that fell out of line."""

import numpy as np

from spinsculpt.core.conventions import ppm_axis, to_spectrum
from spinsculpt.preprocess._match import band, match, shifted

_ROUNDS = 4  # of estimating the reference from the aligned averages; further ones change shifts by less than 0.01 Hz


def align(
    fids: np.ndarray, dwell: float, central_frequency: float, ppm: tuple[float, float], max_shift: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shift (Hz) and phase (rad) of each average against their common mean.

    Each average is matched to the mean of all others as aligned so far, starting from the one that is nearest to the
    rest in size. Phases are free, so averages of alternating sign come out with phases that differ by pi.

    Args:
        fids: complex, shape (points, n), of one editing condition.
        dwell: s.
        central_frequency: MHz.
        ppm: range of the signals that decide.
        max_shift: Hz.
    Returns:
        shifts and phases, each of shape (n,).
    """
    size = np.linalg.norm(fids, axis=0)
    reference = fids[:, np.argmin(np.abs(size - np.median(size)))]
    for _ in range(_ROUNDS):
        shifts, phases = match(fids, band(reference, dwell, central_frequency, ppm), dwell, max_shift)
        reference = np.median(shifted(fids, -shifts, -phases, dwell).view(float).reshape(len(fids), -1, 2), axis=1)
        reference = reference[:, 0] + 1j * reference[:, 1]
    return shifts, phases


def outliers(fids: np.ndarray, dwell: float, central_frequency: float, threshold: float) -> np.ndarray:
    """Averages whose spectrum within 0.2-4.2 ppm lies further from the median than is usual; bool, shape (n,).

    Args:
        fids: aligned averages of one condition, shape (points, n).
        threshold: how many robust standard deviations (1.4826 times the median absolute deviation) of the distances.
    """
    axis = ppm_axis(fids.shape[0], dwell, central_frequency)
    spectra = to_spectrum(fids.T)[:, (axis > 0.2) & (axis < 4.2)]
    median = np.median(spectra.real, axis=0) + 1j * np.median(spectra.imag, axis=0)
    distance = np.linalg.norm(spectra - median, axis=1)
    spread = 1.4826 * np.median(np.abs(distance - np.median(distance)))
    return distance > np.median(distance) + threshold * max(spread, 0.02 * np.median(distance))
