"""The ISMRM fitting challenge: its spectra through preprocessing and fit by default settings, beside FSL-MRS.

    python benchmarks/fitting_challenge.py [--fsl-mrs TABLE.tsv] [--out TABLE.tsv]

The 22 spectra, water references and basis of the challenge (Marjanska et al. 2022, doi:10.1002/mrm.28942; CC BY-SA 4.0)
lie in tests/reference. Eddy currents and residual water are taken off as of any scan. To water they are scaled with the
tissue and the relaxation times that the challenge states; nothing else is set. The basis holds no lipids, so those of
the library are added, as to any such basis; sets that hold lipids are fitted without them, too. With --fsl-mrs the real
FSL-MRS fits the same preprocessed data with the same functions; as it takes a minute or more a set, its rows are kept
in TABLE.tsv, and sets that are there are not fitted again. What the noise alone lets the sets alike scatter is said by
the Cramer-Rao bounds of fits with white noise under fixed baselines.
"""

import argparse
import json
import lzma
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt.basis import read_lcmodel
from spinsculpt.config import Fit, Preprocess, parse
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import read_fids
from spinsculpt.fit import fit_files, signal_per_proton
from spinsculpt.preprocess import preprocess_scan, preprocess_water

FOLDER = Path(__file__).resolve().parents[1] / "tests/reference/results/ismrm_fitting_challenge"
T2 = {"gm": 0.110, "wm": 0.080, "metabolite": 0.160}
# Of the challenge: mM of water after relaxation, and what it would be with the tissues exchanged.
FORMULA, EXCHANGED = (
    1e6 / 18.015 * (grey * 0.78 * np.exp(-0.030 / T2["gm"]) + (1 - grey) * 0.65 * np.exp(-0.030 / T2["wm"]))
    for grey in (0.6, 0.4)
)
WATER = {"tissue": {"gm": 0.6, "wm": 0.4, "csf": 0.0}, "t2": T2, "repetition_time": 100.0}
ALIKE = ["d1", "d2", "d3", "d4", "d6", "d7", "d8", "d10"]  # the same metabolites under other lines
TUMOURS = ["d25", "d26", "d28"]
# Parts of the models of the average, each defensible on its own.
DEFENSIBLE = {
    "Voigt lines": {"lineshape": "voigt"},
    "free line": {"lineshape": "free"},
    "0.2 to 4.2 ppm": {"ppm": [0.2, 4.2]},
    "0.5 to 4.0 ppm": {"ppm": [0.5, 4.0]},
    "any proportions": {"soft_ratios": "off"},
    "macromolecules of the basis": {"macromolecules": "basis"},
    "LCModel's proportions": {"soft_ratios": "lcmodel"},
}
FIXED = {"known baseline": "off", "quadratic": "poly:2", "spline:4": "spline:4"}
SHOWN = ["Cr+PCr", "NAA+NAAG", "GPC", "Glu", "Gln", "Ins", "GABA", "GSH"]
# Largest SD over the sets alike, in % of their mean.
GOALS = {"Glu": 4.0, "Ins": 5.0, "NAA+NAAG": 3.0}


def section(**change) -> tuple[Preprocess, Fit]:
    """The sections preprocess and fit with every default."""
    return Preprocess(), parse(Fit, {"water": WATER, **change})


def rows_of(task: tuple[str, str, str, Path]) -> list[dict]:
    """Fit one set: rows of its summary, with its messages beside the first."""
    name, engine, variant, basis = task
    change = {"add": [] if variant == "no lipids" else None}
    change |= DEFENSIBLE.get(variant, {})
    if variant in FIXED:
        change |= {"baseline": FIXED[variant], "noise": "noise", "add": [], "lineshape": "voigt"}
    preprocess, fit = section(**change)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data, water = (FOLDER / f"{name}{end}.nii.gz" for end in ("", "_w"))
        clean, reference = folder / "clean.nii.gz", folder / "water.nii.gz"
        try:
            preprocess_scan(data, water, clean, folder / "qc.json", folder / "p.png", preprocess)
            preprocess_water(data, water, reference, preprocess)
            began = time.perf_counter()
            result = fit_files(clean, {"": basis}, folder / "fit", fit, engine, reference)
        except SpinsculptError as error:
            return [{"set": name, "engine": engine, "variant": variant, "message": str(error)}]
    seconds, told = time.perf_counter() - began, " ".join(result.messages)
    shared = {"set": name, "engine": engine, "variant": variant, "seconds": seconds, "message": told}
    shared["per_unit"] = result.water.molar
    return [shared | row for row in result.summary()]


