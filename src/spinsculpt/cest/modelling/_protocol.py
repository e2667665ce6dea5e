"""Protocols: what is played, event by event, from a Pulseq file or from a small YAML table."""

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from math import pi, radians
from pathlib import Path

import numpy as np

from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.gate import LARGEST, read_text, read_yaml
from spinsculpt.core.problems import sentence_of

AGAIN = "; write the file again."
SPOIL, SAMPLE, READ = -1, -2, -3  # in the order of a protocol, beside the numbers of operators
SPOILING = ("assumed", "played")
_MARKS = {"spoil": SPOIL, "sample": SAMPLE, "read": READ}
_SPOILING_NOTES = {
    "assumed": "transverse magnetisation is taken as spoiled before each sample and after each readout tip",
    "played": "transverse magnetisation lives on but for the gradients that are played; an image is its magnitude",
}
_LONGEST_TIP = 5e-3  # s; a pulse on resonance that is not longer than this turns, a longer one saturates
_CONSTANT = 1e-6  # a waveform that varies less than this is a rectangle


@dataclass(frozen=True)
class Protocol:
    """A program of few operators played many times.

    Attributes:
        operators: shape (n, 5): kind (0 irradiation or delay, 1 tip), duration in s or tip in rad, B1 in uT, offset of
            the RF from water in Hz, phase in rad.
        order: what is played, shape (events,): number of an operator, `SPOIL`, `SAMPLE` (an image of z of water) or
            `READ` (an image of the magnitude of its x and y).
        notes: how the file was understood, for the provenance.
    """

    operators: np.ndarray
    order: np.ndarray
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """How many images are sampled."""
        return int(np.isin(self.order, (SAMPLE, READ)).sum())

    @property
    def reads(self) -> bool:
        """Whether images are of the transverse magnetisation (`READ`)."""
        return bool((self.order == READ).any())

    @property
    def duration(self) -> float:
        """Seconds from the first event to the last."""
        played = self.order[self.order >= 0]
        lengths = np.where(self.operators[:, 0] == 0, self.operators[:, 1], 0.0)
        return float(lengths[played].sum())

    @cached_property
    def digest(self) -> str:
        """What is played as a hash: equal protocols have equal ones."""
        return hashlib.sha256(self.operators.tobytes() + self.order.tobytes()).hexdigest()

    @cached_property
    def folded(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The order with each repeated block as one operator more: order, members of all blocks, their ends, times.

        Block i consists of the members `members[ends[i - 1]:ends[i]]`, played `times[i]` times; its number in the order
        is that of operators plus i.
        """
        order, blocks, result, at = self.order.tolist(), {}, [], 0
        while at < len(order):
            length, times = _repeat(order, at)
            if times < 3:
                result.append(order[at])
                at += 1
                continue
            block = (tuple(order[at : at + length]), times)
            result.append(len(self.operators) + blocks.setdefault(block, len(blocks)))
            at += length * times
        members = [number for block, _ in blocks for number in block]
        ends = np.cumsum([len(block) for block, _ in blocks])
        return tuple(np.array(v, np.int64) for v in (result, members, ends, [times for _, times in blocks]))

    def table(self) -> list[dict[str, float]]:
        """A line for each image: strongest B1 (uT), its offset (Hz), seconds with and without RF before."""
        lines, strongest, on, off = [], (0.0, 0.0), 0.0, 0.0
        for number in self.order:
            if number in (SAMPLE, READ):
                lines.append({"b1_uT": strongest[0], "offset_hz": strongest[1], "on_s": on, "off_s": off})
                strongest, on, off = (0.0, 0.0), 0.0, 0.0
            elif number >= 0 and self.operators[number, 0] == 0:
                _, duration, b1, offset, _ = self.operators[number]
                on, off = (on + duration, off) if b1 else (on, off + duration)
                strongest = (b1, offset) if b1 > strongest[0] else strongest
        return lines


def protocol_of(events: Iterable[tuple], notes: Mapping[str, object] | None = None) -> Protocol:
    """Events: ("irradiate", s, uT, Hz, rad), ("wait", s), ("tip", rad, rad), ("spoil",), ("sample",), ("read",)."""
    operators: dict[tuple, int] = {}
    order = []
    for kind, *values in events:
        if kind in _MARKS:
            order.append(_MARKS[kind])
            continue
        if kind == "tip":
            entry = (1.0, values[0], 0.0, 0.0, values[1])
        else:
            duration, b1, offset, phase = (*values, 0.0, 0.0, 0.0)[:4]
            if duration == 0:
                continue
            entry = (0.0, duration, b1, offset, phase) if b1 else (0.0, duration, 0.0, 0.0, 0.0)
        entry = tuple(round(float(value), 12) for value in entry)
        order.append(operators.setdefault(entry, len(operators)))
    if not {SAMPLE, READ} & set(order):
        raise SpinsculptError("the protocol samples no image; it needs an ADC event for each.")
    if not np.isfinite(list(operators)).all():
        raise SpinsculptError("the protocol holds a number that is not finite; write it again.")
    return Protocol(np.array(list(operators), float).reshape(-1, 5), np.array(order, np.int64), dict(notes or {}))


def read_protocol(
    path: Path | str, field_strength: float, readout: float | None = None, steps: int = 0, spoiling: str = "assumed"
) -> Protocol:
    """A protocol from a Pulseq file (.seq, 1.3 to 1.5) or a YAML table.

    Args:
        path: of the file.
        field_strength: static field in T, which makes Hz of ppm.
        readout: tip in degrees that replaces all readout pulses of a .seq file; None plays what stands there.
        steps: pieces of a shaped pulse; 0 for one rectangle of equal RMS amplitude.
        spoiling: "assumed" (no transverse magnetisation is left before a tip that reads and after it; an image is z
            before the tip) or "played" (it lives on but for the gradients of a .seq file; an image is its magnitude at
            the ADC).
    Raises:
        SpinsculptError: the file is broken, or what it says of itself contradicts what it plays.
    """
    if Path(path).suffix.lower() == ".seq":
        return _read_pulseq(Path(path), field_strength, readout, steps, spoiling)
    refuse_for_table(path, readout, spoiling)
    return protocol_from_table(read_yaml(path), field_strength, path)


def refuse_for_table(name: object, readout: float | None, spoiling: str) -> None:
    """Options that only change how a .seq file is understood, as of `read_protocol`.

    Raises:
        SpinsculptError: one is given.
    """
    if readout is not None:
        raise SpinsculptError(
            f"{name}: the key readout replaces readouts of .seq files; write the angle into a YAML file."
        )
    if spoiling != "assumed":
        raise SpinsculptError(f"{name}: the spoiling of a table is assumed; only a .seq file can be taken as played.")


def _repeat(order: list[int], at: int, longest: int = 8) -> tuple[int, int]:
    """Length and number of the repeats that begin at a place and save most; a block holds no sample."""
    best = (1, 1)
    for length in range(1, longest + 1):
        block = order[at : at + length]
        if SAMPLE in block or READ in block or len(block) < length:
            break
        times = 1
        while order[at + times * length : at + (times + 1) * length] == block:
            times += 1
        if (times - 1) * length > (best[1] - 1) * best[0]:
            best = (length, times)
    return best


PUBLISHED = ("mt", "amide", "arginine")


def published_protocol(name: str, field_strength: float = 3.0) -> Protocol:
    """One of the schedules that Finkelstein et al. 2025 played at 3 T: "mt", "amide" or "arginine"."""
    return protocol_from_table(published_table(name), field_strength, f"published schedule {name!r}")


def published_table(name: str) -> dict:
    """The same as a table, as `protocol_from_table` reads it."""
    tables = read_yaml(Path(__file__).with_name("published.yaml"))
    if name not in PUBLISHED:
        raise SpinsculptError(f"there is no published schedule {name!r}; known are {', '.join(PUBLISHED)}.")
    return {**tables["common"], **tables[name]}


_KEYS = {"b1_uT", "offset_ppm", "saturation_s", "recovery_s", "tip_degrees", "pulses", "gap_s", "spin_lock"}
_KEYS |= {"readout_tips", "readout_spacing_s"}


def protocol_from_table(table: Mapping, field_strength: float, where: object = "the protocol") -> Protocol:
    """A protocol of images that are alike: recovery, saturation (a train of rectangles), spoiler, sample, readout tips.

    Args:
        table: lists or single numbers, one an image: `b1_uT`, `offset_ppm`, `saturation_s` (length of one pulse),
            `recovery_s` (before the saturation), and for all images `tip_degrees`, `pulses` (1), `gap_s` (0),
            `spin_lock` (false), `readout_tips` (1) and `readout_spacing_s` (0).
        field_strength: static field in T.
        where: what errors call it.
    """
    if not isinstance(table, Mapping):
        raise SpinsculptError(
            f"{where}: a protocol is a map of keys; it needs b1_uT, offset_ppm, saturation_s, recovery_s."
        )
    unknown = sorted(set(map(str, table)) - _KEYS)
    if unknown:
        raise SpinsculptError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}.")
    try:
        columns = {
            key: np.atleast_1d(np.asarray(table[key], float))
            for key in ("b1_uT", "offset_ppm", "saturation_s", "recovery_s")
        }
        single = {
            key: float(table.get(key, default))
            for key, default in (
                ("tip_degrees", 90),
                ("pulses", 1),
                ("gap_s", 0),
                ("readout_tips", 1),
                ("readout_spacing_s", 0),
            )
        }
    except KeyError as error:
        raise SpinsculptError(f"{where}: lacks the key {error}; add it, one number or one for each image.") from None
    except (TypeError, ValueError):
        raise SpinsculptError(f"{where}: a number is none; correct it.") from None
    images = max(map(len, columns.values()))
    for key, values in columns.items():
        if values.ndim != 1 or not values.size:
            raise SpinsculptError(f"{where}: {key} is no number and no list of numbers, one an image; correct it.")
        if len(values) not in (1, images):
            raise SpinsculptError(
                f"{where}: {key} has {len(values)} values for {images} images; give one, or one for each."
            )
        if not np.isfinite(values).all() or (key != "offset_ppm" and (values < 0).any()):
            raise SpinsculptError(f"{where}: {key} must be finite and not negative.")
    rows = zip(*(np.broadcast_to(values, images) for values in columns.values()), strict=True)
    events: list[tuple] = []
    for b1, ppm, saturation, recovery in rows:
        offset = float(ppm) * GAMMA_BAR * field_strength
        events.append(("wait", recovery))
        lock = bool(table.get("spin_lock")) and b1 > 0
        tip = np.arctan2(GAMMA_BAR * b1, abs(offset)) if lock else 0.0
        side = pi if offset >= 0 else 0.0  # z turns onto the effective field, or against it where that points down
        for number in range(int(single["pulses"]) if saturation else 0):
            if number:
                events += [("wait", single["gap_s"])]
            if lock:
                events.append(("tip", tip, pi / 2 + side))
            events.append(("irradiate", saturation, b1, offset, 0.0))
            if lock:
                phase = 2 * pi * offset * saturation  # of the RF when it ends, seen from water
                events.append(("tip", tip, phase - pi / 2 + side))
        events += [("spoil",), ("sample",)]
        for _ in range(int(single["readout_tips"])):
            events += [("tip", radians(single["tip_degrees"]), 0.0), ("spoil",), ("wait", single["readout_spacing_s"])]
    return protocol_of(
        events,
        {"source": str(where), "readout": f"{single['readout_tips']:g} tips of {single['tip_degrees']:g} degrees"},
    )


def _read_pulseq(path: Path, field_strength: float, readout: float | None, steps: int, spoiling: str) -> Protocol:
    if spoiling not in SPOILING:
        raise SpinsculptError(f"the spoiling is {spoiling!r}; it can be {' or '.join(SPOILING)}.")
    read_text(path, LARGEST["text"])
    try:
        from pypulseq import Sequence as PulseqSequence
    except ModuleNotFoundError as error:
        raise SpinsculptError(sentence_of(error)) from error

    class Remembered(PulseqSequence):
        """Scales pulses that differ in amplitude only: pypulseq makes each of them thrice for each block."""

        def rf_from_lib_data(self, lib_data, use=""):
            amplitude, *rest = lib_data
            if (key := (*rest, use)) not in waveforms:
                if len(waveforms) > 1:
                    waveforms.pop(next(iter(waveforms)))
                waveforms[key] = super().rf_from_lib_data((1.0, *rest), use)
            pulse = copy(waveforms[key])
            pulse.signal = amplitude * pulse.signal
            return pulse

    waveforms: dict[tuple, object] = {}
    try:
        sequence = Remembered(use_block_cache=False)  # seconds of RF at microseconds a sample: hundreds of MB
        with warnings.catch_warnings():  # of rasters that files of version 1.3 do not state
            warnings.simplefilter("ignore")
            sequence.read(str(path))
        raw = _raw_events(sequence, steps, path)
    except SpinsculptError:
        raise
    except Exception as error:
        raise SpinsculptError(
            f"{path}: pypulseq cannot read it ({brief(error)}); export it as Pulseq 1.3 or 1.4."
        ) from error
    events = _understood(raw, readout) if spoiling == "assumed" else _played(raw, readout, path)
    notes = {
        "source": path.name,
        "readout": "as played" if readout is None else f"one tip of {readout:g} degrees",
        "shaped pulses": f"{steps} steps" if steps else "rectangles of equal RMS",
        "spoiling": _SPOILING_NOTES[spoiling],
    }
    protocol = protocol_of(events, notes)
    _check_definitions(protocol, sequence.definitions, field_strength, path)
    return protocol


def _raw_events(sequence, steps: int, path: Path) -> list[tuple]:
    """Blocks of a pypulseq sequence as events. Equal blocks are read once, and one waveform is held at a time."""
    events: list[tuple] = []
    known: dict[tuple, list[tuple]] = {}
    for number, parts in sequence.block_events.items():
        length = float(sequence.block_durations[number])
        key = (*(int(part) for part in parts), length)
        if key not in known:
            known[key] = _block_events(sequence.get_block(number), length, steps, path)
        events += known[key]
    return events


def _block_events(block, length: float, steps: int, path: Path) -> list[tuple]:
    """A block as events; short pulses are tips, their time included as waiting."""
    events: list[tuple] = []
    used = 0.0
    if (rf := block.rf) is not None:
        events.append(("wait", float(rf.delay)))
        events += _pulse_events(rf, steps)
        used = float(rf.delay) + float(rf.shape_dur)
    if any(getattr(block, axis) is not None for axis in ("gx", "gy", "gz")):
        events.append(("spoil",))
    if block.adc is not None:
        if used:
            raise SpinsculptError(f"{path}: a block holds an RF pulse and an ADC; give each a block of its own.")
        events.append(("adc",))
    if length > used:
        events.append(("wait", length - used))
    return events


def _pulse_events(rf, steps: int) -> list[tuple]:
    times, waveform = np.asarray(rf.t, float), np.asarray(rf.signal)
    offset, phase, duration = float(rf.freq_offset), float(rf.phase_offset), float(rf.shape_dur)
    magnitude = np.abs(waveform)
    if magnitude.max(initial=0) == 0:
        return [("wait", duration)]
    constant = np.ptp(waveform.real) + np.ptp(waveform.imag) <= _CONSTANT * magnitude.max()
    if duration <= _LONGEST_TIP:
        area = magnitude.mean() * duration if constant else abs(np.trapezoid(waveform, times))
        angle = 2 * pi * area
        turn = float(np.angle(waveform.mean() if constant else np.trapezoid(waveform, times)))
        return [("wait", duration / 2), ("tip", angle, phase + turn), ("wait", duration / 2)]
    if constant:
        return [("irradiate", duration, magnitude[0] / GAMMA_BAR, offset, phase + float(np.angle(waveform[0])))]
    pieces = max(1, steps)
    edges = np.linspace(0, duration, pieces + 1)
    samples = np.clip(
        np.searchsorted(times, (np.arange(pieces * 64) + 0.5) * duration / (pieces * 64)), 0, len(times) - 1
    )
    result = []
    for start, part in zip(edges, waveform[samples].reshape(pieces, 64), strict=False):
        rms = np.sqrt((np.abs(part) ** 2).mean())
        turn = phase + float(np.angle(part.sum())) + 2 * pi * offset * start
        result.append(("irradiate", duration / pieces, rms / GAMMA_BAR, offset, turn))
    return result


def _understood(events: list[tuple], readout: float | None) -> list[tuple]:
    """Raw events with samples: z before the tip that an ADC follows, or z at an ADC that no readout tip precedes."""
    events = [event for event in events if event[0] != "wait" or event[1] > 0]
    result: list[tuple] = []
    after_adc = False  # tips between a sample and the next irradiation read out
    for number, event in enumerate(events):
        if event[0] == "irradiate":
            after_adc = False
        if event[0] == "tip":
            read = after_adc or _reads(events, number)
            if _reads(events, number):
                result += [("spoil",), ("sample",)]
            if after_adc and readout is not None:
                continue
            angle = radians(readout) if read and readout is not None else event[1]
            result += [("tip", angle, event[2]), *([("spoil",)] if read else [])]
        elif event[0] == "adc":
            if not after_adc and not _was_read(events, number):
                result += [("spoil",), ("sample",)]
                if readout is not None:
                    result += [("tip", radians(readout), 0.0), ("spoil",)]
            after_adc = True
        else:
            result.append(event)
    return result


def _played(events: list[tuple], readout: float | None, path: Path) -> list[tuple]:
    """Raw events with an image of the transverse magnetisation at the first ADC after each saturation."""
    result: list[tuple] = []
    excited = after_adc = False
    for number, event in enumerate(events):
        if event[0] == "irradiate":
            excited = after_adc = False
        if event[0] == "tip" and _reads(events, number):
            excited, after_adc = True, False
            result.append(event if readout is None else ("tip", radians(readout), event[2]))
            continue
        if event[0] == "tip" and after_adc and readout is not None:
            continue
        if event[0] == "adc":
            if not excited:
                raise SpinsculptError(
                    f"{path}: an ADC follows no readout pulse, so no transverse magnetisation is read; take the "
                    "spoiling as assumed."
                )
            result += [] if after_adc else [("read",)]
            after_adc = True
        else:
            result.append(event)
    return result


def _reads(events: list[tuple], number: int) -> bool:
    """Whether a tip excites for an ADC: it ends no spin lock, and an ADC follows before anything but waiting."""
    following = next((event[0] for event in events[number + 1 :] if event[0] != "wait"), "")
    back = [event[0] for event in events[:number] if event[0] != "wait"][-2:]
    return following == "adc" and back != ["tip", "irradiate"]


def _was_read(events: list[tuple], number: int) -> bool:
    before = next((i for i in range(number - 1, -1, -1) if events[i][0] != "wait"), None)
    return before is not None and events[before][0] == "tip" and _reads(events, before)


def _check_definitions(protocol: Protocol, definitions: Mapping, field_strength: float, path: Path) -> None:
    """Definitions and blocks must tell the same story: pulseq-cest's B1pa, offsets_ppm, Tsat, Trec, B0, num_meas."""
    table = protocol.table()

    def numbers(key: str) -> np.ndarray:
        try:
            return np.atleast_1d(np.asarray(definitions[key], float)) if key in definitions else np.array([])
        except (TypeError, ValueError):
            return np.array([])

    if (given := numbers("B0")).size and abs(given[0] - field_strength) > 0.15:
        raise SpinsculptError(
            f"{path}: was written for {given[0]:g} T, the model is of {field_strength:g} T; correct the key field."
        )
    if (count := numbers("num_meas")).size and int(count[0]) != len(table):
        raise SpinsculptError(f"{path}: says num_meas {count[0]:g} but plays {len(table)} images{AGAIN}")
    played = {
        "B1pa": [line["b1_uT"] for line in table],
        "offsets_ppm": [line["offset_hz"] / (GAMMA_BAR * field_strength) for line in table],
    }
    for key, values in played.items():
        given = numbers(key)
        if not given.size:
            continue
        if given.size not in (1, len(table)):
            raise SpinsculptError(f"{path}: {key} has {given.size} values for {len(table)} images{AGAIN}")
        for image, (said, real) in enumerate(zip(np.broadcast_to(given, len(table)), values, strict=True), 1):
            silent = key == "offsets_ppm" and table[image - 1]["b1_uT"] == 0
            if not silent and abs(said - real) > 0.02 * abs(said) + 0.02:
                raise SpinsculptError(
                    f"{path}: {key} says {said:g} for image {image} but its blocks play {real:.4g}{AGAIN}"
                )
    saturation = numbers("Tsat")
    if saturation.size == 1 and numbers("DCsat").size != 1:
        saturation = np.array([])
    if saturation.size == 1:
        duty = float(numbers("DCsat")[0])
        for image, line in enumerate(table, 1):
            if line["b1_uT"] and duty == 1 and abs(line["on_s"] - saturation[0]) > 0.01 * saturation[0]:
                raise SpinsculptError(
                    f"{path}: Tsat says {saturation[0]:g} s, but image {image} is irradiated for "
                    f"{line['on_s']:.4g} s{AGAIN}"
                )
    recovery = numbers("Trec")
    if (
        recovery.size == 1
        and len(table) > 1
        and table[1]["b1_uT"]
        and abs(table[1]["off_s"] - recovery[0]) > 0.05 * recovery[0] + 0.01
    ):
        raise SpinsculptError(
            f"{path}: Trec says {recovery[0]:g} s, but there are {table[1]['off_s']:.4g} s without RF before "
            f"image 2{AGAIN}"
        )
