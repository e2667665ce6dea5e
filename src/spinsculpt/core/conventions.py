r"""The one place that knows signs, axes and physical constants.

In memory an FID is *FFT-positive*: `fftshift(fft(fid))` has higher ppm at higher frequency, and
ppm = f / f0 + 4.65 with the receiver on water. NIfTI-MRS files on disk hold the complex conjugate.
"""

from dataclasses import dataclass

import numpy as np

GAMMA_BAR = 42.577478518  # MHz/T, proton gamma/2pi (CODATA 2018)
WATER_PPM = 4.65  # chemical shift of the receiver frequency
SIGNAL_PPM = (-1.0, 10.0)  # protons of the brain and what water leaves beside itself; noise is measured outside
# Singlets of the brain: N-acetyl, N-methyl of creatine and of choline (between GPC, 3.212, and PCh, 3.208), CH2 of
# creatine (Govindaraju et al. 2000, doi:10.1002/1099-1492(200005)13:3<129::AID-NBM619>3.0.CO;2-V).
NAA_PPM, CREATINE_PPM, CHOLINE_PPM, CREATINE_CH2_PPM = 2.008, 3.027, 3.21, 3.913


def larmor_frequency(field: float) -> float:
    """Proton Larmor frequency in MHz of a static field in T.

    >>> round(larmor_frequency(3.0), 2)
    127.73
    """
    return GAMMA_BAR * field


def time_axis(points: int, dwell: float) -> np.ndarray:
    """Sample times in s, shape (points,), starting at 0."""
    return np.arange(points) * dwell


def frequency_axis(points: int, dwell: float) -> np.ndarray:
    """Frequencies in Hz of `to_spectrum`, ascending, shape (points,)."""
    return np.fft.fftshift(np.fft.fftfreq(points, dwell))


def hz_to_ppm(frequency: np.ndarray | float, central_frequency: float) -> np.ndarray | float:
    """Chemical shift in ppm of an offset in Hz from a receiver on water at `central_frequency` MHz.

    >>> hz_to_ppm(0.0, 127.7), round(hz_to_ppm(-338.4, 127.7), 2)  # NAA lies at lower frequency than water
    (4.65, 2.0)
    """
    return frequency / central_frequency + WATER_PPM


def ppm_to_hz(ppm: np.ndarray | float, central_frequency: float) -> np.ndarray | float:
    """Offset in Hz from a receiver on water at `central_frequency` MHz of a chemical shift in ppm.

    >>> ppm_to_hz(WATER_PPM, 127.7), round(float(ppm_to_hz(NAA_PPM, 127.7)), 1)
    (0.0, -337.4)
    """
    return (ppm - WATER_PPM) * central_frequency


def ppm_axis(points: int, dwell: float, central_frequency: float) -> np.ndarray:
    """Chemical shifts in ppm of `to_spectrum`, ascending, shape (points,)."""
    return hz_to_ppm(frequency_axis(points, dwell), central_frequency)


def to_spectrum(fid: np.ndarray) -> np.ndarray:
    """Spectrum of an FFT-positive FID along the last axis, frequencies ascending, same shape, no scaling.

    >>> to_spectrum(np.array([1.0, 0.0, 0.0, 0.0])).real.tolist()  # one sample holds every frequency alike
    [1.0, 1.0, 1.0, 1.0]
    """
    return np.fft.fftshift(np.fft.fft(fid, axis=-1), axes=-1)


def to_fid(spectrum: np.ndarray) -> np.ndarray:
    """Inverse of `to_spectrum`."""
    return np.fft.ifft(np.fft.ifftshift(spectrum, axes=-1), axis=-1)


@dataclass(frozen=True)
class FID:
    """One free induction decay, FFT-positive.

    Attributes:
        samples: complex, shape (points,), arbitrary units.
        dwell: sampling interval in s.
        central_frequency: spectrometer frequency in MHz.
    """

    samples: np.ndarray
    dwell: float
    central_frequency: float

    @property
    def points(self) -> int:
        return self.samples.shape[-1]

    @property
    def time(self) -> np.ndarray:
        return time_axis(self.points, self.dwell)

    @property
    def ppm(self) -> np.ndarray:
        return ppm_axis(self.points, self.dwell, self.central_frequency)

    @property
    def spectrum(self) -> np.ndarray:
        return to_spectrum(self.samples)
