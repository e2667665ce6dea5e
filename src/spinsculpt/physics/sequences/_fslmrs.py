"""Sequence files of FSL-MRS (fsl_mrs_sim): blocks of pulse, delay and coherence filter, as its documentation has them.

Their coherence orders are those of this package: +1 evolves like F_+, the signal is order -1 (PRESS: -1, 1, -1).
"""

from pathlib import Path

import numpy as np

from spinsculpt.config import Basis
from spinsculpt.core.conventions import GAMMA_BAR, WATER_PPM, larmor_frequency
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.folders import checked_name
from spinsculpt.core.gate import check_numbers, quantity, read_json, samples
from spinsculpt.core.provenance import write_json
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.physics.sequences._sequence import Sequence, Shot

_RF_UNITS = {"Hz": 1 / GAMMA_BAR, "T": 1e6, "mT": 1e3, "uT": 1.0}  # to uT
_GRADIENT_UNITS = {"Hz": 1 / (GAMMA_BAR * 1e3), "T": 1e3, "mT": 1.0}  # per m, to mT/m
_HARD_PULSE = 2e-5  # s, of the block pulses that stand for ideal ones
_AXES = "xyz"


def read_fslmrs(path: Path | str) -> tuple[Sequence, dict]:
    """Read a sequence file of FSL-MRS.

    Returns:
        The sequence, and the keys of the `basis` section of the configuration that the file holds: field,
        central_frequency, points, bandwidth, linewidth.
    """
    content = read_json(path, "sequence file of FSL-MRS")
    check_numbers(content, path)
    try:
        frequency = larmor_frequency(quantity(content["B0"], "field", path, "B0"))
        receiver = (content.get("centralShift", 0.0) - WATER_PPM) * frequency  # Hz from ours
        rf_unit = _RF_UNITS[content.get("RFUnits", "Hz")]
        gradient_unit = _GRADIENT_UNITS[content.get("GradUnits", "T")]
        receive = {key[3:].lower(): value for key, value in content.items() if key.lower().startswith("rx_")}
        events: list[Event] = []
        for block, delay, areas, order in zip(
            content["RF"], content["delays"], content["rephaseAreas"], content["CoherenceFilter"], strict=True
        ):
            amplitude = np.asarray(block["amp"], float) * block.get("ampScale", 1.0) * rf_unit
            pulse = Pulse(
                f"{content['sequenceName']} {len(events)}",
                samples(amplitude, "b1", path, "amp") * np.exp(1j * samples(block["phase"], "phase", path)),
                quantity(block["time"], "duration", path, "time") / len(amplitude),
            )
            offset = block.get("frequencyOffset", 0.0) + receiver
            gradient = _one_axis([g * gradient_unit for g in block["grad"]], path)
            events.append(ShapedPulse(pulse, offset, float(np.rad2deg(block.get("phaseOffset", 0.0))), gradient))
            events += _rephased(quantity(delay, "delay", path), [area * gradient_unit for area in areas])
            if order is not None:
                events.append(CoherenceFilter((int(order),)))
        settings = {
            "field": content["B0"],
            "central_frequency": frequency,
            "points": int(quantity(receive["points"], "points", path, "Rx_Points")),
            "bandwidth": quantity(receive["sw"], "bandwidth", path, "Rx_SW"),
            "linewidth": quantity(receive["lw"], "linewidth", path, "Rx_LW"),
        }
        receiver_phase = float(np.rad2deg(quantity(receive.get("phase", 0.0), "phase", path, "Rx_Phase")))
    except SpinsculptError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise SpinsculptError(f"{path} is no sequence file of FSL-MRS ({brief(error)!r}).") from error
    if not events:
        raise SpinsculptError(f"{path}: the sequence has no pulse, so that there is no signal.")
    name = checked_name(content["sequenceName"], f"{path}: sequenceName")
    echo_time = sum(event.duration for event in events) - events[0].duration / 2
    return Sequence(name, echo_time, (Shot(name, tuple(events)),), {}, receiver_phase), settings


