"""Pulseq files (.seq) by pypulseq (Layton 2017, doi:10.1002/mrm.26235): a sequence as a scanner plays it.

Ideal pulses become block pulses at 20 uT, which a spin 300 Hz off resonance notices: give refocusing pulses a shape.
Coherence filters become spoiler gradients: a pulse between orders p and p' gets areas a before and -a p / p' after it,
on an axis of its own where possible, so that the chosen pathway is refocused and the others are not. The orders are
also written into the definitions of the file, so that it can be read back.
"""

from collections.abc import Sequence as Orders
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

from spinsculpt.conventions import GAMMA_BAR
from spinsculpt.errors import SpinsculptError
from spinsculpt.provenance import atomic_path
from spinsculpt.pulses import Pulse
from spinsculpt.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.sequences._sequence import Sequence, Shot

_RASTER = 1e-5  # s, of gradients and blocks
_HARD_B1 = 20.0  # uT
_SPOILER = 1.5e-3  # s, longest spoiler
_SPOILER_AREA = 25e-6 * GAMMA_BAR * 1e6  # 1/m: 25 mT/m ms
_SLEW = 150.0  # T/m/s
_AXES = "xyz"


@dataclass
class _Block:
    """One pulse of the sequence on the time axis of the file; times in s from the start of the first pulse."""

    pulse: Pulse
    centre: float
    offset: float = 0.0
    phase: float = 0.0
    gradient: tuple[str, float] | None = None
    before: int | None = None
    after: int | None = None
    spoiler: tuple[float, float] = field(default=(0.0, 0.0))

    @property
    def ramp(self) -> float:
        """Rise time in s of the slice gradient, on the raster."""
        if self.gradient is None:
            return 0.0
        return np.ceil(abs(self.gradient[1]) * 1e-3 / _SLEW / _RASTER) * _RASTER

    @property
    def duration(self) -> float:
        return self.pulse.duration + 2 * self.ramp


def write_pulseq(sequence: Sequence, path: Path | str, points: int, dwell: float, shot: str | None = None) -> None:
    """Write one shot of a sequence as a Pulseq file, with an acquisition at its end.

    Args:
        sequence: with its slots filled.
        path: of the .seq file.
        points, dwell: of the acquisition; dwell in s.
        shot: name of the shot; the first one when None.
    """
    pp = _pypulseq()
    chosen = sequence.shot(shot)
    blocks, end = _placed(sequence.name, chosen.events)
    limits = pp.Opts(max_grad=40, grad_unit="mT/m", max_slew=_SLEW, slew_unit="T/m/s")
    seq = pp.Sequence(system=limits)
    now = blocks[0].centre - blocks[0].duration / 2
    for k, block in enumerate(blocks):
        _pause(pp, seq, limits, block.centre - block.duration / 2 - now, blocks[k - 1] if k else None, block, k)
        events = [
            pp.make_arbitrary_rf(
                np.asarray(block.pulse.b1, complex) * GAMMA_BAR,
                flip_angle=np.pi,
                no_signal_scaling=True,
                dwell=block.pulse.dwell,
                freq_offset=block.offset,
                phase_offset=np.deg2rad(block.phase) - _turned(block.offset, block.pulse),
                delay=block.ramp,
                system=limits,
                use="excitation" if k == 0 else "refocusing",
            )
        ]
        if block.gradient:
            events.append(_slice_gradient(pp, limits, block))
        seq.add_block(*events)
        now = block.centre + block.duration / 2
    _pause(pp, seq, limits, end - now, blocks[-1], None, len(blocks))
    seq.add_block(pp.make_adc(points, dwell=dwell, system=limits))
    seq.set_definition("Name", sequence.name)
    orders = ("none" if block.after is None else f"{block.after:+d}" for block in blocks)
    seq.set_definition("CoherenceOrders", "orders:" + ",".join(orders))
    with atomic_path(path) as temporary:
        seq.write(str(temporary), create_signature=True)


