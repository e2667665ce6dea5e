"""How much each choice of the fit moves the result of the real Philips PRESS TE 35 data set.

    snakemake --cores 2 --configfile config/examples/philips_press.yaml      # first: converts and preprocesses the scan
    python benchmarks/philips_example.py

Refits the preprocessed scan with ideal or shaped refocusing, with or without lipids, in two ranges, on three baselines.
"""

import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from spinsculpt.basis import simulate_basis, write_basis
from spinsculpt.config import load_schema, read_yaml, validate
from spinsculpt.fit import fit_files
from spinsculpt.sequences import build_sequence

REPOSITORY = Path(__file__).resolve().parents[1]
SCAN = REPOSITORY / "results/philips_press/preproc/sub-02/sub-02_acq-press35_svs.nii.gz"
RATIOS = ("Glu", "Gln", "NAA+NAAG", "Ins")
LCMODEL = {"Glu": 1.17, "Gln": 0.15, "NAA+NAAG": 1.33, "Ins": 0.85}


def example_config() -> dict:
    config = read_yaml(REPOSITORY / "config/config.yaml")
    example = read_yaml(REPOSITORY / "config/examples/philips_press.yaml")
    config["basis"] |= example["basis"]
    config["sequences"]["press35"] |= example["sequences"]["press35"]
    config["fit"] |= example["fit"]
    return validate(config, load_schema())


def main() -> None:
    if not SCAN.is_file():
        print(f"{SCAN} is not there; run the example first (see the head of this script).")
        print(json.dumps({"variants": None}))
        return
    config = example_config()
    frequency = config["basis"]["central_frequency"]
    shaped = config["sequences"]["press35"]
    ideal = shaped | {"refocusing": shaped["refocusing"] | {"shape": "ideal"}, "te1": 0.012}
    rows, began = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for (refocusing, entry), lipids in itertools.product((("shaped", shaped), ("ideal", ideal)), (True, False)):
            names = [n for n in config["basis"]["macromolecules"] if lipids or not n.startswith("Lip")]
            basis = Path(folder) / f"{refocusing}-{lipids}"
            sequence = build_sequence("press35", entry, {}, frequency)
            write_basis(simulate_basis(sequence, config["basis"] | {"macromolecules": names}), basis)
            for ppm, baseline in itertools.product(([0.5, 4.0], [0.2, 4.2]), ("spline", "spline:3", "poly:2")):
                section = config["fit"] | {"ppm": ppm, "baseline": baseline}
                fit_files(SCAN, {"": basis}, Path(folder) / "fit", section)
                table = pd.read_csv(Path(folder) / "fit/summary.csv", index_col="Metab")["/Cr+PCr"]
                given = {"refocusing": refocusing, "lipids": lipids, "ppm": f"{ppm[0]}-{ppm[1]}", "baseline": baseline}
                rows.append(given | {name: table[name] for name in RATIOS})
    result = pd.DataFrame(rows)
    print(result.round(2).to_string(index=False))
    print("LCModel", LCMODEL)
    print(json.dumps({"variants": rows, "lcmodel": LCMODEL, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    sys.exit(main())
