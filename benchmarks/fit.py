"""Time the fit: one in-vivo-like spectrum with 24 basis functions, 1,000 Monte-Carlo fits, and FSL-MRS where installed.

    python benchmarks/fit.py [--processes 2] [--repeats 1000]

The spectrum is PRESS 30 of 20 metabolites and 4 macromolecules (a group of their own) at 3 T with typical
concentrations, 5 Hz lines and SNR 100 of NAA.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from spinsculpt.basis import BasisSet, basis_library, simulate_basis
from spinsculpt.config import Basis
from spinsculpt.core.conventions import FID, time_axis
from spinsculpt.fit import FitModel, fit, fit_with_fsl_mrs, monte_carlo
from spinsculpt.physics.sequences import press

CONFIG = Basis(macromolecules=["MM09", "MM12", "MM17", "MM20"])
MODELS = {
    "in vivo, quadratic baseline": FitModel(groups=(("MM*",),)),
    "in vivo, spline of fixed stiffness": FitModel(groups=(("MM*",),), baseline="spline:2"),
    "in vivo, spline of automatic stiffness": FitModel(groups=(("MM*",),), baseline="spline"),
    "in vivo, average of 24 models": FitModel(baseline="average", noise="residual"),
}


def measurement(basis: BasisSet, seed: int = 1) -> FID:
    """The basis at typical concentrations with Voigt lines, a shift, a phase, a bent baseline and noise."""
    known = basis_library(CONFIG)
    known = {**known.metabolites, **known.macromolecules}
    c = np.array([known[name].concentration for name in basis.names])
    t = time_axis(basis.points, basis.dwell)
    fid = (c @ basis.fids) * np.exp(-(12.0 + 60.0 * t + 9.0j) * t - 0.2j)
    fid = fid + 2.0 * np.exp((-2.0 * np.pi * 300.0j - 1500.0) * t)
    clean = FID(fid, basis.dwell, basis.central_frequency)
    peak = np.abs(clean.spectrum[(clean.ppm > 1.9) & (clean.ppm < 2.1)]).max()
    noise = np.random.default_rng(seed).standard_normal((2, basis.points)) * peak / 100.0 / np.sqrt(basis.points)
    return FID(fid + noise[0] + 1j * noise[1], basis.dwell, basis.central_frequency)


SPREAD: dict[float, tuple[float, float]] = {}  # shortest and longest of the runs, by their median


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    middle = float(np.median(seconds))
    SPREAD[middle] = (min(seconds), max(seconds))
    return middle


def import_seconds() -> float:
    """Median time to import the package of the fit, less that of an empty interpreter."""

    def started(code: str) -> float:
        return median_seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    return started("import spinsculpt.fit") - started("pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1000, help="number of Monte-Carlo fits")
    arguments = parser.parse_args()

    (basis,) = simulate_basis(press(0.030), CONFIG).values()
    data = measurement(basis)
    times = {name: median_seconds(lambda m=model: fit([data], [basis], m)) for name, model in MODELS.items()}
    result = fit([data], [basis], MODELS["in vivo, quadratic baseline"])
    carlo = f"{arguments.repeats} Monte-Carlo fits, {arguments.processes} processes"
    times[carlo] = median_seconds(lambda: monte_carlo(result, arguments.repeats, processes=arguments.processes), 1)
    fsl_mrs = None
    if shutil.which("fsl_mrs"):
        fsl_mrs = median_seconds(lambda: fit_with_fsl_mrs([data], [basis], result.model, ["benchmark"]), 1)
        times["FSL-MRS, quadratic baseline, start of the program included"] = fsl_mrs
    times["import of spinsculpt.fit"] = import_seconds()

    print(f"{len(basis.names)} basis functions, {basis.points} points")
    for name, seconds in times.items():
        low, high = SPREAD.get(seconds, (seconds, seconds))
        print(f"{name:60s} {seconds:9.3f} s ({low:.3f} to {high:.3f})")
    figures = {
        "in_vivo_s": times["in vivo, quadratic baseline"],
        "spline_auto_s": times["in vivo, spline of automatic stiffness"],
        "average_s": times["in vivo, average of 24 models"],
        "monte_carlo_1000_s": times[carlo] * 1000.0 / arguments.repeats,
        "fsl_mrs_s": fsl_mrs,
        "import_s": times["import of spinsculpt.fit"],
    }
    print(json.dumps({key: None if value is None else round(value, 4) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
