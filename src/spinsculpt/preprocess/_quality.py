"""Numbers that say whether a spectrum is worth fitting."""

from collections.abc import Mapping

import numpy as np

from spinsculpt.conventions import FID, ppm_axis, to_spectrum

NAA, CREATINE = (1.9, 2.1), (2.9, 3.15)  # ppm, where the highest point is the methyl line


def measure(spectrum: FID) -> dict:
    """SNR, line widths and contaminations of a clean, phased spectrum."""
    noise = noise_sd(spectrum)
    height, width = peak(spectrum, NAA)
    creatine, creatine_width = peak(spectrum, CREATINE)
    real = spectrum.spectrum.real
    lipid = real[(spectrum.ppm > 1.0) & (spectrum.ppm < 1.6)]
    return {
        "noise_sd": noise,
        "snr": height / noise,
        "snr_creatine": creatine / noise,
        "linewidth_hz": width,
        "linewidth_creatine_hz": creatine_width,
        "lipid_ratio": float(lipid.max() / height),
    }


def noise_sd(spectrum: FID) -> float:
    """SD of one real channel of the spectrum where it holds no signal, slow variation removed."""
    ppm = spectrum.ppm
    empty = (ppm < -1.0) | (ppm > 9.5)
    inner = np.abs(np.arange(len(ppm)) - len(ppm) / 2) < 0.45 * len(ppm)  # not the edges that receiver filters bend
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


def verdict(numbers: Mapping, limits: Mapping) -> dict:
    """Accept or reject a scan: `limits` maps a number of the quality control to {min, max}."""
    reasons = []
    for name, limit in limits.items():
        value = numbers.get(name)
        if value is None:
            continue
        if limit.get("min") is not None and not value >= limit["min"]:
            reasons.append(f"{name} is {value:.3g}, below {limit['min']:g}")
        if limit.get("max") is not None and not value <= limit["max"]:
            reasons.append(f"{name} is {value:.3g}, above {limit['max']:g}")
    return {"verdict": "reject" if reasons else "accept", "reasons": reasons}


def subtraction(fids: np.ndarray, dwell: float, central_frequency: float) -> dict:
    """What subtraction leaves of creatine and choline in DIFF = (ON - OFF) / 2, as a share of their OFF lines.

    Args:
        fids: ON and OFF, shape (points, 2).
    """
    difference, off = (FID(fid, dwell, central_frequency) for fid in (0.5 * (fids[:, 0] - fids[:, 1]), fids[:, 1]))
    inside = (off.ppm > 3.15) & (off.ppm < 3.28)
    artefact = np.ptp(difference.spectrum.real[inside]) / np.ptp(off.spectrum.real[inside])
    return {"subtraction_artefact": float(artefact)}
