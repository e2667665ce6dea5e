"""Sequences as JSON: readable, complete, each waveform stored once."""

from pathlib import Path

from spinsculpt.errors import SpinsculptError
from spinsculpt.folders import checked_name
from spinsculpt.gate import quantity
from spinsculpt.gate import read_json as read_table
from spinsculpt.provenance import provenance
from spinsculpt.provenance import write_json as write_file
from spinsculpt.pulses import Pulse, from_dict, to_dict
from spinsculpt.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.sequences._sequence import Sequence, Shot


def write_json(sequence: Sequence, path: Path | str) -> None:
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


def read_json(path: Path | str) -> Sequence:
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
