"""Exams of the fit, beside other programs where they are installed: simulated spectra with a truth, and real scans.

    python benchmarks/exams.py [--program ours,fsl_mrs,lcmodel] [--settings default,t2] [--spectra 30] [--first 0]

Programs: `ours`; `fsl_mrs` (--fsl-mrs COMMAND) and `lcmodel` (--lcmodel COMMAND) where the command is found. All are
given the same basis, a PRESS of 35 ms of real pulses. `ours` is fitted with each of `SETTINGS` that --settings names.

Exam "a", simulated: `spectrum` makes each spectrum from the basis functions with nothing of the fit. Each metabolite
has its own T2 (Wyss 2018, doi:10.1002/mrm.27067, its mean of grey and white matter, with a scatter of 15 %), its own
further width and shift, one shim is common; 14 macromolecules of the consensus (Cudalbu 2021, doi:10.1002/nbm.4393),
which have other places and widths than any of the fits knows; lipids, a spline for baseline, SNR 20 to 100. Printed for
ratios to total creatine: bias / SD / root mean square error in % of the truth, and in how many % of the spectra the
truth lies within 1 and 2 stated SDs; spectra that a program did not fit are counted.

Exam "d", real scans of PRESS 35 with what others found by LCModel (tests/reference/results/lcmodel_press35, MIT): one
raw scan, and scans of three further subjects as the phased spectra in their LCModel files, whose real part between 0.5
and 4 ppm is all that there is; the imaginary part follows from it since an FID has no past, but for what lies outside.
LCModel's numbers are no truth. Printed are its ratios and ours with the total SD.

Numbers from 1000 on are for choosing a setting, those below for judging it.
"""

import argparse
import csv
import json
import lzma
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from spinsculpt.basis import BasisSet, read_lcmodel, simulate_basis, write_lcmodel
from spinsculpt.config import LIPIDS, Convert, Fit, Preprocess, default_config, read_study
from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.convert import convert_scan
from spinsculpt.data.nifti import MRSData, read_fids
from spinsculpt.data.subjects import Scan
from spinsculpt.fit import Estimates, FitModel, fit, fit_measured, fit_with_fsl_mrs
from spinsculpt.physics.sequences import build_sequence
from spinsculpt.preprocess import preprocess_scan

REFERENCE = Path(__file__).resolve().parents[1] / "tests/reference"
MHZ, SEQUENCE = 127.73, "press35"
CREATINE = ("Cr", "PCr")
RATIOS = {"tNAA": ("NAA", "NAAG"), "NAA": ("NAA",), "tCho": ("GPC", "PCh"), "Ins": ("Ins",), "Glu": ("Glu",),
          "Gln": ("Gln",), "GABA": ("GABA",), "GSH": ("GSH",)}  # fmt: skip
BROAD = (("MM*", "Mac*", "Lip*"),)
PRIORS = {"group_shift_sd": 0.004, "group_width_sd": 0.7}
SETTINGS = {
    "default": {},
    "t2": {"line_t2": "library"},
    "own lines": {"groups": "each", **PRIORS},
    "t2, own lines": {"groups": "each", "line_t2": "library", **PRIORS},
    "classes": {"lines": "classes"},
    "classes, wider priors": {"lines": "classes", **PRIORS},
    "t2, classes": {"lines": "classes", "line_t2": "library"},
}
FAIR = {"baseline": "spline", "lineshape": "voigt"}  # of FSL-MRS: its manual's for short echo times
MOST = 3.0  # relative error at which one is cut, so that no single spectrum decides


# -- exam a: spectra with a truth ------------------------------------------------------------------------------------

