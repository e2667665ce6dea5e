"""What is reported of every design: separation, bounds, robustness, cost."""

import itertools

import numpy as np
import torch
from torch import Tensor

from spinsculpt.basis import averaged_lines
from spinsculpt.config import TimeRanges
from spinsculpt.config import plain as written
from spinsculpt.core.conventions import ppm_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.design._conventional import best_press, megapress, plain, ratio_over_reference
from spinsculpt.design._explain import spin_signals, weights_along
from spinsculpt.design._objectives import Ratio, Window
from spinsculpt.design._problem import Design
from spinsculpt.design._simulate import FieldCondition, Signals
from spinsculpt.physics.dynamics import evolve
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.sequences import Sequence, ShapedPulse

WINDOW, RANGE = (2.2, 2.6), (0.2, 4.2)  # ppm
ROBUST_B1, ROBUST_B0 = (0.8, 0.9, 1.0, 1.1, 1.2), (-10.0, 0.0, 10.0)


def measure(design: Design, x: Tensor) -> dict:
    """All metrics of a finished design (parameters of one start); of the nominal condition unless said otherwise."""
    pulses, sequence = design.pulses(x), design.played(x)
    pulse = pulses[design.slots[0]]
    with torch.no_grad():
        signals = design.signals(x[None], design.nominal)
        designed_for = design.signals(x[None])
        loss, parts = design.losses(designed_for)
        grid = tuple(FieldCondition(b1, b0) for b1 in ROBUST_B1 for b0 in ROBUST_B0)
        everywhere = design.signals(x[None], design.simulate(grid))
    energy = float(design.energy(design.waveforms(x[None]), design.shares(x[None])))
    return {
        "loss": float(loss),
        "loss_parts": {
            goal.name: {"value": float(parts[goal.name]), "weight": goal.weight}
            | {"type": type(goal.bound or goal.objective).__name__}
            for goal in design.goals
        },
        "times_s": design.times.values(design.of_times(x)) | {"echo_time": sequence.echo_time},
        "separation": separation(design, signals),
        "with_real_pulses": among_real_pulses(design, x),
        "rivals": rivals(design),
        "unitary_bound": unitary_fractions(design, sequence),
        "robustness": {
            "conditions": written(design.entry.robustness),
            "worst_peak_ratio_2.2-2.6ppm": worst_peak_ratio(design, designed_for),
            "map": robustness_map(design, everywhere, grid),
            "crlb_worst_over_nominal": worst_bounds(design, everywhere, grid),
            **worst_ratio(design, everywhere, grid),
        },
        "rf": {
            "peak_b1_uT": max(each.peak_b1 for each in pulses.values()),
            "b1_limit_uT": design.form.b1_limit,
            "energy_uT2_ms": energy,
            "energy_over_press": energy / PRESS_ENERGY,
            "bandwidth_90_hz": occupied_bandwidth(pulse, 0.9),
            "bandwidth_99_hz": occupied_bandwidth(pulse, 0.99),
        },
        **along_pulse(design, sequence, pulse),
        "splitting_error": splitting_error(design, sequence, x),
    }


PRESS_ENERGY = 850.0  # uT^2 ms, a 90 and two 180 degree pulses of clinical PRESS (docs/theory)


def separation(design: Design, signals: Signals) -> dict:
    """CRLBs, overlaps and peaks of the metabolites that the objectives name, relative to the reference PRESS."""
    targets, found = design.targets, {}
    weights = dict.fromkeys(targets, 1.0)
    bounds = design.crlb(weights).covariance(signals)[0, 0].cpu().numpy()
    reference_shots = tuple(design.reference.fids)
    reference = design.crlb(weights, reference_shots).covariance(design.reference)[0, 0].cpu().numpy()
    rows = [signals.names.index(name) for name in targets]
    sd, sd_reference = (np.sqrt(np.diag(c))[rows] for c in (bounds, reference))
    found["crlb_over_reference"] = dict(zip(targets, (sd / sd_reference).tolist(), strict=True))
    found |= ratio_over_reference(design, signals, weights)
    window, whole = Window(design.acquisition, WINDOW), Window(design.acquisition, RANGE)
    pairs = [(a, b) for k, a in enumerate(targets) for b in targets[k + 1 :]]
    found["crlb_correlation"] = {
        f"{a}-{b}": float(bounds[i, j] / np.sqrt(bounds[i, i] * bounds[j, j]))
        for a, b in pairs
        for i, j in [(signals.names.index(a), signals.names.index(b))]
    }
    for label, region in (("2.2-2.6ppm", window), ("0.2-4.2ppm", whole)):
        found[f"overlap_{label}"] = {f"{a}-{b}": _overlap(region(signals, [a, b])[0, 0]) for a, b in pairs}
    peak, peak_reference = _peaks(window, signals, targets), _peaks(window, design.reference, targets)
    energy, energy_reference = _energies(window, signals, targets), _energies(window, design.reference, targets)
    found["peak_over_reference"] = {name: peak[name] / peak_reference[name] for name in targets}
    peak_whole = _peaks(window, design.pulse_acquire, targets)
    found["peak_over_pulse_acquire"] = {name: peak[name] / peak_whole[name] for name in targets}
    found["energy_over_reference"] = {name: energy[name] / energy_reference[name] for name in targets}
    found["peak_ratio_2.2-2.6ppm"] = {f"{a}/{b}": peak[a] / max(peak[b], 1e-12) for a, b in pairs}
    return found


