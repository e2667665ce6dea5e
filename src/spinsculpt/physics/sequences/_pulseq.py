"""Pulseq files (.seq) by pypulseq (Layton 2017, doi:10.1002/mrm.26235): a sequence as a scanner plays it.

Ideal pulses become block pulses at 20 uT, which a spin 300 Hz off resonance notices: give refocusing pulses a shape.
Coherence filters become spoiler gradients, rephasers the trapezoids of their area, and around each pulse stand its
ramps and dead times: a sequence that was built for a system fits, one of ideal pulses may not. A pulse between orders
p and p' gets spoilers of areas a before and -a p / p' after it, on an axis of its own where possible, so that the
chosen pathway is refocused and the others are not. The orders are also written into the definitions of the file, so
that it can be read back.
"""

import re
import warnings
from collections.abc import Sequence as Orders
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

from spinsculpt import __version__
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.gate import LARGEST, check_size, quantity, read_text
from spinsculpt.core.problems import sentence_of
from spinsculpt.core.provenance import atomic_path
from spinsculpt.core.system import System
from spinsculpt.physics.pulses import Pulse, gaussian
from spinsculpt.physics.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.physics.sequences._sequence import Sequence, Shot

_RASTER = 1e-5  # s, of gradients and blocks
_HARD_B1 = 20.0  # uT
_AREA = GAMMA_BAR  # 1/m of 1 mT/m ms
_AXES = "xyz"
_LOBE = 1e-4  # s, in which a rephaser is simulated that was read from a file: it commutes with what is around it


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
    lobes: list[tuple[str, float]] = field(default_factory=list)
    system: System = field(default_factory=System)

    @property
    def ramp(self) -> float:
        """Rise time in s of the slice gradient, on the raster."""
        return 0.0 if self.gradient is None else self.system.ramp(self.gradient[1])

    @property
    def lead(self) -> float:
        """Time in s in its block before the pulse: the ramp, but at least the dead time."""
        return self.system.on_raster(max(self.ramp, self.system.rf_dead_time))

    @property
    def tail(self) -> float:
        """Time in s in its block after the pulse."""
        return self.system.on_raster(max(self.ramp, self.system.rf_ringdown))

    @property
    def start(self) -> float:
        return self.centre - self.pulse.duration / 2 - self.lead

    @property
    def end(self) -> float:
        return self.centre + self.pulse.duration / 2 + self.tail


def write_pulseq(
    sequence: Sequence,
    path: Path | str,
    points: int,
    dwell: float,
    shot: str | None = None,
    system: System | None = None,
    water_suppression: bool = False,
) -> None:
    """Write one shot of a sequence as a Pulseq file, with an acquisition at its end.

    Args:
        sequence: with its slots filled.
        path: of the .seq file.
        points, dwell: of the acquisition; dwell in s.
        shot: name of the shot; the first one when None.
        system: whose limits and dead times the file keeps; the clinical one when None.
        water_suppression: WET before the shot, four pulses at the frequency of the receiver (`WET`).
    """
    pp, system = _pypulseq(), system or System()
    chosen = sequence.shot(shot)
    blocks, end = _placed(sequence.name, chosen.events, system)
    limits = pp.Opts(
        max_grad=system.gradient,
        grad_unit="mT/m",
        max_slew=system.slew,
        slew_unit="T/m/s",
        rf_dead_time=system.rf_dead_time,
        rf_ringdown_time=system.rf_ringdown,
        adc_dead_time=system.adc_dead_time,
    )
    seq = pp.Sequence(system=limits)
    preparation = _suppress_water(pp, seq, limits, system) if water_suppression else 0
    now = blocks[0].start
    for k, block in enumerate(blocks):
        _pause(pp, seq, limits, block.start - now, blocks[k - 1] if k else None, block, k)
        now = block.end
        if block.pulse.peak_b1 == 0:  # a slice gradient without its pulse, as in one shot of SPECIAL
            seq.add_block(_slice_gradient(pp, limits, block), pp.make_delay(block.end - block.start))
            continue
        events = [
            pp.make_arbitrary_rf(
                np.asarray(block.pulse.b1, complex) * GAMMA_BAR,
                flip_angle=np.pi,
                no_signal_scaling=True,
                dwell=block.pulse.dwell,
                freq_offset=block.offset,
                phase_offset=np.deg2rad(block.phase) - _turned(block.offset, block.pulse),
                delay=block.lead,
                system=limits,
                use=_use(block),
            )
        ]
        if block.gradient:
            events.append(_slice_gradient(pp, limits, block))
        seq.add_block(*events, pp.make_delay(block.end - block.start))
    pause = system.on_raster(system.adc_dead_time)
    _pause(pp, seq, limits, end - pause - now, blocks[-1], None, len(blocks))
    seq.add_block(pp.make_adc(points, dwell=dwell, delay=pause, system=limits))
    seq.set_definition("Name", sequence.name)
    seq.set_definition("PreparationBlocks", f"blocks:{preparation}")
    seq.set_definition("Software", f"spinsculpt {__version__}")
    orders = ("none" if block.after is None else f"{block.after:+d}" for block in blocks)
    seq.set_definition("CoherenceOrders", "orders:" + ",".join(orders))
    lobes = (f"{k}:{axis}:{area:.6g}" for k, block in enumerate(blocks) for axis, area in block.lobes)
    seq.set_definition("Rephasers", "after:" + ",".join(lobes))
    seq.set_definition(
        "SilentPulses", "pulses:" + ",".join(str(k) for k, b in enumerate(blocks) if not b.pulse.peak_b1)
    )
    with atomic_path(path) as temporary:
        seq.write(str(temporary), create_signature=True)


