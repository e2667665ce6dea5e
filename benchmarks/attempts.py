"""How far designed pulses get below the SD of Gln/Glu of plain sequences, with real pulses around them.

Each attempt is a design of 6 starts and 55 steps for the ratio, in a place and a sequence of its own: one pulse, two or
three shots with shares of the averages, a flexible baseline, worst over models. Every number is relative to PRESS 30 at
equal scan time, under a quadratic and a flexible baseline, and at the worst of B1 +-20 % and B0 +-10 Hz relative to
nominal. The plain rivals stand in the same table. A line each as it is done; names after the command choose some.
An attempt takes a minute or two on two idle cores. `pairs` is no design: pairs of plain sequences, fitted jointly.
"""

import json
import sys
import time
from dataclasses import replace

import numpy as np
import torch

from spinsculpt.basis import basis_library, simulate_basis
from spinsculpt.compare import Analysis, noise_of_study, typical_concentrations
from spinsculpt.design import Design, Search
from spinsculpt.design._problem import Model
from spinsculpt.design._simulate import FieldCondition
from spinsculpt.fit import predict_crlb
from spinsculpt.sequences import build_sequence, slaser, special, voxel_pulses
from spinsculpt.study import DesignEntry, SequenceEntry, default_config, parse, read_study

CONFIG = read_study([default_config()])
RATIO, PAIR = {"type": "ratio", "metabolites": ["Gln", "Glu"]}, {"Gln": 1.0, "Glu": 1.0}
METABOLITES = [name for name in CONFIG.basis.metabolites if name != "Glc"]
COMMON = {
    **{"kind": "refocus", "sequence": "special", "echo_time": 0.0176, "duration": "fit", "dwell": 1e-4},
    **{"b1_limit": None, "knot_spacing": 4e-4, "metabolites": METABOLITES, "starts": 6, "iterations": 40},
    **{"objectives": [RATIO, {"type": "power", "weight": 0.01}], "screening": [0.12, 0.25, 0.4], "polish": 15},
}
EVERY = {"baselines": ["poly:2", "spline:7"], "macromolecules": ["free", "grouped"], "t2_scales": [0.8, 1.0, 1.2]}


def late(pulse: float, **more) -> dict:
    """The refocusing pulse where the shortest SPECIAL has it, a designed pulse of so many s behind it."""
    return {"echo_time": round(0.0098 + pulse, 4), "echo_shift": round(0.0004 + pulse, 4), **more}


def gap(echo_time: float, **more) -> dict:
    return {"kind": "gap", "sequence": "press", "echo_time": echo_time, "te1": 0.0095, **more}


