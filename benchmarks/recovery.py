"""What fits in mM recover, with the truth of the fit's model and with another one.

    python benchmarks/recovery.py [press30 megapress ...] [--subjects 8]

Subjects of the simulated scanner, without drift and disturbances, are fitted by default settings: those of the cohort
under one model, those of `scanner: other_truth` (other macromolecules, GABA, lipids, relaxation, shim) as real scans,
once with a free line. Printed are bias, its standard error, and how often the truth lies within one SD, of noise,
models and relaxation together.
"""

import argparse
import json

import numpy as np

from spinsculpt.basis import basis_library, simulate_basis
from spinsculpt.fit import fit_measured
from spinsculpt.nifti import MRSData
from spinsculpt.scanner import simulate_scan
from spinsculpt.sequences import build_sequence
from spinsculpt.study import Fit, default_config, read_study

SUMS = ["NAA+NAAG", "Cr+PCr", "GPC+PCh", "Glu", "Ins", "Gln", "GABA", "GSH"]
QUIET = {"drift": 0, "frequency_jitter": 0, "phase_jitter": 0, "eddy_phase": 0, "residual_water": 0}
MHZ = 127.73
FITS = {
    "right model": ("right", Fit().settled(measured=False)),
    "wrong model, average": ("wrong", Fit().settled(measured=True)),
    "wrong model, average with a free line": ("wrong", Fit(lineshape="free").settled(measured=True)),
}


def errors(scan, sets, section: Fit) -> dict[str, tuple[float, float]]:
    """(estimate - truth) / truth and (estimate - truth) / SD of each sum, in mM."""
    header = {"EchoTime": scan.echo_time, "RepetitionTime": scan.repetition_time}
    shots = len(sets) if len(sets) == 1 else 2
    parts = [scan.fids[k::shots].mean(axis=0) for k in range(shots)]
    fids, dims = (parts[0], ()) if shots == 1 else (np.stack(parts, axis=1), ("DIM_EDIT",))
    data = MRSData(fids, scan.dwell, scan.central_frequency, dims, header)
    water = MRSData(scan.water[0], scan.dwell, scan.central_frequency, (), header)
    rows = {row["Metab"]: row for row in fit_measured(data, sets, section, water).summary()}
    true = {name: value for name, quantity, value, _ in scan.truth if quantity == "concentration"}
    found = {}
    for name in SUMS:
        row, wanted = rows[name], sum(true[part] for part in name.split("+"))
        sd = np.sqrt(row["mM CRLB"] ** 2 + row.get("mM model SD", 0.0) ** 2 + row["mM relaxation SD"] ** 2)
        found[name] = (row["mM"] / wanted - 1.0, (row["mM"] - wanted) / sd)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="*", default=["press30"], help="names of the configuration")
    parser.add_argument("--subjects", type=int, default=8)
    arguments = parser.parse_args()
    config = read_study([default_config()])
    other = config.scanner.other_truth.but(subjects=[f"w{k}" for k in range(arguments.subjects)])
    scanner, basis = config.scanner.but(**QUIET, other_truth=other), config.basis
    wrong = basis.but(alternatives=other.alternatives, macromolecules=other.macromolecules)
    sections = {"right": basis, "wrong": wrong}
    subjects = {"right": [f"{k:02d}" for k in range(arguments.subjects)], "wrong": other.subjects}
    library, table = basis_library(basis), {}
    for name in arguments.sequences:
        sequence = build_sequence(name, config.sequences[name], {}, MHZ)
        sets = {truth: simulate_basis(sequence, section) for truth, section in sections.items()}
        for label, (truth, section) in FITS.items():
            scans = [simulate_scan(each, sequence, sets[truth], library, scanner) for each in subjects[truth]]
            found = [errors(scan, sets["right"], section) for scan in scans]
            print(f"{name}, {label}: bias % (standard error), truth within one SD %")
            for key in SUMS:
                relative, scaled = np.array([each[key] for each in found]).T
                bias, error = 100 * relative.mean(), 100 * relative.std(ddof=1) / np.sqrt(len(relative))
                within = 100 * np.mean(np.abs(scaled) < 1)
                table.setdefault(name, {}).setdefault(label, {})[key] = [round(v, 1) for v in (bias, error, within)]
                print(f"    {key:10s} {bias:6.1f} ({error:.1f}) {within:5.0f}")
    print(json.dumps(table))


if __name__ == "__main__":
    main()
