"""Sequences from their entries in the configuration."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from spinsculpt.errors import SpinsculptError
from spinsculpt.pulses import DesignedPulses, Pulse, gaussian, goia, hyperbolic_secant, read_pulse, scaled, sinc, slr
from spinsculpt.sequences._build import (
    CENTRAL_FREQUENCY,
    EXCITATION,
    PAIR,
    SlicePulse,
    combinations,
    joined,
    megapress,
    press,
    pulse_acquire,
    slaser,
    slot_kind,
    spin_echo,
    steam,
)
from spinsculpt.sequences._events import Slot
from spinsculpt.sequences._fslmrs import read_fslmrs
from spinsculpt.sequences._json import is_sequence
from spinsculpt.sequences._pulseq import read_pulseq
from spinsculpt.sequences._sequence import Sequence, Shot


def build_sequence(
    name: str,
    entry: Mapping,
    designs: Mapping[str, DesignedPulses] | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
) -> Sequence:
    """The sequence of one entry of `sequences` in the configuration, its slots filled.

    Args:
        name: of the entry.
        entry: as spinsculpt/schemas/sequences.schema.yaml describes it.
        designs: designed pulses by the name of their design; one made for two shots gives the sequence two shots.
        central_frequency: MHz; pulses that name chemical shifts are played at the frequencies they have there.
    """
    if entry["type"] == "file":
        return _from_files(name, entry, central_frequency)
    designed = {slot: _designed(name, slot, entry[slot], designs or {}) for slot in _SLOTS if entry.get(slot)}
    kind, pulses = entry["type"], {}
    for slot, design in designed.items():
        pulses |= _pulses_of(name, slot, design)
    slots = {key: Slot(key, slot_kind(key), pulse.duration) for key, pulse in pulses.items()}
    misplaced = set(designed) - _SLOTS_OF[kind]
    if misplaced:
        raise SpinsculptError(f"sequences.{name}: a {kind} has no {sorted(misplaced)[0]!r} slot; remove the key.")
    times = _times(entry, designed.values())
    echo_time = times["echo_time"]
    if kind != "pulse_acquire" and not echo_time > 0:
        raise SpinsculptError(f"sequences.{name}: a {kind} needs an echo_time in s.")
    if kind == "megapress" and not entry.get("editing"):
        raise SpinsculptError(f"sequences.{name}: a megapress needs its editing pulses.")
    for key, without in {"refocusing": ("steam", "pulse_acquire"), "selective_excitation": ("pulse_acquire",)}.items():
        if kind in without and (entry.get(key) or {}).get("shape", "ideal") != "ideal":
            raise SpinsculptError(f"sequences.{name}: a {kind} has no {key} pulse; remove the key.")
    selective = _slice_pulse(entry.get("selective_excitation"), 90.0, 0.003)
    if selective and "excitation" in slots:
        raise SpinsculptError(f"sequences.{name}: excitation is designed or selective_excitation, not both.")
    excitation = slots.get("excitation", selective or EXCITATION)
    around = {"excitation": excitation, "central_frequency": central_frequency}
    refocusing = {"refocusing": _slice_pulse(entry.get("refocusing"), 180.0, 0.005)}
    match kind:
        case "pulse_acquire":
            sequence = pulse_acquire(name, slots.get("excitation", EXCITATION), slots.get("prep"))
        case "spin_echo":
            sequence = spin_echo(echo_time, name, **around, **refocusing)
        case "press":
            around |= refocusing | {"prep": slots.get("prep"), "gap_shift": times["gap_shift"]}
            pair = {shot: slots[f"gap_{shot}"] for shot in PAIR if f"gap_{shot}" in slots}
            if pair:
                sequence = joined(
                    name, [press(echo_time, times["te1"], s, gap=gap, **around) for s, gap in pair.items()]
                )
            else:
                sequence = press(echo_time, times["te1"], name, gap=slots.get("gap"), **around)
        case "megapress":
            editing = entry["editing"]
            shape = _shape(editing, 180.0, 0.014)
            sequence = megapress(
                shape, echo_time, entry.get("te1", 0.010), editing["ppm"], name, **around, **refocusing
            )
        case "steam":
            sequence = steam(echo_time, entry.get("mixing_time", 0.010), name, selective, central_frequency)
        case "slaser":
            sequence = slaser(echo_time, name, **around, **refocusing)
    return sequence.fill(pulses)


_SLOTS = ("excitation", "prep", "gap")
_SLOTS_OF = {
    "pulse_acquire": {"excitation", "prep"},
    "spin_echo": {"excitation"},
    "press": {"excitation", "prep", "gap"},
    "megapress": {"excitation"},
    "steam": set(),
    "slaser": {"excitation"},
}


def _from_files(name: str, entry: Mapping, central_frequency: float) -> Sequence:
    """A sequence of files, one a shot: Pulseq (.seq), FSL-MRS (.json), or of spinsculpt (.json) that shot."""
    if not entry.get("files"):
        raise SpinsculptError(
            f"sequences.{name}: a sequence of type file needs files: {{{name}: PATH.seq or PATH.json}}."
        )
    read = []
    for path in entry["files"].values():
        if Path(path).suffix.lower() == ".seq":
            read.append(read_pulseq(path, entry.get("orders") or None))
            continue
        if is_sequence(path):
            read.append(Sequence.read(path))
            continue
        sequence, settings = read_fslmrs(path)
        if abs(settings["central_frequency"] / central_frequency - 1) > 0.005:
            raise SpinsculptError(
                f"sequences.{name}: {path} is for {settings['central_frequency']:.2f} MHz but the basis is at "
                f"{central_frequency:.2f} MHz; set basis.central_frequency to that of the data, or edit B0 in the file."
            )
        read.append(sequence)
    shots = tuple(
        Shot(name, sequence.shot(name if len(sequence.shots) > 1 else None).events)
        for name, sequence in zip(entry["files"], read, strict=True)
    )
    return Sequence(name, read[0].echo_time, shots, combinations(shots), read[0].receiver_phase)


def _designed(name: str, slot: str, design: str, designs: Mapping[str, DesignedPulses]) -> DesignedPulses:
    if design not in designs:
        raise SpinsculptError(f"sequences.{name}.{slot} names the design {design!r}, but no pulse of it was given.")
    return designs[design]


def _pulses_of(name: str, slot: str, design: DesignedPulses) -> dict[str, Pulse]:
    """Pulses that a design has for a slot: one, or for the shots of a pair one each; a design of one pulse fits all."""
    if len(design.pulses) == 1:
        return {slot: next(iter(design.pulses.values()))}
    fitting = {key: pulse for key, pulse in design.pulses.items() if slot_kind(key) == slot}
    if not fitting:
        raise SpinsculptError(
            f"sequences.{name}.{slot}: the design is a {design.kind}, whose pulses belong to "
            f"{', '.join(design.pulses)}; name it there."
        )
    return fitting


def _times(entry: Mapping, designed: Iterable[DesignedPulses]) -> dict[str, float]:
    """echo_time, te1 and gap_shift in s: of the entry, or where it has no echo time those of its design."""
    echo_time = entry.get("echo_time", 0.0)
    for design in designed:
        if not echo_time and design.kind != "excitation":
            found = design.times
            return {"echo_time": found["te1"] + found["te2"], "te1": found["te1"], "gap_shift": found["gap_shift"]}
    return {"echo_time": echo_time, "te1": entry.get("te1", 0.012), "gap_shift": entry.get("gap_shift", 0.0)}


def _slice_pulse(entry: Mapping | None, flip_angle: float, duration: float) -> SlicePulse | None:
    if not entry or entry["shape"] == "ideal":
        return None
    bandwidth = 2000.0  # Hz, of the sweep of a slice-selective hyperbolic secant
    pulse = _shape(entry, flip_angle, duration, bandwidth)
    return SlicePulse(pulse, entry["slice_thickness"] * 1e-3, entry.get("carrier_ppm", 3.0))


def _shape(entry: Mapping, flip_angle: float, duration: float, bandwidth: float | None = None) -> Pulse:
    """One of the analytic shapes, or a file; duration in s and bandwidth in Hz where the entry has none."""
    shape, given = entry["shape"], entry.get("duration")
    duration = given or duration
    match shape:
        case "gaussian":
            return gaussian(duration, flip_angle)
        case "sinc":
            return sinc(duration, flip_angle, lobes=5)
        case "slr":
            return slr(duration, flip_angle)
        case "sech" if flip_angle == 180.0:
            sweep = entry.get("bandwidth") or bandwidth or 1.2 / duration  # as wide as that of a Gaussian pulse
            return scaled("sech", hyperbolic_secant(duration, sweep, peak_b1=1.0).b1, duration, flip_angle)
        case "goia" if flip_angle == 180.0 and bandwidth:
            pulse = goia(duration, entry.get("bandwidth") or 20000.0)
            return scaled("goia", pulse.b1, duration, flip_angle, pulse.gradient)
        case "sech":
            raise SpinsculptError("A hyperbolic secant inverts; choose another shape for an excitation.")
        case "goia":
            raise SpinsculptError("A goia pulse refocuses under a slice gradient; choose another shape for the others.")
    return read_pulse(shape, duration=given, flip_angle=flip_angle)