def among_real_pulses(design: Design, x: Tensor) -> dict:
    """Bounds of a design of ideal pulses, played with the real ones of its system, relative to the real reference.

    Returns:
        crlb_over_reference and ratio_over_reference; {"refused": why} where there is no room for the real pulses; {}
        for a design that was made among them, and for one without a bound as its goal.
    """
    entry = design.entry
    if not entry.ideal or entry.kind == "excitation" or not any(goal.bound for goal in design.goals):
        return {}
    found = design.designed(x)
    if entry.times.given():
        times = {"te1": found.times["te1"], "gap_shift": found.times["gap_shift"], "times": TimeRanges()}
        entry = entry.but(echo_time=found.times["te1"] + found.times["te2"], **times)
        if found.echo_times:
            entry = entry.but(echo_times=tuple(found.echo_times.values()))
    try:
        real = Design(design.name, entry.but(ideal=False), design.basis, design.limits)
    except SpinsculptError as error:
        return {"refused": str(error)}
    pulses = x[: len(x) - design.times.count]
    with torch.no_grad():
        signals = real.signals(pulses[None], real.simulate((FieldCondition(),)))
        weights = dict.fromkeys(design.targets, 1.0)
        bounds = real.crlb(weights).sd(signals)[0, 0]
        reference = real.crlb(weights, tuple(real.reference.fids)).sd(real.reference)[0, 0]
    return {
        "crlb_over_reference": dict(zip(design.targets, (bounds / reference).tolist(), strict=True)),
        **ratio_over_reference(real, signals, weights),
    }


def rivals(design: Design) -> dict:
    """Bounds of the rivals relative to the reference PRESS, for a design whose objective is a CRLB."""
    wanted = next((goal.bound.weighted for goal in design.goals if goal.bound), None)
    if wanted is None:
        return {}
    return {"te_optimised_press": best_press(design, wanted), **plain(design, wanted), **megapress(design, wanted)}


def worst_bounds(design: Design, signals: Signals, grid: tuple[FieldCondition, ...]) -> dict[str, float]:
    """Largest CRLB of each metabolite that has a goal over B1 +-20 % and B0 +-10 Hz, relative to the nominal one."""
    wanted = next((goal.bound.targets for goal in design.goals if goal.bound), ())
    if not wanted:
        return {}
    sd = design.crlb(dict.fromkeys(wanted, 1.0)).sd(signals)[0]
    worst = (sd / sd[grid.index(FieldCondition())]).amax(0)
    return dict(zip(wanted, worst.tolist(), strict=True))


def worst_ratio(design: Design, signals: Signals, grid: tuple[FieldCondition, ...]) -> dict[str, float]:
    """Largest SD of the ratio over the same conditions, relative to the nominal one; {} unless the design is for it."""
    wanted = next((goal.bound.targets for goal in design.goals if isinstance(goal.bound, Ratio)), None)
    if wanted is None:
        return {}
    sd = design.ratio(dict.fromkeys(wanted, 1.0)).fractional(signals)[0]
    return {"ratio_worst_over_nominal": float(sd.amax() / sd[grid.index(FieldCondition())])}


def spectra(design: Design, x: Tensor) -> list[dict]:
    """Spectra of the targets before and after, 0.2 to 4.2 ppm: reference PRESS, pulse-acquire and each shot.

    One is the peak of one uncoupled proton with the linewidth of the design.
    """
    acquisition, rows = design.acquisition, []
    axis = ppm_axis(2 * acquisition.points, acquisition.dwell, acquisition.central_frequency)  # filled with zeros
    shown = np.flatnonzero((axis >= RANGE[0]) & (axis <= RANGE[1]))
    unit = 1 / (np.pi * acquisition.linewidth * acquisition.dwell)
    with torch.no_grad():
        after = design.signals(x[None], design.nominal)
    shots = {"press": (design.reference, None), "pulse_acquire": (design.pulse_acquire, None)}
    shots |= {spectrum: (after, spectrum) for spectrum in design.spectra}
    for name, (signals, shot) in shots.items():
        fids = signals.fids[shot or next(iter(signals.fids))][0, 0].cpu().numpy()
        for metabolite in design.targets:
            fid = fids[signals.names.index(metabolite)]
            values = to_spectrum(np.pad(fid, (0, acquisition.points)))[shown] / unit
            given = {"metabolite": metabolite, "shot": name}
            rows += [
                {**given, "ppm": ppm, "real": value.real, "imag": value.imag}
                for ppm, value in zip(axis[shown], values, strict=True)
            ]
    return rows