def read_pulseq(path: Path | str, orders: Orders[int | None] | None = None) -> Sequence:
    """Read a Pulseq file of one repetition, up to its acquisition.

    Gradients without a pulse are taken for spoilers: what they keep is said by `orders`, the coherence order that
    survives after each pulse (None: all), or by the file, if spinsculpt wrote it.
    """
    pp = _pypulseq()
    path = Path(path)
    if not path.is_file():
        raise SpinsculptError(f"There is no Pulseq file {path}.")
    seq = pp.Sequence()
    try:
        seq.read(str(path))
    except Exception as error:  # pypulseq raises many kinds; all of them mean an unreadable file
        raise SpinsculptError(f"{path} is no Pulseq file that pypulseq reads ({error}).") from error
    if orders is None:
        written = seq.get_definition("CoherenceOrders")
        if not written:
            raise SpinsculptError(f"{path} does not say which coherence orders its spoilers keep; give `orders`.")
        words = str(written).removeprefix("orders:").split(",")
        orders = [None if word == "none" else int(word) for word in words]
    events: list[Event] = []
    pulses = 0
    for number in seq.block_events:
        block = seq.get_block(number)
        if getattr(block, "adc", None) is not None:
            events.append(Delay(block.adc.delay))
            break
        if getattr(block, "rf", None) is None:
            if events:
                events.append(Delay(block.block_duration))
            continue
        if pulses >= len(orders):
            raise SpinsculptError(f"{path} has more pulses than the {len(orders)} coherence orders given.")
        before, shaped, after = _shaped(block, path)
        events += [Delay(before)] if events and before > 0 else []
        events.append(shaped)
        events += [CoherenceFilter((orders[pulses],))] if orders[pulses] is not None else []
        events += [Delay(after)] if after > 0 else []
        pulses += 1
    merged: list[Event] = []
    for event in events:
        if isinstance(event, Delay) and merged and isinstance(merged[-1], Delay):
            merged[-1] = Delay(merged[-1].duration + event.duration)
        elif not isinstance(event, Delay) or event.duration > 0:
            merged.append(event)
    name = str(seq.get_definition("Name") or path.stem)
    echo_time = sum(event.duration for event in merged) - merged[0].duration / 2
    return Sequence(name, echo_time, (Shot(name, tuple(merged)),), {})


def _pypulseq() -> ModuleType:
    try:
        import pypulseq
    except ImportError as error:
        raise SpinsculptError("Pulseq files need pypulseq: pip install 'spinsculpt[pulseq]'.") from error
    return pypulseq


