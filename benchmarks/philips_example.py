"""How much each choice of the fit moves the result of the real Philips PRESS TE 35 data set.

    make example                              # first: converts and preprocesses the scan
    python benchmarks/philips_example.py

Refits the preprocessed scan by default settings and with one choice changed at a time.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from spinsculpt.basis import simulate_basis, write_basis
from spinsculpt.fit import fit_files
from spinsculpt.sequences import build_sequence
from spinsculpt.study import Fit, default_config, read_study

RATIOS = ("Glu", "Gln", "NAA+NAAG", "Ins")
LCMODEL = {"Glu": 1.17, "Gln": 0.15, "NAA+NAAG": 1.33, "Ins": 0.85}
LIPIDS = ["Lip09", "Lip13a", "Lip13b", "Lip20"]
CHOICES = {
    "default: average over 24 models": {},
    "range 0.2-4.2 ppm only": {"ppm": [0.2, 4.2]},
    "range 0.5-4.0 ppm only": {"ppm": [0.5, 4.0]},
    "no lipids": {"exclude": LIPIDS},
    "soft ratios of LCModel": {"soft_ratios": "lcmodel"},
    "free line shape": {"lineshape": "free"},
    "automatic spline": {"baseline": "spline"},
    "spline of 10 per ppm": {"baseline": "spline:10"},
    "spline of 7 per ppm": {"baseline": "spline:7"},
    "spline of 4 per ppm": {"baseline": "spline:4"},
    "spline of 1.5 per ppm": {"baseline": "spline:1.5"},
    "quadratic baseline": {"baseline": "poly:2"},
}


def ideal_basis(folder: Path) -> Path:
    """The basis of the scan with ideal instead of shaped pulses."""
    config = read_study([default_config()])
    section = config.basis.but(macromolecules=(*config.basis.macromolecules, *LIPIDS))
    sequence = build_sequence("press35", config.sequences["press35"].but(ideal=True), {}, 127.75)
    write_basis(simulate_basis(sequence, section), folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parents[1] / "results/philips_press")
    results = parser.parse_args().results
    scan = results / "preproc/sub-02/sub-02_acq-press35_svs.nii.gz"
    if not scan.is_file():
        print(f"{scan} is not there; run the example first (see the head of this script).")
        print(json.dumps({"variants": None}))
        return
    shaped = next(path for path in (results / "basis").glob("press35@*") if path.is_dir())
    rows, began = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ideal = ideal_basis(Path(folder) / "basis")
        for choice, basis, section in [
            *((choice, shaped, section) for choice, section in CHOICES.items()),
            ("ideal instead of shaped pulses", ideal, {}),
        ]:
            fit_files(scan, {"": basis}, Path(folder) / "fit", Fit(**section))
            table = pd.read_csv(Path(folder) / "fit/summary.csv", index_col="Metab")
            spread = table.get("%SD", table["%CRLB"])
            rows.append({"choice": choice} | {name: table.loc[name, "/Cr+PCr"] for name in RATIOS})
            rows[-1] |= {"SD of Glu in %": spread["Glu"], "SD of Gln in %": spread["Gln"]}
    print(pd.DataFrame(rows).round(2).to_string(index=False))
    print("LCModel", LCMODEL)
    print(json.dumps({"variants": rows, "lcmodel": LCMODEL, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    sys.exit(main())