def unitary_fractions(design: Design, sequence: Sequence) -> dict:
    """In-phase magnetisation that each spin of the targets has at the first sample, against the unitary bound."""
    empty = zip(sequence.shots, design.sequence.shots, strict=True)
    shot = next(shot for shot, planned in empty if planned.slots)
    return {
        system.name: spin_signals(evolve(shot.events, system, design.acquisition.central_frequency), system.spins)
        for name in design.targets
        for system in design.library[name].parts
    }


def worst_peak_ratio(design: Design, signals: Signals) -> dict[str, float]:
    """Smallest ratio of the peaks of each two targets in the window, of the conditions that the design was made for."""
    window = Window(design.acquisition, WINDOW)
    peaks = {name: window(signals, [name])[0, :, 0].abs().amax(-1) for name in design.targets}
    pairs = itertools.combinations(design.targets, 2)
    return {f"{a}/{b}": float((peaks[a] / peaks[b].clamp_min(1e-12)).min()) for a, b in pairs}


def robustness_map(design: Design, signals: Signals, grid: tuple[FieldCondition, ...]) -> list[dict]:
    """Loss parts under each condition of a grid of B1 scales and B0 offsets."""
    parts = {goal.name: (goal.bound or goal.objective)(signals)[0] for goal in design.goals}
    return [
        {"b1_scale": condition.b1_scale, "b0_hz": condition.b0_hz}
        | {name: float(part[k if len(part) > 1 else 0]) for name, part in parts.items()}
        for k, condition in enumerate(grid)
    ]


def occupied_bandwidth(pulse: Pulse, fraction: float) -> float:
    """Width in Hz around the centre of gravity of the power spectrum that holds `fraction` of the energy."""
    points = 8 * len(pulse.b1)
    power = np.abs(to_spectrum(np.pad(pulse.b1, (0, points - len(pulse.b1))))) ** 2
    frequency = np.fft.fftshift(np.fft.fftfreq(points, pulse.dwell))
    distance = np.abs(frequency - (power @ frequency) / power.sum())
    order = np.argsort(distance)
    enough = np.searchsorted(np.cumsum(power[order]), fraction * power.sum())
    return float(2 * distance[order[min(enough, points - 1)]])


def along_pulse(design: Design, sequence: Sequence, pulse: Pulse) -> dict[str, list[dict]]:
    """Shares of coherence orders and of operator classes along the pulse, one line a metabolite and time."""
    places = ((shot.events, k) for shot in sequence.shots for k, event in enumerate(shot.events))
    events, place = next((e, k) for e, k in places if isinstance(e[k], ShapedPulse) and e[k].pulse.name == pulse.name)
    before = events[:place]
    orders, classes = [], []
    for name in design.targets:
        system = design.library[name].parts[0]
        for moment, order, kind in weights_along(before, pulse, system, design.acquisition.central_frequency):
            place = {"metabolite": name, "time_s": moment}
            orders.append(place | {f"order_{p}": share for p, share in order.items()})
            classes.append(place | kind)
    return {"coherence_orders": orders, "operator_classes": classes}


def splitting_error(design: Design, sequence: Sequence, x: Tensor) -> float:
    """Largest relative deviation of the lossless FIDs of the targets from the exact event interpreter."""
    acquisition, worst = design.acquisition, 0.0
    simulation = design.simulate((FieldCondition(),), lossy=False)
    with torch.no_grad():
        signals = design.signals(x[None], simulation)
    empty = {spectrum: shots[0][1] for spectrum, shots in design.sequence.measured.items()}
    spectrum = next(spectrum for spectrum, shot in empty.items() if shot.slots)
    shots, axes = sequence.measured[spectrum], design.axes(sequence)
    played = shots[0][1].echo_time or sequence.echo_time
    planned = empty[spectrum].echo_time or design.sequence.echo_time
    later = played - planned if design.entry.relaxation else 0.0
    for name in design.targets:
        index = signals.names.index(name)
        fast = signals.fids[spectrum][0, 0, index].cpu().numpy()
        exact = sum(
            weight
            * averaged_lines(shot.events, part.system, acquisition.central_frequency, axes).fid(
                acquisition.points, acquisition.dwell
            )
            * (part.decay.cpu().numpy() * simulation.weight(spectrum, name) * np.exp(-later / part.t2))
            for weight, shot in shots
            for part in simulation.parts
            if part.metabolite == index
        )
        worst = max(worst, float(np.abs(fast - exact).max() / np.abs(exact).max()))
    return worst


def _peaks(window: Window, signals: Signals, names: tuple[str, ...]) -> dict[str, float]:
    return dict(zip(names, window(signals, names)[0, 0].abs().amax(-1).tolist(), strict=True))


def _energies(window: Window, signals: Signals, names: tuple[str, ...]) -> dict[str, float]:
    return dict(zip(names, (window(signals, names)[0, 0].abs() ** 2).sum(-1).tolist(), strict=True))


def _overlap(pair: Tensor) -> float:
    a, b = pair
    return float(torch.vdot(a, b).abs() / (a.norm() * b.norm()).clamp_min(1e-12))
