"""Amplitudes of single lines: of the unsuppressed water, and of one proton in a basis."""

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import FitModel
from spinsculpt.core.conventions import FID, WATER_PPM, ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit._data import prepare
from spinsculpt.fit._fit import floored, solve
from spinsculpt.fit._model import Problem
from spinsculpt.fit._noise import noise_covariance

# Methyl singlets with their protons and shifts in ppm (Govindaraju et al. 2000, NMR Biomed 13:129).
SINGLETS = (("Cr", 3, 3.027), ("PCr", 3, 3.029), ("NAA", 3, 2.008))


def water_amplitude(water: FID, label: str = "water reference") -> float:
    """Water signal per proton at t = 0, from a Voigt line fitted to the unsuppressed signal at 3.65 to 5.65 ppm."""
    spectrum = np.abs(water.spectrum) ** 2
    near = np.abs(water.ppm - WATER_PPM) < 1.0
    if not np.all(np.isfinite(water.samples)) or not spectrum.any():
        raise SpinsculptError(f"{label}: holds no finite signal; check the conversion of the water reference.")
    if spectrum[near].sum() < 0.5 * spectrum.sum():
        peak = float(water.ppm[np.argmax(spectrum)])
        raise SpinsculptError(
            f"{label}: its strongest peak is at {peak:.2f} ppm and not at water ({WATER_PPM} ppm); this is no "
            "unsuppressed water reference of this scan. Give the right file, or none."
        )
    return _line_amplitude(water, WATER_PPM, 1.0) / 2.0


def signal_per_proton(basis: BasisSet) -> float:
    """What one proton gives in this basis: 1 in ours, anything in those of other programs.

    From the methyl singlet of creatine, phosphocreatine or NAA, whichever the basis has first; 1 when it has none.
    """
    for name, protons, ppm in SINGLETS:
        if name in basis.names:
            return _line_amplitude(FID(basis[name], basis.dwell, basis.central_frequency), ppm, 0.15) / protons
    return 1.0


def water_per_proton(basis: BasisSet) -> float:
    """What one proton of water gives in this basis: as simulated, or as a methyl group where that is not said."""
    return signal_per_proton(basis) if basis.water is None else abs(basis.water)


def _line_amplitude(fid: FID, ppm: float, half_width: float) -> float:
    """Amplitude at t = 0 of the one line within `half_width` ppm of `ppm`."""
    baseline = "off" if half_width > 0.5 else "poly:0"  # a line near others stands on their wings
    model = FitModel(
        ppm=(ppm - half_width, ppm + half_width), baseline=baseline, max_shift=0.5 * half_width, max_width=60.0
    )
    turn = 2j * np.pi * ppm_to_hz(ppm, fid.central_frequency)
    line = BasisSet(("line",), np.exp(turn * fid.time)[None], fid.dwell, fid.central_frequency)
    fids, bases = prepare([fid], [line], model, [f"line at {ppm} ppm"])
    return float(solve(Problem(fids, bases, model, floored(noise_covariance(fids), fids))).concentrations[0])
