"""What a fit says when its model is wrong: bias of noise-free fits, and with the bound the error to expect."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from spinsculpt.basis import BasisSet
from spinsculpt.compare._analysis import Analysis, as_measured, broadened, same_time_noise, typical_concentrations
from spinsculpt.compare._separation import noise_of_study
from spinsculpt.conventions import FID, time_axis
from spinsculpt.fit import FitModel, fit
from spinsculpt.spins import Library

COLUMNS = ["sequence", "condition", "metabolite", "bias", "sd", "rmse", "unit"]
RIGHT = "right model"
BROADER = 15.0  # Hz, Gaussian, of the macromolecules
UNKNOWN = {"copy": "MM12", "ppm": 2.3, "part": 0.1}  # no editing pulse touches its original
DRIFT = {"hz": 2.0, "degrees": 5.0}  # of the second shot against the first


def model_error_table(
    analyses: Sequence[Analysis],
    sets: Mapping[str, Mapping[str, BasisSet]],
    ideal: Mapping[str, Mapping[str, BasisSet]],
    library: Library,
    model: FitModel,
    settings: Mapping,
) -> pd.DataFrame:
    """Bias, SD and RMSE of the pair and its ratio in % of the truth, for each analysis and each wrong model.

    The bias is that of a fit of noise-free data, the SD the Cramer-Rao bound of that fit, and rmse^2 = bias^2 + sd^2.
    Conditions: T2 20 % shorter or longer than the fit supposes; macromolecules 15 Hz broader; a signal that no basis
    function has, a tenth of the macromolecules of 1.2 ppm at 2.3 ppm; a basis of ideal pulses at the same times for
    what real pulses measured; and between two shots a drift of 2 Hz and 5 degrees.

    Args:
        analyses: what is compared, in their order; only those that can be played are judged.
        sets: {analysis: all sub-spectra of its sequence}, for the drift of combinations.
        ideal: {analysis: basis of its sub-spectra with ideal pulses}.
        library: T2 and concentrations.
        model: the fit model of the study.
        settings: the validated section `compare` of the config.
    Returns:
        Columns COLUMNS.
    """
    sd, reference = noise_of_study(analyses[0], library, settings)
    rows = []
    for analysis in analyses:
        if not analysis.sequence.playable:
            continue
        names = next(iter(analysis.bases.values())).names
        truth = typical_concentrations(names, library, settings["concentrations"])
        amounts = np.array([truth[name] for name in names])
        echo_time = analysis.sequence.echo_time
        factors = zip(analysis.noise_factors, analysis.bases.values(), strict=True)
        noise = [factor * same_time_noise(sd, reference, basis) for factor, basis in factors]
        fitted = [as_measured(basis, library, echo_time) for basis in analysis.bases.values()]
        for condition, data, bases in _conditions(analysis, sets, ideal, library, fitted):
            fids = []
            for basis in (broadened(basis, settings["linewidth_hz"]) for basis in data):
                signal = amounts @ basis.fids
                if condition == "unknown signal":
                    signal = signal + _unknown(basis, amounts, library)
                fids.append(FID(signal, basis.dwell, basis.central_frequency))
            found = fit(fids, bases, model, noise_sd=noise).concentrations
            rows += _errors(analysis.name, condition, found, truth, settings["pair"])
    return pd.DataFrame(rows, columns=COLUMNS)


def _conditions(analysis, sets, ideal, library, fitted):
    """(name, bases that make the data, bases that are fitted) of every condition."""
    yield RIGHT, fitted, fitted
    for scale in (0.8, 1.2):
        data = [as_measured(b, library, analysis.sequence.echo_time, scale) for b in analysis.bases.values()]
        yield f"T2 x {scale:g}", data, fitted
    yield "broader macromolecules", [_broader(basis, library) for basis in fitted], fitted
    if UNKNOWN["copy"] in fitted[0].names:
        yield "unknown signal", fitted, fitted
    wrong = [as_measured(b, library, analysis.sequence.echo_time) for b in ideal[analysis.name].values()]
    yield "basis of ideal pulses", fitted, wrong
    several = len(analysis.sequence.shots) > 1  # one shot cannot drift against another
    yield "drift between shots", _drifted(analysis, sets[analysis.name], library) if several else fitted, fitted


def _broader(basis: BasisSet, library: Library) -> BasisSet:
    """The basis with broader macromolecules."""
    rate = (np.pi * BROADER) ** 2 / (4 * np.log(2))
    envelope = np.exp(-rate * time_axis(basis.points, basis.dwell) ** 2)
    rows = np.array([name in library.macromolecules for name in basis.names])
    return replace(basis, fids=np.where(rows[:, None], basis.fids * envelope, basis.fids))


def _unknown(basis: BasisSet, amounts: np.ndarray, library: Library) -> np.ndarray | float:
    """FID of the signal that no basis function has: a part of one macromolecule, seen at another chemical shift."""
    row, name = basis.index(UNKNOWN["copy"]), UNKNOWN["copy"]
    moved = UNKNOWN["ppm"] - library.macromolecules[name].peaks[0][0]  # ppm
    turn = np.exp(2j * np.pi * moved * basis.central_frequency * time_axis(basis.points, basis.dwell))
    return UNKNOWN["part"] * amounts[row] * basis.fids[row] * turn


def _drifted(analysis: Analysis, sets: Mapping[str, BasisSet], library: Library) -> list[BasisSet]:
    """The measured sub-spectra when the last shot drifted against the others."""
    last, echo_time = analysis.sequence.shots[-1].name, analysis.sequence.echo_time
    shots = {shot.name: as_measured(sets[shot.name], library, echo_time) for shot in analysis.sequence.shots}
    moved = shots[last]
    time = time_axis(moved.points, moved.dwell)
    turn = np.exp(1j * (2 * np.pi * DRIFT["hz"] * time + np.deg2rad(DRIFT["degrees"])))
    shots[last] = replace(moved, fids=moved.fids * turn)
    found = []
    for label in analysis.bases:
        if label in shots:
            found.append(shots[label])
            continue
        weights = analysis.sequence.combinations[label]
        fids = sum(weight * shots[name].fids for name, weight in weights.items())
        found.append(replace(sets[label], fids=fids))
    return found


def _errors(name: str, condition: str, found, truth: Mapping[str, float], pair: Sequence[str]) -> list[dict]:
    first, second = pair
    ratio, spread = found.ratio([second], [first])
    true_ratio = truth[second] / truth[first]
    estimates = {m: (found.values[found.index(m)], found.sd[found.index(m)], truth[m]) for m in pair}
    estimates[f"{second}/{first}"] = (ratio, spread, true_ratio)
    rows = []
    for metabolite, (value, sd, true) in estimates.items():
        bias, relative = 100 * (value / true - 1), 100 * sd / true
        rows.append(
            {"sequence": name, "condition": condition, "metabolite": metabolite, "bias": bias, "sd": relative}
            | {"rmse": float(np.hypot(bias, relative)), "unit": "%"}
        )
    return rows


def error_ranking(table: pd.DataFrame, metabolite: str) -> pd.Series:
    """Root mean square over the conditions of the RMSE of one measure in %, the smallest first, by sequence."""
    rows = table[table["metabolite"] == metabolite]
    return rows.groupby("sequence", sort=False)["rmse"].agg(lambda r: float(np.sqrt((r**2).mean()))).sort_values()
