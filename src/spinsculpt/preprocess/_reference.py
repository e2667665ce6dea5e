"""Frequency reference and zero-order phase from the singlets of the brain."""

import numpy as np

from spinsculpt.conventions import ppm_to_hz, time_axis
from spinsculpt.preprocess._match import band, match, shifted

SINGLETS = {2.008: 3.0, 3.027: 2.4, 3.2: 1.8}  # ppm: protons times concentration relative to NAA, of NAA, tCr, tCho
_WIDTH = 5.0  # Hz, of the lines looked for
_START = (
    0.04  # s; by then macromolecules, lipids and baseline have decayed, which would turn the phase by 10-70 degrees
)


def find_singlets(
    fid: np.ndarray, dwell: float, central_frequency: float, max_shift: float
) -> tuple[float, float, float]:
    """How far NAA, creatine and choline are from where they belong, by matching three lines to the FID.

    Args:
        fid: shape (points,).
        dwell: s.
        central_frequency: MHz.
        max_shift: largest error in ppm.
    Returns:
        error of the frequency in Hz; of the phase in rad at t = 0; correlation (0-1) of the three lines with the data
        between 1.8 and 3.4 ppm, near 0 where they are missing.
    """
    time = time_axis(len(fid), dwell)
    lines = sum(size * np.exp(2j * np.pi * ppm_to_hz(ppm, central_frequency) * time) for ppm, size in SINGLETS.items())
    late = time >= _START
    lines = lines * np.exp(-np.pi * _WIDTH * time) * late
    shift, phase = match(fid, lines, dwell, max_shift * central_frequency)
    shift, phase = float(shift), float(phase)
    signal = band(shifted(fid, -shift, -phase, dwell), dwell, central_frequency, (1.8, 3.4)) * late
    overlap = np.vdot(lines, signal).real / (np.linalg.norm(lines) * np.linalg.norm(signal))
    return shift, phase, float(overlap)
