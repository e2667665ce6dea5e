"""Eddy currents, by the phase of the water reference."""

import numpy as np

from spinsculpt.core.errors import SpinsculptError

_FLOOR = 0.02  # of the largest sample: below, the phase of the water is noise and other signals


def correct_eddy_currents(fids: np.ndarray, water: np.ndarray) -> np.ndarray:
    """Take the time-dependent phase of water on resonance off (Klose 1990, doi:10.1002/mrm.1910140104).

    What is left of the phase of a water line on resonance is a distortion by eddy currents, which all signals share;
    subtracting it also puts water at the receiver frequency and the zero-order phase right. Past the point where the
    water has died away, its phase is continued as a straight line, so that its noise does not enter the data.

    Args:
        fids: shape (points,) or (points, n).
        water: unsuppressed water at the same sample times, shape (points,).
    """
    if water.shape[0] < fids.shape[0]:
        raise SpinsculptError(
            f"the water reference has {water.shape[0]} points and the scan {fids.shape[0]}; give the reference of the "
            "same scan or switch the step eddy_current off."
        )
    phase = smooth_phase(water[: fids.shape[0]])
    return fids * np.exp(-1j * phase).reshape(-1, *[1] * (fids.ndim - 1))


def smooth_phase(water: np.ndarray) -> np.ndarray:
    """Phase in rad of a decaying signal, shape (points,), continued as a straight line once the signal has decayed."""
    size = np.convolve(np.abs(water), np.ones(9) / 9, mode="same")
    small = np.flatnonzero(size < _FLOOR * size.max())
    end = small[0] if small.size else len(water)
    phase = np.unwrap(np.angle(water[:end]))
    tail = np.arange(max(0, end - max(20, end // 4)), end)
    slope, _ = np.polyfit(tail, phase[tail], 1)
    return np.concatenate([phase, phase[-1:] + slope * (np.arange(end, len(water)) - end + 1)])
