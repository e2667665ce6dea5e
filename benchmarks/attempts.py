"""How far designed pulses get below the SD of Gln/Glu of plain sequences, with real pulses around them, and why.

Each attempt is a design of 4 starts and 35 steps (8 and 60 or more of those named quadratic) for the ratio, in a place
and a sequence of its own: one pulse, several shots with shares of the averages and echo times of their own, both
baselines at once, worst over models.
Numbers are SDs of Gln/Glu relative to PRESS 30 at equal scan time, under a quadratic and a flexible baseline, and the
worst of B1 +-20 % and B0 +-10 Hz over nominal. The plain rivals stand in the same table, with their own worst. A line
of JSON each as it is done.

    python benchmarks/attempts.py                  every attempt: half a minute to three minutes each on an idle core
    python benchmarks/attempts.py special_4ms      some of them
    python benchmarks/attempts.py bounds           no design: what bounds them all
    python benchmarks/attempts.py free             an excitation pulse without losses: what shaping alone can give
    python benchmarks/attempts.py mixtures         no design: the best mixture of plain sequences, and its certificate
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import torch

from spinsculpt.basis import BasisSet, basis_library, simulate_basis
from spinsculpt.compare import Analysis, noise_of_study, typical_concentrations
from spinsculpt.config import DesignEntry, SequenceEntry, default_config, parse, read_study
from spinsculpt.design import Design, FieldCondition, Model, Search, Signals
from spinsculpt.fit import predict_crlb
from spinsculpt.physics.sequences import Sequence, build_sequence

CONFIG = read_study([default_config()])
RATIO, PAIR = {"type": "ratio", "metabolites": ["Gln", "Glu"]}, {"Gln": 1.0, "Glu": 1.0}
BASELINES = ("poly:2", "spline:7")
CONDITIONS = (FieldCondition(), *(FieldCondition(b1, b0) for b1 in (0.8, 1.2) for b0 in (-10.0, 10.0)))
COMMON = {
    **{"kind": "refocus", "sequence": "special", "echo_time": 0.0176, "duration": "fit", "dwell": 1e-4},
    **{"b1_limit": None, "knot_spacing": 4e-4, "starts": 4, "iterations": 25, "polish": 10},
    "metabolites": [name for name in CONFIG.basis.metabolites if name != "Glc"],
    **{"objectives": [RATIO, {"type": "power", "weight": 0.01}], "screening": [0.15, 0.35]},
}
BOTH = {"models": {"baselines": list(BASELINES)}}
EVERY = {"baselines": list(BASELINES), "macromolecules": ["free", "grouped"], "t2_scales": [0.8, 1.0, 1.2]}
WORST = {"robustness": {"b1_scale": [0.8, 1.0, 1.2], "b0_hz": [-10.0, 0.0, 10.0], "mode": "worst"}}
B1 = {"robustness": {"b1_scale": [0.8, 1.0, 1.2], "mode": "worst"}}
MEAN = {"robustness": {"b1_scale": [1.0, 0.85, 1.15]}}
TWO = {"shots": 2, "shares": "free"}
LONGER = {"shots": 2, "dwell": 2e-4, "starts": 8, "iterations": 50, "polish": 10}  # equal shares, a longer search
FREE = {"kind": "excitation", "duration": 0.030, "b1_limit": 20.0, "dwell": 3e-4, "knot_spacing": 1e-3}


def late(pulse: float, **more) -> dict:
    """The refocusing pulse where the shortest SPECIAL has it, a designed pulse of so many s behind it."""
    return {"echo_time": round(0.0098 + pulse, 4), "echo_shift": round(0.0004 + pulse, 4), **more}


def gap(echo_time: float, **more) -> dict:
    return {"kind": "gap", "sequence": "press", "echo_time": echo_time, "te1": 0.0095, **more}


ATTEMPTS = {
    "press_gap_2ms": gap(0.020, **BOTH),
    "press_gap_2ms_ideal": gap(0.020, ideal=True, duration=0.0024, b1_limit=20.0, decay_interval=None),
    "press_gap_2ms_two_shots": gap(0.020, **TWO),
    "press_gap_2ms_beside_plain": gap(0.020, echo_times=[None, 0.020], **TWO, **BOTH),
    "press_gap_2ms_beside_plain_robust": gap(0.020, echo_times=[None, 0.020], **TWO, **B1),
    "press_gap_2ms_beside_plain_mean": gap(0.020, echo_times=[None, 0.020], **TWO, **MEAN, **BOTH),
    "press_gap_6ms_beside_plain": gap(0.027, echo_times=[None, 0.027], **TWO, **BOTH),
    "press_gap_16ms_beside_plain": gap(0.047, echo_times=[None, 0.047], knot_spacing=8e-4, **TWO, **BOTH),
    "press_gap_6ms_beside_plain_mean": gap(0.027, echo_times=[None, 0.027], dwell=2e-4, **TWO, **MEAN, **BOTH),
    "press_gap_12ms_beside_plain_mean": gap(
        0.039, echo_times=[None, 0.039], dwell=2e-4, knot_spacing=6e-4, **TWO, **MEAN, **BOTH
    ),
    "press_gap_16ms_beside_plain_mean": gap(
        0.047, echo_times=[None, 0.047], dwell=2e-4, knot_spacing=8e-4, **TWO, **MEAN, **BOTH
    ),
    "press_gap_12ms_beside_plain_quadratic": gap(0.039, echo_times=[None, 0.039], knot_spacing=8e-4, **LONGER),
    "press_gap_16ms_beside_plain_quadratic": gap(
        0.047, echo_times=[None, 0.047], knot_spacing=8e-4, **LONGER | {"iterations": 60, "polish": 20}
    ),
    "press_gap_24ms_beside_plain_quadratic": gap(
        0.063, echo_times=[None, 0.063], knot_spacing=1.2e-3, **LONGER | {"dwell": 3e-4, "iterations": 60, "polish": 20}
    ),
    "press_gap_30ms_beside_plain_quadratic": gap(
        0.075, echo_times=[None, 0.075], knot_spacing=1.5e-3, **LONGER | {"dwell": 3e-4, "iterations": 60, "polish": 20}
    ),
    "press_two_gaps_12ms_beside_plain": gap(
        0.039, echo_times=[None, 0.039, 0.039], dwell=2e-4, knot_spacing=8e-4, **TWO | {"shots": 3}, **BOTH
    ),
    "press_gap_2ms_free_times": gap(0.020, duration=0.0024, times={"te2": [0.0105, 0.040]}, **TWO, **BOTH),
    "special_4ms": late(0.004, **BOTH),
    "special_4ms_beside_plain": late(0.004, echo_times=[None, 0.0138], **TWO, **BOTH),
    "special_8ms_two_shots": late(0.008, **TWO),
    "special_16ms_beside_plain": late(0.016, echo_times=[None, 0.0258], dwell=2e-4, knot_spacing=8e-4, **TWO, **BOTH),
    "special_16ms_beside_plain_quadratic": late(0.016, echo_times=[None, 0.0258], knot_spacing=8e-4, **LONGER),
    "special_three_shots_three_times": late(0.006, echo_times=[None, 0.0158, 0.026], **TWO | {"shots": 3}, **BOTH),
    "slaser_refocus_4ms": {"sequence": "slaser", "echo_time": 0.0322, "echo_shift": 0.0056, **BOTH},
    "slaser_refocus_4ms_robust": {"sequence": "slaser", "echo_time": 0.0322, "echo_shift": 0.0056, **WORST},
    "press_gap_2ms_robust": gap(0.020, **WORST),
    "press_gap_2ms_every_model": gap(0.020, models=EVERY, robustness={"mode": "worst"}),
}


def designed(name: str) -> tuple[Design, torch.Tensor]:
    entry = parse(DesignEntry, {**COMMON, **ATTEMPTS[name]})
    design = Design(name, entry, CONFIG.basis, CONFIG.system.limits())
    start = design.initial(torch.Generator().manual_seed(1), entry.starts)
    steps = entry.iterations + entry.polish
    search = Search(design.evaluate, start, "lbfgs", steps, entry.step, entry.screening, entry.polish)
    while search.done < search.iterations:
        search.advance()
    search.finish()
    return design, search.best[2]


def against_press30(design: Design, signals: Signals, baseline: str) -> np.ndarray:
    """SD of the ratio of signals over that of PRESS 30 under its nominal condition, a number a condition."""
    model = Model(baseline)
    with torch.no_grad():
        ours = design.ratio(PAIR, tuple(signals.fids), model=model).fractional(signals)
        base = design.ratio(PAIR, tuple(design.reference.fids), model=model).fractional(design.reference)
    return (ours[0] / base[0, 0]).numpy()


def report(name: str, design: Design, signals: Signals, **more) -> None:
    """One line: what the first condition gives under both baselines, and how much worse the others are."""
    found = {form: against_press30(design, signals, form) for form in BASELINES}
    line = {"attempt": name, **{form: round(float(values[0]), 3) for form, values in found.items()}}
    worst = {form: round(float(values.max() / values[0]), 2) for form, values in found.items()}
    print(json.dumps(line | {"worst_over_nominal": worst["poly:2"], **more}), flush=True)


def plain_sequence(**entry) -> Sequence:
    return build_sequence("one", SequenceEntry.of(entry), system=CONFIG.system.limits())


def attempt(name: str) -> None:
    began = time.perf_counter()
    design, x = designed(name)
    pulse = {"pulse_ms": round(design.entry.duration * 1e3, 1)}
    if design.entry.ideal:  # what was made with ideal pulses, played with real ones
        x = x[: len(x) - design.times.count]
        design = Design(name, design.entry.but(ideal=False), CONFIG.basis, CONFIG.system.limits())
    with torch.no_grad():
        everywhere = design.signals(x[None], design.simulate(CONDITIONS))
    shares = design.shares(x)
    if shares is not None:
        pulse["shares"] = [round(float(share), 2) for share in shares]
    times = [shots[0][1].echo_time or design.sequence.echo_time for shots in design.played(x).measured.values()]
    pulse["echo_times_ms"] = [round(time * 1e3, 1) for time in times]
    pulse["best_in_models"] = best_in_models(design, everywhere)
    report(name, design, everywhere, **pulse, seconds=round(time.perf_counter() - began))


def best_in_models(design: Design, signals: Signals) -> str:
    """In how many of the twelve models its SD is below that of the shortest PRESS, SPECIAL and semi-LASER."""
    plain = [design.measured(plain_sequence(type=kind, echo_time=None)) for kind in ("press", "special", "slaser")]
    won, models = 0, [Model(*each) for each in product(*EVERY.values())]
    for model in models:
        with torch.no_grad():
            ours, *theirs = (
                float(design.ratio(PAIR, tuple(each.fids), model=model).fractional(each)[0, 0])
                for each in (signals, *plain)
            )
        won += ours < min(theirs)
    return f"{won} of {len(models)}"


def rivals() -> None:
    """The plain sequences under the same model, in the same words, with their own worst, and with shorter pulses."""
    design = Design("rivals", parse(DesignEntry, {**COMMON, **gap(0.020)}), CONFIG.basis, CONFIG.system.limits())
    for kind, pulses in (*((kind, {}) for kind in ("press", "special", "slaser")), *SHORTER):
        sequence = plain_sequence(type=kind, echo_time=None, refocusing=pulses)
        signals = design.measured(sequence, CONDITIONS)
        given = {"refocusing": pulses} if pulses else {}
        report(f"shortest {kind}", design, signals, echo_times_ms=[round(sequence.echo_time * 1e3, 1)], **given)


SHORTER = (
    *(("press", {"time_bandwidth": times}) for times in (2, 3, 6)),
    *(("special", {"time_bandwidth": times}) for times in (2, 3)),
    *(("slaser", {"duration": duration}) for duration in (0.0025, 0.003, 0.0035)),
)


class Plain:
    """Basis sets of plain sequences as they are measured, and the SD of Gln/Glu in % of any of them together."""

    def __init__(self, entries: Mapping[str, Mapping]):
        self.library, self.bases = basis_library(CONFIG.basis), {}
        reference = None
        for name, entry in {"reference": {"type": "press", "echo_time": 0.030, "te1": 0.012}, **entries}.items():
            sequence = plain_sequence(**entry)
            sets = simulate_basis(sequence, CONFIG.basis)
            used = {"diff": sets["diff"]} if "diff" in sets else sets
            analysis = Analysis(name, sequence, used, sets)
            reference = reference or analysis
            self.bases[name] = next(iter(analysis.measured(self.library).values()))
        self.sd, _ = noise_of_study(reference, self.library, CONFIG.compare)
        self.amounts = typical_concentrations(self.bases["reference"].names, self.library, {})

    def spread(self, bases: list[BasisSet], shares: list[float], baseline: str, known: tuple[str, ...] = ()) -> float:
        """SD of Gln/Glu in % of a joint fit with these shares of the averages; of the other if one of them is known."""
        model = replace(CONFIG.fit.model(measured=False), baseline=baseline)
        sds = [self.sd / share**0.5 for share in shares]
        found = predict_crlb(bases, self.amounts, model, sds, linewidth_hz=5.0)
        given, free = ([k for k, n in enumerate(found.names) if (n in known) == wanted] for wanted in (True, False))
        covariance = found.covariance[np.ix_(free, free)]
        if given:
            across = found.covariance[np.ix_(free, given)]
            covariance = covariance - across @ np.linalg.solve(found.covariance[np.ix_(given, given)], across.T)
        left = [found.names[k] for k in free]
        sign = np.array([{"Gln": 1.0, "Glu": -1.0}.get(name, 0.0) / self.amounts[name] for name in left])
        return 100 * float(sign @ covariance @ sign) ** 0.5


def bounds() -> None:
    """What the SD of spectra would be without some of what makes it, relative to that of the shortest PRESS.

    The other spectrum is that of a scan at TE 0 with all of the voxel's signal, which no localised sequence reaches:
    the floor under all that do not shape their spectra.
    """
    plain = Plain({"shortest PRESS": {"type": "press", "echo_time": None}, "TE 0, no loss": {"type": "pulse_acquire"}})
    names = plain.bases["reference"].names
    others = tuple(name for name in names if name not in PAIR)
    turned = np.where(np.array(names) == "Gln", -1.0, 1.0)[:, None]
    for baseline, label in product(BASELINES, ("shortest PRESS", "TE 0, no loss")):
        base = plain.spread([plain.bases["shortest PRESS"]], [1.0], baseline)
        spectrum = plain.bases[label]

        def spread(known: tuple[str, ...] = (), baseline: str = baseline, spectrum: BasisSet = spectrum) -> float:
            return plain.spread([spectrum], [1.0], baseline, known)

        inverted = replace(spectrum, fids=spectrum.fids * turned)
        found = {
            "as it is": spread(),
            # Glu is known while Gln is measured, and the reverse.
            "Glu and Gln do not overlap": float(np.hypot(*(spread((name,)) for name in PAIR))),
            "all other signals known": spread(others),
            "neither": float(np.hypot(*(spread((*others, name)) for name in PAIR))),
            "Gln inverted without loss in half of the shots": plain.spread([spectrum, inverted], [0.5] * 2, baseline),
        }
        rounded = {what: round(value / base, 3) for what, value in found.items()}
        print(json.dumps({"bounds": baseline, "spectrum": label, **rounded}), flush=True)


def free() -> None:
    """SDs of an excitation pulse that may do what it likes for 30 ms, without slices, relative to TE 0 without loss."""
    entry = COMMON | FREE | BOTH | {"sequence": "press", "relaxation": False, "starts": 4, "iterations": 40}
    lossy = {"relaxation": True, "decay_interval": 0.003}
    for name, changes in {"free": {}, "free_quadratic": {"models": {}}, "free_with_t2": lossy}.items():
        ATTEMPTS[name] = entry | changes
        design, x = designed(name)
        with torch.no_grad():
            signals = design.signals(x[None], design.nominal)
        found = {}
        for baseline in BASELINES:
            model, plain = Model(baseline), design.pulse_acquire
            ours = design.ratio(PAIR, tuple(signals.fids), model=model).fractional(signals)[0, 0]
            theirs = design.ratio(PAIR, tuple(plain.fids), model=model).fractional(plain)[0, 0]
            found[baseline] = round(float(ours / theirs), 3)
        print(json.dumps({"free": name, **found}), flush=True)


def mixtures() -> None:
    """The best shares of the averages for any number of plain sequences that are fitted jointly.

    The variance is convex in the shares, so the slopes towards each sequence alone bound what any mixture can reach
    (Kiefer and Wolfowitz 1960, doi:10.4153/CJM-1960-030-4): steepest descent with a bound below it.
    """
    entries = {"press": {"type": "press", "echo_time": None}, "slaser": {"type": "slaser", "echo_time": None}}
    entries |= {f"press {te}": {"type": "press", "echo_time": te * 1e-3} for te in PRESS_TIMES}
    entries |= {f"special {te}": {"type": "special", "echo_time": te * 1e-3} for te in (9.4, 12, 16, 20, 30, 40)}
    entries |= {f"steam {te}": {"type": "steam", "echo_time": te * 1e-3} for te in (10, 20, 40, 72)}
    plain = Plain(entries)
    for baseline in BASELINES:
        base = plain.spread([plain.bases["reference"]], [1.0], baseline)

        def variance(shares: Mapping[str, float], baseline: str = baseline) -> float:
            given = {name: share for name, share in shares.items() if share > 1e-6}
            return plain.spread([plain.bases[n] for n in given], list(given.values()), baseline) ** 2

        trials = [(variance({name: 1.0}), {name: 1.0}) for name in plain.bases]
        here = np.inf
        for _ in range(12):
            value, moved = min(trials, key=lambda trial: trial[0])
            if value >= here:
                break
            shares = moved
            here, small = variance(shares), 1e-3
            slopes = {}
            for name in plain.bases:
                moved = {n: (1 - small) * s for n, s in shares.items()}
                moved[name] = moved.get(name, 0.0) + small
                slopes[name] = (variance(moved) - here) / small / here
            best = min(slopes, key=slopes.get)
            trials = []
            for part in (0.02, 0.05, 0.1, 0.2, 0.4):
                moved = {n: (1 - part) * s for n, s in shares.items()}
                moved[best] = moved.get(best, 0.0) + part
                trials.append((variance(moved), moved))
        found = {
            "alone": round(min(variance({name: 1.0}) for name in plain.bases) ** 0.5 / base, 3),
            "best mixture": round(here**0.5 / base, 3),
            "no mixture below": round((here * max(1 + min(slopes.values()), 0.0)) ** 0.5 / base, 3),
        }
        used = {name: round(share, 2) for name, share in shares.items()}
        print(json.dumps({"mixtures": baseline, "sequences": len(plain.bases), **found, "shares": used}), flush=True)


PRESS_TIMES = (20, 24, 30, 36, 44, 52, 60, 70, 80, 90, 105, 120, 140, 170)  # ms


def main() -> None:
    torch.set_num_threads(1)
    for name in sys.argv[1:] or ["bounds", "free", "mixtures", "rivals", *ATTEMPTS]:
        if name in ATTEMPTS:
            attempt(name)
        else:
            {"bounds": bounds, "free": free, "mixtures": mixtures, "rivals": rivals}[name]()


if __name__ == "__main__":
    main()
