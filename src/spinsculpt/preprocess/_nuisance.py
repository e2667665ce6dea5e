"""What water suppression left over, and lipids, taken off by HLSVD."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, svds


def remove_lines(
    fid: np.ndarray, dwell: float, central_frequency: float, ppm: tuple[float, float], components: int
) -> np.ndarray:
    """The FID without the decaying exponentials that HLSVD finds within `ppm` (doi:10.1006/jmre.2002.2593).

    Exponentials that grow describe what a digital filter leaves at the end of a FID, or noise: they are no signal, and
    the amplitudes of the others are fitted without them.

    Args:
        fid: FFT-positive, shape (points,).
        dwell: s.
        central_frequency: MHz.
        ppm: range of the residual water, or of lipids.
        components: number of exponentials that model the whole FID.
    """
    from spinsculpt.core.conventions import hz_to_ppm

    poles = _poles(fid / np.abs(fid).max(), components)
    poles = poles[np.abs(poles) < 1]
    lines = np.exp(np.outer(np.arange(len(fid)), np.log(poles)))
    amplitudes = np.linalg.lstsq(lines, fid, rcond=1e-10)[0]
    shift = hz_to_ppm(np.angle(poles) / (2 * np.pi * dwell), central_frequency)
    chosen = (shift > ppm[0]) & (shift < ppm[1])
    return fid - lines[:, chosen] @ amplitudes[chosen]


def _poles(fid: np.ndarray, components: int) -> np.ndarray:
    """z of the exponentials z^n that model an FID: the shift of the signal space of its Hankel matrix by one sample.

    The matrix H[i, j] = fid[i + j] is never stored: its products with vectors are correlations, worked out by FFT.
    """
    points = len(fid)
    rows = points - points // 2
    columns = points - rows + 1
    transformed = np.fft.fft(fid)

    def times(vector: np.ndarray) -> np.ndarray:
        return np.fft.ifft(transformed * np.fft.fft(vector.ravel().conj(), points).conj())

    hankel = LinearOperator(
        (rows, columns),
        matvec=lambda v: times(v)[:rows],
        rmatvec=lambda u: times(u.conj())[:columns].conj(),
        dtype=complex,
    )
    start = np.ones(min(rows, columns), complex)  # none at random: the same scan gives the same result
    space, _, _ = svds(hankel, k=components, v0=start, return_singular_vectors="u")
    return np.linalg.eigvals(np.linalg.lstsq(space[:-1], space[1:], rcond=None)[0])