def write_fslmrs(sequence: Sequence, path: Path | str, basis: Basis, shot: str | None = None) -> None:
    """Write one shot of a sequence for fsl_mrs_sim; ideal pulses become block pulses of 20 us.

    Args:
        sequence: with its slots filled.
        path: of the file.
        basis: field, sampling, line width and grid of the simulation.
        shot: name of the shot; the first one when None.
    """
    chosen = sequence.shot(shot)
    field = basis.frequency / GAMMA_BAR
    blocks: list[dict] = []
    delays: list[float] = []
    filters: list[set[int] | None] = []
    for event in chosen.events:
        match event:
            case HardPulse(flip_angle, phase):
                if delays:
                    delays[-1] -= _HARD_PULSE / 2
                blocks.append(_block(np.array([flip_angle / 360 / _HARD_PULSE]), _HARD_PULSE, phase, 0.0, None))
                delays.append(-_HARD_PULSE / 2)
                filters.append(None)
            case ShapedPulse(pulse, offset, phase, gradient):
                if gradient and pulse.gradient is not None:
                    raise SpinsculptError(
                        f"{sequence.name}: the gradient changes during pulse {pulse.name!r}, but FSL-MRS holds one "
                        "value a pulse; write the sequence as .seq (Pulseq)."
                    )
                blocks.append(_block(np.asarray(pulse.b1) * GAMMA_BAR, pulse.duration, phase, offset, gradient))
                delays.append(0.0)
                filters.append(None)
            case Slot(name):
                raise SpinsculptError(f"{sequence.name}: slot {name!r} is empty; fill it before writing the sequence.")
            case Delay(duration) if blocks:
                delays[-1] += duration
            case CoherenceFilter(orders) if blocks:
                filters[-1] = set(orders) if filters[-1] is None else filters[-1] & set(orders)
    for kept in filters:
        if kept is not None and len(kept) != 1:
            raise SpinsculptError(f"{sequence.name}: FSL-MRS keeps one coherence order a block, not {sorted(kept)}.")
    if filters[-1] is None:
        filters[-1] = {-1}
    if min(delays[:-1], default=0.0) < 0:
        raise SpinsculptError(f"{sequence.name}: two pulses touch, which leaves no room for a block pulse of 20 us.")
    points = basis.grid.points
    write_json(
        path,
        {
            "sequenceName": sequence.name,
            "description": f"{chosen.name}, TE {sequence.echo_time * 1e3:g} ms, by spinsculpt",
            "B0": field,
            "centralShift": WATER_PPM,
            "Rx_Points": basis.points,
            "Rx_SW": basis.bandwidth,
            "Rx_LW": basis.linewidth,
            "Rx_Phase": float(np.deg2rad(sequence.receiver_phase)),
            "x": [-25, 25],
            "y": [-25, 25],
            "z": [-25, 25],
            "resolution": [points if any(block["grad"][k] for block in blocks) else 1 for k in range(3)],
            "RFUnits": "Hz",
            "GradUnits": "mT",
            "spaceUnits": "mm",
            "CoherenceFilter": [None if kept is None else next(iter(kept)) for kept in filters],
            "delays": [max(delay, 0.0) for delay in delays],
            "rephaseAreas": [[0.0, 0.0, 0.0] for _ in blocks],
            "RF": blocks,
        },
    )


def _block(samples: np.ndarray, duration: float, phase: float, offset: float, gradient: tuple | None) -> dict:
    """One pulse; samples in Hz, phase in degrees, offset in Hz."""
    return {
        "time": duration,
        "frequencyOffset": offset,
        "phaseOffset": float(np.deg2rad(phase)),
        "amp": np.abs(samples).tolist(),
        "phase": np.angle(samples).tolist(),
        "grad": [gradient[1] if gradient and gradient[0] == axis else 0.0 for axis in _AXES],
    }


def _one_axis(gradients: list[float], path: Path | str) -> tuple[str, float] | None:
    """The axis and strength in mT/m of a gradient along one axis."""
    along = [(axis, value) for axis, value in zip(_AXES, gradients, strict=True) if value]
    if len(along) > 1:
        raise SpinsculptError(f"{path}: a pulse has gradients along {len(along)} axes; only one is simulated.")
    return along[0] if along else None


def _rephased(delay: float, areas: list[float]) -> list[Event]:
    """A delay with gradient areas in mT/m s: each axis turns in its share of the delay, played as a silent pulse."""
    along = [(axis, area) for axis, area in zip(_AXES, areas, strict=True) if area]
    if not along:
        return [Delay(delay)] if delay else []
    share = delay / len(along)
    silent = Pulse("rephasing", np.zeros(1, complex), share)
    return [ShapedPulse(silent, gradient=(axis, area / share)) for axis, area in along]