# Flip angles in degrees of four Gaussian pulses that leave no water over a range of its T1 and of B1 (WET: Ogg 1994,
# doi:10.1006/jmrb.1994.1048); 60 Hz wide, 50 ms from one to the next.
WET = {"flip_angles": (81.4, 101.4, 69.3, 161.0), "duration": 0.020, "interval": 0.050}


def _suppress_water(pp: ModuleType, seq, limits, system: System) -> int:
    """Add the WET pulses, each with spoilers of its own strengths; returns the number of blocks."""
    spoilers = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.7, 0.7, 0.0))
    area = 2 * system.spoiler_area * GAMMA_BAR  # mT/m ms in 1/m: GAMMA_BAR is in Hz/uT
    for angle, weights in zip(WET["flip_angles"], spoilers, strict=True):
        pulse = gaussian(WET["duration"], angle)
        seq.add_block(
            pp.make_arbitrary_rf(
                np.asarray(pulse.b1, complex) * GAMMA_BAR,
                flip_angle=np.deg2rad(angle),
                no_signal_scaling=True,
                dwell=pulse.dwell,
                delay=system.on_raster(system.rf_dead_time),
                system=limits,
                use="saturation",
            )
        )
        used = seq.block_durations[max(seq.block_durations)]
        lobes = [
            pp.make_trapezoid(channel=axis, area=weight * area, system=limits)
            for axis, weight in zip("xyz", weights, strict=True)
            if weight
        ]
        seq.add_block(*lobes, pp.make_delay(system.on_raster(WET["interval"] - used)))
    return len(seq.block_events)