# Typical mM (Gudmundson 2023, doi:10.1016/j.ab.2023.115227) and T2 in ms at 3 T (Wyss 2018) of each metabolite.
BRAIN = {
    "NAA": (9.4, 300), "NAAG": (1.7, 151), "Cr": (4.5, 156), "PCr": (3.0, 156), "GPC": (1.0, 233), "PCh": (0.6, 230),
    "Glu": (9.2, 126), "Gln": (2.4, 139), "GABA": (1.6, 88), "GSH": (1.6, 117), "Ins": (5.8, 199), "Scyllo": (0.2, 143),
    "Tau": (1.3, 112), "Asp": (2.3, 124), "Lac": (0.6, 132), "Ala": (0.5, 130), "Asc": (0.8, 143), "Glc": (1.0, 129),
    "PE": (1.5, 130), "Gly": (1.2, 122),
}  # fmt: skip
# Place in ppm, area in mM of protons, width in ppm.
MACROMOLECULES = [
    (0.92, 18, 0.166), (1.21, 5, 0.15), (1.39, 13, 0.124), (1.67, 10, 0.15), (2.04, 24, 0.2), (2.26, 7.6, 0.14),
    (2.56, 0.5, 0.1), (2.70, 0.5, 0.1), (2.99, 3.3, 0.11), (3.21, 2.4, 0.14), (3.62, 8, 0.15), (3.75, 13, 0.15),
    (3.86, 6, 0.15), (4.03, 12, 0.2),
]  # fmt: skip


def spectrum(seed: int, basis: BasisSet) -> tuple[FID, dict[str, float]]:
    """A simulated FID, and the amount of each metabolite, both as at the first sample."""
    draw = np.random.default_rng([23, seed])
    t = np.arange(basis.points) * basis.dwell

    def varied(typical: float, spread: float) -> float:
        return typical * np.exp(spread * draw.normal())

    def gaussian(ppm: float, hertz: float) -> np.ndarray:
        turn = 2j * np.pi * (ppm - 4.65) * MHZ
        return np.exp(turn * t - (np.pi * hertz * t) ** 2 / (4 * np.log(2)))

    shim = np.exp(-np.pi * varied(1.0, 0.5) * t - (np.pi * varied(4.0, 0.3) * t) ** 2 / (4 * np.log(2)))
    amounts, fid = {}, np.zeros(len(t), complex)
    for name, (typical, t2) in BRAIN.items():
        amounts[name] = varied(typical, 0.25)
        rate = 1e3 / varied(t2, 0.15) + np.pi * abs(draw.normal(0.0, 0.3))
        fid += amounts[name] * basis[name] * shim * np.exp((2j * np.pi * draw.normal(0.0, 0.35) - rate) * t)
    unit = np.abs(basis["Cr"][0]) / 5.0  # signal of a proton: creatine has five
    for ppm, area, width in MACROMOLECULES:
        width = np.hypot(varied(width, 0.15) * MHZ, 5.0)
        fid += unit * np.exp(-35 / 30) * varied(area, 0.25) * gaussian(ppm + draw.normal(0.0, 0.01), width)
    lipids = varied(1.0, 1.0)
    for ppm, area, width in [(0.89, 3.0, 0.14), (1.28, 6.0, 0.12), (2.04, 1.3, 0.15)]:
        fid += unit * varied(lipids * area, 0.3) * gaussian(ppm, width * MHZ)
    height = np.abs(np.fft.fft(fid)).max()
    # A cubic B-spline through knots every 0.4 ppm with complex weights, as an FID: the kernel is sinc^4 in time.
    step = 0.4 * MHZ
    for ppm in np.arange(-0.2, 5.0, 0.4):
        weight = 0.03 * height / len(t) * (draw.normal() + 1j * draw.normal()) * 2.0 * step * basis.dwell * len(t)
        fid += weight * np.sinc(step * t) ** 4 * np.exp(2j * np.pi * (ppm - 4.65) * MHZ * t)
    sd = height / np.exp(draw.uniform(np.log(20), np.log(100))) / np.sqrt(len(t))
    fid = fid * np.exp(2j * np.pi * draw.normal(0, 1.5) * t + 1j * draw.normal(0, 0.3))
    noise = sd * (draw.normal(size=len(t)) + 1j * draw.normal(size=len(t)))
    return FID(fid + noise, basis.dwell, basis.central_frequency), amounts


@cache
def shared_basis() -> BasisSet:
    """The basis that every program is given, with the macromolecules and lipids of the library."""
    config = read_study([default_config()])
    section = config.basis.but(macromolecules=(*config.basis.macromolecules, *LIPIDS))
    sequence = build_sequence("press", config.sequences[SEQUENCE], {}, MHZ)
    return next(iter(simulate_basis(sequence, section).values()))


# -- programs --------------------------------------------------------------------------------------------------------

Found = dict[str, tuple[float, float]]  # ratio to total creatine, and its SD


