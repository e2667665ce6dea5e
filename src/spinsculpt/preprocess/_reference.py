"""Frequency reference and zero-order phase from the singlets of the brain."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spinsculpt.core.conventions import CHOLINE_PPM, CREATINE_PPM, NAA_PPM, ppm_to_hz, time_axis
from spinsculpt.preprocess._match import band, match, shifted

SINGLETS = {NAA_PPM: 3.0, CREATINE_PPM: 2.4, CHOLINE_PPM: 1.8}  # protons times concentration relative to NAA
_CARRIERS = {
    NAA_PPM: ({"NAA"}, 3),
    CREATINE_PPM: ({"Cr", "PCr"}, 3),
    CHOLINE_PPM: ({"GPC", "PCh"}, 9),
}  # whose, protons
_LINES = ((5.0, 0.04), (8.0, 0.03), (14.0, 0.015))  # width in Hz of the lines looked for, and from which time on in s:
# by then macromolecules, lipids and baseline have decayed, which would turn the phase by 10-70 degrees
_BROAD = 0.6  # correlation that broader lines than the first need: the less of macromolecules has decayed, the more so


def played_singlets(basis: Path | str, condition: str = "") -> dict[float, complex]:
    """SINGLETS as a designed pulse leaves them, turned and weakened each in its way, from the basis of its sequence.

    Args:
        basis: folder of the basis sets of the sequence.
        condition: "A" or "B" of a designed pair.
    """
    from spinsculpt.basis import read_basis  # imports slowly, and designed sequences alone need it

    sets = read_basis(basis)
    chosen = sets[condition.lower()] if condition else next(iter(sets.values()))
    time = time_axis(chosen.points, chosen.dwell)
    found = {}
    for ppm, (names, protons) in _CARRIERS.items():
        fid = np.mean([chosen.fids[k] for k, name in enumerate(chosen.names) if name in names] or [0 * time], axis=0)
        near = ppm_to_hz(ppm + np.linspace(-0.03, 0.03, 31), chosen.central_frequency)
        lines = np.exp(2j * np.pi * np.outer(near, time) - np.pi * chosen.linewidth * time)
        amplitude = (lines.conj() @ fid) / (np.abs(lines[0]) ** 2).sum()
        found[ppm] = SINGLETS[ppm] * complex(amplitude[np.argmax(np.abs(amplitude))]) / protons
    return found


def find_singlets(
    fid: np.ndarray,
    dwell: float,
    central_frequency: float,
    max_shift: float,
    singlets: Mapping[float, complex] = SINGLETS,
) -> tuple[float, float, float]:
    """How far NAA, creatine and choline are from where they belong, by matching three lines to the FID.

    Args:
        fid: shape (points,).
        dwell: s.
        central_frequency: MHz.
        max_shift: largest error in ppm.
        singlets: amplitude of each line by its ppm.
    Returns:
        error of the frequency in Hz; of the phase in rad at t = 0; correlation (0-1) of the three lines with the data
        between 1.8 and 3.4 ppm, near 0 where they are missing. Broad lines, as at 7 T, are looked for where narrow ones
        are not found.
    """
    time = time_axis(len(fid), dwell)
    lines = sum(size * np.exp(2j * np.pi * ppm_to_hz(ppm, central_frequency) * time) for ppm, size in singlets.items())
    found = []
    for width, start in _LINES:
        late = time >= start
        model = lines * np.exp(-np.pi * width * time) * late
        shift, phase = map(float, match(fid, model, dwell, max_shift * central_frequency))
        signal = band(shifted(fid, -shift, -phase, dwell), dwell, central_frequency, (1.8, 3.4)) * late
        size = np.linalg.norm(model) * np.linalg.norm(signal)
        overlap = np.vdot(model, signal).real / size if size > 0.0 else 0.0  # too short for the line: not found
        found.append((shift, phase, float(overlap)))
    broad = max(found[1:], key=lambda each: each[2])
    return broad if found[0][2] < 0.5 and broad[2] > _BROAD else found[0]
