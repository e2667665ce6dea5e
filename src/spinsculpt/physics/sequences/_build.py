r"""The sequences of the field, as tuples of events.

Phases are chosen so that uncoupled spins give a positive absorptive signal at receiver phase 0: excitation about y,
refocusing about x. Pulses are placed by their centres; echo times are measured between centres, and from the last echo
condition to the first sample. Coherence filters stand where spoiler gradients do: the pathway that PRESS selects is
order -1 after excitation, +1 between the refocusing pulses, -1 at detection.

With a `System`, pulses keep the room that their ramps, spoilers and dead times need, and a time that is None is the
shortest that does. Without one, pulses may touch: for teaching and tests.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from spinsculpt.config import ECHO_TIMES, IDEAL_TE1, PAIR, SCHEMES, Basis, Editing, SequenceEntry, combinations_of
from spinsculpt.core.conventions import GAMMA_BAR, larmor_frequency, ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.system import System
from spinsculpt.physics.pulses import Pulse, refocusing_profile, slice_bandwidth
from spinsculpt.physics.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.physics.sequences._sequence import Sequence, Shot

CENTRAL_FREQUENCY = larmor_frequency(Basis.field)  # MHz, of the default field
EXCITATION = HardPulse(90.0, 90.0)
REFOCUSING = HardPulse(180.0, 0.0)

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


def rephaser(event: ShapedPulse, system: System | None = None) -> ShapedPulse:
    """Gradient lobe that undoes the phase a slice-selective 90-degree pulse leaves across its slice.

    The area of the slice gradient from the middle of the pulse, reversed, played as a silent pulse: as long as the
    system needs for it, or half as long as the pulse.
    """
    axis, strength = event.gradient
    second_half = event.pulse[len(event.pulse.b1) // 2 :].gradient
    area = strength * event.duration / 2 * (1.0 if second_half is None else float(np.mean(second_half)))  # mT/m s
    duration = system.lobe(area * 1e3) if system else event.duration / 2
    return ShapedPulse(Pulse("rephaser", np.zeros(1, complex), duration), gradient=(axis, -area / duration))


class _Overlap(Exception):
    """Two events want the same time."""


def pulse_acquire(name: str = "pulse_acquire", excitation: Event = EXCITATION, prep: Event | None = None) -> Sequence:
    """Excitation and acquisition; with a `Slot` as excitation the free design of a tube in a spectrometer."""
    return _single(name, 0.0, (*_prepared(prep), excitation))


def spin_echo(
    echo_time: float | None,
    name: str = "spin_echo",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    system: System | None = None,
) -> Sequence:
    """90 - TE/2 - 180 - TE/2; arguments are those of `press`."""
    pulse = refocusing.event("x", central_frequency) if refocusing else REFOCUSING

    def build(te: float) -> tuple[Event, ...]:
        return _timeline(
            [_excited(excitation, central_frequency, system), (te / 2, (_PLUS, pulse, _MINUS))], te, system
        )

    echo_time, events = _fitting(build, echo_time, name)
    return _single(name, echo_time, events)


def press(
    echo_time: float | None,
    te1: float | None = IDEAL_TE1["press"],
    name: str = "press",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    gap: Slot | None = None,
    prep: Event | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    gap_shift: float = 0.0,
    system: System | None = None,
    refocus: Slot | None = None,
    echo_shift: float = 0.0,
) -> Sequence:
    """PRESS: 90 - TE1/2 - 180 - TE/2 - 180 - TE2/2, TE = TE1 + TE2.

    Bottomley 1987, doi:10.1111/j.1749-6632.1987.tb32915.x.

    Args:
        echo_time: TE in s; the shortest when None.
        te1: first echo time in s; the shortest when None.
        name: of the sequence and its one shot.
        excitation: an ideal pulse, a slice-selective one (on z, rephased), or a `Slot`.
        refocusing: slice-selective refocusing on x and y; ideal pulses when None.
        gap: slot for a designed pulse between the refocusing pulses, where order +1 is kept.
        prep: slot or pulse before the excitation, followed by a spoiler that keeps order 0.
        central_frequency: spectrometer frequency in MHz, for the carrier of `refocusing`.
        gap_shift: of the centre of `gap` from the middle between the refocusing pulses in s.
        system: whose ramps, spoilers and dead times keep the pulses apart; pulses may touch when None.
        refocus: slot for a designed pulse after the last refocusing pulse, where order -1 is kept.
        echo_shift: time in s by which the first sample lies behind the echo, which the last refocusing pulse makes half
            as much earlier. TE, the time to the first sample, stays.
    """
    first, second = _refocusing_pair(refocusing, central_frequency)

    def build(te: float, te1: float) -> tuple[Event, ...]:
        blocks = [_excited(excitation, central_frequency, system), (te1 / 2, first)]
        if gap is not None:
            blocks.append((te1 / 2 + te / 4 + gap_shift, (_PLUS, gap, _PLUS)))
        blocks += _last(te1 / 2 + (te - echo_shift) / 2, second, refocus, te, system)
        return _timeline(blocks, te, system)

    first_echo = _first_echo(build, te1, name)
    echo_time, events = _fitting(lambda te: build(te, first_echo), echo_time, name)
    return _single(name, echo_time, (*_prepared(prep, system), *events))


def press_series(
    echo_times: Iterable[float],
    te1: float | None = None,
    name: str = "jpress",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    system: System | None = None,
) -> Sequence:
    """PRESS at several echo times, a shot each ("te35", "te55", ...), and their mean ("mean").

    The mean is TE-averaged PRESS (Hurd 2004, doi:10.1002/mrm.20007), all shots fitted jointly are J-resolved PRESS. The
    first echo time is the same in all, the second grows.

    Args:
        echo_times: s, each of them whole tenths of a ms.
        te1, name, excitation, refocusing, central_frequency, system: as for `press`.
    """
    around = {"excitation": excitation, "refocusing": refocusing}
    around |= {"central_frequency": central_frequency, "system": system}
    shots = []
    for echo_time in echo_times:
        one = press(echo_time, te1, name, **around)
        label = f"te{echo_time * 1e3:g}".replace(".", "p")
        shots.append(Shot(label, one.shots[0].events, one.echo_time))
    if len({shot.name for shot in shots}) < len(shots):
        raise SpinsculptError(f"{name}: two of its echo times are the same; give each once.")
    weights = {shot.name: 1 / len(shots) for shot in shots}
    return Sequence(name, float(np.mean([shot.echo_time for shot in shots])), tuple(shots), {"mean": weights})


def constant_time_press(
    echo_time: float, echo_shifts: Iterable[float], te1: float | None = None, name: str = "ctpress", **around
) -> Sequence:
    """CT-PRESS: one echo time, the last refocusing pulse earlier or later from shot to shot ("ct1", "ct2", ...).

    Couplings evolve for the same time in all shots, chemical shifts for another one in each: along the shots there is
    decoupling (Dreher and Leibfritz 1999, Magn. Reson. Imaging 17:141; at 3 T for
    Glu Mayer and Spielman 2005, doi:10.1002/mrm.20571). All shots are fitted jointly.

    Args:
        echo_time: from the excitation to the first sample in s.
        echo_shifts: by which the first sample lies behind the echo in s, in each shot.
        te1, name: as for `press`.
        around: `excitation`, `refocusing`, `central_frequency` and `system` of `press`.
    """
    shots = [
        replace(press(echo_time, te1, name, echo_shift=shift, **around).shots[0], name=f"ct{k + 1}")
        for k, shift in enumerate(echo_shifts)
    ]
    return Sequence(name, echo_time, tuple(shots), {})


def multiband(pulse: Pulse, offsets: Iterable[float]) -> tuple[Pulse, float]:
    """A pulse that acts at several frequencies at once, and the frequency in Hz to play it at: their mean.

    The sum of the waveform at each offset, in phase in its middle, as HERMES plays it.

    Args:
        pulse: of one frequency.
        offsets: Hz.
    """
    offsets = list(offsets)
    middle = float(np.mean(offsets))
    if len(offsets) == 1:
        return pulse, middle
    fastest = max(abs(offset - middle) for offset in offsets)
    fold = max(1, int(np.ceil(20 * fastest * pulse.dwell)))  # samples of at most 1/20 of a turn
    b1 = np.repeat(pulse.b1, fold)
    time = (np.arange(len(b1)) - (len(b1) - 1) / 2) * pulse.dwell / fold
    turns = sum(np.exp(2j * np.pi * (offset - middle) * time) for offset in offsets)
    return Pulse(f"{pulse.name}_{len(offsets)}bands", b1 * turns, pulse.dwell / fold), middle


def megapress(
    editing: Pulse | Mapping[str, Slot],
    echo_time: float | None = ECHO_TIMES["megapress"],
    te1: float | None = IDEAL_TE1["megapress"],
    editing_ppm: Mapping[str, float | Iterable[float]] | None = None,
    name: str = "megapress",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    system: System | None = None,
) -> Sequence:
    """MEGA-PRESS: PRESS with a pair of editing pulses TE/2 apart, around the second refocusing pulse.

    Mescher 1998, doi:10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J. The first editing pulse sits
    in the middle between the refocusing pulses, the second TE/2 later, so that untouched spins see a plain PRESS.
    With TE 68 and TE1 10 ms the intervals are 5, 17, 17, 17, 12 ms.

    Args:
        editing: waveform, played at the frequencies of `editing_ppm`; or for designed pulses {shot: slot}, which both
            editing pulses of that shot fill.
        echo_time: TE in s; the shortest when None.
        te1: first echo time in s; the shortest when None.
        editing_ppm: chemical shift of the editing pulses in each shot; {"on": 1.9, "off": 7.46} (GABA) when None.
            Several shifts in one shot are edited at once: four shots a, b, c, d of Hadamard encoding are HERMES (Chan
            2016, doi:10.1002/mrm.26325) or HERCULES (Oeltzschner 2019,
            doi:10.1016/j.neuroimage.2018.10.002).
        name: of the sequence.
        excitation, refocusing, central_frequency, system: as for `press`.
    """
    first, second = _refocusing_pair(refocusing, central_frequency)
    shots = []
    for shot, event in _editing_events(editing, editing_ppm, central_frequency).items():

        def build(te: float, te1: float, event: Event = event) -> tuple[Event, ...]:
            blocks = [
                _excited(excitation, central_frequency, system),
                (te1 / 2, first),
                (te1 / 2 + te / 4, (_PLUS, event, _PLUS)),
                (te1 / 2 + te / 2, second),
                (te1 / 2 + 3 * te / 4, (_MINUS, event, _MINUS)),
            ]
            return _timeline(blocks, te, system)

        te1 = _first_echo(build, te1, name)
        echo_time, events = _fitting(lambda te, build=build, te1=te1: build(te, te1), echo_time, name)
        shots.append(Shot(shot, events))
    return Sequence(name, echo_time, tuple(shots), combinations(shots))


def steam(
    echo_time: float | None,
    mixing_time: float = SequenceEntry.mixing_time,
    name: str = "steam",
    excitation: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    system: System | None = None,
) -> Sequence:
    """STEAM: 90 - TE/2 - 90 - TM - 90 - TE/2; half of the signal of a spin echo.

    Frahm 1987, doi:10.1016/0022-2364(87)90154-5. Order +1 in the first TE/2, order 0 (z and zero-quantum) in TM.

    Args:
        echo_time, mixing_time: TE and TM in s; the shortest TE when None.
        name: of the sequence.
        excitation: the slice-selective pulse of all three slices (z, x, y); ideal pulses when None.
        central_frequency: MHz, for the carrier of `excitation`.
        system: as for `press`.
    """
    if excitation is None:
        first, store, recall, aside = EXCITATION, (HardPulse(90.0, -90.0),), (HardPulse(90.0, 90.0),), 0.0
    else:
        first = excitation
        storing, recalling = (excitation.event(a, central_frequency, p) for a, p in (("x", -90.0), ("y", 90.0)))
        store, recall = (rephaser(storing, system), storing), (recalling, rephaser(recalling, system))
        aside = recall[1].duration / 2  # from the centre of the pulse to the middle of pulse and rephaser

    def build(te: float) -> tuple[Event, ...]:
        return _timeline(
            [
                _excited(first, central_frequency, system),
                (te / 2 - aside, (_PLUS, *store, _ZERO)),
                (te / 2 + mixing_time + aside, (_ZERO, *recall, _MINUS)),
            ],
            te + mixing_time,
            system,
        )

    echo_time, events = _fitting(build, echo_time, name)
    return _single(name, echo_time, events)


def slaser(
    echo_time: float | None,
    name: str = "slaser",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    system: System | None = None,
    gap: Slot | None = None,
    refocus: Slot | None = None,
    echo_shift: float = 0.0,
) -> Sequence:
    """Semi-LASER: 90 and two pairs of refocusing pulses, each pair on one axis.

    Scheenen 2008, doi:10.1002/mrm.21302. Both pulses of a pair select the same slice, which undoes the phase that an
    adiabatic pulse leaves across it. With t1 from the excitation to the first pulse and t1 + t2, t2 + t3, t3 + t4
    between the pulses, TE = 2 (t1 + t2 + t3 + t4). Without a system all four are TE/8; with one they are as short as
    its pulses need, and what TE is longer is shared evenly.

    Args:
        echo_time: TE in s; the shortest when None.
        name, excitation, refocusing, central_frequency, system, refocus, echo_shift: as for `press`.
        gap: slot for a designed pulse in the middle between the two pairs, where order -1 is kept.
    """
    pulses = _adiabatic_pairs(refocusing, central_frequency)
    first = _excited(excitation, central_frequency, system)
    shortest = _laser_delays(first, pulses, system, gap)

    def build(te: float) -> tuple[Event, ...]:
        whole = (te - echo_shift) / 2
        spare = (whole - sum(shortest)) / 4
        if spare < -1e-9:
            raise _Overlap
        even = float(np.floor(spare / 1e-5 + 1e-6) * 1e-5) if system else spare  # pulses keep to the raster
        early = [t + even for t in shortest[:3]]
        *blocks, (centre, last) = _laser_blocks(pulses, [*early, whole - sum(early)])
        if gap is not None:
            blocks.insert(2, ((blocks[1][0] + blocks[2][0]) / 2, (_MINUS, gap, _MINUS)))
        return _timeline([first, *blocks, *_last(centre, last, refocus, te, system)], te, system)

    echo_time, events = _fitting(build, echo_time, name)
    return _single(name, echo_time, events)


def megaslaser(
    editing: Pulse | Mapping[str, Slot],
    echo_time: float | None = ECHO_TIMES["megaslaser"],
    editing_ppm: Mapping[str, float] | None = None,
    name: str = "megaslaser",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    system: System | None = None,
) -> Sequence:
    """MEGA-sLASER: semi-LASER with editing pulses TE/2 apart, before and after its last refocusing pulse.

    Andreychenko 2012, doi:10.1002/mrm.24131. The last interval takes up what TE is longer than its pulses need.

    Args:
        editing, echo_time, editing_ppm: as for `megapress`.
        name, excitation, refocusing, central_frequency, system: as for `press`.
    """
    pulses = _adiabatic_pairs(refocusing, central_frequency)
    first = _excited(excitation, central_frequency, system)
    *early, _ = _laser_delays(first, pulses, system)
    shots = []
    for shot, event in _editing_events(editing, editing_ppm, central_frequency).items():

        def build(te: float, event: Event = event) -> tuple[Event, ...]:
            if te / 2 <= sum(early):
                raise _Overlap
            blocks = _laser_blocks(pulses, [*early, te / 2 - sum(early)])
            end = _room((_MINUS, event, _MINUS), (), system) + event.duration / 2
            blocks.insert(3, (te / 2 - end, (_PLUS, event, _PLUS)))
            return _timeline([first, *blocks, (te - end, (_MINUS, event, _MINUS))], te, system)

        echo_time, events = _fitting(build, echo_time, name)
        shots.append(Shot(shot, events))
    return Sequence(name, echo_time, tuple(shots), combinations(shots))


def special(
    echo_time: float | None,
    name: str = "special",
    excitation: Event | SlicePulse = EXCITATION,
    refocusing: SlicePulse | None = None,
    inversion: SlicePulse | None = None,
    central_frequency: float = CENTRAL_FREQUENCY,
    system: System | None = None,
    refocus: Slot | None = None,
    echo_shift: float = 0.0,
) -> Sequence:
    """SPECIAL: a spin echo of two slices, the third by inverting it in every second shot; the voxel is in DIFF.

    Mlynarik 2006, doi:10.1002/mrm.21043. Shot "on" plays the gradient of the inversion without its pulse.

    Args:
        echo_time: TE in s; the shortest when None.
        name: of the sequence.
        excitation, refocusing: slices on z and y, as for `press`.
        inversion: slice-selective inversion on x; ideal when None.
        central_frequency, system, refocus, echo_shift: as for `press`.
    """
    pulse = refocusing.event("y", central_frequency) if refocusing else REFOCUSING

    def build(te: float) -> tuple[Event, ...]:
        last = _last((te - echo_shift) / 2, (_PLUS, pulse, _MINUS), refocus, te, system)
        return _timeline([_excited(excitation, central_frequency, system), *last], te, system)

    echo_time, events = _fitting(build, echo_time, name)
    if inversion is None:
        inverted, untouched = (REFOCUSING,), ()
    else:
        event = inversion.event("x", central_frequency)
        silent = Pulse("silent", np.zeros_like(event.pulse.b1), event.pulse.dwell, event.pulse.gradient)
        inverted, untouched = (event,), (ShapedPulse(silent, event.offset, event.phase, event.gradient),)
    pause = (Delay(_room((*inverted, _ZERO), events[:1], system)),) if system else ()
    shots = [Shot(shot, (*played, _ZERO, *pause, *events)) for shot, played in (("on", untouched), ("off", inverted))]
    return Sequence(name, echo_time, tuple(shots), combinations(shots))


def idealised(sequence: Sequence) -> Sequence:
    """The sequence with ideal pulses in the middles of its slice-selective ones, and no slices.

    What a basis set of ideal pulses supposes of the same scan; pulses without a slice (editing, designed) stay.
    """

    def ideal(event: Event) -> tuple[Event, ...]:
        if not isinstance(event, ShapedPulse) or not event.gradient:
            return (event,)
        if not event.pulse.peak_b1:
            return (Delay(event.duration),)
        inverts = refocusing_profile(event.pulse, np.zeros(1))[0] > 0.75
        half = Delay(event.duration / 2)
        return (half, HardPulse(180.0 if inverts else 90.0, event.phase), half)

    shots = tuple(
        replace(shot, events=tuple(e for event in shot.events for e in ideal(event))) for shot in sequence.shots
    )
    return replace(sequence, shots=shots)


def slot_kind(name: str) -> str:
    """Where a slot sits: "gap" for "gap", "gap_a" and "gap_b"."""
    return name.split("_")[0]


def joined(name: str, sequences: Iterable[Sequence], shares: Mapping[str, float] | None = None) -> Sequence:
    """Sequences as the shots of one: of one shot each under its own name, of SPECIAL as two shots and their difference.

    Args:
        name: of the whole.
        sequences: each with the name that its spectrum gets.
        shares: of the averages, by those names; equal when None.
    """
    shots, derived, sequences = [], {}, list(sequences)
    different = len({one.echo_time for one in sequences}) > 1
    for one in sequences:
        time = one.echo_time if different else None
        share = shares and shares[one.name] / len(one.shots)
        if len(one.shots) == 1:
            shots.append(replace(one.shots[0], name=one.name, echo_time=time, share=share))
            continue
        shots += [replace(shot, name=one.name + shot.name, echo_time=time, share=share) for shot in one.shots]
        derived[one.name] = {one.name + shot: weight for shot, weight in one.combinations["diff"].items()}
    mean = float(np.mean([one.echo_time for one in sequences]))
    return Sequence(name, mean, tuple(shots), derived)


def with_shares(sequence: Sequence, shares: Mapping[str, float]) -> Sequence:
    """The sequence with shares of the averages for its spectra; the two shots of a difference have half of it each."""
    of_shot = dict(shares)
    for name, weights in sequence.combinations.items():
        if name in shares:
            of_shot |= dict.fromkeys(weights, shares[name] / len(weights))
    return replace(sequence, shots=tuple(replace(shot, share=of_shot[shot.name]) for shot in sequence.shots))


def shot_names(count: int) -> tuple[str, ...]:
    """Names of the shots of a designed sequence of several; four letters would mean Hadamard.

    >>> shot_names(2), shot_names(3)
    (('a', 'b'), ('s1', 's2', 's3'))
    """
    return PAIR if count == 2 else tuple(f"s{k + 1}" for k in range(count))


SUBSPECTRA = {scheme.shots: scheme.combinations for scheme in SCHEMES}


def combinations(shots: Iterable[Shot]) -> Mapping[str, Mapping[str, float]]:
    """Derived sub-spectra of shots of those names: DIFF = (ON - OFF) / 2 and SUM, or the Hadamard sums of four."""
    return combinations_of(shot.name for shot in shots)


def _editing_events(
    editing: Pulse | Mapping[str, Slot],
    editing_ppm: Mapping[str, float | Iterable[float]] | None,
    central_frequency: float,
) -> dict[str, Event]:
    """The editing pulse of each shot: at one chemical shift or at several, or the slot of a designed one."""
    if isinstance(editing, Mapping):
        return dict(editing)
    events = {}
    for shot, ppm in (editing_ppm or Editing().ppm).items():
        shifts = [ppm] if isinstance(ppm, int | float) else list(ppm)
        pulse, offset = multiband(editing, [float(ppm_to_hz(shift, central_frequency)) for shift in shifts])
        events[shot] = ShapedPulse(pulse, offset)
    return events


def _refocusing_pair(refocusing: SlicePulse | None, central_frequency: float) -> list[tuple[Event, ...]]:
    """First and second refocusing pulse of PRESS between the filters of their spoilers."""
    x, y = (refocusing.event(axis, central_frequency) if refocusing else REFOCUSING for axis in "xy")
    return [(_MINUS, x, _PLUS), (_PLUS, y, _MINUS)]


def _prepared(prep: Event | None, system: System | None = None) -> tuple[Event, ...]:
    pause = (Delay(system.spoiler_time),) if system else ()
    return () if prep is None else (prep, _ZERO, *pause)


def _excited(
    excitation: Event | SlicePulse, central_frequency: float, system: System | None
) -> tuple[float, tuple[Event, ...]]:
    """The excitation on the time axis, as (middle of the block, events): by its centre, a slot by its end."""
    match excitation:
        case Slot(duration=duration):
            return -duration / 2, (excitation,)
        case SlicePulse():
            pulse = excitation.event("z", central_frequency, 90.0)
            lobe = rephaser(pulse, system)
            return lobe.duration / 2, (pulse, lobe)
    return 0.0, (excitation,)


def _adiabatic_pairs(refocusing: SlicePulse | None, central_frequency: float) -> list[tuple[Event, ...]]:
    """The four refocusing pulses of semi-LASER between the filters of their spoilers."""
    pulses = [refocusing.event(axis, central_frequency) if refocusing else REFOCUSING for axis in "xxyy"]
    signs = [(_MINUS, _PLUS), (_PLUS, _MINUS)] * 2
    return [(before, pulse, after) for pulse, (before, after) in zip(pulses, signs, strict=True)]


def _laser_delays(
    first: tuple[float, tuple[Event, ...]],
    pulses: list[tuple[Event, ...]],
    system: System | None,
    gap: Slot | None = None,
) -> list[float]:
    """Shortest t1 to t4 of semi-LASER in s (see `slaser`); zero without a system, but for a designed pulse."""
    if system is None:
        return [0.0, gap.duration / 2 if gap else 0.0, gap.duration / 2 if gap else 0.0, 0.0]
    middle, excitation = first
    half = sum(event.duration for event in pulses[0]) / 2
    t1 = middle + sum(event.duration for event in excitation) / 2 + _room(excitation, pulses[0], system) + half
    apart = 2 * half + _room(pulses[0], pulses[1], system)
    t4 = half + _room(pulses[3], (), system)
    between = apart
    if gap is not None:
        block = (_MINUS, gap, _MINUS)
        between = 2 * half + gap.duration + _room(pulses[1], block, system) + _room(block, pulses[2], system)
    t2 = max(apart - t1, 0.0)
    t3 = max(between - t2, apart - t4, 0.0)
    return [t1, t2, t3, t4]


def _laser_blocks(pulses: list[tuple[Event, ...]], delays: list[float]) -> list[tuple[float, tuple[Event, ...]]]:
    """The refocusing pulses of semi-LASER on the time axis."""
    t1, t2, t3, t4 = delays
    centres = np.cumsum([t1, t1 + t2, t2 + t3, t3 + t4])
    return [(float(centre), pulse) for centre, pulse in zip(centres, pulses, strict=True)]


def _last(
    centre: float, pulse: tuple[Event, ...], refocus: Slot | None, end: float, system: System | None
) -> list[tuple[float, tuple[Event, ...]]]:
    """The last refocusing pulse on the time axis, and a designed one between it and the acquisition.

    The designed pulse has no slice, so it stands between spoilers: without the one before it, it would refocus what the
    refocusing pulse left alone outside of the voxel; without the one behind it, excite what is there.

    Args:
        centre: of the refocusing pulse in s.
        pulse: its events with the filters of its spoilers.
        refocus: the slot, as near to the end as its spoiler allows; none when None.
        end: of the sequence in s.
        system: as of `_timeline`.
    """
    if refocus is None:
        return [(centre, pulse)]
    block = (_MINUS, refocus, _MINUS)
    return [(centre, pulse), (end - _room(block, (), system) - refocus.duration / 2, block)]


def _single(name: str, echo_time: float, events: tuple[Event, ...]) -> Sequence:
    return Sequence(name, echo_time, (Shot(name, events),), {})


def _timeline(
    blocks: list[tuple[float, tuple[Event, ...]]], end: float, system: System | None = None
) -> tuple[Event, ...]:
    """Events with the delays between them.

    Args:
        blocks: (time of the centre in s from the centre of the excitation, events), in order.
        end: time of the first sample in s.
        system: whose ramps, spoilers and dead times the delays hold.
    """
    events: list[Event] = []
    now, last = None, ()
    for centre, block in [*blocks, (end, ())]:
        length = sum(event.duration for event in block)
        if now is not None:
            gap = centre - length / 2 - now
            if gap < _room(last, block, system) - 1e-9:
                raise _Overlap
            if gap > 1e-9:
                events.append(Delay(gap))
        events.extend(block)
        now, last = centre + length / 2, block
    return tuple(events)


def _room(before: tuple[Event, ...], after: tuple[Event, ...], system: System | None) -> float:
    """Time in s between two blocks of events: ramps of their slice gradients, the longer of their spoilers, dead times.

    Spoilers stand where coherence filters do, those of both blocks on different axes at once; a rephaser at the edge of
    a block has its own axis, too, so a spoiler may begin with it. No events after: the acquisition.
    """
    if system is None:
        return 0.0

    def slice_ramp(events: Iterable[Event]) -> float:
        strengths = (e.gradient[1] for e in events if isinstance(e, ShapedPulse) and e.gradient and e.pulse.peak_b1)
        return system.ramp(next(strengths, 0.0))

    def lobe(events: Iterable[Event]) -> float:
        return sum(e.duration for e in events if isinstance(e, ShapedPulse) and not e.pulse.peak_b1)

    spoiled = any(isinstance(event, CoherenceFilter) for event in (*before[-1:], *after[:1]))
    lobes = lobe(before[-2:]) + lobe(after[:2])
    spoiler = max(system.spoiler_time - lobes, 0.0) if spoiled else 0.0
    tail = max(slice_ramp(reversed(before)), system.rf_ringdown)
    lead = max(slice_ramp(after), system.rf_dead_time) if after else system.adc_dead_time
    return system.on_raster(tail) + system.on_raster(lead) + system.on_raster(spoiler)


def _first_echo(build: Callable[[float, float], tuple[Event, ...]], te1: float | None, name: str) -> float:
    """TE1 in s: as given if the pulses fit in it, or the shortest that they do."""

    def fits(time: float) -> bool:
        try:
            build(4 * time + 1.0, time)  # so late that nothing else overlaps
        except _Overlap:
            return False
        return True

    if te1 is not None and fits(te1):
        return te1
    shortest = _shortest(fits)
    if te1 is None and shortest is not None:
        return shortest
    raise SpinsculptError(
        f"{name}: a te1 of {(te1 or 0) * 1e3:g} ms is shorter than its pulses need; "
        + ("shorten them." if shortest is None else f"with these pulses {shortest * 1e3:.1f} ms or more would work.")
    )


def _shortest(fits: Callable[[float], bool]) -> float | None:
    """The shortest time in s, on a raster of 0.1 ms, that fits; None if 2 s do not."""
    low, high = 0, 20000
    if not fits(high * 1e-4):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle * 1e-4) else (middle, high)
    return round(high * 1e-4, 4)


def _fitting(
    build: Callable[[float], tuple[Event, ...]], echo_time: float | None, name: str
) -> tuple[float, tuple[Event, ...]]:
    """(echo_time, build(echo_time)), the shortest echo time where None; if the pulses do not fit, an error with it."""

    def fits(te: float) -> bool:
        try:
            build(te)
        except _Overlap:
            return False
        return True

    if echo_time is not None and fits(echo_time):
        return echo_time, build(echo_time)
    shortest = _shortest(fits)
    if shortest is None:
        raise SpinsculptError(f"{name}: the pulses do not fit whatever the echo time; lengthen te1.")
    if echo_time is None:
        return shortest, build(shortest)
    raise SpinsculptError(
        f"{name}: an echo time of {echo_time * 1e3:g} ms is shorter than its pulses need; "
        f"with these pulses {shortest * 1e3:g} ms or more would work."
    )
