"""Sequences from their entries in the configuration."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinsculpt.config import IDEAL_TE1, Editing, Refocusing, SelectiveExcitation, SequenceEntry
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.system import PRESETS, System
from spinsculpt.physics.pulses import (
    DesignedPulses,
    Pulse,
    gaussian,
    goia,
    hyperbolic_secant,
    read_designed,
    read_pulse,
    scaled,
    sinc,
    slr,
)
from spinsculpt.physics.sequences._build import (
    CENTRAL_FREQUENCY,
    EXCITATION,
    SlicePulse,
    combinations,
    constant_time_press,
    joined,
    megapress,
    megaslaser,
    press,
    press_series,
    pulse_acquire,
    slaser,
    slot_kind,
    special,
    spin_echo,
    steam,
    with_shares,
)
from spinsculpt.physics.sequences._events import ShapedPulse, Slot
from spinsculpt.physics.sequences._fslmrs import read_fslmrs
from spinsculpt.physics.sequences._pulseq import read_pulseq
from spinsculpt.physics.sequences._sequence import Sequence, Shot, is_sequence

log = logging.getLogger(__name__)


def build_sequence(
    name: str,
    entry: SequenceEntry,
    designs: Mapping[str, DesignedPulses] | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    system: System | None = None,
) -> Sequence:
    """The sequence of one entry of `sequences` in the configuration, its slots filled.

    Args:
        name: of the entry.
        entry: what to build.
        designs: designed pulses by the name of their design; one made for two shots gives the sequence two shots.
        central_frequency: MHz; pulses that name chemical shifts are played at the frequencies they have there.
        system: within whose limits the sequence is built, unless the entry is ideal; the clinical one when None.
    Raises:
        SpinsculptError: the system cannot play it; the sentence has the number that would work.
    """
    if entry.type == "file":
        return _from_files(name, entry, central_frequency)
    system = None if entry.ideal else system or System()
    designed = {slot: _designed(name, slot, design, designs or {}) for slot, design in entry.slots.items()}
    kind, pulses = entry.type, {}
    for slot, design in designed.items():
        pulses |= _pulses_of(name, slot, design)
    slots = {key: Slot(key, slot_kind(key), pulse.duration) for key, pulse in pulses.items()}
    if entry.misplaced:
        raise SpinsculptError(f"sequences.{name}: {entry.misplaced}")
    times = _times(entry, designed.values())
    echo_time, te1, shift = times["echo_time"], times["te1"], {"echo_shift": times["echo_shift"]}
    series = entry.echo_times
    if series and (kind != "press" or slots):
        raise SpinsculptError(f"sequences.{name}: only a press without designed pulses has several echo_times.")
    shifts = entry.echo_shifts or ()
    if shifts and (kind != "press" or slots or series):
        raise SpinsculptError(f"sequences.{name}: only a press of one echo_time, without designs, has echo_shifts.")
    if shifts and not echo_time:
        raise SpinsculptError(f"sequences.{name}: echo_shifts need an echo_time in s, which all shots share.")
    if len(shifts) == 1:
        raise SpinsculptError(f"sequences.{name}: echo_shifts needs two or more; for one say echo_shift.")
    if len(series) == 1:
        raise SpinsculptError(f"sequences.{name}: echo_times needs two or more; for one say echo_time.")
    if kind != "pulse_acquire" and not series and echo_time is not None and not echo_time > 0:
        raise SpinsculptError(f"sequences.{name}: a {kind} needs an echo_time in s; null is the shortest.")
    if echo_time is None and system is None and kind != "pulse_acquire":
        raise SpinsculptError(f"sequences.{name}: ideal pulses have no shortest echo time; give an echo_time in s.")
    for key, without in {"refocusing": ("steam", "pulse_acquire"), "selective_excitation": ("pulse_acquire",)}.items():
        if kind in without and getattr(entry, key).shape not in ("auto", "ideal"):
            raise SpinsculptError(f"sequences.{name}: a {kind} has no {key} pulse; remove the key.")
    try:
        selective = _slice_pulse(entry.selective_excitation, "slr", 90.0, 0.003, system)
        if "excitation" in slots:
            if entry.selective_excitation.shape not in ("auto", "ideal"):
                raise SpinsculptError("excitation is designed or selective_excitation, not both.")
            selective = None
        auto = "goia" if kind in ("slaser", "megaslaser") else "slr"
        given = entry.refocusing
        refocusing = None if kind in ("steam", "pulse_acquire") else _slice_pulse(given, auto, 180.0, 0.005, system)
        if refocusing and auto == "slr" and given.shape in ("sech", "goia"):
            raise SpinsculptError(
                f"one {given.shape} refocusing pulse leaves a phase across the slice that loses most of the signal, "
                "and only a second one on the same axis takes it back; use slr, or the type slaser."
            )
        editing = entry.editing
        shape = _shape(editing, editing.shape, 180.0, 0.014, system) if kind in ("megapress", "megaslaser") else None
        if entry.edit:
            shape = {"_".join(key.split("_")[1:]) or name: slot for key, slot in slots.items() if slot.kind == "edit"}
        inversion = None
        if kind == "special" and refocusing:
            inversion = _slice_pulse(given.but(shape="auto", duration=None), "goia", 180.0, 0.005, system)
    except SpinsculptError as error:
        raise SpinsculptError(f"sequences.{name}: {error}") from error
    excitation = slots.get("excitation", selective or EXCITATION)
    around = {"excitation": excitation, "central_frequency": central_frequency, "system": system}

    def each_shot(build: Callable[..., Sequence]) -> Sequence:
        """The sequence with the pulse of its gap or refocus slot, or joined of a shot for each pulse of several."""
        of_shot = {key.partition("_")[2]: slot for key, slot in slots.items() if slot.kind in ("gap", "refocus")}
        if "" in of_shot or not of_shot:
            return build(name, echo_time, **{slot.kind: slot for slot in of_shot.values()})
        known = ("echo_time", "echo_shift", *(("te1", "gap_shift") if kind == "press" else ()))
        parts = []
        for shot in times["of_shots"] or of_shot:
            own = times["of_shots"].get(shot, {"echo_time": echo_time})
            pulse = {of_shot[shot].kind: of_shot[shot]} if shot in of_shot else {}
            parts.append(build(shot, **{key: value for key, value in own.items() if key in known}, **pulse))
        return joined(name, parts)

    match kind:
        case "pulse_acquire":
            sequence = pulse_acquire(name, slots.get("excitation", EXCITATION), slots.get("prep"))
        case "spin_echo":
            sequence = spin_echo(echo_time, name, refocusing=refocusing, **around)
        case "press" if series:
            sequence = press_series(series, te1, name, refocusing=refocusing, **around)
        case "press" if shifts:
            sequence = constant_time_press(echo_time, shifts, te1, name, refocusing=refocusing, **around)
        case "press":
            around |= {"refocusing": refocusing, "prep": slots.get("prep"), "te1": te1, "gap_shift": times["gap_shift"]}
            sequence = each_shot(lambda shot, echo_time, **own: press(echo_time, name=shot, **around | shift | own))
        case "megapress":
            sequence = megapress(shape, echo_time, te1, editing.ppm, name, refocusing=refocusing, **around)
        case "megaslaser":
            sequence = megaslaser(shape, echo_time, editing.ppm, name, refocusing=refocusing, **around)
        case "special":
            around |= {"refocusing": refocusing, "inversion": inversion} | shift
            sequence = each_shot(lambda shot, echo_time, **own: special(echo_time, shot, **around | own))
        case "steam":
            sequence = steam(echo_time, entry.mixing_time, name, selective, central_frequency, system)
        case "slaser":
            around |= {"refocusing": refocusing} | shift
            sequence = each_shot(lambda shot, echo_time, **own: slaser(echo_time, shot, **around | own))
    sequence = sequence.fill(pulses)
    for design in designed.values():
        if design.shares and set(design.shares) == set(sequence.measured):
            sequence = with_shares(sequence, design.shares)
    if system:
        _refuse_unplayable(sequence, system)
    return sequence


def _refuse_unplayable(sequence: Sequence, system: System) -> None:
    """An error if a pulse or its slice gradient is beyond the system, with the number that would work."""
    for event in (event for shot in sequence.shots for event in shot.events if isinstance(event, ShapedPulse)):
        pulse = event.pulse
        if pulse.peak_b1 > system.b1 * 1.001:
            longer = pulse.duration * pulse.peak_b1 / system.b1
            raise SpinsculptError(
                f"sequences.{sequence.name}: pulse {pulse.name!r} of {pulse.duration * 1e3:.2f} ms needs a B1 of "
                f"{pulse.peak_b1:.1f} uT, but the system {system.name} gives {system.b1:g} uT; make it "
                f"{longer * 1e3:.2f} ms, or say ideal: true, or which system plays it."
            )
        if event.gradient and abs(event.gradient[1]) > system.gradient:
            raise SpinsculptError(
                f"sequences.{sequence.name}: pulse {pulse.name!r} needs a slice gradient of "
                f"{abs(event.gradient[1]):.1f} mT/m, but the system {system.name} gives {system.gradient:g} mT/m; "
                f"choose slices {abs(event.gradient[1]) / system.gradient:.2f} times as thick."
            )


def build_measured(
    name: str, entry: SequenceEntry, designs: Mapping[str, DesignedPulses], central_frequency: float, system: System
) -> Sequence:
    """As `build_sequence`, for a scan that was played: what this class of scanner cannot play, a faster one did."""
    try:
        return build_sequence(name, entry, designs, central_frequency, system)
    except SpinsculptError as error:
        faster = PRESETS["prisma-like"]
        if system == faster:
            raise
        sequence = build_sequence(name, entry, designs, central_frequency, faster)
        log.warning("%s It was measured, so its basis has the pulses of a %s scanner.", error, faster.name)
        return sequence


def _from_files(name: str, entry: SequenceEntry, central_frequency: float) -> Sequence:
    """A sequence of files, one a shot: Pulseq (.seq), FSL-MRS (.json), or of spinsculpt (.json) that shot."""
    if not entry.files:
        raise SpinsculptError(
            f"sequences.{name}: a sequence of type file needs files: {{{name}: PATH.seq or PATH.json}}."
        )
    read = []
    for path in entry.files.values():
        if Path(path).suffix.lower() == ".seq":
            read.append(read_pulseq(path, entry.orders or None))
            continue
        if is_sequence(path):
            read.append(Sequence.read(path))
            continue
        sequence, told = read_fslmrs(path)
        if abs(told["central_frequency"] / central_frequency - 1) > 0.005:
            raise SpinsculptError(
                f"sequences.{name}: {path} is for {told['central_frequency']:.2f} MHz but the basis is at "
                f"{central_frequency:.2f} MHz; set basis.central_frequency to that of the data, or edit B0 in the file."
            )
        read.append(sequence)
    shots = tuple(
        Shot(name, sequence.shot(name if len(sequence.shots) > 1 else None).events)
        for name, sequence in zip(entry.files, read, strict=True)
    )
    return Sequence(name, read[0].echo_time, shots, combinations(shots), read[0].receiver_phase)


def is_pulse_file(slot: str) -> bool:
    """Whether what a slot of an entry names is a file (pulse.json of a design) and not a design."""
    return slot.endswith(".json")


def _designed(name: str, slot: str, design: str, designs: Mapping[str, DesignedPulses]) -> DesignedPulses:
    if design in designs:
        return designs[design]
    if is_pulse_file(design):
        return read_designed(design)
    raise SpinsculptError(f"sequences.{name}.{slot} names the design {design!r}, but no pulse of it was given.")


def _pulses_of(name: str, slot: str, design: DesignedPulses) -> dict[str, Pulse]:
    """Pulses that a design has for a slot: one, or for the shots of a pair one each; a design of one pulse fits all."""
    if len(design.pulses) == 1 and not design.echo_times:
        return {slot: next(iter(design.pulses.values()))}
    fitting = {key: pulse for key, pulse in design.pulses.items() if slot_kind(key) == slot}
    if not fitting:
        raise SpinsculptError(
            f"sequences.{name}.{slot}: the design is a {design.kind}, whose pulses belong to "
            f"{', '.join(design.pulses)}; name it there."
        )
    return fitting


def _times(entry: SequenceEntry, designed: Iterable[DesignedPulses]) -> dict:
    """echo_time, te1, gap_shift, echo_shift in s, and of_shots: these of each of several shots that differ, {} else. Of
    the entry, or where it has no echo time those of its design."""
    echo_time = entry.echo_time
    for design in designed:
        if echo_time == 0 and design.kind != "excitation":
            found, of_shots = design.times, {}
            shift = {"echo_shift": found["echo_shift"]} if found.get("echo_shift") else {}
            for shot, te in design.echo_times.items():
                own = {key: found.get(f"{key}_{shot}", found[key]) for key in ("te1", "gap_shift")} | shift
                pulsed = any(slot.endswith(f"_{shot}") for slot in design.pulses)
                of_shots[shot] = {"echo_time": te, **(own if pulsed else {"te1": None, "echo_shift": 0.0})}
            return {
                **{"echo_time": found["te1"] + found["te2"], "te1": found["te1"], "gap_shift": found["gap_shift"]},
                **{"echo_shift": found.get("echo_shift", 0.0), "of_shots": of_shots},
            }
        plain = [shot for shot in design.echo_times if not any(slot.endswith(f"_{shot}") for slot in design.pulses)]
        if plain:
            raise SpinsculptError(
                f"sequences.{entry.type}: shot {plain[0]} of its design has no pulse and an echo time of its own, "
                f"{design.echo_times[plain[0]] * 1e3:g} ms; leave out echo_time, so that each shot has its own."
            )
    te1 = entry.te1
    if te1 is None and entry.ideal:
        te1 = IDEAL_TE1.get(entry.type)
    return {
        **{"echo_time": echo_time, "te1": te1, "gap_shift": entry.gap_shift, "echo_shift": entry.echo_shift},
        "of_shots": {},
    }


_TIME_BANDWIDTH = {180.0: 4.0, 90.0: 6.0}  # of slr: refocusing pulses pay for each with B1, excitations hardly
_MARGIN = 1.25  # of adiabatic pulses above the B1 from which on they invert
_DWELL = 2e-5  # s, of the samples of analytic slice pulses: a multiple of every raster


def _slice_pulse(
    entry: Refocusing | SelectiveExcitation, auto: str, flip_angle: float, duration: float, system: System | None
) -> SlicePulse | None:
    """A slice-selective pulse of an entry; shape auto is ideal without a system and the shape `auto` with one."""
    shape = entry.shape
    if shape == "auto":
        shape = auto if system else "ideal"
    if shape == "ideal":
        return None
    bandwidth = 2000.0  # Hz, of the sweep of a slice-selective hyperbolic secant
    pulse = _shape(entry, shape, flip_angle, duration, system, bandwidth)
    return SlicePulse(pulse, entry.slice_thickness * 1e-3, entry.carrier_ppm)


def _shape(
    entry: Editing | Refocusing | SelectiveExcitation,
    shape: str,
    flip_angle: float,
    duration: float,
    system: System | None,
    bandwidth: float | None = None,
) -> Pulse:
    """One of the analytic shapes, or a file.

    Args:
        entry: of the configuration.
        shape: of the entry, or what its "auto" stands for.
        flip_angle: degrees.
        duration: s, where the entry has none and no system bounds the B1 of a slice pulse.
        system: slice-selective sinc and slr pulses without a duration are as short as its B1 allows.
        bandwidth: Hz, of the sweep of a slice-selective hyperbolic secant; None for pulses without a slice.
    """
    given = entry.duration
    time_bandwidth = entry.time_bandwidth or _TIME_BANDWIDTH.get(flip_angle, 6.0)

    def made(duration: float) -> Pulse:
        samples = max(50, round(duration / _DWELL)) if system and bandwidth else 200
        match shape:
            case "gaussian":
                return gaussian(duration, flip_angle)
            case "sinc":
                return sinc(duration, flip_angle, lobes=5, samples=samples)
        return slr(duration, flip_angle, time_bandwidth, samples=samples)

    match shape:
        case "gaussian" | "sinc" | "slr":
            if given or not (system and bandwidth):
                return made(given or duration)
            needed = made(duration).peak_b1 / system.b1 * duration * 1.002  # B1 goes with 1 / duration
            return made(float(np.ceil(needed / 1e-4 - 1e-6) * 1e-4))
        case "sech" if flip_angle == 180.0:
            sweep = entry.bandwidth or bandwidth or 1.2 / (given or duration)  # as wide as that of a Gaussian
            pulse = hyperbolic_secant(given or duration, sweep, peak_b1=1.0)
            return scaled("sech", pulse.b1, given or duration, flip_angle)
        case "goia" if flip_angle == 180.0 and bandwidth:
            if not system:
                pulse = goia(given or duration, entry.bandwidth or 20000.0)
                return scaled("goia", pulse.b1, pulse.duration, flip_angle, pulse.gradient)
            for sweep in [entry.bandwidth] if entry.bandwidth else _GOIA_SWEEPS:
                pulse = goia(given or _GOIA_DURATION, sweep)
                least = scaled("goia", pulse.b1, pulse.duration, flip_angle, pulse.gradient)
                if least.peak_b1 * _MARGIN <= system.b1:
                    break
            return replace(least, b1=least.b1 * _MARGIN)
        case "sech":
            raise SpinsculptError("A hyperbolic secant inverts; choose another shape for an excitation.")
        case "goia":
            raise SpinsculptError("A goia pulse refocuses under a slice gradient; choose another shape for the others.")
    return read_pulse(shape, duration=given, flip_angle=flip_angle)


_GOIA_DURATION = 0.004  # s
_GOIA_SWEEPS = (15000.0, 12000.0, 10000.0, 8000.0)  # Hz; the widest whose B1, with its margin, the system has


def voxel_pulses(system: System | None, kind: str = "press") -> dict[str, SlicePulse]:
    """The slice pulses that a sequence without words of its own plays: `excitation` and `refocusing`; ideal: none."""
    if system is None:
        return {}
    auto = "goia" if kind in ("slaser", "megaslaser") else "slr"
    found = {
        "excitation": _slice_pulse(SelectiveExcitation(), "slr", 90.0, 0.003, system),
        "refocusing": _slice_pulse(Refocusing(), auto, 180.0, 0.005, system),
    }
    return found | (
        {"inversion": _slice_pulse(Refocusing(), "goia", 180.0, 0.005, system)} if kind == "special" else {}
    )
