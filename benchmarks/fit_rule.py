"""How the fit of real scans was chosen: simulated scans whose truth is not the model of the fit.

    python benchmarks/fit_rule.py [--scans 40] [--first 0] [--choices "average;spline:4"] [--lipids 30]

Truth: PRESS of real pulses; macromolecules of three studies in turn (the consensus, Birch 2017, LCModel's) with other
areas, places, widths and T2; another spin system of GABA, and six metabolites that the basis of the fit lacks; each
metabolite with a shift of its own (0.5 Hz); a shim of three shoulders; lipids from none to many, and of the skull with
any phase; T2 10 % off; the foot of water; four smooth signals of random place, width (0.25 to 1 ppm), size and phase;
SNR 60 to 200. Neighbouring points of the residual then correlate as on real scans, which is printed.

Each scan is fitted by single baselines and by the average; printed are the root mean square error of Gln/Glu and of
ratios to total creatine, how often the truth lies within one SD, and over all the geometric mean of the errors, by
which the default is chosen, and that share. Of the average the same errors are printed for parts of its models, for
other weights (with the difference, and its SD by a bootstrap of the scans), and that share for other factors on the SD
between models. No measured scan enters. Scans 0 to 39
choose, scans from 1000 on check. With --lipids all lipids are so many times larger, as in tumours; with --widths each
metabolite has a width of its own, too, of that many Hz, which no model of the fit knows.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np

from spinsculpt.basis import BasisSet, simulate_basis
from spinsculpt.config import LIPIDS, OtherTruth, default_config, read_study
from spinsculpt.core.conventions import FID, ppm_to_hz, time_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit import MODEL_SD_FACTOR, FitModel, FitResult, fit
from spinsculpt.physics.sequences import build_sequence
from spinsculpt.physics.spins import load_library

AVERAGE = {"baseline": "average"}
CHOICES = {
    "average": AVERAGE,
    "average, no lipids": {**AVERAGE, "exclude": ["Lip*"]},
    "average, LCModel's macromolecules": {**AVERAGE, "macromolecules": "basis"},
    **{name: {"baseline": name} for name in ("poly:2", "spline", "spline:1.5", "spline:4", "spline:7", "spline:10")},
}
CREATINE = ("Cr", "PCr")
RATIOS = {"Glu": (["Glu"], CREATINE), "Gln": (["Gln"], CREATINE), "Gln/Glu": (["Gln"], ["Glu"]),
          "tNAA": (["NAA", "NAAG"], CREATINE), "Ins": (["Ins"], CREATINE), "tCho": (["GPC", "PCh"], CREATINE),
          "GABA": (["GABA"], CREATINE), "GSH": (["GSH"], CREATINE)}  # fmt: skip
FACTORS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 2.0)  # on the SD between models
# Parts of the models of the average, by what their names hold, and powers of chi-squared per point in the weights.
PARTS = {
    "Voigt lines": lambda name: "voigt" in name,
    "free lines": lambda name: "free" in name,
    "LCModel's macromolecules": lambda name: "birch2017" not in name,
    "those of Birch 2017": lambda name: "birch2017" in name,
    "LCModel's ratios": lambda name: "ratios" in name,
    "0.2-4.2 ppm": lambda name: name.startswith("0.2"),
    "0.5-4.0 ppm": lambda name: name.startswith("0.5"),
    "4 and more per ppm": lambda name: not name.endswith(("2.5", "1.5")) and "2.5," not in name and "1.5," not in name,
}
POWERS = (0.0, 1.0, 4.0, 8.0)
_MOST = 1.5  # relative error, so that no single scan decides
TIMES = ((0.030, 0.012), (0.035, 0.0145))  # echo time and te1 in s
BASIS_MHZ, TR = 127.73, 2.0
MISSING = ("Ser", "Thr", "Val", "Lys", "HCar", "Cho")  # metabolites that the fit does not know
CONSENSUS = [name for name in OtherTruth().macromolecules if name not in LIPIDS]
STUDIES = ("consensus", "birch2017", "consensus", "lcmodel")  # in turn


@cache
def bases(echo_time: float, te1: float) -> list[BasisSet]:
    """Basis that is fitted, and that of the metabolites of the truth, of a PRESS of real pulses."""
    config = read_study([default_config()])
    entry, section = config.sequences["press30"].but(echo_time=echo_time, te1=te1), config.basis
    sequence = build_sequence("press", entry, {}, BASIS_MHZ)
    other = {"macromolecules": [], "alternatives": {"GABA": "govindaraju2000"}}
    other["metabolites"] = [*section.metabolites, *MISSING]
    return [
        next(iter(simulate_basis(sequence, section.but(**change)).values()))
        for change in ({"macromolecules": [*section.macromolecules, *LIPIDS]}, other)
    ]


def macromolecules(study: str) -> list[tuple[float, float, float]]:
    """Lines of a study: ppm, area in mM of protons (18 at 0.9 ppm), width in ppm."""
    named = _ours()
    known = load_library(alternatives=dict.fromkeys(named[:5], study) if study == "birch2017" else {}).macromolecules
    entries = [known[name] for name in (CONSENSUS if study == "consensus" else named)]
    return [(ppm, protons * each.concentration, width) for each in entries for ppm, protons, width in each.peaks]


@cache
def _ours() -> tuple[str, ...]:
    return read_study([default_config()]).basis.macromolecules


def scan(seed: int, lipids: float = 1.0, widths: float = 0.0):
    """A simulated FID, the true signal of each metabolite, and the basis to fit it with."""
    draw = np.random.default_rng(seed)
    echo_time, te1 = TIMES[seed % 2]
    study = STUDIES[seed // 2 % len(STUDIES)]
    fitted, truth = bases(echo_time, te1)
    library, t = load_library(), time_axis(truth.points, truth.dwell)

    def varied(typical: float, spread: float) -> float:
        return typical * np.exp(spread * draw.normal())

    def turned() -> complex:
        return np.exp(2j * np.pi * draw.uniform())

    def line(ppm: float, lorentzian: float, gaussian: float = 0.0) -> np.ndarray:
        damping = np.pi * lorentzian * t + (np.pi * gaussian * t) ** 2 / (4 * np.log(2))
        return np.exp(2j * np.pi * ppm_to_hz(ppm, BASIS_MHZ) * t - damping)

    shape = np.exp(-np.pi * varied(2.0, 0.4) * t - (np.pi * varied(4.5, 0.3) * t) ** 2 / (4 * np.log(2)))
    shim = shape
    for _ in range(3):
        share, place, width = draw.uniform(0, 0.15), draw.normal(0, 5.0), varied(3.0, 0.5)
        shim = shim * (1 - share + share * np.exp(2j * np.pi * place * t - np.pi * width * t))
    signal, fid = {}, np.zeros(len(t), complex)
    for name in truth.names:
        known = library[name]
        weight = np.exp(-echo_time / known.t2 * (1 + 0.1 * draw.normal())) * (1 - np.exp(-TR / known.t1))
        signal[name] = varied(known.concentration, 0.25) * weight
        own = np.exp((2j * np.pi * 0.004 * BASIS_MHZ * draw.normal() - np.pi * widths * abs(draw.normal())) * t)
        fid += signal[name] * truth[name] * shim * own
    creatine = signal["Cr"] + signal["PCr"]
    left = np.exp(-echo_time / varied(0.03, 0.15))  # of macromolecules by T2
    for ppm, area, width in macromolecules(study):
        place = ppm + 0.01 * draw.normal()
        fid += left * varied(area, 0.25) * shape * line(place, 0.0, varied(width, 0.1) * BASIS_MHZ)
    amount = lipids * varied(np.exp(-1.0), 1.5) * np.exp(-echo_time / 0.04)
    for name in LIPIDS:
        own = varied(amount * library[name].concentration, 0.3)
        fid += sum(own * p * shape * line(ppm, 0.0, w * BASIS_MHZ) for ppm, p, w in library[name].peaks)
    fid += (
        lipids * creatine * varied(0.6, 0.8) * turned() * shape * line(1.25 + 0.1 * draw.normal(), 0.0, 13.0)
    )  # skull
    fid += creatine * varied(3.0, 0.8) * turned() * line(4.65 + 0.05 * draw.normal(), varied(20.0, 0.5))  # water
    for _ in range(4):
        place, width = draw.uniform(0.0, 4.6), draw.uniform(0.25, 1.0) * BASIS_MHZ
        fid += 2.0 * creatine * varied(0.6, 0.8) * turned() * line(place, 0.0, width)
    height = np.abs(np.fft.fft(3 * signal["NAA"] * shim)).max()
    sd = height / np.exp(draw.uniform(np.log(60), np.log(200))) / np.sqrt(len(t))
    noise = sd * (draw.normal(size=len(t)) + 1j * draw.normal(size=len(t)))
    fid = fid * np.exp(2j * np.pi * draw.normal(0, 1.5) * t + 1j * draw.normal(0, 0.3)) + noise
    return FID(fid, truth.dwell, truth.central_frequency), signal, fitted


def ratios_of(get) -> np.ndarray:
    """Of a function from names to signals, in the order of `RATIOS`."""
    return np.array([sum(map(get, up)) / max(sum(map(get, down)), 1e-12) for up, down in RATIOS.values()])


def parts_of(result: FitResult, true: np.ndarray) -> dict[str, np.ndarray]:
    """Relative errors of parts of the models of an average, and of all of them under other weights."""
    chi2 = np.array([each.chi2_per_point for each in result.models])
    found = {}
    for label, power, kept in [
        *((label, 2.0, [keep(each.choice) for each in result.models]) for label, keep in PARTS.items()),
        *((f"weights chi-squared^-{power:g}", power, [True] * len(chi2)) for power in POWERS),
    ]:
        weights = chi2**-power * kept
        mean = weights / weights.sum() @ np.array([each.values for each in result.models])
        found[label] = (ratios_of(lambda name, mean=mean: mean[result.names.index(name)]) - true) / true
    return found


def errors(task: tuple[int, list[str], float, float]) -> dict:
    """By choice of the model, of each ratio: (estimate - truth) / truth, / SD, and / SD for each of `FACTORS`."""
    seed, choices, *change = task
    data, signal, basis = scan(seed, *change)
    true = ratios_of(signal.get)
    found = {}
    for choice in choices:
        try:
            result = fit([data], [basis], FitModel(**CHOICES[choice], noise="residual"))
        except SpinsculptError as error:
            print(f"scan {seed}, {choice}: {error}")
            continue
        both = [result.concentrations.ratio(*sides) for sides in RATIOS.values()]
        (values, noise), between = np.array(both).T, np.zeros(len(RATIOS))
        if result.spread is not None:
            models = type(result.concentrations)(result.names, result.concentrations.values, result.spread)
            between = np.array([models.ratio(*sides)[1] for sides in RATIOS.values()])
        sds = [np.hypot(noise, factor * between) for factor in (1.0, *(f / MODEL_SD_FACTOR for f in FACTORS))]
        relative = np.nan_to_num((values - true) / true, nan=_MOST)  # no Glu, no Gln/Glu
        found[choice] = [relative, *((values - true) / sd for sd in sds)]
        found[choice, "residual"] = next(iter(result.qc["residual"].values()))["autocorrelation"]
        if choice == "average":
            found["parts"] = parts_of(result, true)
    return found


def apart(one: np.ndarray, other: np.ndarray, draws: int = 500) -> tuple[float, float]:
    """How much larger in % the geometric mean of the errors of one choice is, and its SD (bootstrap of the scans)."""
    picks = np.random.default_rng(0).integers(0, len(one), (draws, len(one)))
    ratios = [np.log(rms_of(one[pick])[1] / rms_of(other[pick])[1]) for pick in picks]
    return 100 * np.log(rms_of(one)[1] / rms_of(other)[1]), 100 * float(np.std(ratios))


def rms_of(relative: np.ndarray) -> tuple[np.ndarray, float]:
    """Root mean square error of each ratio in %, and their geometric mean."""
    rms = 100 * np.sqrt(np.mean(np.clip(relative, -_MOST, _MOST) ** 2, axis=0))
    return rms, float(np.exp(np.log(rms).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="number of the first scan")
    parser.add_argument("--choices", default=";".join(CHOICES), help="of them, by semicolons")
    parser.add_argument("--lipids", type=float, default=1.0, help="factor on all lipids of the truth")
    parser.add_argument("--widths", type=float, default=0.0, help="Hz, of a width of its own of each metabolite")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    choices, began = arguments.choices.split(";"), time.perf_counter()
    for times in TIMES:
        bases(*times)
    scans = range(arguments.first, arguments.first + arguments.scans)
    with ProcessPoolExecutor(arguments.processes) as pool:
        rows = list(pool.map(errors, [(seed, choices, arguments.lipids, arguments.widths) for seed in scans]))
    table = tabulated(rows, choices)
    print(json.dumps({"scans": [scans.start, scans.stop], "table": table, "seconds": time.perf_counter() - began}))


def tabulated(rows: list[dict], choices: list[str]) -> dict:
    """Print the rows of `errors` as a table; returns its numbers."""
    table = {}
    print(f"{'':34s}" + "".join(f"{name:>14s}" for name in RATIOS) + "   (RMS error in %, truth within one SD in %)")
    for choice in choices:
        done = [row for row in rows if choice in row]
        both = np.array([row[choice] for row in done])
        (rms, whole), within = rms_of(both[:, 0]), 100 * np.mean(np.abs(both[:, 1]) < 1, axis=0)
        inside = float(within.mean())
        table[choice] = {name: [round(r, 1), round(w)] for name, r, w in zip(RATIOS, rms, within, strict=True)}
        table[choice]["all"] = [round(whole, 2), round(inside)]
        numbers = "".join(f"{r:8.1f} {w:4.0f} " for r, w in zip(rms, within, strict=True))
        print(f"{choice:34s}{numbers} | {whole:6.2f} {inside:4.0f}")
        lags = np.percentile([row[choice, "residual"] for row in done], [10, 50, 90])
        print("    neighbouring points of the residual correlate by (10, 50, 90 % of the scans):", lags.round(2))
        if choice == "average":
            for part in done[0]["parts"]:
                relative = np.array([row["parts"][part] for row in done])
                (rms, whole), (more, sd) = rms_of(relative), apart(relative, both[:, 0])
                table[choice][part] = [*rms.round(1).tolist(), round(whole, 2), round(more, 1), round(sd, 1)]
                numbers = "".join(f"{r:8.1f}      " for r in rms)
                print(f"    {part:30s}{numbers} | {whole:6.2f} ({more:+.1f} +- {sd:.1f} %)")
        if CHOICES[choice]["baseline"] == "average":
            shares = 100 * np.mean(np.abs(both[:, 2:]) < 1, axis=(0, 2))
            table[choice]["by factor"] = dict(zip(FACTORS, shares.round(1).tolist(), strict=True))
            told = ", ".join(f"{share:.0f} ({factor})" for factor, share in zip(FACTORS, shares, strict=True))
            print(f"    truth within one SD in %, for other factors on the SD between models: {told}")
    return table


if __name__ == "__main__":
    main()
