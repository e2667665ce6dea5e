"""How much each choice of the fit moves the result of the real Philips PRESS TE 35 data set.

    make example                              # first: converts and preprocesses the scan
    python benchmarks/philips_example.py

Refits the preprocessed scan by default settings and with one choice changed at a time; and the scan of TE 30 with the
macromolecules of its metabolite-nulled scan and with those of the library.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from spinsculpt.basis import simulate_basis, write_basis
from spinsculpt.config import Fit, default_config, read_study
from spinsculpt.fit import fit_files
from spinsculpt.physics.sequences import Sequence, build_sequence

RATIOS = ("Glu", "Gln", "NAA+NAAG", "Ins", "GABA")
LCMODEL = {"Glu": 1.17, "Gln": 0.15, "NAA+NAAG": 1.33, "Ins": 0.85}
LIPIDS = ["Lip09", "Lip13a", "Lip13b", "Lip20"]
CHOICES = {
    "default: average over 24 models": {},
    "range 0.2-4.2 ppm only": {"ppm": [0.2, 4.2]},
    "range 0.5-4.0 ppm only": {"ppm": [0.5, 4.0]},
    "no lipids": {"exclude": LIPIDS},
    "macromolecules in any proportion": {"soft_ratios": "off"},
    "macromolecules in LCModel's": {"soft_ratios": "lcmodel"},
    "Voigt lines": {"lineshape": "voigt"},
    "free line": {"lineshape": "free"},
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


def library_basis(results: Path, name: str, folder: Path) -> Path:
    """The basis of a sequence of the example with the macromolecules of the library in place of measured ones."""
    section = read_study([default_config()]).basis
    frequency = float(name.partition("@")[2].partition("MHz")[0])
    section = section.but(central_frequency=frequency, macromolecules=(*section.macromolecules, *LIPIDS))
    write_basis(simulate_basis(Sequence.read(results / f"sequences/{name}.json"), section), folder)
    return folder


def macromolecules(results: Path) -> pd.DataFrame:
    """The scan of TE 30: ratios and SDs with measured macromolecules and with those of the library."""
    rows, scan = [], "preproc/sub-01/sub-01_acq-press30"
    measured = next(path for path in (results / "basis").glob("press30@*") if path.is_dir())
    with tempfile.TemporaryDirectory() as folder:
        library = library_basis(results, measured.name, Path(folder) / "basis")
        for label, basis in (("measured", measured), ("of the library", library)):
            parts = results / f"{scan}_averages.nii.gz"
            out = Path(folder) / "fit"
            fit_files(results / f"{scan}_svs.nii.gz", {"": basis}, out, Fit(), averages=parts)
            table = pd.read_csv(out / "summary.csv", index_col="Metab").loc[[*RATIOS, "GSH"]]
            told = [
                f"{row['/Cr+PCr']:.2f} +- {row['/Cr+PCr'] * row['%SD'] / 100:.2f} ({row['reliable']})"
                for _, row in table.iterrows()
            ]
            rows.append({"macromolecules": label, **dict(zip(table.index, told, strict=True))})
    return pd.DataFrame(rows)


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
            parts = scan.with_name(scan.name.replace("_svs", "_averages"))
            fit_files(scan, {"": basis}, Path(folder) / "fit", Fit(**section), averages=parts)
            table = pd.read_csv(Path(folder) / "fit/summary.csv", index_col="Metab")
            spread = table.get("%SD", table["%CRLB"])
            rows.append({"choice": choice} | {name: table.loc[name, "/Cr+PCr"] for name in RATIOS})
            rows[-1] |= {f"SD of {name} in %": spread[name] for name in ("Glu", "Gln", "GABA")}
            if choice.startswith("default"):
                shown = [column for column in table if column.startswith(("/", "%")) or column in ("flag", "reliable")]
                print(table.loc[list(RATIOS), shown].round(3).T.to_string())
    print(pd.DataFrame(rows).round(2).to_string(index=False))
    print("LCModel", LCMODEL)
    print(macromolecules(results).to_string(index=False))
    print(json.dumps({"variants": rows, "lcmodel": LCMODEL, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    sys.exit(main())
