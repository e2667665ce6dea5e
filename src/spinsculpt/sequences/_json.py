"""Sequences as JSON: readable, complete, each waveform stored once."""

import json
from pathlib import Path

from spinsculpt.errors import SpinsculptError
from spinsculpt.folders import checked_name
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

    shots = [{"name": shot.name, "events": [event_dict(event) for event in shot.events]} for shot in sequence.shots]
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
    try:
        return "shots" in json.loads(Path(path).read_text())
    except (OSError, json.JSONDecodeError, TypeError):
        return False


def read_json(path: Path | str) -> Sequence:
    """Read a sequence that `write_json` wrote."""
    try:
        content = json.loads(Path(path).read_text())
        pulses = [from_dict(pulse, path) for pulse in content["pulses"]]
        return Sequence(
            name=content["name"],
            echo_time=content["echo_time_s"],
            shots=tuple(
                Shot(
                    checked_name(shot["name"], f"{path}: the name of the shot"),
                    tuple(_event(event, pulses) for event in shot["events"]),
                )
                for shot in content["shots"]
            ),
            combinations=content["combinations"],
            receiver_phase=content["receiver_phase_deg"],
        )
    except (OSError, json.JSONDecodeError, KeyError, IndexError, TypeError) as error:
        raise SpinsculptError(f"{path} is no sequence file of spinsculpt ({error!r}); build it again.") from error


def _event(event: dict, pulses: list[Pulse]) -> Event:
    match event["type"]:
        case "hard_pulse":
            return HardPulse(event["flip_angle_deg"], event["phase_deg"])
        case "shaped_pulse":
            gradient = event.get("gradient")
            gradient = gradient and (gradient["axis"], gradient["mT_per_m"])
            return ShapedPulse(pulses[event["pulse"]], event["offset_hz"], event["phase_deg"], gradient)
        case "delay":
            return Delay(event["duration_s"])
        case "coherence_filter":
            return CoherenceFilter(tuple(event["orders"]))
        case "slot":
            return Slot(event["name"], event["kind"], event["duration_s"])
    raise KeyError(event["type"])
