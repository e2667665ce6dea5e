r"""The sequences of the field, as tuples of events.

Phases are chosen so that uncoupled spins give a positive absorptive signal at receiver phase 0: excitation about y,
refocusing about x. Pulses are placed by their centres; echo times are measured between centres, and from the last echo
condition to the first sample. Coherence filters stand where spoiler gradients do: the pathway that PRESS selects is
order -1 after excitation, +1 between the refocusing pulses, -1 at detection.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np

from spinsculpt.conventions import GAMMA_BAR, ppm_to_hz
from spinsculpt.errors import SpinsculptError
from spinsculpt.pulses import Pulse, slice_bandwidth
from spinsculpt.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.sequences._sequence import Sequence, Shot

CENTRAL_FREQUENCY = 127.732  # MHz, 3.0 T
EXCITATION = HardPulse(90.0, 90.0)
REFOCUSING = HardPulse(180.0, 0.0)
PAIR = ("a", "b")  # the shots of a designed pair, whose slots are gap_a and gap_b

_MINUS, _PLUS, _ZERO = CoherenceFilter((-1,)), CoherenceFilter((1,)), CoherenceFilter((0,))


@dataclass(frozen=True)
class SlicePulse:
    """A slice-selective pulse: waveform, thickness of the slice in m, and where its centre frequency lies.

    `carrier_ppm` is the chemical shift that is excited at the centre of the voxel; all others are displaced.
    """

    pulse: Pulse
    thickness: float
    carrier_ppm: float = 3.0

    @property
    def gradient(self) -> float:
        """Slice gradient in mT/m: the bandwidth of the pulse spread over the slice."""
        return slice_bandwidth(self.pulse) / (GAMMA_BAR * 1e3 * self.thickness)

    def event(self, axis: str, central_frequency: float, phase: float = 0.0) -> ShapedPulse:
        offset = float(ppm_to_hz(self.carrier_ppm, central_frequency))
        return ShapedPulse(self.pulse, offset, phase, (axis, self.gradient))


def rephaser(event: ShapedPulse) -> ShapedPulse:
    """Gradient lobe that undoes the phase a slice-selective 90-degree pulse leaves across its slice.

    The area of the slice gradient from the middle of the pulse, reversed, played as a silent pulse of half the length.
    """
    axis, strength = event.gradient
    second_half = event.pulse[len(event.pulse.b1) // 2 :].gradient
    strength *= 1.0 if second_half is None else float(np.mean(second_half))
    return ShapedPulse(Pulse("rephaser", np.zeros(1, complex), event.duration / 2), gradient=(axis, -strength))


class _Overlap(Exception):
    """Two events want the same time."""


def pulse_acquire(name: str = "pulse_acquire", excitation: Event = EXCITATION, prep: Event | None = None) -> Sequence:
    """Excitation and acquisition; with a `Slot` as excitation the free design of a tube in a spectrometer."""
    return _single(name, 0.0, (*_prepared(prep), excitation))


def spin_echo(
    echo_time: float,
    name: str = "spin_echo",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
) -> Sequence:
    """90 - TE/2 - 180 - TE/2; arguments are those of `press`."""
    pulse = refocusing.event("x", central_frequency) if refocusing else REFOCUSING

    def build(te: float) -> tuple[Event, ...]:
        return _timeline([_excited(excitation, central_frequency), (te / 2, (_PLUS, pulse, _MINUS))], te)

    return _single(name, echo_time, _fitting(build, echo_time, name))


def press(
    echo_time: float,
    te1: float = 0.012,
    name: str = "press",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    gap: Slot | None = None,
    prep: Event | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    gap_shift: float = 0.0,
) -> Sequence:
    """PRESS: 90 - TE1/2 - 180 - TE/2 - 180 - TE2/2, TE = TE1 + TE2.

    Bottomley 1987, doi:10.1111/j.1749-6632.1987.tb32915.x.

    Args:
        echo_time: TE in s.
        te1: first echo time in s.
        name: of the sequence and its one shot.
        excitation: an ideal pulse, a slice-selective one (on z, rephased), or a `Slot`.
        refocusing: slice-selective refocusing on x and y; ideal pulses when None.
        gap: slot for a designed pulse between the refocusing pulses, where order +1 is kept.
        prep: slot or pulse before the excitation, followed by a spoiler that keeps order 0.
        central_frequency: spectrometer frequency in MHz, for the carrier of `refocusing`.
        gap_shift: of the centre of `gap` from the middle between the refocusing pulses in s.
    """
    first, second = _refocusing_pair(refocusing, central_frequency)

    def build(te: float) -> tuple[Event, ...]:
        blocks = [_excited(excitation, central_frequency), (te1 / 2, first)]
        if gap is not None:
            blocks.append((te1 / 2 + te / 4 + gap_shift, (_PLUS, gap, _PLUS)))
        blocks.append((te1 / 2 + te / 2, second))
        return _timeline(blocks, te)

    return _single(name, echo_time, (*_prepared(prep), *_fitting(build, echo_time, name)))


def megapress(
    editing: Pulse,
    echo_time: float = 0.068,
    te1: float = 0.010,
    editing_ppm: Mapping[str, float] | None = None,
    name: str = "megapress",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
) -> Sequence:
    """MEGA-PRESS: PRESS with a pair of editing pulses TE/2 apart, around the second refocusing pulse.

    Mescher 1998, doi:10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J. The first editing pulse sits
    in the middle between the refocusing pulses, the second TE/2 later, so that untouched spins see a plain PRESS.
    With TE 68 and TE1 10 ms the intervals are 5, 17, 17, 17, 12 ms.

    Args:
        editing: waveform, played at the frequencies of `editing_ppm`.
        echo_time: TE in s.
        te1: first echo time in s.
        editing_ppm: chemical shift of the editing pulses in each shot; {"on": 1.9, "off": 7.46} (GABA) when None.
        name: of the sequence.
        excitation, refocusing, central_frequency: as for `press`.
    """
    first, second = _refocusing_pair(refocusing, central_frequency)
    editing_ppm = editing_ppm or {"on": 1.9, "off": 7.46}
    shots = []
    for shot, ppm in editing_ppm.items():
        event = ShapedPulse(editing, float(ppm_to_hz(ppm, central_frequency)))

        def build(te: float, event: Event = event) -> tuple[Event, ...]:
            blocks = [
                _excited(excitation, central_frequency),
                (te1 / 2, first),
                (te1 / 2 + te / 4, (_PLUS, event, _PLUS)),
                (te1 / 2 + te / 2, second),
                (te1 / 2 + 3 * te / 4, (_MINUS, event, _MINUS)),
            ]
            return _timeline(blocks, te)

        shots.append(Shot(shot, _fitting(build, echo_time, name)))
    return Sequence(name, echo_time, tuple(shots), combinations(shots))


def steam(
    echo_time: float,
    mixing_time: float = 0.010,
    name: str = "steam",
    excitation: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
) -> Sequence:
    """STEAM: 90 - TE/2 - 90 - TM - 90 - TE/2; half of the signal of a spin echo.

    Frahm 1987, doi:10.1016/0022-2364(87)90154-5. Order +1 in the first TE/2, order 0 (z and zero-quantum) in TM.

    Args:
        echo_time, mixing_time: TE and TM in s.
        name: of the sequence.
        excitation: the slice-selective pulse of all three slices (z, x, y); ideal pulses when None.
        central_frequency: MHz, for the carrier of `excitation`.
    """
    if excitation is None:
        first, store, recall, aside = EXCITATION, (HardPulse(90.0, -90.0),), (HardPulse(90.0, 90.0),), 0.0
    else:
        first = excitation
        storing, recalling = (excitation.event(a, central_frequency, p) for a, p in (("x", -90.0), ("y", 90.0)))
        store, recall = (rephaser(storing), storing), (recalling, rephaser(recalling))
        aside = excitation.pulse.duration / 4  # from the centre of the pulse to the middle of pulse and rephaser

    def build(te: float) -> tuple[Event, ...]:
        return _timeline(
            [
                _excited(first, central_frequency),
                (te / 2 - aside, (_PLUS, *store, _ZERO)),
                (te / 2 + mixing_time + aside, (_ZERO, *recall, _MINUS)),
            ],
            te + mixing_time,
        )

    return _single(name, echo_time, _fitting(build, echo_time, name))


def slaser(
    echo_time: float,
    name: str = "slaser",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
) -> Sequence:
    """Semi-LASER: 90 and two pairs of refocusing pulses, evenly spaced (TE/8, 3 x TE/4, TE/8).

    Scheenen 2008, doi:10.1002/mrm.21302. Both pulses of a pair select the same slice, which undoes the phase that an
    adiabatic pulse leaves across it.
    """
    pulses = [refocusing.event(axis, central_frequency) if refocusing else REFOCUSING for axis in "xxyy"]

    def build(te: float) -> tuple[Event, ...]:
        blocks = [_excited(excitation, central_frequency)]
        for k, pulse in enumerate(pulses):
            before, after = (_MINUS, _PLUS) if k % 2 == 0 else (_PLUS, _MINUS)
            blocks.append((te / 8 + k * te / 4, (before, pulse, after)))
        return _timeline(blocks, te)

    return _single(name, echo_time, _fitting(build, echo_time, name))


def slot_kind(name: str) -> str:
    """Where a slot sits: "gap" for "gap", "gap_a" and "gap_b"."""
    return name.split("_")[0]


def joined(name: str, sequences: Iterable[Sequence]) -> Sequence:
    """Sequences of one shot and one echo time as the shots of one, with its derived sub-spectra."""
    first, *others = sequences
    shots = tuple(shot for sequence in (first, *others) for shot in sequence.shots)
    return Sequence(name, first.echo_time, shots, combinations(shots))


def combinations(shots: Iterable[Shot]) -> dict[str, dict[str, float]]:
    """Derived sub-spectra: DIFF = (ON - OFF) / 2 and SUM = (ON + OFF) / 2 of shots of those names."""
    if {shot.name for shot in shots} != {"on", "off"}:
        return {}
    return {"diff": {"on": 0.5, "off": -0.5}, "sum": {"on": 0.5, "off": 0.5}}


def _refocusing_pair(refocusing: SlicePulse | None, central_frequency: float) -> list[tuple[Event, ...]]:
    """First and second refocusing pulse of PRESS between the filters of their spoilers."""
    x, y = (refocusing.event(axis, central_frequency) if refocusing else REFOCUSING for axis in "xy")
    return [(_MINUS, x, _PLUS), (_PLUS, y, _MINUS)]


def _prepared(prep: Event | None) -> tuple[Event, ...]:
    return () if prep is None else (prep, _ZERO)


def _excited(excitation: Event | SlicePulse, central_frequency: float) -> tuple[float, tuple[Event, ...]]:
    """The excitation on the time axis, as (middle of the block, events): by its centre, a slot by its end."""
    match excitation:
        case Slot(duration=duration):
            return -duration / 2, (excitation,)
        case SlicePulse():
            pulse = excitation.event("z", central_frequency, 90.0)
            return pulse.duration / 4, (pulse, rephaser(pulse))
    return 0.0, (excitation,)


def _single(name: str, echo_time: float, events: tuple[Event, ...]) -> Sequence:
    return Sequence(name, echo_time, (Shot(name, events),), {})


def _timeline(blocks: list[tuple[float, tuple[Event, ...]]], end: float) -> tuple[Event, ...]:
    """Events with the delays between them.

    Args:
        blocks: (time of the centre in s from the centre of the excitation, events), in order.
        end: time of the first sample in s.
    """
    events: list[Event] = []
    now = None
    for centre, block in [*blocks, (end, ())]:
        length = sum(event.duration for event in block)
        if now is not None:
            gap = centre - length / 2 - now
            if gap < -1e-9:
                raise _Overlap
            if gap > 1e-9:
                events.append(Delay(gap))
        events.extend(block)
        now = centre + length / 2
    return tuple(events)


def _fitting(build: Callable[[float], tuple[Event, ...]], echo_time: float, name: str) -> tuple[Event, ...]:
    """build(echo_time); if the pulses do not fit, an error with the shortest echo time that does."""

    def fits(te: float) -> bool:
        try:
            build(te)
        except _Overlap:
            return False
        return True

    if fits(echo_time):
        return build(echo_time)
    low, high = echo_time, 2.0
    if not fits(high):
        raise SpinsculptError(f"{name}: the pulses do not fit whatever the echo time; lengthen te1.")
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    raise SpinsculptError(
        f"{name}: an echo time of {echo_time * 1e3:g} ms is shorter than its pulses need; "
        f"with these pulses {ceil(high * 1e4) / 10:g} ms or more would work."
    )