def _placed(name: str, events: tuple[Event, ...]) -> tuple[list[_Block], float]:
    """Pulses with the time of their centres and the orders around them, and the time of the first sample."""
    blocks: list[_Block] = []
    now, pending = 0.0, None
    for event in events:
        match event:
            case Delay(duration):
                now += duration
            case CoherenceFilter(orders):
                if len(orders) != 1:
                    raise SpinsculptError(f"{name}: a spoiler keeps one coherence order, not {orders}.")
                pending = orders[0]
                if blocks and blocks[-1].after is None:
                    blocks[-1].after = orders[0]
            case Slot(slot):
                raise SpinsculptError(f"{name}: slot {slot!r} is empty; fill it before writing the sequence.")
            case HardPulse(flip_angle, phase):
                samples = 2 * int(np.ceil(flip_angle / 360 / (_HARD_B1 * GAMMA_BAR) / (2 * _RASTER)))
                b1 = flip_angle / 360 / (samples * _RASTER) / GAMMA_BAR
                pulse = Pulse("block", np.full(samples, b1, complex), _RASTER)
                blocks.append(_Block(pulse, now, phase=phase, before=pending))
            case ShapedPulse(pulse, offset, phase, gradient):
                if abs(pulse.dwell * 1e6 - round(pulse.dwell * 1e6)) > 1e-6:
                    raise SpinsculptError(
                        f"{name}: pulse {pulse.name!r} has samples of {pulse.dwell * 1e6:g} us; Pulseq wants whole us."
                    )
                centre = now + pulse.duration / 2
                blocks.append(_Block(pulse, centre, offset, phase, gradient, before=pending))
                now += pulse.duration
    for number, block in enumerate(blocks):
        if block.before is not None and block.after is not None:
            area = _SPOILER_AREA * (1 + 0.3 * (number // len(_AXES)))
            block.spoiler = (area, -area * block.before / block.after if block.after else area)
    return blocks, now


def _pause(
    pp: ModuleType, seq, limits, duration: float, previous: _Block | None, following: _Block | None, number: int
) -> None:
    """A delay with the spoilers that belong to the pulses on both of its sides."""
    if previous is None:
        return
    length = round(duration / _RASTER) * _RASTER
    if length < 0:
        raise SpinsculptError(
            f"the pulses and their ramps overlap by {-duration * 1e3:.2f} ms; lengthen the echo time."
        )
    areas = dict.fromkeys(_AXES, 0.0)
    areas[_AXES[(number - 1) % 3]] += previous.spoiler[1]
    if following is not None:
        areas[_AXES[number % 3]] += following.spoiler[0]
    spoilers = [
        pp.make_trapezoid(axis, area=area, duration=min(length, _SPOILER), system=limits)
        for axis, area in areas.items()
        if area
    ]
    if length:
        seq.add_block(pp.make_delay(length), *spoilers)


def _slice_gradient(pp: ModuleType, limits, block: _Block) -> SimpleNamespace:
    """The gradient that a pulse is played under: a trapezoid, or samples on the raster between two ramps."""
    (axis, strength), pulse = block.gradient, block.pulse
    amplitude = strength * GAMMA_BAR * 1e3  # Hz/m
    if pulse.gradient is None:
        return pp.make_trapezoid(
            axis, amplitude=amplitude, flat_time=pulse.duration, rise_time=block.ramp, system=limits
        )
    times = np.arange(round(pulse.duration / _RASTER) + 1) * _RASTER
    samples = np.interp(times, (np.arange(len(pulse.b1)) + 0.5) * pulse.dwell, pulse.gradient)
    corners = np.concatenate([[0.0], block.ramp + times, [block.duration]]).round(9)
    return pp.make_extended_trapezoid(axis, times=corners, amplitudes=np.pad(amplitude * samples, 1), system=limits)


def _shaped(block, path: Path) -> tuple[float, ShapedPulse, float]:
    """Time before the pulse, the pulse, and time after it within its block."""
    rf = block.rf
    times, signal = np.asarray(rf.t, float), np.asarray(rf.signal, complex)
    dwell = float(np.median(np.diff(times))) if len(times) > 2 else float(rf.shape_dur)
    count = max(1, round(rf.shape_dur / dwell))
    centres = (np.arange(count) + 0.5) * dwell
    b1 = np.interp(centres, times, signal.real) + 1j * np.interp(centres, times, signal.imag)
    along = [(axis, gradient) for axis in _AXES if (gradient := getattr(block, f"g{axis}", None)) is not None]
    if len(along) > 1:
        raise SpinsculptError(f"{path}: a pulse has gradients along {len(along)} axes; only one is simulated.")
    slice_gradient = relative = None
    if along:
        axis, gradient = along[0]
        if hasattr(gradient, "amplitude"):
            strength = float(gradient.amplitude)
        else:
            waveform = np.interp(rf.delay + centres, gradient.delay + gradient.tt, gradient.waveform)
            strength = float(waveform[np.abs(waveform).argmax()])
            relative = None if np.allclose(waveform, strength, rtol=1e-3) else waveform / strength
        slice_gradient = (axis, strength / (GAMMA_BAR * 1e3))
    pulse = Pulse(f"{path.stem} pulse", b1 / GAMMA_BAR, dwell, relative)
    phase = float(np.rad2deg(rf.phase_offset + _turned(rf.freq_offset, pulse)))
    event = ShapedPulse(pulse, float(rf.freq_offset), phase, slice_gradient)
    return float(rf.delay), event, float(block.block_duration - rf.delay - rf.shape_dur)


def _turned(offset: float, pulse: Pulse) -> float:
    """Phase in rad from the start of a pulse, where Pulseq counts it from, to its middle, where this package does."""
    return np.pi * offset * pulse.duration