def ratios_of(estimates: Estimates) -> Found:
    return {
        label: estimates.ratio([name for name in names if name in estimates.names], CREATINE)
        for label, names in RATIOS.items()
    }


def settled(setting: str, names: tuple[str, ...]) -> dict:
    """The keys of a setting of `SETTINGS`; groups of "each" are one for every metabolite of `names`."""
    keys = dict(SETTINGS[setting])
    if keys.get("groups") == "each":
        alone = [(name,) for name in names if not name.startswith(("MM", "Mac", "Lip")) and name not in CREATINE]
        keys["groups"] = (*BROAD, *alone)
    return keys


def total(result) -> Estimates:
    """Estimates of a fit with the covariance of noise and models together."""
    count = len(result.names)
    return Estimates(result.names, result.concentrations.values, result.covariance[:count, :count])


def by_ours(data: FID, basis: BasisSet, setting: str) -> Found:
    keys = {"baseline": "average", "noise": "residual", **settled(setting, basis.names)}
    return ratios_of(total(fit([data], [basis], FitModel(**keys))))


def by_fsl_mrs(data: FID, basis: BasisSet, command: str) -> Found:
    result = fit_with_fsl_mrs([data], [basis], FitModel(**FAIR), ["spectrum"], command)
    return ratios_of(result.concentrations)


