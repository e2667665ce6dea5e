"""Pulses as JSON: what the design writes and everything else reads."""

import json
from pathlib import Path

import numpy as np

from spinsculpt.errors import SpinsculptError
from spinsculpt.provenance import write_json as write_file
from spinsculpt.pulses._pulse import Pulse


def to_dict(pulse: Pulse) -> dict:
    """JSON-serialisable description; times in s, B1 in uT."""
    b1 = np.asarray(pulse.b1, complex)
    return {
        "name": pulse.name,
        "duration_s": pulse.duration,
        "dwell_s": pulse.dwell,
        "b1_x_uT": b1.real.tolist(),
        "b1_y_uT": b1.imag.tolist(),
        "peak_b1_uT": pulse.peak_b1,
    }


def from_dict(content: dict, where: Path | str = "the pulse") -> Pulse:
    """Inverse of `to_dict`; `where` is named in errors."""
    missing = [key for key in ("name", "dwell_s", "b1_x_uT", "b1_y_uT") if key not in content]
    if missing:
        hint = "give the length of one sample in s" if "dwell_s" in missing else "write the file with spinsculpt"
        raise SpinsculptError(f"{where} lacks {', '.join(missing)}; {hint}.")
    x, y = (np.asarray(content[key], float) for key in ("b1_x_uT", "b1_y_uT"))
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise SpinsculptError(f"{where} has {x.size} samples of b1_x_uT but {y.size} of b1_y_uT; they must pair up.")
    if not content["dwell_s"] > 0:
        raise SpinsculptError(f"{where} says dwell_s = {content['dwell_s']}; it must be positive.")
    return Pulse(content["name"], x + 1j * y, float(content["dwell_s"]))


def write_json(path: Path | str, pulse: Pulse, **more: object) -> None:
    """Write a pulse with whatever else belongs to it (kind, sequence template, provenance)."""
    write_file(path, to_dict(pulse) | more)


def read_json(path: Path | str) -> Pulse:
    """Read a pulse that `write_json` wrote."""
    try:
        content = json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise SpinsculptError(f"{path} is no valid JSON ({error}); write it again.") from error
    return from_dict(content, path)
