"""Shinnar-Le Roux pulses (Pauly 1991, doi:10.1109/42.75611): a slice profile as a filter, the filter as a pulse."""

from functools import lru_cache

import numpy as np

from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.pulses._pulse import Pulse

_GRID = 16  # frequencies a tap, for the least squares and for the minimum phase


@lru_cache(64)  # a slider of the echo time, or a rule of many sequences, asks for the same pulse again
def slr(
    duration: float, flip_angle: float = 180.0, time_bandwidth: float = 6.0, ripple: float = 0.01, samples: int = 256
) -> Pulse:
    """Linear-phase Shinnar-Le Roux pulse of a least-squares filter.

    Args:
        duration: s.
        flip_angle: degrees; 180 designs a refocusing pulse, smaller ones an excitation pulse.
        time_bandwidth: duration x bandwidth, at least 2.
        ripple: of the profile in the pass band and in the stop band.
        samples: number of samples.
    """
    if not 0 < flip_angle <= 180:
        raise SpinsculptError(f"An SLR pulse of {flip_angle:g} degrees cannot be made; choose above 0, at most 180.")
    if not 2 <= time_bandwidth <= samples / 4:
        raise SpinsculptError(
            f"An SLR pulse of time-bandwidth product {time_bandwidth:g} cannot be made of {samples} samples; "
            f"choose 2 to {samples / 4:g}."
        )
    # What ripple of the profile each ripple of |b| becomes: table of Pauly 1991 for spin echoes and excitations.
    refocuses = flip_angle > 150
    inside, outside = (ripple / 4, np.sqrt(ripple)) if refocuses else (np.sqrt(ripple / 2), ripple / np.sqrt(2))
    b = np.sin(np.deg2rad(flip_angle) / 2) * _filter(samples, time_bandwidth, inside, outside)
    largest = np.abs(np.fft.fft(b, _GRID * samples)).max()
    rf = _inverse(_minimum_phase(b / max(1.0, largest + 1e-7)), b / max(1.0, largest + 1e-7))
    dwell = duration / samples
    b1 = rf.real.astype(complex) / (2 * np.pi * GAMMA_BAR * dwell)
    b1.setflags(write=False)  # who asks next gets the same samples
    return Pulse("slr", b1, dwell)


def _filter(taps: int, time_bandwidth: float, inside: float, outside: float) -> np.ndarray:
    """Symmetric low-pass filter of unit gain, least squares, shape (taps,)."""
    one, two = np.log10(inside), np.log10(outside)
    quality = (5.309e-3 * one**2 + 7.114e-2 * one - 4.761e-1) * two - 2.66e-3 * one**2 - 5.941e-1 * one - 4.278e-1
    width = quality / time_bandwidth  # of the transition, relative to the band
    edges = time_bandwidth / 2 / taps * np.array([1 - width / 2, 1 + width / 2])  # cycles a tap
    frequency = (np.arange(_GRID * taps // 2) + 0.5) / (_GRID * taps)
    passes, stops = frequency <= edges[0], frequency >= edges[1]
    chosen = passes | stops
    weight = np.where(passes, 1.0, inside / outside)[chosen]
    places = np.arange(taps) - (taps - 1) / 2
    half = places[places > -0.25]
    columns = np.where(half == 0, 1.0, 2.0) * np.cos(2 * np.pi * np.outer(frequency[chosen], half))
    found, *_ = np.linalg.lstsq(columns * weight[:, None], passes[chosen] * weight, rcond=None)
    return np.concatenate([found[half > 0.25][::-1], found])


def _minimum_phase(b: np.ndarray) -> np.ndarray:
    """The polynomial a with |a|^2 + |b|^2 = 1 of least energy, by the cepstrum of its magnitude, shape (taps,)."""
    points = _GRID * len(b)
    magnitude = np.sqrt(np.clip(1 - np.abs(np.fft.fft(b, points)) ** 2, 1e-14, None))
    cepstrum = np.fft.ifft(np.log(magnitude))
    cepstrum[1 : points // 2] *= 2
    cepstrum[points // 2 + 1 :] = 0
    return np.fft.ifft(np.exp(np.fft.fft(cepstrum)))[: len(b)]


def _inverse(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rotation of each sample in rad about its axis in the plane: undoes the last rotation, one tap at a time."""
    a, b = a[::-1].astype(complex), b.astype(complex)
    rotations = np.zeros(len(b), complex)
    for sample in range(len(b) - 1, -1, -1):
        ratio = b[sample] / a[sample]
        cosine = 1 / np.sqrt(1 + np.abs(ratio) ** 2)
        sine = np.conj(cosine * ratio)
        rotations[sample] = 2 * np.arctan2(np.abs(sine), cosine) * np.exp(1j * np.angle(sine))
        a, b = (cosine * a + sine * b)[1 : sample + 1], (cosine * b - np.conj(sine) * a)[:sample]
    return rotations
