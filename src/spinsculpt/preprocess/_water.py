"""What water suppression left over, taken off by HLSVD."""

import warnings

import numpy as np


def remove_water(
    fid: np.ndarray, dwell: float, central_frequency: float, ppm: tuple[float, float], components: int
) -> np.ndarray:
    """The FID without the decaying exponentials that HLSVD finds within `ppm` (doi:10.1006/jmre.2002.2593).

    Exponentials that grow are noise and left where they are.

    Args:
        fid: FFT-positive, shape (points,).
        dwell: s.
        central_frequency: MHz.
        ppm: range of the residual water.
        components: number of exponentials that model the whole FID.
    """
    from spinsculpt.conventions import hz_to_ppm

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        from hlsvdpropy.hlsvd import hlsvdpro  # imports slowly

    scale = np.abs(fid).max()
    _, _, frequencies, dampings, amplitudes, phases, *_ = hlsvdpro(fid / scale, components, sparse=True)
    shift = hz_to_ppm(np.asarray(frequencies) / dwell, central_frequency)
    chosen = (shift > ppm[0]) & (shift < ppm[1]) & (np.asarray(dampings) < 0)
    exponents = np.asarray(dampings)[chosen] + 2j * np.pi * np.asarray(frequencies)[chosen]
    lines = np.exp(np.outer(np.arange(len(fid)), exponents))
    return fid - scale * (lines @ (np.asarray(amplitudes) * np.exp(1j * np.asarray(phases)))[chosen])