ATTEMPTS = {
    "press_gap_3ms_two_shots": gap(0.020, shots=2, shares="free"),
    "press_gap_3ms_two_shots_flexible": gap(0.020, shots=2, shares="free", baseline="spline:7"),
    "special_8ms_two_shots": late(0.008, shots=2, shares="free"),
    "special_8ms_two_shots_flexible": late(0.008, shots=2, shares="free", baseline="spline:7"),
    "press_gap_3ms_every_model": gap(0.020, models=EVERY, robustness={"mode": "worst"}),
    "special_4ms": late(0.004),
    "special_8ms": late(0.008),
    "special_24ms_two_shots": late(0.024, shots=2, shares="free"),
    "special_three_shots_three_times": late(0.016, shots=3, shares="free", duration=0.006)
    | {"echo_times": [0.017, 0.020, 0.026], "echo_shift": 0.007},
    "slaser_4ms": {"sequence": "slaser", "echo_time": 0.0322, "echo_shift": 0.0056},
    "press_gap_3ms_robust": gap(0.020, robustness={"b1_scale": [0.8, 1.0, 1.2], "mode": "worst"}),
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


def against_press30(design: Design, signals, baseline: str) -> np.ndarray:
    """SD of the ratio of signals over that of PRESS 30, a number a condition."""
    model = Model(baseline)
    with torch.no_grad():
        ours = design._bound(type(design.ratio(PAIR)), PAIR, tuple(signals.fids), model=model).fractional(signals)
        shots = tuple(design.reference.fids)
        base = design._bound(type(design.ratio(PAIR)), PAIR, shots, model=model).fractional(design.reference)
    return (ours[0] / base[0, 0]).numpy()


def report(name: str, design: Design, signals, **more) -> None:
    """One line: what the first condition gives under both baselines, and how much worse the others are."""
    found = {form: round(float(against_press30(design, signals, form)[0]), 3) for form in ("poly:2", "spline:7")}
    over = against_press30(design, signals, "poly:2")
    if len(over) > 1:
        more["worst_over_nominal"] = round(float(over.max() / over[0]), 2)
    print(json.dumps({"attempt": name, **found, **more}), flush=True)


def plain(design: Design) -> None:
    """The rivals under the same model, in the same words."""
    system, frequency = design.system, design.acquisition.central_frequency
    rivals = {
        "shortest PRESS": design.press(None, None, "press"),
        "shortest SPECIAL": special(
            None, "special", central_frequency=frequency, system=system, **voxel_pulses(system, "special")
        ),
        "shortest semi-LASER": slaser(
            None, "slaser", central_frequency=frequency, system=system, **voxel_pulses(system, "slaser")
        ),
    }
    for name, sequence in rivals.items():
        report(name, design, design.measured(sequence), echo_time_ms=round(sequence.echo_time * 1e3, 1))


def pairs() -> None:
    """The shortest PRESS beside each of other plain sequences, fitted jointly with a share of the averages each."""
    model, compare = CONFIG.fit.model(measured=False), CONFIG.compare
    library = basis_library(CONFIG.basis)
    entries = {f"press {te * 1e3:g}": {"type": "press", "echo_time": te} for te in PLAIN_TIMES}
    entries |= {f"special {te * 1e3:g}": {"type": "special", "echo_time": te} for te in (0.0094, 0.012, 0.016, 0.020)}
    entries |= {"press": {"type": "press", "echo_time": None}, "slaser": {"type": "slaser", "echo_time": None}}
    reference = {"type": "press", "echo_time": 0.030, "te1": 0.012}
    measured = {}
    for name, entry in {"reference": reference, **entries}.items():
        sequence = build_sequence("one", SequenceEntry.of(entry), system=CONFIG.system.limits())
        sets = simulate_basis(sequence, CONFIG.basis)
        used = {"diff": sets["diff"]} if "diff" in sets else sets
        analysis = Analysis(name, sequence, used, sets)
        measured[name] = (analysis, next(iter(analysis.measured(library).values())))
    sd, _ = noise_of_study(measured.pop("reference")[0], library, compare)
    amounts = typical_concentrations(next(iter(measured.values()))[1].names, library, {})
    for form in ("poly:2", "spline:7"):

        def spread(shares: dict[str, float], form: str = form) -> float:
            bases, sds = [measured[name][1] for name in shares], [sd / share**0.5 for share in shares.values()]
            found = predict_crlb(bases, amounts, replace(model, baseline=form), sds, linewidth_hz=5.0)
            value, error = found.ratio(["Gln"], ["Glu"])
            return 100 * error / value

        alone = spread({"press": 1.0})
        joint = {(n, q): spread({"press": 1 - q, n: q}) for n in measured if n != "press" for q in (0.3, 0.6)}
        (name, share), best = min(joint.items(), key=lambda item: item[1])
        found = {"shortest PRESS": round(alone, 2), "best pair": round(best, 2), "beside it": name, "share": share}
        print(json.dumps({"baseline": form, "pairs": len(joint), **found}), flush=True)


PLAIN_TIMES = (0.020, 0.024, 0.030, 0.036, 0.044, 0.052, 0.060, 0.070, 0.080, 0.090, 0.105, 0.120, 0.140, 0.170)  # s


def main() -> None:
    torch.set_num_threads(1)
    if sys.argv[1:] == ["pairs"]:
        pairs()
        return
    wanted = sys.argv[1:] or list(ATTEMPTS)
    grid = (FieldCondition(), *(FieldCondition(b1, b0) for b1 in (0.8, 1.2) for b0 in (-10.0, 10.0)))
    for number, name in enumerate(wanted):
        began = time.perf_counter()
        design, x = designed(name)
        if not number:
            plain(design)
        with torch.no_grad():
            everywhere = design.signals(x[None], design.simulate(grid))
        shares = design.shares(x)
        more = {} if shares is None else {"shares": [round(float(share), 2) for share in shares]}
        pulse = round(design.entry.duration * 1e3, 1)
        seconds = round(time.perf_counter() - began)
        report(name, design, everywhere, pulse_ms=pulse, **more, seconds=seconds)


if __name__ == "__main__":
    main()
