"""Numbers that say whether a spectrum is worth fitting, and the verdict on them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from spinsculpt.config import Limits
from spinsculpt.core.conventions import FID, SIGNAL_PPM, ppm_axis, to_spectrum

NAA, CREATINE = (1.9, 2.1), (2.9, 3.15)  # ppm, where the highest point is the methyl line
LIPID, CHOLINE = (1.0, 1.6), (3.15, 3.28)  # ppm
TISSUE = (-0.5, 5.5)  # ppm; beyond, the largest signals of the brain are amides, some per cent of NAA

MEASURES = {  # what is measured: its name in words and its unit
    "snr": ("SNR of NAA", "1"),
    "snr_creatine": ("SNR of creatine", "1"),
    "linewidth_ppm": ("linewidth of NAA", "ppm"),
    "linewidth_hz": ("linewidth of NAA", "Hz"),
    "linewidth_creatine_hz": ("linewidth of creatine", "Hz"),
    "drift_hz": ("drift", "Hz"),
    "rejected_fraction": ("share of averages left out", "1"),
    "residual_water_ratio": ("residual water", "NAA"),
    "removed_water_ratio": ("water after its removal", "NAA"),
    "lipid_ratio": ("signal at 1.0-1.6 ppm", "NAA"),
    "outside_ratio": ("artefact outside -0.5-5.5 ppm", "NAA"),
    "subtraction_artefact": ("choline left in DIFF", "OFF"),
    "singlets": ("correlation with NAA, creatine and choline", "1"),
}


def measure(spectrum: FID, phases: Sequence[float] = (0.0, 0.0)) -> dict:
    """SNR, line widths and contaminations of a clean, phased spectrum.

    Args:
        spectrum: the scan.
        phases: in rad that the pulses of the sequence give NAA and creatine; taken off before these are measured.
    """
    noise = noise_sd(spectrum)
    upright = (replace(spectrum, samples=spectrum.samples * np.exp(-1j * phase)) for phase in phases[:2])
    (height, width), (creatine, creatine_width) = map(peak, upright, (NAA, CREATINE))
    lipid = spectrum.spectrum.real[(spectrum.ppm > LIPID[0]) & (spectrum.ppm < LIPID[1])]
    return {
        "noise_sd": noise,
        "snr": height / noise,
        "snr_creatine": creatine / noise,
        "linewidth_ppm": width / spectrum.central_frequency,
        "linewidth_hz": width,
        "linewidth_creatine_hz": creatine_width,
        "lipid_ratio": float(np.abs(lipid).max() / height),
        "outside_ratio": outside(spectrum, noise) / height,
    }


def outside(spectrum: FID, noise: float) -> float:
    """Largest signal beyond those of tissue, such as a spurious echo, in units of the spectrum.

    Slow variation (the flank of a filter, the tail of water) is taken off with the mean over 0.5 ppm. Of n points of
    noise alone the largest magnitude is about SD sqrt(2 ln n), which goes off in quadrature.
    """
    values = spectrum.spectrum
    width = int(0.5 / (spectrum.ppm[1] - spectrum.ppm[0])) | 1
    values = values - np.convolve(values, np.ones(width) / width, mode="same")
    beyond = ((spectrum.ppm < TISSUE[0]) | (spectrum.ppm > TISSUE[1])) & _inner(spectrum)
    if not beyond.any():
        return 0.0
    expected = noise * np.sqrt(2 * np.log(np.count_nonzero(beyond)))
    return float(np.sqrt(max(0.0, np.abs(values[beyond]).max() ** 2 - expected**2)))


def _inner(spectrum: FID) -> np.ndarray:
    """Points that are not at the edges, which receiver filters bend; bool, shape (points,)."""
    return np.abs(np.arange(spectrum.points) - spectrum.points / 2) < 0.45 * spectrum.points


def noise_sd(spectrum: FID) -> float:
    """SD of one real channel of the spectrum where it holds no signal, slow variation removed."""
    ppm = spectrum.ppm
    empty = (ppm < SIGNAL_PPM[0]) | (ppm > SIGNAL_PPM[1])
    inner = _inner(spectrum)
    values = spectrum.spectrum[empty & inner] if np.any(empty & inner) else spectrum.spectrum[~inner]
    steps = np.diff(values) / np.sqrt(2)
    return float(np.sqrt(np.mean(np.abs(steps) ** 2) / 2))


def peak(spectrum: FID, ppm: tuple[float, float], filling: int = 8) -> tuple[float, float]:
    """Height above the local baseline and full width at half of it (Hz) of the largest peak within `ppm`."""
    samples = np.concatenate([spectrum.samples, np.zeros((filling - 1) * spectrum.points)])
    axis = ppm_axis(len(samples), spectrum.dwell, spectrum.central_frequency)
    real = to_spectrum(samples).real
    inside = np.flatnonzero((axis > ppm[0]) & (axis < ppm[1]))
    top = inside[np.argmax(real[inside])]
    around = np.flatnonzero(np.abs(axis - axis[top]) < 0.15)
    base = np.mean([real[around[around < top]].min(), real[around[around > top]].min()])
    height = real[top] - base
    low, high = (_crossing(real, top, base + height / 2, step) for step in (-1, 1))
    return float(height), float((high - low) / (len(samples) * spectrum.dwell))


def _crossing(values: np.ndarray, top: int, level: float, step: int) -> float:
    """Where `values` first fall to `level` on the way from `top` in the direction `step`, between two points."""
    k = top
    while 0 < k < len(values) - 1 and values[k] > level:
        k += step
    return k - step * (level - values[k]) / (values[k - step] - values[k])


def residual_water(before: FID, after: FID, ppm: tuple[float, float], naa: float) -> dict:
    """Largest signal within `ppm` before and after the removal of water, in heights of NAA."""
    inside = (before.ppm > ppm[0]) & (before.ppm < ppm[1])
    return {
        "residual_water_ratio": float(np.abs(before.spectrum[inside]).max() / naa),
        "removed_water_ratio": float(np.abs(after.spectrum[inside]).max() / naa),
    }


def failures(numbers: Mapping, limits: Limits) -> dict[str, str]:
    """Why a scan is rejected: a sentence for each number outside its limits; empty for a scan that is accepted.

    Args:
        numbers: what was measured, by the names of MEASURES; a number that is missing is not judged.
        limits: of the config.
    """
    sentences = {}
    for name in (each.name for each in fields(limits)):
        value, limit, (words, unit) = numbers.get(name), limits.of_measure(name), MEASURES[name]
        if value is None:
            continue
        for bound, side, good in ((limit.min, "below", np.greater_equal), (limit.max, "above", np.less_equal)):
            if bound is not None and not good(value, bound):
                sentences[name] = f"{words} {in_words(value, unit)}, {side} {in_words(bound, unit)}"
    return sentences


def in_words(value: float, unit: str) -> str:
    """A number with its unit.

    >>> in_words(7.123, "Hz"), in_words(0.234, "NAA"), in_words(68, "1")
    ('7.12 Hz', '0.234 × NAA', '68')
    """
    number = f"{value:.3g}"
    return number if unit == "1" else f"{number} {unit}" if unit in ("Hz", "ppm") else f"{number} × {unit}"


def subtraction(fids: np.ndarray, dwell: float, central_frequency: float) -> dict:
    """What subtraction leaves of choline in DIFF = (ON - OFF) / 2, as a share of its line in OFF.

    Both as SD over 3.15-3.28 ppm, that of the noise taken off. At 3.0 ppm, under creatine, DIFF holds GABA; at 3.2 ppm
    nothing is edited.

    Args:
        fids: ON and OFF, shape (points, 2).
    """

    def spread(samples: np.ndarray) -> float:
        spectrum = FID(samples, dwell, central_frequency)
        inside = (spectrum.ppm > CHOLINE[0]) & (spectrum.ppm < CHOLINE[1])
        return np.sqrt(max(0.0, np.var(spectrum.spectrum.real[inside]) - noise_sd(spectrum) ** 2))

    line = spread(fids[:, 1])  # 0 in a phantom without choline
    return {"subtraction_artefact": float(spread(0.5 * (fids[:, 0] - fids[:, 1])) / line)} if line else {}
