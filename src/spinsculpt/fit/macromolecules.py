"""Macromolecules from a measured metabolite-nulled spectrum, as a noise-free basis function.

The 14 resonances of the consensus (Cudalbu 2021, doi:10.1002/nbm.4393) with free areas and widths and a little freedom
of place, what is left of the metabolite singlets, and a smooth baseline are fitted to the spectrum. The basis function
is the sum of the resonances: it has no noise, no residual metabolites and no residual water, and it can be simulated
through any sequence.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinsculpt.core.colours import BLUE, VERMILION
from spinsculpt.core.conventions import (
    CHOLINE_PPM,
    CREATINE_CH2_PPM,
    CREATINE_PPM,
    FID,
    NAA_PPM,
    ppm_to_hz,
    to_spectrum,
)
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.provenance import atomic_path, provenance, write_json
from spinsculpt.core.spectra import decay
from spinsculpt.physics.spins import Library, Macromolecule, load_library

NAME = "MMexp"
_SINGLETS = (NAA_PPM, CREATINE_PPM, CHOLINE_PPM, CREATINE_CH2_PPM)  # nulled at no single inversion time
_SINGLET_WIDTH = 7.0  # Hz
_BASELINE_ORDER = 2
_WIDTHS = (0.6, 1.6)  # factors on the widths of the consensus
_MOVE = 0.04  # ppm that a resonance may lie away from the position of the consensus
_LEAST_HEIGHT = 0.05  # of the line at 0.92 ppm, relative to the largest value in the range of the fit
_CHANCE = 1e-4  # probability that noise alone would let the resonances explain as much, above which they are refused
_ACQUISITION = 0.4  # s; macromolecules have died away by then


@dataclass(frozen=True)
class MacromoleculeFit:
    """What was found in a metabolite-nulled spectrum.

    Attributes:
        macromolecule: the basis function; areas relative to that of the resonance at 0.92 ppm = 3 protons.
        ppm, data, model, baseline: real parts of the phased spectra in the fit range, shape (samples,).
        residual: root mean square of data - model relative to the largest value of the model without baseline.
        phase: zero-order phase of the scan in rad.
    """

    macromolecule: Macromolecule
    ppm: np.ndarray
    data: np.ndarray
    model: np.ndarray
    baseline: np.ndarray
    residual: float
    phase: float


def fit_macromolecules(fid: FID, library: Library, ppm: tuple[float, float] = (0.2, 4.2)) -> MacromoleculeFit:
    """Fit a metabolite-nulled FID, corrected for eddy currents and freed of water.

    Args:
        fid: FFT-positive.
        library: where positions and starting widths of the 14 resonances come from.
        ppm: range of the fit.
    Raises:
        SpinsculptError: when resonances explain no more than chance would (F test of nested models, each with its area,
            place and width free, and the phase), or there is none at 0.92 ppm.
    """
    from scipy.optimize import least_squares, nnls
    from scipy.special import fdtrc

    points = min(fid.points, round(_ACQUISITION / fid.dwell))
    fid = FID(fid.samples[:points], fid.dwell, fid.central_frequency)
    window = (fid.ppm > ppm[0]) & (fid.ppm < ppm[1])
    scale = np.abs(fid.spectrum[window]).max()
    spectrum = fid.spectrum[window] / scale
    peaks = [m.peaks[0] for name, m in library.macromolecules.items() if name[0] == "M" and name[1] != "M"]
    centres, widths = np.array([peak[0] for peak in peaks]), np.array([peak[2] for peak in peaks])
    count = len(peaks)
    polynomials = np.polynomial.legendre.legvander(np.linspace(-1, 1, len(spectrum)), _BASELINE_ORDER).astype(complex)

    def design(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Non-negative columns (resonances; signed ones twice), and the phased data."""
        moves, factors = parameters[1 : 1 + count], parameters[1 + count :]
        resonances = _lines(fid, window, centres + moves, widths * factors, 0.0)
        singlets = _lines(fid, window, np.array(_SINGLETS) + moves.mean(), np.zeros(len(_SINGLETS)), _SINGLET_WIDTH)
        signed = np.hstack([singlets, polynomials, 1j * polynomials])
        return np.hstack([resonances, signed, -signed]), spectrum * np.exp(-1j * parameters[0])

    def stacked(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values.real, values.imag])

    def solve(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        columns, data = design(parameters)
        norm = np.linalg.norm(columns, axis=0)
        weights, _ = nnls(stacked(columns / norm), stacked(data), maxiter=20 * columns.shape[1])
        return weights / norm, columns, data

    def residuals(parameters: np.ndarray) -> np.ndarray:
        weights, columns, data = solve(parameters)
        return stacked(columns @ weights - data)

    place, width = np.zeros(count), np.ones(count)
    starts = [np.array([phase, *place, *width]) for phase in np.linspace(-np.pi, np.pi, 12, endpoint=False)]
    best = min(starts, key=lambda start: float(np.sum(residuals(start) ** 2)))
    bounds = (
        [-2 * np.pi, *(place - _MOVE), *(width * _WIDTHS[0])],
        [2 * np.pi, *(place + _MOVE), *(width * _WIDTHS[1])],
    )
    found = least_squares(residuals, best, bounds=bounds, x_scale=[0.1, *(place + 0.01), *(width * 0.1)], ftol=1e-4)
    weights, columns, data = solve(found.x)
    areas = weights[:count]
    positive, negative = np.split(weights[count:], 2)
    rows, others = stacked(data), stacked(columns[:, count : count + len(positive)])  # signed columns, once
    left = float(np.sum((rows - stacked(columns @ weights)) ** 2))
    without = float(np.sum((rows - others @ np.linalg.lstsq(others, rows)[0]) ** 2))
    added, freedom = 3 * count + 1, len(rows) - (3 * count + 1) - len(positive)
    if left > 0.0 and fdtrc(added, freedom, max((without - left) / added / (left / freedom), 0.0)) > _CHANCE:
        raise SpinsculptError(
            "the spectrum shows no more macromolecules than noise alone would; is it really metabolite-nulled, and are "
            "its averages enough?"
        )
    if areas[0] * np.abs(columns[:, 0]).max() < _LEAST_HEIGHT:
        raise SpinsculptError("the spectrum shows no macromolecules at 0.92 ppm; is it really metabolite-nulled?")
    baseline = np.hstack([polynomials, 1j * polynomials]) @ (positive - negative)[len(_SINGLETS) :]
    model, clean = columns @ weights, columns[:, :count] @ areas
    moves = found.x[1 : 1 + count]
    lines = np.column_stack(
        [
            centres + moves - moves.mean(),  # the mean move is the error of the scan's frequency
            3 * areas / areas[0],
            widths * found.x[1 + count :],
        ]
    )
    reference = library.macromolecules["MM09"]
    macromolecule = Macromolecule(
        NAME,
        tuple(tuple(float(value) for value in line.round(4)) for line in lines if line[1] > 1e-3),
        reference.t1,
        reference.t2,
        reference.concentration,
        {"peaks": "fitted to a metabolite-nulled spectrum"},
    )
    residual = float(np.sqrt(np.mean(np.abs(model - data) ** 2)) / np.abs(clean.real).max())
    shown = (values.real * scale for values in (data, model, baseline))
    return MacromoleculeFit(macromolecule, fid.ppm[window], *shown, residual, float(found.x[0]))


def _lines(fid: FID, window: np.ndarray, ppm: np.ndarray, width: np.ndarray, linewidth: float) -> np.ndarray:
    """Spectra in the window of lines of 1 at t = 0; widths Gaussian in ppm, Lorentzian in Hz; (samples, lines)."""
    frequency = ppm_to_hz(ppm, fid.central_frequency)
    envelopes = [decay(fid.points, fid.dwell, linewidth, w * fid.central_frequency) for w in width]
    return to_spectrum(np.exp(2j * np.pi * np.outer(frequency, fid.time)) * np.array(envelopes))[:, window].T


def fit_macromolecule_file(data: Path | str, water: Path | str | None, out: Path | str, picture: Path | str) -> None:
    """From a converted metabolite-nulled scan (and its water reference) to `out` (JSON) and a picture of the fit.

    The entry `basis.measured` of the configuration names `out`.
    """
    from spinsculpt.data.nifti import read_fids
    from spinsculpt.preprocess import correct_eddy_currents, remove_lines

    scan = read_fids(data)
    samples = scan.fids.reshape(scan.points, -1).mean(axis=1)
    if water is not None:
        samples = correct_eddy_currents(samples, read_fids(water).fids.reshape(scan.points, -1).mean(axis=1))
    samples = remove_lines(samples, scan.dwell, scan.central_frequency, (4.3, 5.1), 30)
    try:
        fit = fit_macromolecules(FID(samples, scan.dwell, scan.central_frequency), load_library())
    except SpinsculptError as error:
        raise SpinsculptError(f"{data}: {error}") from error
    write_json(
        out,
        {
            "name": fit.macromolecule.name,
            "peaks_ppm_protons_fwhm_ppm": fit.macromolecule.peaks,
            "t1_s": fit.macromolecule.t1,
            "t2_s": fit.macromolecule.t2,
            "concentration_mM": fit.macromolecule.concentration,
            "residual": fit.residual,
            "phase_rad": fit.phase,
            "provenance": provenance(data=str(data)),
        },
    )
    draw_fit(fit, picture)


def draw_fit(fit: MacromoleculeFit, path: Path | str) -> None:
    """Data, model, baseline and residual of the fit."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    low = min(fit.data.min(), fit.model.min())
    span = fit.data.max() - low
    axis.plot(fit.ppm, fit.data, color="black", linewidth=0.8, label="data, phased")
    axis.plot(fit.ppm, fit.model, color=VERMILION, linewidth=1.2, label="model")
    axis.plot(fit.ppm, fit.baseline, color=BLUE, linewidth=1.0, label="baseline")
    axis.plot(fit.ppm, fit.data - fit.model + low - 0.15 * span, color="0.5", linewidth=0.7, label="residual, shifted")
    axis.set(xlabel="chemical shift (ppm)", ylabel="signal (a.u.)", xlim=(fit.ppm[-1], fit.ppm[0]))
    axis.legend(frameon=False, fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
