"""How far and by which phase one FID is turned against another: the step that alignment and referencing share."""

import numpy as np

from spinsculpt.core.conventions import ppm_axis, time_axis, to_fid, to_spectrum

_FILLING = 8  # zero-filling of the correlation; a parabola then finds its top to better than 0.01 Hz


def shifted(fids: np.ndarray, shift: np.ndarray | float, phase: np.ndarray | float, dwell: float) -> np.ndarray:
    """FIDs moved up by `shift` Hz and turned by `phase` rad; fids of shape (points, ...), one value an FID."""
    time = time_axis(fids.shape[0], dwell).reshape(-1, *[1] * (fids.ndim - 1))
    return fids * np.exp(1j * (2 * np.pi * np.asarray(shift) * time + phase))


def match(fids: np.ndarray, reference: np.ndarray, dwell: float, max_shift: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Shift and phase of FIDs against a reference, by least squares.

    For s(t) = a exp(i(2 pi f t + phi)) r(t) + noise, the f that minimises the residual with a and phi free maximises
    |C(f)|, C(f) = sum_t s(t) conj(r(t)) exp(-2 pi i f t), and phi = arg C(f): the closed form of spectral registration
    (Near et al. 2015, doi:10.1002/mrm.25094).

    Args:
        fids: complex, shape (points,) or (points, n).
        reference: complex, shape (points,).
        dwell: s.
        max_shift: largest |f| in Hz.
    Returns:
        f in Hz and phi in rad, each of shape () or (n,): `shifted(fids, -f, -phi, dwell)` lies on the reference.
    """
    product = fids * reference.conj().reshape(-1, *[1] * (fids.ndim - 1))
    points = _FILLING * product.shape[0]
    correlation = np.fft.fft(product, points, axis=0)
    frequency = np.fft.fftfreq(points, dwell)
    inside = np.flatnonzero(np.abs(frequency) <= max_shift)
    size = np.abs(correlation)
    top = inside[np.argmax(size[inside], axis=0)]
    left, middle, right = (np.take_along_axis(size, np.expand_dims(top + k, 0) % points, 0)[0] for k in (-1, 0, 1))
    curvature = left - 2 * middle + right
    step = np.where(curvature < 0, 0.5 * (left - right) / np.where(curvature < 0, curvature, 1.0), 0.0)
    shift = frequency[top] + np.clip(step, -0.5, 0.5) / (points * dwell)
    phase = np.angle(np.sum(shifted(product, -shift, 0.0, dwell), axis=0))
    return shift, phase


def match_real(
    fid: np.ndarray, reference: np.ndarray, dwell: float, central_frequency: float, ppm: tuple[float, float]
) -> tuple[float, float]:
    """Shift (Hz) and phase (rad) after which the real parts of two spectra differ least within `ppm`, up to a constant.

    What subtraction leaves is seen in the real part, so that is what counts; both must be phased. The search begins
    where `match` of the two bands ends.

    Args:
        fid, reference: complex, shape (points,).
        dwell: s.
        central_frequency: MHz.
        ppm: range of the signals that decide.
    """
    from scipy.optimize import minimize  # imports slowly, and edited scans alone need it

    axis = ppm_axis(len(fid), dwell, central_frequency)
    inside = (axis > ppm[0]) & (axis < ppm[1])
    wanted = to_spectrum(reference).real[inside]
    bands = (band(each, dwell, central_frequency, ppm) for each in (fid, reference))
    start = [-float(each) for each in match(*bands, dwell, 30.0)]

    def difference(x: np.ndarray) -> float:
        left = to_spectrum(shifted(fid, x[0], x[1], dwell)).real[inside] - wanted
        return float(np.linalg.norm(left - left.mean()) / np.linalg.norm(wanted))

    simplex = np.add(start, [[0.0, 0.0], [0.5, 0.0], [0.0, 0.1]])
    found = minimize(difference, start, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-3})
    return float(found.x[0]), float(found.x[1])


def band(fid: np.ndarray, dwell: float, central_frequency: float, ppm: tuple[float, float]) -> np.ndarray:
    """An FID with only its signals within `ppm`, the edges softened over 0.1 ppm; shape (points,)."""
    axis = ppm_axis(fid.shape[0], dwell, central_frequency)
    ramp = np.minimum(axis - ppm[0], ppm[1] - axis) / 0.1 + 0.5
    return to_fid(to_spectrum(fid) * np.sin(np.pi / 2 * np.clip(ramp, 0.0, 1.0)) ** 2)
