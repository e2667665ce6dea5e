"""What fits in mM recover, with the truth of the fit's model and with another one.

    python benchmarks/recovery.py [press30 megapress ...] [--subjects 8] [--right] [--designs results/design]

Subjects of the simulated scanner, without drift and disturbances, are fitted by default settings: those of the cohort
under one model, those of `scanner: other_truth` (other macromolecules, GABA, lipids, relaxation, shim) as real scans,
whose bases have lipids, beside one model of Voigt lines and a fixed spline. Printed are bias, its standard error, and
how often the truth lies within one SD, of noise, models and relaxation together; of averages also for other factors on
the SD between models. With --right only the first. Sequences with designed pulses need the folder of their designs
(`spinsculpt design config/config.yaml --out results/design`).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from fit_rule import FACTORS

from spinsculpt.basis import basis_library, simulate_basis
from spinsculpt.config import Fit, default_config, read_study
from spinsculpt.data.nifti import MRSData
from spinsculpt.fit import MODEL_SD_FACTOR, fit_measured
from spinsculpt.physics.pulses import read_designed
from spinsculpt.physics.sequences import build_sequence
from spinsculpt.truth.scanner import simulate_scan

SUMS = ["NAA+NAAG", "Cr+PCr", "GPC+PCh", "Glu", "Ins", "Gln", "GABA", "GSH"]
QUIET = {"drift": 0, "frequency_jitter": 0, "phase_jitter": 0, "eddy_phase": 0, "residual_water": 0}
MHZ = 127.73
FITS = {
    "right model": ("right", Fit().settled(measured=False)),
    "wrong model, average": ("wrong", Fit().settled(measured=True)),
    "wrong model, spline:4": ("wrong", Fit(baseline="spline:4").settled(measured=True)),
}
SEQUENCES = ["pressmin", "press30", "press35", "megapress"]


def errors(scan, sets, section: Fit) -> dict[str, list[float]]:
    """Of each sum in mM: (estimate - truth) / truth, / SD, and / SD for each of `FACTORS`."""
    header = {"EchoTime": scan.echo_time, "RepetitionTime": scan.repetition_time}
    shots = len(sets) if len(sets) == 1 else 2
    parts = [scan.fids[k::shots].mean(axis=0) for k in range(shots)]
    fids, dims = (parts[0], ()) if shots == 1 else (np.stack(parts, axis=1), ("DIM_EDIT",))
    conditions = {} if shots == 1 else {"DIM_EDIT": {"EditCondition": [name.upper() for name in sets][:shots]}}
    data = MRSData(fids, scan.dwell, scan.central_frequency, dims, header, conditions)
    water = MRSData(scan.water[0], scan.dwell, scan.central_frequency, (), header)
    rows = {row["Metab"]: row for row in fit_measured(data, sets, section, water).summary()}
    true = {name: value for name, quantity, value, _ in scan.truth if quantity == "concentration"}
    found = {}
    for name in SUMS:
        row, wanted = rows[name], sum(true[part] for part in name.split("+"))
        noise = max(row["mM CRLB"], row.get("mM bootstrap SD", 0.0))
        between = row.get("mM model SD", 0.0) * np.array([1.0, *(f / MODEL_SD_FACTOR for f in FACTORS)])
        sd = np.sqrt(noise**2 + between**2 + row["mM relaxation SD"] ** 2)
        found[name] = [row["mM"] / wanted - 1.0, *((row["mM"] - wanted) / sd)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="*", default=SEQUENCES, help="names of the configuration")
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--first", type=int, default=0, help="number of the first subject of the other truth")
    parser.add_argument("--designs", type=Path, help="folder of designs, each with its pulse.json")
    parser.add_argument("--right", action="store_true", help="only with the truth of the model of the fit")
    arguments = parser.parse_args()
    found = sorted(arguments.designs.glob("*/pulse.json")) if arguments.designs else []
    designs = {path.parent.name: read_designed(path) for path in found}
    config = read_study([default_config()])
    other = config.scanner.other_truth.but(subjects=[f"w{arguments.first + k}" for k in range(arguments.subjects)])
    scanner, basis = config.scanner.but(**QUIET, other_truth=other), config.basis
    wrong = basis.but(alternatives=other.alternatives, macromolecules=other.macromolecules)
    real = basis.but(macromolecules=(*basis.macromolecules, *basis.lipids))
    sections = {"right": (basis, basis), "wrong": (wrong, real)}  # of the truth, and of the fit
    subjects = {"right": [f"{k:02d}" for k in range(arguments.subjects)], "wrong": other.subjects}
    library, table = basis_library(basis), {}
    for name in arguments.sequences:
        sequence = build_sequence(name, config.sequences[name], designs, MHZ)
        fits = {label: each for label, each in FITS.items() if not arguments.right or each[0] == "right"}
        sets = {
            truth: [simulate_basis(sequence, section) for section in sections[truth][: 1 + (truth == "wrong")]]
            for truth in {truth for truth, _ in fits.values()}
        }
        for label, (truth, section) in fits.items():
            true, fitted = sets[truth][0], sets[truth][-1]
            scans = [simulate_scan(each, sequence, true, library, scanner) for each in subjects[truth]]
            found = [errors(scan, fitted, section) for scan in scans]
            shares = 100 * np.mean([np.abs(each[name][1:]) < 1 for each in found for name in SUMS], axis=0)
            inside = float(shares[0])
            table.setdefault(name, {}).setdefault(label, {})["within one SD"] = round(inside)
            print(f"{name}, {label}: bias % (standard error), truth within one SD % (of all {inside:.0f})")
            if section.baseline.kind == "average":
                table[name][label]["by factor"] = dict(zip(FACTORS, shares[1:].round(1).tolist(), strict=True))
                print("    by factor:", ", ".join(f"{s:.0f} ({f})" for f, s in zip(FACTORS, shares[1:], strict=True)))
            for key in SUMS:
                relative, scaled = np.array([each[key][:2] for each in found]).T
                bias, error = 100 * relative.mean(), 100 * relative.std(ddof=1) / np.sqrt(len(relative))
                within = 100 * np.mean(np.abs(scaled) < 1)
                table.setdefault(name, {}).setdefault(label, {})[key] = [round(v, 1) for v in (bias, error, within)]
                print(f"    {key:10s} {bias:6.1f} ({error:.1f}) {within:5.0f}")
    print(json.dumps(table))


if __name__ == "__main__":
    main()
