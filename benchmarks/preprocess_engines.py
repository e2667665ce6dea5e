"""The two engines of the preprocessing on the same scans: SNR, line width, and what the same fit makes of the result.

    python benchmarks/preprocess_engines.py      # with fsl_mrs_preproc on PATH

Scans: PRESS TE 30 and MEGA-PRESS of the default simulated cohort (means), whose truth is known, and of tests/reference
Philips PRESS TE 30 and 7 T STEAM with four coils, each with its water.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spinsculpt.basis import basis_library, simulate_basis, write_basis
from spinsculpt.config import SequenceEntry, read_study
from spinsculpt.data.convert import convert_scan
from spinsculpt.data.nifti import MRSData, read_fids, write_fids
from spinsculpt.data.subjects import Scan
from spinsculpt.fit import fit_files
from spinsculpt.physics.sequences import build_sequence
from spinsculpt.preprocess import preprocess_scan, preprocess_water
from spinsculpt.truth.scanner import simulate_scan

REPOSITORY = Path(__file__).resolve().parents[1]
REAL = REPOSITORY / "tests/reference/data"
CONFIG = read_study([REPOSITORY / "config/config.yaml"])
PHILIPS = "philips_press30/sub-01_ses-01_PRESS_raw-{}_noID.SDAT"
STEAM = {"type": "steam", "echo_time": 0.011, "mixing_time": 0.032}
CONDITIONS = {"megapress": ("ON", "OFF")}
SHOWN = {"snr": "SNR", "linewidth_hz": "width (Hz)"}


@dataclass(frozen=True)
class Example:
    """One scan: files of scan and water, folder of the basis of each sub-spectrum, and the truth where it is known."""

    name: str
    data: Path
    water: Path
    basis: Mapping[str, Path]
    truth: Mapping[str, float]


def simulated(folder: Path, sequence_name: str) -> Iterator[Example]:
    """The default cohort measured with one sequence."""
    sequence = build_sequence(sequence_name, CONFIG.sequences[sequence_name], {}, CONFIG.basis.frequency)
    sets = simulate_basis(sequence, CONFIG.basis)
    shots = {name: basis for name, basis in sets.items() if name not in ("diff", "sum")}
    library = basis_library(CONFIG.basis)
    for subject in CONFIG.scanner.subjects:
        scan = simulate_scan(subject, sequence, shots, library, CONFIG.scanner)
        timing = {"EchoTime": scan.echo_time, "RepetitionTime": scan.repetition_time}
        paths = [folder / f"{sequence_name}-{subject}-{kind}.nii.gz" for kind in ("svs", "mrsref")]
        for path, fids in zip(paths, (scan.fids, scan.water), strict=True):
            write_fids(path, MRSData(fids.T, scan.dwell, scan.central_frequency, ("DIM_DYN",), timing))
        true = {name: value for name, quantity, value, _ in scan.truth if quantity == "concentration"}
        yield Example(f"{sequence_name} sub-{subject}", *paths, _written(shots, folder / sequence_name), true)


def real(folder: Path) -> Iterator[Example]:
    for name, data, water, entry in (
        ("philips", PHILIPS.format("act"), PHILIPS.format("ref"), CONFIG.sequences["press30"]),
        ("steam7T", "nifti_mrs_7t/metab_raw.nii.gz", "nifti_mrs_7t/wref_raw.nii.gz", STEAM),
    ):
        scan, paths = (
            Scan("01", "", name, data, water),
            [folder / f"{name}-{kind}.nii.gz" for kind in ("svs", "mrsref")],
        )
        for path, raw, kind in zip(paths, (data, water), ("svs", "mrsref"), strict=True):
            convert_scan([REAL / raw], scan, kind, path, folder / "sidecar.json", CONFIG.convert)
        yield Example(name, *paths, _basis_like(read_fids(paths[0]), entry, folder / name), {})


def _basis_like(scan: MRSData, entry: SequenceEntry, folder: Path) -> dict[str, Path]:
    sampled = {"points": scan.points, "bandwidth": 1 / scan.dwell, "central_frequency": scan.central_frequency}
    field = {"field": round(scan.central_frequency / 42.577, 2)}
    sequence = build_sequence("example", entry, {}, scan.central_frequency)
    return _written(simulate_basis(sequence, CONFIG.basis.but(**sampled, **field)), folder)


def _written(sets: Mapping, folder: Path) -> dict[str, Path]:
    for name, basis in sets.items():
        write_basis({name: basis}, folder / name)
    return {name: folder / name for name in sets}


def measure(example: Example, engine: str, folder: Path) -> dict:
    """Numbers of the quality control and of the fit, with water as the reference."""
    sequence = example.name.split()[0]
    conditions = CONDITIONS.get(sequence, ())
    steps = CONFIG.preprocess.steps.but(reject=not conditions)
    section = CONFIG.preprocess.but(engine=engine, steps=steps)
    clean, water = folder / "clean.nii.gz", folder / "water.nii.gz"
    quality = preprocess_scan(
        example.data, example.water, clean, folder / "qc.json", folder / "page.png", section, conditions
    )
    preprocess_water(example.data, example.water, water, section, conditions)
    spectra = tuple(example.basis) if conditions else ()
    fit_files(clean, example.basis, folder / "fit", CONFIG.fit, "builtin", water, spectra)
    table = pd.read_csv(folder / "fit/summary.csv", index_col="Metab")
    row = {"scan": sequence, "engine": engine, **{words: quality[name] for name, words in SHOWN.items()}}
    row |= {"Glu/tCr": table.loc["Glu", "/Cr+PCr"], "NAA (mM)": table.loc["NAA", "mM"]}
    if true := example.truth:
        row |= {"true Glu/tCr": true["Glu"] / (true["Cr"] + true["PCr"]), "true NAA (mM)": true["NAA"]}
    return row


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for group in (simulated(folder, "press30"), simulated(folder, "megapress"), real(folder)):
            rows += [measure(example, engine, folder) for example in group for engine in ("builtin", "fsl_mrs")]
    means = pd.DataFrame(rows).groupby(["scan", "engine"], sort=False).mean()
    print(means.round({"SNR": 0, "width (Hz)": 1}).round(2).to_string())
    print(json.dumps({"scans": rows}))


if __name__ == "__main__":
    sys.exit(main())
