"""Pulses as JSON: what the design writes and everything else reads."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import check_numbers, quantity, samples
from spinsculpt.core.gate import read_json as read_table
from spinsculpt.core.provenance import write_json as write_file
from spinsculpt.physics.pulses._pulse import Pulse


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
    } | ({} if pulse.gradient is None else {"relative_gradient": np.asarray(pulse.gradient, float).tolist()})


def from_dict(content: dict, where: Path | str = "the pulse") -> Pulse:
    """Inverse of `to_dict`; `where` is named in errors."""
    if not isinstance(content, dict):
        raise SpinsculptError(f"{where} holds no pulse; write the file with spinsculpt.")
    missing = [key for key in ("name", "dwell_s", "b1_x_uT", "b1_y_uT") if key not in content]
    if missing:
        hint = "give the length of one sample in s" if "dwell_s" in missing else "write the file with spinsculpt"
        raise SpinsculptError(f"{where} lacks {', '.join(missing)}; {hint}.")
    x, y = (samples(content[key], "b1", where, key) for key in ("b1_x_uT", "b1_y_uT"))
    if x.shape != y.shape or not len(x):
        raise SpinsculptError(f"{where} has {x.size} samples of b1_x_uT but {y.size} of b1_y_uT; they must pair up.")
    gradient = content.get("relative_gradient")
    relative = None if gradient is None else samples(gradient, "gradient", where, "relative_gradient")
    dwell = quantity(content["dwell_s"], "dwell", where, "dwell_s")
    return Pulse(str(content["name"])[:200], x + 1j * y, dwell, relative)


def write_json(path: Path | str, pulse: Pulse, **more: object) -> None:
    """Write a pulse with whatever else belongs to it (kind, sequence template, provenance)."""
    write_file(path, to_dict(pulse) | more)


@dataclass(frozen=True)
class DesignedPulses:
    """What a design found.

    Attributes:
        kind: of the design, e.g. "gap" or "gap_pair".
        pulses: the pulse of each slot, the first one first.
        times: of the sequence that the pulses were made for, in s: te1, te2, gap_shift; where they are not those of a
            plain one, echo_shift, and where the shots have their own, te_a, te1_a, gap_shift_a, te_b, ...
        shares: of the averages of each shot, where they are not equal.
    """

    kind: str
    pulses: dict[str, Pulse]
    times: dict[str, float]
    shares: dict[str, float] = field(default_factory=dict)

    @property
    def echo_times(self) -> dict[str, float]:
        """Echo time in s of each shot, where the shots have their own; a shot without a pulse is a plain one."""
        return {key.removeprefix("te_"): time for key, time in self.times.items() if key.startswith("te_")}


def write_designed(path: Path | str, designed: DesignedPulses, **more: object) -> None:
    """Write pulse.json of a design: its first pulse, as any pulse file, and with it whatever else was designed."""
    (slot, first), *others = designed.pulses.items()
    write_json(
        path,
        first,
        kind=designed.kind,
        slot=slot,
        more_pulses={other: to_dict(pulse) for other, pulse in others},
        times_s=designed.times,
        **({"shares": designed.shares} if designed.shares else {}),
        **more,
    )


def read_designed(path: Path | str) -> DesignedPulses:
    """Read what `write_designed` wrote."""
    content, first = read_table(path), read_json(path)
    missing = [key for key in ("kind", "slot", "more_pulses", "times_s") if key not in content]
    if missing:
        raise SpinsculptError(f"{path} lacks {', '.join(missing)}: no design of this version wrote it; run it again.")
    others, times = content["more_pulses"], content["times_s"]
    if not (isinstance(others, dict) and isinstance(times, dict)):
        raise SpinsculptError(f"{path}: more_pulses and times_s are no tables; run the design again.")
    shares = content.get("shares") or {}
    if not isinstance(shares, dict):
        raise SpinsculptError(f"{path}: shares is no table; run the design again.")
    check_numbers(times, path)
    shares = {str(shot): quantity(share, "share", path, "shares") for shot, share in shares.items()}
    pulses = {str(content["slot"]): first} | {slot: from_dict(pulse, path) for slot, pulse in others.items()}
    return DesignedPulses(str(content["kind"]), pulses, times, shares)


def read_json(path: Path | str) -> Pulse:
    """Read a pulse that `write_json` wrote."""
    return from_dict(read_table(path), path)
