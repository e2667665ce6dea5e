"""FSL-MRS as the engine: its own command, our data, basis, checks and tables."""

import csv
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinsculpt.basis import BasisSet, write_fslmrs
from spinsculpt.config import BROAD, Baseline, FitModel, can_fit, matches
from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.fslmrs import find_command, run_command
from spinsculpt.data.nifti import MRSData, read_fids, write_fids
from spinsculpt.fit._data import prepare
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._fit import build_problem, report
from spinsculpt.fit._model import Problem
from spinsculpt.fit._result import Curve, FitResult
from spinsculpt.fit._solver import Solution

MODERATE = 20.0  # effective dimension of its spline "moderate"
SAME_CURVES = 1e-3  # of the metabolites: a difference below which two models are the same
SAME_SDS = 0.1  # logarithm of the median ratio of SDs that is said


def find_fsl_mrs(command: str = "fsl_mrs") -> str:
    """Path of the command; when it is absent, an error that says how to get it."""
    return find_command(command, "fit: engines: [builtin]")


def fit_with_fsl_mrs(
    data: Sequence[FID],
    bases: Sequence[BasisSet],
    model: FitModel,
    labels: Sequence[str],
    command: str = "fsl_mrs",
) -> FitResult:
    """Fit one spectrum by the real `fsl_mrs` command.

    Its table, its curves and baseline and its SDs are kept as it wrote them; columns that it does not write are filled
    by us, mM and mmol/kg among them: its own scaling takes the area of the real part of a creatine singlet for its
    size, which a designed pulse may have turned, and one T1 and T2 for all metabolites. The correlations, which it does
    not write, and the flags are ours, computed at its estimates, with the noise from the residual as it does; where our
    model does not reproduce its curves or SDs, a message says so. What it does not check is checked first: central
    frequency, length of the basis, numbers that are not finite; and afterwards, that not everything is zero.

    Args:
        data, bases, labels: one of each; FSL-MRS fits no spectra jointly.
        model: ranges with gaps, Gaussian lines, priors and soft ratios are refused: FSL-MRS has none of them.
        command: name or path of the command.
    """
    executable = find_fsl_mrs(command)
    _refuse_what_it_lacks(data, model)
    model = replace(_its_own(model, bases[0].names), noise="residual")
    fids, matched = prepare(data, bases, model, labels)
    problem = build_problem(fids, matched, model, labels)
    with tempfile.TemporaryDirectory(prefix="fsl_mrs-") as folder:
        folder = Path(folder)
        write_fslmrs(matched[0], folder / "basis")
        _write(folder / "data.nii.gz", fids[0])
        run_command([executable, *_arguments(folder, problem)], "fsl_mrs", labels[0])
        table = _read_table(folder / "out" / "summary.csv", labels[0])
        theta, c, sd = _estimates(folder / "out" / "all_parameters.csv", problem, labels[0])
        curve = _curve(folder / "out", problem, labels[0])
        version = subprocess.run([executable, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if not np.any(c > 0.0):
        raise SpinsculptError(
            f"{labels[0]}: fsl_mrs returned zero for every metabolite, which is no result; look at the data."
        )
    if problem.model.baseline == Baseline("spline"):
        (low, high), *_ = model.ranges
        problem.set_stiffness(MODERATE / (high - low))
    theirs = curve.components.sum(axis=0)
    shape = _our_metabolites(problem, theta, c)
    factor = np.vdot(shape, theirs).real / np.vdot(shape, shape).real  # undoes its scaling of data and basis
    c, sd = factor * c, abs(factor) * sd
    apart = float(np.linalg.norm(theirs - factor * shape) / np.linalg.norm(theirs))
    result = report(problem, Solution(theta, c, float("nan"), True, 0), labels, "fsl_mrs", [curve])
    ours = result.concentrations.sd
    known = (ours > 0.0) & np.isfinite(ours) & (sd > 0.0) & np.isfinite(sd)
    ratio = np.where(known, sd / np.where(known, ours, 1.0), 1.0)
    scale = np.concatenate([ratio, np.ones(len(theta))])
    covariance = result.covariance * np.outer(scale, scale)
    estimates = Estimates(problem.names, c, covariance[: len(c), : len(c)])
    messages = list(result.messages)
    if apart > SAME_CURVES:
        messages.append(
            f"The metabolites that FSL-MRS drew differ from our model at its estimates by {100.0 * apart:.2g} % (root "
            "mean square); its curves are stored, and correlations may be wrong by as much."
        )
    middle = float(np.median(ratio[known])) if known.any() else 1.0
    if abs(np.log(middle)) > SAME_SDS:
        messages.append(
            f"The SDs of FSL-MRS are {middle:.2f} times ours at its estimates (median); its own are stored."
        )
    result = replace(result, covariance=covariance, concentrations=estimates, messages=tuple(messages))
    qc = {**result.qc, "fsl_mrs_version": (version.stdout or version.stderr).strip(), "steps": None}
    return replace(result, qc=qc, table=table)


def _its_own(model: FitModel, names: Sequence[str]) -> FitModel:
    """What FSL-MRS is given where the choice is open: its moderate spline for an average, a group a broad signal."""
    baseline = "spline" if model.baseline.kind == "average" else model.baseline
    alone = tuple((name,) for name in names if any(matches(name, group) for group in BROAD))
    return replace(model, baseline=baseline, groups=alone if model.groups is None else model.groups)


def _refuse_what_it_lacks(data: Sequence[FID], model: FitModel) -> None:
    if not can_fit("fsl_mrs", [""] * len(data)):
        raise SpinsculptError(
            f"fsl_mrs fits one spectrum at a time, not {len(data)} jointly; fit them by the engine builtin."
        )
    lacking = {
        "a fit range with gaps": len(model.ranges) > 1,
        "purely Gaussian lines": model.lineshape == "gauss",
        "free line shape": model.lineshape == "free",
        "soft ratios": bool(model.priors),
        "macromolecules of another study than the basis": model.macromolecules not in (None, "basis"),
        "priors on shift or width": any(sd is not None for sd in model.line_sds),
    }
    for what, wanted in lacking.items():
        if wanted:
            raise SpinsculptError(
                f"fsl_mrs has no {what.removeprefix('a ')}; change the section fit, or use the engine builtin."
            )


def _arguments(folder: Path, problem: Problem) -> list[str]:
    model = problem.model
    (low, high), (kind, number) = model.ranges[0], (model.baseline.kind, model.baseline.number)
    if kind == "spline":
        baseline = "spline, " + ("moderate" if number is None else f"{number * (high - low):g}")
    else:
        baseline = "off" if kind == "off" else f"polynomial, {number}"
    arguments = [
        "--data",
        folder / "data.nii.gz",
        "--basis",
        folder / "basis",
        "--output",
        folder / "out",
        "--overwrite",
        "--export_baseline",
        "--export_separate",
    ]
    arguments += [
        "--ppmlim",
        low,
        high,
        "--baseline",
        baseline,
        "--no_conj_fid",
        "--conj_basis",
    ]  # its guesses, made certain
    arguments += ["--lorentzian"] if model.lineshape == "lorentz" else []
    reference = [name for name in model.reference if name in problem.names]
    arguments += ["--internal_ref", *reference] if reference else []
    groups = [np.array(problem.names)[problem.groups == g] for g in range(1, problem.group_count)]
    arguments += ["--metab_groups", *("+".join(group) for group in groups)] if groups else []
    for group in model.combine:
        present = [name for name in group if name in problem.names]
        arguments += ["--combine", *present] if len(present) > 1 else []
    return [str(argument) for argument in arguments]


def _write(path: Path, fid: FID) -> None:
    write_fids(path, MRSData(fid.samples, fid.dwell, fid.central_frequency))


def _read_table(path: Path, label: str) -> tuple[dict, ...]:
    if not path.is_file():
        raise SpinsculptError(f"{label}: fsl_mrs ended without a summary.csv; its installation may be incomplete.")
    with path.open(newline="") as stream:
        return tuple(
            {key: value if key == "Metab" else float(value or "nan") for key, value in row.items()}
            for row in csv.DictReader(stream)
        )


def _curve(folder: Path, problem: Problem, label: str) -> Curve:
    """What it fitted, from its own files: each metabolite, the baseline and their sum.

    Its spectra, unlike ours, halve the first point of a FID; data and curves are stored as it saw them, so that the
    residual is its own.
    """

    def spectrum(name: str) -> np.ndarray:
        path = folder / f"{name}.nii.gz"
        if not path.is_file():
            raise SpinsculptError(f"{label}: fsl_mrs wrote no {path.name}; version 2.4 or later writes it.")
        return block.transform(_first_halved(read_fids(path).fid.samples))

    block = problem.blocks[0]
    fit, baseline = spectrum("fit"), spectrum("fit_baseline")
    # A metabolite comes with the baseline under it.
    components = np.array([spectrum(f"fit_{name}") - baseline for name in problem.names])
    return Curve(label, block.ppm, block.transform(_first_halved(block.samples)), fit, baseline, components)


def _our_metabolites(problem: Problem, theta: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Sum of the metabolites by our model, with the first point halved as it does.

    Its clock starts one dwell time late, which turns each group of metabolites by its own shift.
    """
    fids, phase = problem.damp(theta, 0)
    block, shift = problem.blocks[0], problem.values(theta, 0)["eps"]
    turned = c * np.exp(-1j * (shift - shift[0]) * block.time[1])[problem.groups]
    return block.transform(_first_halved(turned @ fids)) * phase


def _first_halved(samples: np.ndarray) -> np.ndarray:
    return np.concatenate([0.5 * samples[:1], samples[1:]])


def _estimates(path: Path, problem: Problem, label: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Its parameters in our form, and the SDs of the concentrations. Its time axis starts at dt, ours at zero:

    gamma' = gamma + 2 sigma^2 dt, phi0' = phi0 + eps dt, c' = c exp(-(gamma + sigma^2 dt) dt).
    """
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = {row["parameter"]: float(row["mean"]) for row in rows}
    sd_of = {row["parameter"]: float(row["std"] or "nan") for row in rows}
    dt = float(problem.blocks[0].time[1])
    try:
        c = np.array([found[name] for name in problem.names])
        groups = range(problem.group_count)
        gamma = np.array([found[f"gamma_{g}"] for g in groups])
        gauss = np.array([found.get(f"sigma_{g}", 0.0) for g in groups]) ** 2
        eps = np.array([found[f"eps_{g}"] for g in groups])
        phases = {"phi0": found["Phi0"] + eps[0] * dt, "phi1": found["Phi1"]}
    except KeyError as error:
        raise SpinsculptError(
            f"{label}: fsl_mrs wrote no value of {error}; this version of it writes other tables."
        ) from error
    of_kind = {"gamma": gamma + 2.0 * gauss * dt, "gauss": gauss, "eps": eps}
    theta = [phases[p.kind] if p.kind in phases else of_kind[p.kind][p.group] for p in problem.parameters]
    factor = np.exp(-(gamma + gauss * dt) * dt)[problem.groups]
    return np.array(theta), c * factor, np.array([sd_of[name] for name in problem.names]) * factor
