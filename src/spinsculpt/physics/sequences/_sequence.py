"""The sequence: one or more shots, each a tuple of events that ends where acquisition starts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import checked_name
from spinsculpt.core.gate import quantity
from spinsculpt.core.gate import read_json as read_table
from spinsculpt.core.provenance import provenance
from spinsculpt.core.provenance import write_json as write_file
from spinsculpt.physics.pulses import Pulse, from_dict, to_dict
from spinsculpt.physics.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot


@dataclass(frozen=True)
class Shot:
    """One repetition: starts at equilibrium F_z, ends where the first sample is taken."""

    name: str
    events: tuple[Event, ...]
    echo_time: float | None = None  # s, where it is not that of the sequence
    share: float | None = None  # of the averages, where the shots do not share them equally

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(event for event in self.events if isinstance(event, Slot))

    @property
    def duration(self) -> float:
        """Time in s from the first event to the first sample."""
        return sum(event.duration for event in self.events)


@dataclass(frozen=True)
class Sequence:
    """A measurement of one or more shots.

    Attributes:
        name: as in the config, e.g. "press30".
        echo_time: s, as the scanner names it.
        shots: e.g. one for PRESS; "on" and "off" for MEGA-PRESS.
        combinations: derived sub-spectra as weights of the shots, e.g. {"diff": {"on": 0.5, "off": -0.5}}.
        receiver_phase: degrees, added so that an uncoupled spin on resonance is positive and absorptive at phase 0.
    """

    name: str
    echo_time: float
    shots: tuple[Shot, ...]
    combinations: dict[str, dict[str, float]]
    receiver_phase: float = 0.0

    def __repr__(self) -> str:
        echo = f", TE {self.echo_time * 1e3:.4g} ms" if self.echo_time else ""
        pulses = "real pulses" if self.playable else "ideal pulses"
        shots = ", ".join(
            f"{shot.name}: {len(shot.events)} events, {shot.duration * 1e3:.4g} ms" for shot in self.shots
        )
        return f"Sequence {self.name}{echo}, {pulses} ({shots})"

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(slot for shot in self.shots for slot in shot.slots)

    @property
    def subspectra(self) -> tuple[str, ...]:
        """Names of what the sequence measures: its shots, then their combinations."""
        return (*(shot.name for shot in self.shots), *self.combinations)

    @property
    def measured(self) -> dict[str, tuple[tuple[float, Shot], ...]]:
        """What is worth looking at, {name: ((weight, shot), ...)}: the shots, or where two of them select a slice by
        their difference, the differences."""
        events = (event for shot in self.shots for event in shot.events)
        if not any(isinstance(event, ShapedPulse) and event.silent_slice for event in events):
            return {shot.name: ((1.0, shot),) for shot in self.shots}
        return {
            name: tuple((weight, self.shot(shot)) for shot, weight in weights.items())
            for name, weights in self.combinations.items()
            if abs(sum(weights.values())) < 1e-9
        }

    @property
    def shares(self) -> dict[str, float]:
        """Share of the averages of each shot; all alike unless the shots say otherwise."""
        return {shot.name: shot.share or 1 / len(self.shots) for shot in self.shots}

    @property
    def energy(self) -> float:
        """Integral of B1^2 of the shaped pulses in uT^2 ms, the mean over the averages of all shots."""
        return sum(
            self.shares[shot.name] * sum(event.pulse.energy for event in shot.events if isinstance(event, ShapedPulse))
            for shot in self.shots
        )

    @property
    def playable(self) -> bool:
        """Whether every pulse is a real one, with a waveform; ideal pulses and empty slots are for teaching."""
        return all(not isinstance(event, HardPulse | Slot) for shot in self.shots for event in shot.events)

    def shot(self, name: str | None = None) -> Shot:
        """The shot of that name, the first one when None."""
        for shot in self.shots:
            if name in (None, shot.name):
                return shot
        raise SpinsculptError(f"{self.name} has no shot {name!r}; it has {', '.join(s.name for s in self.shots)}.")

    def fill(self, pulses: Mapping[str, Pulse]) -> "Sequence":
        """The sequence with its slots filled by the pulses of those names, which must last as long as the slots."""
        unknown = set(pulses) - {slot.name for slot in self.slots}
        if unknown:
            slots = ", ".join(dict.fromkeys(slot.name for slot in self.slots)) or "no slot"
            raise SpinsculptError(f"{self.name} has no slot {sorted(unknown)[0]!r}; it has {slots}.")

        def filled(event: Event) -> Event:
            if not isinstance(event, Slot) or event.name not in pulses:
                return event
            pulse = pulses[event.name]
            if abs(pulse.duration - event.duration) > 1e-7:
                raise SpinsculptError(
                    f"{self.name}: pulse {pulse.name!r} lasts {pulse.duration * 1e3:.3f} ms but slot {event.name!r} "
                    f"{event.duration * 1e3:.3f} ms; build the sequence with a slot of the length of the pulse."
                )
            return ShapedPulse(pulse)

        shots = tuple(replace(shot, events=tuple(map(filled, shot.events))) for shot in self.shots)
        return replace(self, shots=shots)

    def write(self, path: Path | str) -> None:
        """Write as JSON."""
        _write(self, path)

    @classmethod
    def read(cls, path: Path | str) -> "Sequence":
        """Read JSON written by `write`."""
        return _read(path)


def _write(sequence: Sequence, path: Path | str) -> None:
    """Write a sequence; waveforms that occur several times are stored once."""
    waveforms: list[Pulse] = []

    def event_dict(event: Event) -> dict:
        match event:
            case HardPulse(flip_angle, phase):
                return {"type": "hard_pulse", "flip_angle_deg": flip_angle, "phase_deg": phase}
            case ShapedPulse(pulse, offset, phase, gradient):
                key = next((k for k, known in enumerate(waveforms) if known is pulse), None)
                if key is None:
                    key = len(waveforms)
                    waveforms.append(pulse)
                gradient = gradient and {"axis": gradient[0], "mT_per_m": gradient[1]}
                return {"type": "shaped_pulse", "pulse": key, "offset_hz": offset, "phase_deg": phase} | (
                    {"gradient": gradient} if gradient else {}
                )
            case Delay(duration):
                return {"type": "delay", "duration_s": duration}
            case CoherenceFilter(orders):
                return {"type": "coherence_filter", "orders": list(orders)}
            case Slot(name, kind, duration):
                return {"type": "slot", "name": name, "kind": kind, "duration_s": duration}
        raise TypeError(f"{type(event).__name__} is not an event.")

    shots = [
        {"name": shot.name, "events": [event_dict(event) for event in shot.events]}
        | ({} if shot.echo_time is None else {"echo_time_s": shot.echo_time})
        | ({} if shot.share is None else {"share": shot.share})
        for shot in sequence.shots
    ]
    write_file(
        path,
        {
            "name": sequence.name,
            "echo_time_s": sequence.echo_time,
            "receiver_phase_deg": sequence.receiver_phase,
            "combinations": sequence.combinations,
            "shots": shots,
            "pulses": [to_dict(pulse) for pulse in waveforms],
            "provenance": provenance(),
        },
    )


def is_sequence(path: Path | str) -> bool:
    """Whether a JSON file is a sequence of spinsculpt, not of another program."""
    return Path(path).suffix.lower() == ".json" and "shots" in read_table(path, "sequence file")


def _read(path: Path | str) -> Sequence:
    """Read a sequence that `write_json` wrote."""
    content = read_table(path, "sequence file")
    try:
        pulses = [from_dict(pulse, path) for pulse in content["pulses"]]
        shots = tuple(
            Shot(
                checked_name(shot["name"], f"{path}: the name of the shot"),
                tuple(_event(event, pulses, path) for event in shot["events"]),
                quantity(shot["echo_time_s"], "echo_time", path, "echo_time_s") if "echo_time_s" in shot else None,
                quantity(shot["share"], "share", path, "share") if "share" in shot else None,
            )
            for shot in content["shots"]
        )
        combinations = {
            checked_name(name, f"{path}: the name of the combination"): {
                str(shot): quantity(weight, "weight", path) for shot, weight in weights.items()
            }
            for name, weights in content["combinations"].items()
        }
        sequence = Sequence(
            name=str(content["name"])[:200],
            echo_time=quantity(content["echo_time_s"], "echo_time", path, "echo_time_s"),
            shots=shots,
            combinations=combinations,
            receiver_phase=quantity(content["receiver_phase_deg"], "phase", path, "receiver_phase_deg"),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise SpinsculptError(f"{path} is no sequence file of spinsculpt ({error!r}); build it again.") from error
    _check_shots(sequence, path)
    return sequence


def _check_shots(sequence: Sequence, path: Path | str) -> None:
    names = [shot.name for shot in sequence.shots]
    if not names or not all(any(not isinstance(event, Delay) for event in shot.events) for shot in sequence.shots):
        raise SpinsculptError(f"{path}: a shot has no pulse, so that there is no signal; build the sequence again.")
    if len(set(sequence.subspectra)) < len(sequence.subspectra):
        raise SpinsculptError(f"{path}: two shots or combinations have one name; give each its own.")
    given = [shot.share for shot in sequence.shots]
    if any(given) and not (all(share and share > 0 for share in given) and abs(sum(given) - 1) < 1e-3):
        raise SpinsculptError(f"{path}: the shares of the shots do not add up to 1; build the sequence again.")
    for name, weights in sequence.combinations.items():
        if not weights or not set(weights) <= set(names):
            raise SpinsculptError(f"{path}: the combination {name!r} names other shots than {', '.join(names)}.")


def _event(event: dict, pulses: list[Pulse], where: Path | str) -> Event:
    def number(name: str, key: str) -> float:
        return quantity(event[name], key, where, name)

    match event["type"]:
        case "hard_pulse":
            return HardPulse(number("flip_angle_deg", "flip_angle"), number("phase_deg", "phase"))
        case "shaped_pulse":
            gradient = event.get("gradient")
            if gradient and gradient["axis"] not in ("x", "y", "z"):
                raise SpinsculptError(f"{where}: the axis of a gradient is {gradient['axis']!r}, not x, y or z.")
            gradient = gradient and (gradient["axis"], quantity(gradient["mT_per_m"], "gradient", where))
            if not (type(event["pulse"]) is int and 0 <= event["pulse"] < len(pulses)):
                raise SpinsculptError(f"{where}: an event plays the pulse {event['pulse']!r}, which is not there.")
            pulse = pulses[event["pulse"]]
            return ShapedPulse(pulse, number("offset_hz", "offset"), number("phase_deg", "phase"), gradient)
        case "delay":
            return Delay(number("duration_s", "delay"))
        case "coherence_filter":
            orders = tuple(int(quantity(order, "orders", where)) for order in event["orders"])
            if list(orders) != list(event["orders"]):
                raise SpinsculptError(f"{where}: coherence orders are whole numbers, not {event['orders']!s:.40}.")
            return CoherenceFilter(orders)
        case "slot":
            name = checked_name(event["name"], f"{where}: the slot")
            return Slot(name, str(event["kind"]), number("duration_s", "duration"))
    raise KeyError(event["type"])