def spread(table: pd.DataFrame) -> pd.DataFrame:
    """Over the sets alike: mean, SD in % of it, and SD over the mean stated total SD, of ratios to total creatine."""
    ratio = next(column for column in table if column.startswith("/") and not column.endswith((" CRLB", " SD")))
    table = table.assign(total=np.hypot(table[f"{ratio} CRLB"], table.get(f"{ratio} model SD", np.nan) * 1.0))
    table["total"] = table["total"].fillna(table[f"{ratio} CRLB"])
    rows = []
    for name in SHOWN[1:]:
        part = table[(table["Metab"] == name) & table["set"].isin(ALIKE)]
        mean, sd = part[ratio].mean(), part[ratio].std(ddof=1)
        rows.append({"ratio": name, "mean": mean, "SD %": 100 * sd / mean, "SD / stated": sd / part["total"].mean()})
    return pd.DataFrame(rows)


def report(table: pd.DataFrame, engine: str) -> dict:
    """Print what one engine found; returns the numbers that were asked for."""
    table = table[(table["engine"] == engine) & (table["variant"] == "default")]
    failed = sorted(set(table.loc[table["Metab"].isna(), "set"])) if "Metab" in table else sorted(set(table["set"]))
    table = table.dropna(subset="Metab")
    if table.empty:
        return {"failed": failed}
    table = table.assign(basis=table["mM"] / table["per_unit"] / np.exp(-0.030 / T2["metabolite"]))
    print(f"\n{engine}: mM of the signal in units of the basis; marked (*) where not reliable")
    marked = table.assign(cell=table["basis"].map("{:.2f}".format) + table["reliable"].map({"no": "*"}).fillna(""))
    print(marked[marked["Metab"].isin(SHOWN)].pivot(index="set", columns="Metab", values="cell")[SHOWN].to_string())
    alike = spread(table)
    print(alike.round(3).to_string(index=False))
    creatine = table[table["Metab"] == "Cr+PCr"].set_index("set")
    signal, scaled = (float(creatine.loc["Cr10", key]) for key in ("basis", "mM"))
    print(f"water test, 10 wanted: {signal:.3f} mM by the signal, {scaled:.3f} by the water reference")
    shown = creatine.loc[["Cr10", *ALIKE]]
    water = {name: round(float(basis / mM), 3) for name, basis, mM in shown[["basis", "mM"]].itertuples()}
    print("water, in units of what its formula makes it:", water)
    moves = {
        key: 100 * creatine.loc[ALIKE, key].std(ddof=1) / creatine.loc[ALIKE, key].mean() for key in ("basis", "mM")
    }
    print(
        f"SD of total creatine over the sets alike: {moves['basis']:.1f} % by the signal, {moves['mM']:.1f} % by water"
    )
    ratio = next(column for column in table if column.startswith("/") and not column.endswith((" CRLB", " SD")))
    means = alike.set_index("ratio")["mean"]
    by_set = table.pivot(index="set", columns="Metab", values=ratio)
    changed = {
        f"{name} {metabolite}": round(float(100 * (by_set.loc[name, metabolite] / means[metabolite] - 1)), 1)
        for name in ("d22", "d23")
        if name in by_set.index
        for metabolite in ("Glu", "NAA+NAAG")
    }
    print("eddy currents (d22) and residual water (d23), % from the sets alike:", changed)
    return {
        "water_test_mM": {"signal": round(signal, 3), "water": round(scaled, 3)},
        "water_over_formula": water,
        "tCr_sd_percent": {key: round(value, 1) for key, value in moves.items()},
        "sd_percent": {row["ratio"]: round(row["SD %"], 1) for row in alike.to_dict("records")},
        "sd_over_stated": {row["ratio"]: round(row["SD / stated"], 2) for row in alike.to_dict("records")},
        "d22_d23_percent": changed,
        "failed": failed,
    }


def water_test(table: pd.DataFrame, basis: Path) -> dict:
    """mM of the creatine of the test by the formula of the challenge, from other ways to measure its water."""
    water, per_proton = read_fids(FOLDER / "Cr10_w.nii.gz").fid, signal_per_proton(read_lcmodel(basis))
    row = table[(table["set"] == "Cr10") & (table["variant"] == "default") & (table["Metab"] == "Cr+PCr")].iloc[0]
    creatine = 2 * per_proton * row["mM"] / row["per_unit"] / np.exp(-0.030 / T2["metabolite"])  # as a signal of water
    magnitude = np.log(np.abs(water.samples[9:50]))  # the points that LCModel extrapolates from
    slope, start = np.polyfit(water.time[9:50], magnitude, 1)
    found = {
        "by the fit": row["mM"],
        "by the first point": creatine * FORMULA / abs(water.samples[0]),
        "extrapolated as LCModel does": creatine * FORMULA / np.exp(start),
        "the same with 40 % grey and 60 % white matter": creatine * EXCHANGED / np.exp(start),
    }
    found = {label: round(float(value), 2) for label, value in found.items()}
    print(f"\nwater test, formula of the challenge ({FORMULA:.0f} mM), line of {-slope / np.pi:.2f} Hz:", found)
    return found


