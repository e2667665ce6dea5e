"""What water suppression left over, and lipids, taken off by HLSVD."""

import warnings

import numpy as np


def remove_lines(
    fid: np.ndarray, dwell: float, central_frequency: float, ppm: tuple[float, float], components: int
) -> np.ndarray:
    """The FID without the decaying exponentials that HLSVD finds within `ppm` (doi:10.1006/jmre.2002.2593).

    HLSVD gives frequencies and dampings. Exponentials that grow describe what a digital filter leaves at the end of a
    FID, or noise: they are no signal, and the amplitudes of the others are fitted without them.

    Args:
        fid: FFT-positive, shape (points,).
        dwell: s.
        central_frequency: MHz.
        ppm: range of the residual water, or of lipids.
        components: number of exponentials that model the whole FID.
    """
    from spinsculpt.conventions import hz_to_ppm

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        from hlsvdpropy.hlsvd import hlsvdpro  # imports slowly

    scale = np.abs(fid).max()
    found = hlsvdpro(fid / scale, components, sparse=True)
    frequencies, dampings = (np.asarray(each)[np.asarray(found[3]) < 0] for each in (found[2], found[3]))
    lines = np.exp(np.outer(np.arange(len(fid)), dampings + 2j * np.pi * frequencies))
    amplitudes = np.linalg.lstsq(lines, fid, rcond=1e-10)[0]
    shift = hz_to_ppm(frequencies / dwell, central_frequency)
    chosen = (shift > ppm[0]) & (shift < ppm[1])
    return fid - lines[:, chosen] @ amplitudes[chosen]
