"""Noise of a spectrum from the part of it that holds no signal."""

from collections.abc import Sequence

import numpy as np

from spinsculpt.core.conventions import FID, SIGNAL_PPM, WATER_PPM
from spinsculpt.core.errors import SpinsculptError

_BLOCK = 32


def acquired_points(samples: np.ndarray) -> int:
    """Number of points up to the last one that is not exactly zero: trailing zeros were filled in, not measured."""
    nonzero = np.flatnonzero(samples)
    return int(nonzero[-1]) + 1 if nonzero.size else 0


def noise_covariance(fids: Sequence[FID]) -> np.ndarray:
    """Covariance of the noise of several spectra, from their signal-free points.

    Points outside -1 to 10 ppm (when the bandwidth has none, its outer eighths) are cut into blocks, a parabola is
    taken off each, and the median over the blocks is the noise, so that a stray line does not count. Spectra on one
    frequency axis may have common noise, as ON and DIFF of an edited scan do; a correlation within its own error is
    set to zero.

    Args:
        fids: one FID a spectrum, not zero-filled.
    Returns:
        Covariance of one real channel of `conventions.to_spectrum`, shape (len(fids), len(fids)).
    """
    residuals = [_blocks(fid) for fid in fids]
    sd = np.array([_block_sd(blocks) for blocks in residuals])
    correlation = np.eye(len(fids))
    for i, a in enumerate(residuals):
        for j, b in enumerate(residuals[:i]):
            if a.shape == b.shape and sd[i] > 0.0 and sd[j] > 0.0:
                r = np.vdot(a, b).real / np.sqrt(np.vdot(a, a).real * np.vdot(b, b).real)
                if abs(r) > 4.0 / np.sqrt(2 * a.size):
                    correlation[i, j] = correlation[j, i] = r
    return correlation * np.outer(sd, sd)


def _blocks(fid: FID) -> np.ndarray:
    """Signal-free points without their trend, complex, shape (blocks, _BLOCK)."""
    ppm, spectrum = fid.ppm, fid.spectrum
    low, high = SIGNAL_PPM
    sides = [np.flatnonzero(ppm < low), np.flatnonzero(ppm > high)]
    if sum(len(side) // _BLOCK for side in sides) < 2:
        eighth = len(ppm) // 8
        sides = [np.arange(eighth), np.arange(len(ppm) - eighth, len(ppm))]
    blocks = [spectrum[side[: len(side) // _BLOCK * _BLOCK]].reshape(-1, _BLOCK) for side in sides]
    blocks = np.concatenate(blocks)
    if not len(blocks):
        raise SpinsculptError(
            f"The spectrum of {fid.points} points has too few away from water ({WATER_PPM} ppm) to see its noise; give "
            "noise_sd."
        )
    x, _ = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, _BLOCK), 3))
    return blocks - (blocks @ x) @ x.T


def _block_sd(residuals: np.ndarray) -> float:
    freedom = 2 * (_BLOCK - 3)
    variance = np.sum(np.abs(residuals) ** 2, axis=1) / freedom
    # The median of chi-squared with k degrees of freedom is k (1 - 2 / 9k)^3 (Wilson & Hilferty 1931).
    return float(np.sqrt(np.median(variance) / (1.0 - 2.0 / (9.0 * freedom)) ** 3))