def by_lcmodel(data: FID, basis: BasisSet, command: str) -> Found:
    """By LCModel with its defaults and its own macromolecules; its SD is the %SD of the numerator."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_lcmodel(_without_broad(basis), folder / "a.basis")
        scale = 1e3 / np.abs(data.samples).max()
        rows = [f"{z.real:15.6E}{z.imag:15.6E}" for z in np.conj(data.samples) * scale]
        head = [" $NMID ID='a', FMTDAT='(2E15.6)'", " VOLUME=1", " TRAMP=1", " $END"]
        (folder / "a.raw").write_text("\n".join([*head, *rows]) + "\n")
        control = {"nunfil": data.points, "deltat": f"{data.dwell:.6e}", "hzpppm": data.central_frequency,
                   "filbas": "'a.basis'", "filraw": "'a.raw'", "filps": "'a.ps'", "filcsv": "'a.csv'", "lcsv": 11,
                   "key": 210387309, "neach": 0, "ppmst": 4.0, "ppmend": 0.5}  # fmt: skip
        text = "\n".join(["$LCMODL", *(f"{key}={value}" for key, value in control.items()), "$END"]) + "\n"
        done = subprocess.run([command], input=text, text=True, capture_output=True, cwd=folder, timeout=300)
        if not (folder / "a.csv").is_file():
            raise SpinsculptError(f"LCModel wrote no table: {(done.stdout + done.stderr)[-300:]}")
        header, values = list(csv.reader((folder / "a.csv").read_text().splitlines()))[:2]
    cells = dict(zip(map(str.strip, header), map(float, values), strict=True))
    sums = {"tNAA": "NAA+NAAG", "tCho": "GPC+PCh"}
    amount = {name: sum(cells[each] for each in each_of) for name, each_of in RATIOS.items()}
    creatine = sum(cells[name] for name in CREATINE)
    return {
        name: (value / creatine, value / creatine * cells[f"{sums.get(name, name)} %SD"] / 100)
        for name, value in amount.items()
    }


def _without_broad(basis: BasisSet) -> BasisSet:
    kept = [k for k, name in enumerate(basis.names) if not name.startswith(("MM", "Lip"))]
    names, fids = tuple(basis.names[k] for k in kept), basis.fids[kept]
    return BasisSet(names, fids, basis.dwell, basis.central_frequency, basis.linewidth, dict(basis.meta))


def examine(task: tuple[int, str, str]) -> tuple[str, Found | None, dict[str, float], float]:
    """One spectrum by one program, with a setting or a command: what it found (None: it failed), truth, seconds."""
    seed, program, choice = task
    data, amounts = spectrum(seed, shared_basis())
    creatine = sum(amounts[name] for name in CREATINE)
    truth = {label: sum(amounts[name] for name in names) / creatine for label, names in RATIOS.items()}
    run = {"ours": by_ours, "fsl_mrs": by_fsl_mrs, "lcmodel": by_lcmodel}[program]
    began = time.perf_counter()
    try:
        found = run(data, shared_basis(), choice)
    except (SpinsculptError, subprocess.SubprocessError, KeyError) as error:
        print(f"spectrum {seed}, {program}: {error!r}", flush=True)
        found = None
    label = f"ours, {choice}" if program == "ours" else program
    return label, found, truth, time.perf_counter() - began


def tabulated(rows: list[tuple]) -> dict:
    """Print exam a as a table; returns its numbers."""
    table = {}
    for label in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == label]
        done = [(found, truth) for _, found, truth, _ in mine if found is not None]
        seconds = float(np.median([row[3] for row in mine]))
        print(f"\n{label}: {len(done)} of {len(mine)} fitted, {seconds:.1f} s each (median)")
        table[label] = {"failed": len(mine) - len(done), "seconds": round(seconds, 2)}
        for name in RATIOS if done else ():
            value, sd, true = np.array([(*found[name], truth[name]) for found, truth in done]).T
            error = np.nan_to_num(np.clip((value - true) / true, -MOST, MOST), nan=MOST)
            within = [100 * float(np.mean(np.abs(value - true) <= k * sd)) for k in (1, 2)]
            numbers = [100 * error.mean(), 100 * error.std(), 100 * np.sqrt(np.mean(error**2)), *within]
            table[label][name] = [round(float(each), 1) for each in numbers]
            bias, scatter, rms, one, two = numbers
            print(f"  {name:5s} {bias:6.1f} / {scatter:5.1f} / {rms:5.1f}   [{one:3.0f}, {two:3.0f}]")
    return table


# -- exam d: real scans ----------------------------------------------------------------------------------------------


def read_coord(path: Path) -> tuple[FID, Found]:
    """The phased data of an LCModel .coord file as an FID, and LCModel's ratios with their SDs."""
    text = lzma.decompress(path.read_bytes()).decode() if path.suffix == ".xz" else path.read_text()
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if "points on ppm-axis" in line)
    count = int(lines[start].split()[0])
    numbers = []
    for line in lines[start + 1 :]:
        if len(numbers) < 3 * count and "follow" not in line:
            numbers += map(float, line.split())
    ppm, real, fitted = np.array(numbers[: 3 * count]).reshape(3, count)
    step = (ppm[0] - ppm[-1]) / (count - 1) * MHZ
    points = 2 * round(1000.0 / step)  # of the zero-filled spectrum, 2 kHz wide
    whole = np.random.default_rng(1).normal(0.0, np.std(real - fitted), points)  # outside: as large as its residual
    whole[np.round((ppm - 4.65) * MHZ / step).astype(int) % points] = real
    fid = np.fft.ifft(whole)[: points // 2]  # an even spectrum of a causal signal: half of it lies at negative times
    fid[1:] *= 2.0
    cells = {}
    for line in lines[:start]:
        parts = line.replace("%", " ").split()
        if len(parts) == 4 and parts[0][0].isdigit() and parts[1].isdigit():
            cells[parts[3]] = (float(parts[0]), float(parts[1]))
    sums = {"tNAA": "NAA+NAAG", "tCho": "PCh+GPC"}
    creatine = cells["Cr+PCr"][0]
    told = {name: cells[sums.get(name, name)] for name in RATIOS}
    found = {name: (value / creatine, value / creatine * sd / 100) for name, (value, sd) in told.items()}
    return FID(fid, 1.0 / (points * step), MHZ), found


def real_scans() -> dict[str, tuple[FID, Found]]:
    """Real scans, cleaned, with what LCModel found in each."""
    folder, data = REFERENCE / "results/lcmodel_press35", REFERENCE / "data/philips_press35"
    with tempfile.TemporaryDirectory() as temporary:
        temporary, paths = Path(temporary), {}
        raws = {"svs": "sub-01_press_act_noID.sdat", "mrsref": "sub-01_press_ref_noID.sdat"}
        scan = Scan("01", "", "press35", *raws.values())
        for suffix, raw in raws.items():
            paths[suffix] = temporary / f"{suffix}.nii.gz"
            convert_scan([data / raw], scan, suffix, paths[suffix], temporary / f"{suffix}.json", Convert())
        clean = temporary / "clean.nii.gz"
        preprocess_scan(paths["svs"], paths["mrsref"], clean, temporary / "q.json", temporary / "p.png", Preprocess())
        raw = read_fids(clean).fid
    coords = {path.name.split(".")[0]: read_coord(path) for path in sorted(folder.glob("*.coord*"))}
    own = next(name for name in coords if name.startswith("osprey"))
    found = {"sub-01, raw": (raw, coords[own][1]), "sub-01, its .coord": coords[own]}
    return found | {name[:10]: pair for name, pair in coords.items() if name.startswith("G1")}


def real_basis() -> BasisSet:
    """The basis with which LCModel fitted them, without what LCModel was told to omit."""
    path = next((REFERENCE / "results/osprey_basis").glob("*.BASIS*"))
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "a.basis"
        plain.write_bytes(lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes())
        return read_lcmodel(plain)


def examine_real(task: tuple[str, FID, BasisSet, str]) -> tuple[str, str, Found, tuple[str, ...], dict]:
    name, data, basis, setting = task
    keys = settled(setting, basis.names)
    if name != "sub-01, raw":
        keys["ppm"] = (0.6, 3.95)  # what the file holds, without the edges
    section = Fit(**keys, exclude=("Gly", "Ser"), add=("MM09", "MM12", "MM14", "MM17", "MM20", *LIPIDS), bootstrap=0)
    measured = MRSData(data.samples, data.dwell, data.central_frequency)
    result = fit_measured(measured, {"": basis}, section, name=name)
    flags = tuple(flag for label, flag in zip(result.names, result.flags, strict=True) if label == "GABA")
    return name, setting, ratios_of(total(result)), flags, result.qc["residual"]


def examine_all_real(pool, settings: list[str]) -> dict:
    """Print exam d; returns its numbers."""
    scans, basis = real_scans(), real_basis()
    tasks = [(name, data, basis, setting) for name, (data, _) in scans.items() for setting in settings]
    table, last = {}, None
    print(f"\n{'ratio to total creatine':34s}" + "".join(f"{label:>14s}" for label in RATIOS))
    for name, setting, found, flags, residual in pool.map(examine_real, tasks):
        if name != last:
            print(f"{name + ', LCModel':34s}" + "".join(f"{v:7.2f} ±{sd:5.2f}" for v, sd in scans[name][1].values()))
            table[name], last = {"LCModel": scans[name][1]}, name
        told = "".join(f"{value:7.2f} ±{sd:5.2f}" for value, sd in found.values())
        lag = next(iter(residual.values()))["autocorrelation"]
        print(f"  {setting:32s}{told}  residual's neighbours {lag:.2f}; GABA: {flags[0] or 'reliable'}", flush=True)
        table[name][setting] = {"found": found, "GABA": flags[0], "autocorrelation": lag}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="ours,fsl_mrs,lcmodel", help="of them, by commas")
    parser.add_argument("--settings", default="default", help="of SETTINGS, by semicolons: " + "; ".join(SETTINGS))
    parser.add_argument("--exam", default="a,d", help="a, d, or both by a comma")
    parser.add_argument("--spectra", type=int, default=30)
    parser.add_argument("--first", type=int, default=0, help="number of the first spectrum")
    parser.add_argument("--fsl-mrs", default="fsl_mrs", help="the command of FSL-MRS")
    parser.add_argument("--lcmodel", default="lcmodel", help="the command of LCModel")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    settings, table = arguments.settings.split(";"), {}
    commands = {"fsl_mrs": arguments.fsl_mrs, "lcmodel": arguments.lcmodel}
    choices = []
    for program in arguments.program.split(","):
        if program == "ours":
            choices += [(program, setting) for setting in settings]
        elif path := shutil.which(commands[program]):
            choices.append((program, str(Path(path).resolve() if program == "lcmodel" else path)))
        else:
            print(f"{program}: {commands[program]} is not installed; left out")
    seeds = range(arguments.first, arguments.first + arguments.spectra)
    if "a" in arguments.exam:
        shared_basis()  # before the processes are made, which then have it
    with ProcessPoolExecutor(arguments.processes) as pool:
        if "a" in arguments.exam:
            rows = list(pool.map(examine, [(seed, *choice) for choice in choices for seed in seeds]))
            table["a"] = tabulated(rows)
        if "d" in arguments.exam and "ours" in arguments.program:
            table["d"] = examine_all_real(pool, settings)
    print(json.dumps({"spectra": [seeds.start, seeds.stop], **table}))


if __name__ == "__main__":
    main()
