"""A small phantom whose spectra have formulas, for the tests of the fit."""

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.core.conventions import FID, ppm_to_hz, time_axis

POINTS, DWELL, FREQUENCY = 1024, 5e-4, 127.731
# Lines (ppm, protons), first-order multiplets: enough overlap to have correlated estimates.
LINES = {
    "NAA": [(2.008, 3.0)],
    "Cr": [(3.027, 3.0), (3.913, 2.0)],
    "GPC": [(3.212, 9.0)],
    "Glu": [(2.29, 0.5), (2.35, 1.0), (2.41, 0.5), (2.04, 0.5), (2.10, 0.5), (3.75, 1.0)],
    "Gln": [(2.38, 0.5), (2.44, 1.0), (2.50, 0.5), (2.10, 0.5), (2.16, 0.5), (3.77, 1.0)],
    "MM09": [(0.91, 3.0)],
    "MM20": [(2.08, 1.3), (3.0, 0.4)],
}
CONCENTRATIONS = {"NAA": 12.0, "Cr": 8.0, "GPC": 1.8, "Glu": 10.0, "Gln": 3.0, "MM09": 9.0, "MM20": 12.0}
GAMMA, SIGMA2, EPSILON, PHASE = 12.0, 60.0, -9.0, 0.2


def phantom_basis(names=tuple(LINES), signs=None, points=POINTS, dwell=DWELL, frequency=FREQUENCY) -> BasisSet:
    """Lines of LINES, those of macromolecules with a Gaussian width of 20 Hz; `signs` weights metabolites."""
    t = time_axis(points, dwell)
    fids = []
    for name in names:
        wide = (np.pi * 20.0) ** 2 / (4.0 * np.log(2.0)) if name.startswith("MM") else 0.0
        lines = [a * np.exp(2j * np.pi * ppm_to_hz(ppm, frequency) * t) for ppm, a in LINES[name]]
        fids.append((signs or {}).get(name, 1.0) * sum(lines) * np.exp(-wide * t**2))
    return BasisSet(tuple(names), np.array(fids), dwell, frequency)


def phantom(basis, noise_sd=0.0, seed=0, concentrations=CONCENTRATIONS, group_shift=0.0, phase1=0.0) -> FID:
    """A measurement of the phantom; `noise_sd` is that of one real channel of the spectrum."""
    t = time_axis(basis.points, basis.dwell)
    c = np.array([concentrations[name] for name in basis.names])
    shift = np.array([group_shift if name.startswith("MM") else 0.0 for name in basis.names])
    damping = np.exp(-(GAMMA + SIGMA2 * t + 1j * (EPSILON + shift[:, None])) * t)
    clean = FID((c @ (basis.fids * damping)) * np.exp(-1j * PHASE), basis.dwell, basis.central_frequency)
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((2, basis.points)) * noise_sd / np.sqrt(basis.points)
    return FID(clean.samples + noise[0] + 1j * noise[1], basis.dwell, basis.central_frequency)