def read_pulseq(path: Path | str, orders: Orders[int | None] | None = None) -> Sequence:
    """Read a Pulseq file of one repetition, up to its acquisition.

    Gradients without a pulse are taken for spoilers: what they keep is said by `orders`, the coherence order that
    survives after each pulse (None: all), or by the file, if spinsculpt wrote it. Such a file also says which of them
    rephase a slice.
    """
    pp = _pypulseq()
    path = Path(path)
    if not path.is_file():
        raise SpinsculptError(f"There is no Pulseq file {path}.")
    check_size(path, LARGEST["text"])
    if not re.search(r"(?m)^\s*\[VERSION\]", read_text(path, errors="replace")):
        raise SpinsculptError(
            f"{path}: no Pulseq file that says its version (section [VERSION]); write it with Pulseq 1.2 or later."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pypulseq, about versions and system limits that nothing here uses
            return _sequence_of(pp, path, orders)
    except SpinsculptError:
        raise
    except Exception as error:  # pypulseq raises many kinds, late ones too; all of them mean an unreadable file
        raise SpinsculptError(
            f"{path} is no Pulseq file that pypulseq reads ({brief(error)}); write it again."
        ) from error


def _sequence_of(pp: ModuleType, path: Path, orders: Orders[int | None] | None) -> Sequence:
    seq = pp.Sequence()
    seq.read(str(path))
    if orders is None:
        written = seq.get_definition("CoherenceOrders")
        if not written:
            raise SpinsculptError(
                f"{path} does not say which coherence orders its spoilers keep; give the order kept after "
                "each pulse, e.g. -1,1,-1 of PRESS: `--orders=-1,1,-1` (spinsculpt basis), `orders` (notebook), or "
                "the key sequences: NAME: orders of the configuration."
            )
        words = str(written).removeprefix("orders:").split(",")
        orders = [None if word == "none" else int(word) for word in words]
    rephasers = _listed(seq, "Rephasers", "after:")
    silent = {int(word) for word in _listed(seq, "SilentPulses", "pulses:")}
    events: list[Event] = []
    pulses, owed = 0, 0.0  # owed: time in s that rephasers have taken from the delay that follows
    preparation = [int(word) for word in _listed(seq, "PreparationBlocks", "blocks:")]
    for number in list(seq.block_events)[sum(preparation) :]:  # what comes before (water suppression) is no part of it
        block = seq.get_block(number)
        if getattr(block, "adc", None) is not None:
            events.append(Delay(block.adc.delay))
            break
        if getattr(block, "rf", None) is None and pulses not in silent:
            if events:
                wait, owed = (block.block_duration + owed, 0.0)
                events.append(Delay(wait))
            continue
        if pulses >= len(orders):
            raise SpinsculptError(f"{path} has more pulses than the {len(orders)} coherence orders given.")
        before, shaped, after = _shaped(block, path)
        events += [Delay(before)] if events and before > 0 else []
        events.append(shaped)
        mine = [word.split(":")[1:] for word in rephasers if word.split(":")[0] == str(pulses)]
        for axis, area in mine:
            lobe = Pulse("rephaser", np.zeros(1, complex), _LOBE)
            events.append(ShapedPulse(lobe, gradient=(axis, float(area) / _AREA * 1e-3 / _LOBE)))
        events += [CoherenceFilter((orders[pulses],))] if orders[pulses] is not None else []
        owed -= len(mine) * _LOBE
        after, owed = (after + owed, 0.0) if after + owed > 0 else (0.0, after + owed)
        events += [Delay(after)] if after > 0 else []
        pulses += 1
    merged: list[Event] = []
    for event in events:
        if isinstance(event, Delay) and merged and isinstance(merged[-1], Delay):
            merged[-1] = Delay(merged[-1].duration + event.duration)
        elif not isinstance(event, Delay) or event.duration > 0:
            merged.append(event)
    if not pulses:
        raise SpinsculptError(f"{path} holds no pulse; write it again.")
    for event in merged:
        _check_event(event, path)
    name = str(seq.get_definition("Name") or path.stem)
    echo_time = sum(event.duration for event in merged) - merged[0].duration / 2
    return Sequence(name, echo_time, (Shot(name, tuple(merged)),), {})


def _check_event(event: Event, path: Path) -> None:
    """What a file asks for is finite, and no scanner's imagination."""
    if isinstance(event, Delay):
        quantity(event.duration, "delay", path)
    elif isinstance(event, ShapedPulse):
        quantity(event.pulse.duration, "duration", path)
        quantity(float(np.abs(event.pulse.b1).max()), "b1", path)
        quantity(event.gradient[1] if event.gradient else 0.0, "gradient", path)


def _pypulseq() -> ModuleType:
    try:
        import pypulseq
    except ModuleNotFoundError as error:
        raise SpinsculptError(sentence_of(error)) from error
    return pypulseq


def _listed(seq, key: str, head: str) -> list[str]:
    """Words of a definition that spinsculpt wrote into a file; none in others."""
    text = str(seq.get_definition(key) or "").removeprefix(head)
    return [word for word in text.split(",") if word]


def _use(block: _Block) -> str:
    """What Pulseq calls a pulse by the orders around it."""
    if block.before in (None, 0):
        return "inversion" if block.after == 0 else "excitation"
    return "refocusing"


def _placed(name: str, events: tuple[Event, ...], system: System) -> tuple[list[_Block], float]:
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
                blocks.append(_Block(pulse, now, phase=phase, before=pending, system=system))
            case ShapedPulse(pulse, gradient=(axis, strength)) if len(pulse.b1) == 1 and not pulse.peak_b1:
                if not blocks:
                    raise SpinsculptError(f"{name} begins with a gradient lobe; begin with its pulse.")
                blocks[-1].lobes.append((axis, strength * pulse.duration * 1e3 * _AREA))
                now += pulse.duration
            case ShapedPulse(pulse, offset, phase, gradient):
                if abs(pulse.dwell * 1e6 - round(pulse.dwell * 1e6)) > 1e-6:
                    raise SpinsculptError(
                        f"{name}: pulse {pulse.name!r} has samples of {pulse.dwell * 1e6:g} us; Pulseq wants whole us."
                    )
                centre = now + pulse.duration / 2
                blocks.append(_Block(pulse, centre, offset, phase, gradient, before=pending, system=system))
                now += pulse.duration
    for number, block in enumerate(blocks):
        area = _AREA * system.spoiler_area / (1 + 0.35 * (number // len(_AXES)))
        if block.before is not None and block.after is not None:
            block.spoiler = (area, -area * block.before / block.after if block.after else area)
        elif block.after == 0:
            block.spoiler = (0.0, area)
    return blocks, now


def _pause(
    pp: ModuleType, seq, limits, duration: float, previous: _Block | None, following: _Block | None, number: int
) -> None:
    """A delay with the spoilers that belong to the pulses on both of its sides, and the rephasers between them."""
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
    for axis, area in previous.lobes:
        areas[axis] += area
    spoilers = [pp.make_trapezoid(axis, area=area, system=limits) for axis, area in areas.items() if area]
    longest = max((pp.calc_duration(spoiler) for spoiler in spoilers), default=0.0)
    if longest > length + 1e-9:
        raise SpinsculptError(
            f"a spoiler of {longest * 1e3:.2f} ms has only {length * 1e3:.2f} ms between two pulses; lengthen the echo "
            "time, or build the sequence without ideal: true."
        )
    if length:
        seq.add_block(pp.make_delay(length), *spoilers)


def _slice_gradient(pp: ModuleType, limits, block: _Block) -> SimpleNamespace:
    """The gradient that a pulse is played under: a trapezoid, or samples on the raster between two ramps."""
    (axis, strength), pulse = block.gradient, block.pulse
    amplitude = strength * GAMMA_BAR * 1e3  # Hz/m
    if pulse.gradient is None:
        return pp.make_trapezoid(
            axis,
            amplitude=amplitude,
            flat_time=pulse.duration,
            rise_time=block.ramp,
            delay=block.lead - block.ramp,
            system=limits,
        )
    times = np.arange(round(pulse.duration / _RASTER) + 1) * _RASTER
    samples = np.interp(times, (np.arange(len(pulse.b1)) + 0.5) * pulse.dwell, pulse.gradient)
    corners = np.concatenate([[-block.ramp], times, [pulse.duration + block.ramp]]) + block.lead
    corners = corners.round(9)
    return pp.make_extended_trapezoid(axis, times=corners, amplitudes=np.pad(amplitude * samples, 1), system=limits)


def _shaped(block, path: Path) -> tuple[float, ShapedPulse, float]:
    """Time before the pulse, the pulse, and time after it within its block."""
    rf = block.rf
    if rf is None:
        return _silent(block, path)
    times, signal = np.asarray(rf.t, float), np.asarray(rf.signal, complex)
    dwell = float(np.median(np.diff(times))) if len(times) > 2 else float(rf.shape_dur)
    count = max(1, int(np.ceil(rf.shape_dur / dwell - 0.01)))  # the file ends with the middle of the last sample
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
    return float(rf.delay), event, float(block.block_duration - rf.delay - pulse.duration)


def _silent(block, path: Path) -> tuple[float, ShapedPulse, float]:
    """A slice gradient that stands where another shot has a pulse; as of `_shaped`."""
    along = [(axis, g) for axis in _AXES if (g := getattr(block, f"g{axis}", None)) is not None]
    (axis, gradient), *_ = along or [(None, None)]
    if gradient is None:
        raise SpinsculptError(f"{path} says that a pulse is silent, but no gradient stands in its place.")
    if hasattr(gradient, "amplitude"):
        start, length, relative = gradient.delay + gradient.rise_time, gradient.flat_time, None
        strength = float(gradient.amplitude)
    else:
        start, length = gradient.delay + gradient.tt[1], gradient.tt[-2] - gradient.tt[1]
        samples = gradient.delay + gradient.tt[1] + (np.arange(round(length / _RASTER)) + 0.5) * _RASTER
        waveform = np.interp(samples, gradient.delay + gradient.tt, gradient.waveform)
        strength = float(waveform[np.abs(waveform).argmax()])
        relative = waveform / strength
    count = round(length / _RASTER)
    pulse = Pulse("silent", np.zeros(count, complex), length / count, relative)
    event = ShapedPulse(pulse, gradient=(axis, strength / (GAMMA_BAR * 1e3)))
    return float(start), event, float(block.block_duration - start - length)


def _turned(offset: float, pulse: Pulse) -> float:
    """Phase in rad from the start of a pulse, where Pulseq counts it from, to its middle, where this package does."""
    return np.pi * offset * pulse.duration