def bounds(table: pd.DataFrame) -> dict:
    """Root mean square over the sets alike of the bound of each ratio in %, from their white noise alone."""
    ratio = next(column for column in table if column.startswith("/") and not column.endswith((" CRLB", " SD")))
    table = table[table["set"].isin(ALIKE) & table["variant"].isin(FIXED)].dropna(subset="Metab")
    found = {}
    for variant, part in table.groupby("variant", sort=False):
        squares = (part[f"{ratio} CRLB"] ** 2).groupby(part["Metab"]).mean() ** 0.5
        means = part.groupby("Metab")[ratio].mean()
        found[variant] = {name: round(100 * squares[name] / means[name], 1) for name in SHOWN[1:]}
    print("\nscatter of the sets alike that noise alone makes, by its bound, in %:")
    print(pd.DataFrame(found).T.to_string())
    return found


def tumours(table: pd.DataFrame) -> dict:
    """Reliable estimates of the sets with lipids, and how far they move, in total SDs, under parts of the models."""
    table = table[table["set"].isin(TUMOURS) & (table["engine"] == "builtin")].dropna(subset="Metab")
    found = {}
    for name, part in table.groupby("set"):
        both = part.pivot(index="Metab", columns="variant", values="mM")
        default = part[part["variant"] == "default"].set_index("Metab")
        good = default.index[default["reliable"] == "yes"]
        sd = default["mM"] * default["%SD"] / 100
        moved = {other: (both[other] - both["default"]).abs()[good] / sd[good] for other in DEFENSIBLE}
        found[name] = {
            "reliable": len(good),
            "reliable without lipids": int(((part["variant"] == "no lipids") & (part["reliable"] == "yes")).sum()),
            "largest change in SDs": {
                other: [each.idxmax(), round(float(each.max()), 2)] for other, each in moved.items() if len(each)
            },
        }
    print("\nsets with lipids:", json.dumps(found, indent=1))
    return found


def _kept(path: Path | None, sets: list[str], basis: Path) -> pd.DataFrame:
    """The rows of FSL-MRS, those that are not in the table at `path` made now and added to it, set by set."""
    table = pd.read_csv(path, sep="\t") if path and path.exists() else pd.DataFrame()
    for name in sets if path else []:
        if table.empty or name not in set(table["set"]):
            table = pd.concat([table, pd.DataFrame(rows_of((name, "fsl_mrs", "default", basis)))], ignore_index=True)
            table.to_csv(path, sep="\t", index=False)
            print(f"{name}: FSL-MRS took {table.iloc[-1]['seconds']:.0f} s", flush=True)
    return table[table["set"].isin(sets)] if len(table) else table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--fsl-mrs", type=Path, metavar="TABLE.tsv", help="beside the real FSL-MRS, whose rows are here"
    )
    parser.add_argument("--sets", help="of them, by commas, for a part of a long run [default: all]")
    parser.add_argument("--out", type=Path, help="write the whole table here")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    sets = sorted(path.name.removesuffix("_w.nii.gz") for path in FOLDER.glob("*_w.nii.gz"))
    sets = [name for name in sets if not arguments.sets or name in arguments.sets.split(",")]
    engines = ["builtin", *(["fsl_mrs"] if arguments.fsl_mrs else [])]
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(arguments.processes) as pool:
        basis = Path(folder) / "press3T_30ms.BASIS"
        basis.write_bytes(lzma.decompress((FOLDER / "press3T_30ms.BASIS.xz").read_bytes()))
        theirs = _kept(arguments.fsl_mrs, sets, basis)
        tasks = [(name, "builtin", "default", basis) for name in sets]
        variants = ["no lipids", *DEFENSIBLE]
        tasks += [(name, "builtin", variant, basis) for variant in variants for name in TUMOURS if name in sets]
        tasks += [(name, "builtin", variant, basis) for variant in FIXED for name in ALIKE if name in sets]
        ours = pd.DataFrame([row for rows in pool.map(rows_of, tasks) for row in rows])
        tested = water_test(ours, basis) if "Cr10" in sets else {}
    table = pd.concat([ours, theirs], ignore_index=True)
    if arguments.out:
        table.to_csv(arguments.out, sep="\t", index=False)
    figures = {engine: report(table, engine) for engine in engines}
    figures["bounds"], figures["tumours"], figures["water"] = bounds(table), tumours(table), tested
    shown = table[(table["engine"] == "builtin") & table["variant"].isin(["default", "no lipids"])]
    for name, part in shown.groupby(["set", "variant"]):
        print(*name, part["message"].iloc[0], sep=": ")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
