"""The honest rivals of a designed pulse: PRESS with its two echo times chosen in the same way, and MEGA-PRESS."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
from typing import Literal

import numpy as np
import torch

from spinsculpt.config import (
    ECHO_TIMES,
    IDEAL_TE1,
    AssumedModels,
    DesignEntry,
    Editing,
    ObjectiveEntry,
    Robustness,
    TimeRanges,
)
from spinsculpt.design._optimise import Search
from spinsculpt.design._problem import Design
from spinsculpt.design._simulate import FieldCondition, Signals
from spinsculpt.physics.pulses import gaussian
from spinsculpt.physics.sequences import Sequence, ShapedPulse, slaser, special, voxel_pulses
from spinsculpt.physics.sequences import megapress as edited

IDEAL_SHORTEST = 0.010  # s, of each echo time where the pulses are ideal and leave the question open
LONGEST = {"te1": 0.040, "te2": 0.080}  # s
STARTS = {
    "te1": (0.0005, 0.004, 0.010, 0.020),
    "te2": (0.0005, 0.004, 0.010, 0.020, 0.035, 0.055),
}  # s above, each pair
CORNERS = (FieldCondition(), *(FieldCondition(b1, b0) for b1 in (0.8, 1.2) for b0 in (-10.0, 10.0)))
STEPS, SCREENING = 24, (0.08, 0.16, 0.24)
# Editing frequency in ppm and TE in s of the MEGA-PRESS that scanners come with, for GABA.
STOCK = (Editing().ppm["on"], ECHO_TIMES["megapress"])
# The same for other metabolites: the coupled partner of the line that is seen (Harris, Saleh & Edden 2017,
# doi:10.1002/mrm.26619; TE of GSH: Chan 2017, doi:10.1002/mrm.26056; of 2HG: Choi 2012, doi:10.1038/nm.2682).
EDITED = {"GSH": (4.56, 0.120), "Lac": (4.10, 0.140), "2HG": (1.90, 0.106)}


@dataclass(frozen=True, kw_only=True)
class PressEntry(DesignEntry):
    """PRESS without a slot: its times are all there is to choose."""

    kind: Literal["press"] = "press"


def best_press(design: Design, metabolites: Mapping[str, float]) -> dict:
    """Echo times of the PRESS with the lowest weighted mean of log CRLBs, by the optimiser of the design.

    The times are sought with ideal pulses, not below what the system can play; the bounds are those of the PRESS that
    it plays at these times.

    Args:
        design: whose metabolites, model, linewidth and relaxation are used.
        metabolites: weight of each bound.
    Returns:
        te1_s, te2_s and what `over_reference` gives.
    """
    shortest = shortest_echoes(design)
    entry = {each.name: getattr(design.entry, each.name) for each in fields(design.entry) if each.name != "kind"}
    changes = dict(
        ideal=True,
        times=TimeRanges(**{name: (shortest[name], longest) for name, longest in LONGEST.items()}),
        objectives=(ObjectiveEntry(type=design.bound, metabolites=dict(metabolites)),),
        robustness=Robustness(mode=design.entry.robustness.mode, tail=design.entry.robustness.tail),
        decay_interval=0.0,
        **{"sequence": "press", "shots": 1, "shares": "equal", "echo_times": (), "echo_shift": 0.0},
        **{"starts_from": (), "models": AssumedModels()},
    )
    rival = Design("press", PressEntry(**entry | changes), design.basis)
    above = np.array(list(product(STARTS["te1"], STARTS["te2"])))
    starts = rival.times.parameters(torch.as_tensor(above + np.array(list(shortest.values()))))
    search = Search(rival.evaluate, starts, "lbfgs", STEPS, 0.3, SCREENING)
    while search.done < STEPS:
        search.advance()
    search.finish()
    x = search.best[2]
    found = rival.times.values(rival.of_times(x))
    times = {name: float(np.ceil(found[name] * 1e4 - 1e-6) * 1e-4) for name in LONGEST}  # on a raster of 0.1 ms
    played = design.press(times["te1"] + times["te2"], times["te1"], "rival")
    return {
        "te1_s": round(times["te1"], 5),
        "te2_s": round(times["te2"], 5),
        **over_reference(design, design.measured(played, CORNERS), metabolites),
    }


def plain(design: Design, metabolites: Mapping[str, float]) -> dict:
    """Bounds of the shortest sequence of the kind that stands around the pulse, without it; {} for PRESS.

    Returns:
        {"shortest_special" or "shortest_slaser": as `over_reference`}.
    """
    kind = design.entry.sequence
    if kind == "press" or design.system is None:
        return {}
    around = {"central_frequency": design.acquisition.central_frequency, "system": design.system}
    around |= voxel_pulses(design.system, kind)
    sequence = special(None, "plain", **around) if kind == "special" else slaser(None, "plain", **around)
    return {f"shortest_{kind}": over_reference(design, design.measured(sequence, CORNERS), metabolites)}


def shortest_echoes(design: Design) -> dict[str, float]:
    """Shortest te1 and te2 in s that the system of the design can play."""
    if design.system is None:
        return dict.fromkeys(LONGEST, IDEAL_SHORTEST)
    sequence = design.press(None, None, "shortest")
    excitation, first, _ = centres(sequence)
    te1 = 2 * (first - excitation)
    return {"te1": te1, "te2": sequence.echo_time - te1}


def centres(sequence: Sequence) -> list[float]:
    """Times in s of the middles of the pulses of the first shot, from its start."""
    found, now = [], 0.0
    for event in sequence.shots[0].events:
        if isinstance(event, ShapedPulse) and event.pulse.peak_b1 > 0:
            found.append(now + event.duration / 2)
        now += event.duration
    return found


def megapress(design: Design, metabolites: Mapping[str, float]) -> dict:
    """Bounds of MEGA-PRESS (14 ms Gaussian pulses) at the same scan time, set up for the metabolite that weighs most.

    Returns:
        megapress (ON and OFF fitted jointly) and megapress_diff (DIFF alone), each with the CRLB of each metabolite
        relative to the reference, and how it is set up: editing_ppm and echo_time_s.
    """
    frequency = design.acquisition.central_frequency
    te1 = None if design.system else IDEAL_TE1["megapress"]
    around = {"central_frequency": frequency, "system": design.system, **voxel_pulses(design.system)}
    ppm, echo_time = EDITED.get(max(metabolites, key=lambda name: metabolites[name]), STOCK)
    shots = design.measured(edited(gaussian(0.014, 180.0), echo_time, te1, Editing().ppm | {"on": ppm}, **around))
    diff = {"diff": (shots.fids["on"] - shots.fids["off"]) / 2}  # of two shots, each with sqrt(2) times the noise
    single = Signals(shots.names, diff, {}, {})
    reference = design.crlb(metabolites, tuple(design.reference.fids)).sd(design.reference)[0, 0]
    found = {
        "megapress": design.crlb(metabolites, ("on", "off")).sd(shots)[0, 0],
        "megapress_diff": design.crlb(metabolites, ("diff",)).sd(single)[0, 0],
    }
    signals = {"megapress": shots, "megapress_diff": single}
    return {
        name: {
            "editing_ppm": ppm,
            "echo_time_s": echo_time,
            "crlb_over_reference": dict(zip(metabolites, (bounds / reference).tolist(), strict=True)),
            **ratio_over_reference(design, signals[name], metabolites),
        }
        for name, bounds in found.items()
    }


def over_reference(design: Design, signals: Signals, metabolites: Mapping[str, float]) -> dict:
    """Bounds of a rival relative to the reference PRESS, and its worst over the nominal ones under all conditions.

    Args:
        design: whose model is used.
        signals: of the rival, the nominal condition first.
        metabolites: weight of each bound.
    """
    with torch.no_grad():
        bounds = design.crlb(metabolites, tuple(signals.fids)).sd(signals)[0]
        reference = design.crlb(metabolites, tuple(design.reference.fids)).sd(design.reference)[0, 0]
    worst = (bounds / bounds[0]).amax(0)
    found = {
        "crlb_over_reference": dict(zip(metabolites, (bounds[0] / reference).tolist(), strict=True)),
        "crlb_worst_over_nominal": dict(zip(metabolites, worst.tolist(), strict=True)),
        **ratio_over_reference(design, signals, metabolites),
    }
    if len(metabolites) == 2:
        with torch.no_grad():
            ratio = design.ratio(metabolites, tuple(signals.fids)).fractional(signals)[0]
        found["ratio_worst_over_nominal"] = float(ratio.amax() / ratio[0])
    return found


def ratio_over_reference(design: Design, signals: Signals, metabolites: Mapping[str, float]) -> dict:
    """SD of the ratio of two metabolites relative to that of the reference PRESS, {} unless there are two."""
    if len(metabolites) != 2:
        return {}
    with torch.no_grad():
        ours = design.ratio(metabolites, tuple(signals.fids)).fractional(signals)[0, 0]
        reference = design.ratio(metabolites, tuple(design.reference.fids)).fractional(design.reference)[0, 0]
    return {"ratio_over_reference": float(ours / reference)}
