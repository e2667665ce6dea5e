"""Entries of the section `sequences` of the configuration."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta

from spinsculpt.config._section import Positive, Section, key, mapping
from spinsculpt.core.errors import SpinsculptError

Kind = Literal["press", "megapress", "steam", "slaser", "special", "megaslaser", "spin_echo", "pulse_acquire", "file"]


@dataclass(frozen=True)
class SlotPlace:
    """Where a designed pulse can be played: a key of `SequenceEntry` that names a design or its pulse file.

    Attributes:
        sequences: types of sequence that have it.
        per_shot: whether it comes after the excitation, where each shot may play a pulse of its own.
    """

    sequences: tuple[str, ...]
    per_shot: bool = False


SLOTS = {
    "excitation": SlotPlace(
        ("pulse_acquire", "spin_echo", "press", "megapress", "megaslaser", "special", "slaser"),
    ),
    "prep": SlotPlace(("pulse_acquire", "press")),
    "gap": SlotPlace(("press", "slaser"), per_shot=True),
    "edit": SlotPlace(("megapress", "megaslaser"), per_shot=True),
    "refocus": SlotPlace(("press", "special", "slaser"), per_shot=True),
}
PER_SHOT = frozenset(slot for slot, place in SLOTS.items() if place.per_shot)


def shot_of_file(path: Path | str) -> str:
    """Name of the one shot of a sequence file, of letters and digits as the key `files` has them.

    >>> shot_of_file("runs/my_press-2.seq"), shot_of_file("30ms.json"), shot_of_file("_.seq")
    ('mypress2', 'sequence30ms', 'sequence')
    """
    plain = unicodedata.normalize("NFKD", Path(path).stem)
    letters = re.sub(r"[^A-Za-z0-9]", "", plain)
    return letters if letters[:1].isalpha() else f"sequence{letters}"


def orders_of_text(text: str) -> list[int | None]:
    """Coherence orders as written on the command line and in the workbench: "-1, 1, none".

    >>> orders_of_text("-1, 1, none")
    [-1, 1, None]
    """
    words = [word for word in re.split(r"[,;\s]+", text.strip()) if word]
    if wrong := [word for word in words if word != "none" and not re.fullmatch(r"[-+]?\d{1,2}", word)]:
        raise SpinsculptError(f"Orders are whole numbers or none, such as -1, 1, -1; {wrong[0][:20]!r} is neither.")
    return [None if word == "none" else int(word) for word in words]


# s, where none is given: 1/(2J) of GABA, or the shortest that the editing pulses leave
ECHO_TIMES = {"megapress": 0.068, "megaslaser": 0.070}
IDEAL_TE1 = {"press": 0.012, "megapress": 0.010}  # s, of ideal pulses, which have no shortest time


@dataclass(frozen=True, kw_only=True)
class Editing(Section):
    """Editing pulses of megapress and megaslaser."""

    ppm: Annotated[
        dict[
            Annotated[str, Meta(pattern="^[a-z][a-z0-9]*$")],
            float | Annotated[tuple[float, ...], Meta(min_length=1, max_length=4)],
        ],
        key(
            "chemical shift of the editing pulses in each shot, or a list for pulses of several bands; shots "
            "named on and off are combined to diff and sum, four named a, b, c, d (Hadamard: both, first, "
            "second, none edited) to gaba, gsh and sum",
            min_length=1,
        ),
    ] = mapping(on=1.9, off=7.46)
    shape: Annotated[
        str, key("gaussian, sinc, slr, sech, or the path of a pulse file (.pta, .RF, .txt of FID-A, Bruker, .json)")
    ] = "gaussian"
    duration: Annotated[
        Positive | None,
        key("length of an editing pulse in s; null is 0.014 for the analytic shapes, a pulse file needs it"),
    ] = None
    bandwidth: Annotated[Positive | None, key("sweep of a hyperbolic secant in Hz; null is 1.2 / duration")] = None
    time_bandwidth = None  # that of an inversion


@dataclass(frozen=True, kw_only=True)
class Refocusing(Section):
    """Refocusing pulses of all but steam and pulse_acquire."""

    shape: Annotated[
        str,
        key(
            "auto (slr, in slaser and megaslaser goia; ideal where the sequence is), ideal, sinc, slr, or in "
            "slaser sech and goia (its gradient changes during the pulse), or the path of a pulse file; "
            "slice-selective, simulated over a spatial grid"
        ),
    ] = "auto"
    duration: Annotated[
        Positive | None,
        key(
            "length of a refocusing pulse in s; null is the shortest within the peak B1 of the system (sinc, "
            "slr), 0.004 (goia) or 0.005 (sech); a pulse file needs it"
        ),
    ] = None
    time_bandwidth: Annotated[
        Annotated[float, Meta(ge=2)] | None, key("duration x bandwidth of an slr pulse; null is 4")
    ] = None
    bandwidth: Annotated[
        Positive | None,
        key("sweep of a hyperbolic secant or a goia in Hz; null is 2000 and, as the peak B1 allows, 15000 to 8000"),
    ] = None
    slice_thickness: Annotated[
        Positive, key("thickness of the slices in mm; only its ratio to the grid matters for the basis")
    ] = 20
    carrier_ppm: Annotated[float, key("chemical shift at the centre frequency of the slice-selective pulses")] = 3.0


@dataclass(frozen=True, kw_only=True)
class SelectiveExcitation(Section):
    """Slice-selective 90-degree pulse with its rephasing gradient (steam uses it for all three slices)."""

    shape: Annotated[
        str, key("auto (slr; ideal where the sequence is), ideal, sinc, slr, or the path of a pulse file")
    ] = "auto"
    duration: Annotated[
        Positive | None,
        key("length of the pulse in s; null is the shortest within the peak B1 of the system; a pulse file needs it"),
    ] = None
    time_bandwidth: Annotated[
        Annotated[float, Meta(ge=2)] | None, key("duration x bandwidth of an slr pulse; null is 6")
    ] = None
    slice_thickness: Annotated[Positive, key("thickness of the slice in mm")] = 20
    carrier_ppm: Annotated[float, key("chemical shift at the centre frequency of the pulse")] = 3.0
    bandwidth = None  # of a sweep: no excitation has one


@dataclass(frozen=True, kw_only=True)
class SequenceEntry(Section):
    """One sequence."""

    KINDS = get_args(Kind)

    type: Annotated[
        Kind,
        key("kind of sequence; file for what Pulseq (.seq) or FSL-MRS (.json) files describe"),
    ]
    ideal: Annotated[
        bool,
        key(
            "true for infinitely short ideal pulses without room for gradients (teaching, tests); false builds "
            "the sequence of real pulses, spoilers and ramps within the limits of the section system"
        ),
    ] = False
    echo_time: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None,
        key(
            "echo time TE in s; null is the shortest that the system can play; 0 for pulse_acquire, and for a "
            "press that takes all its times from its gap or prep design"
        ),
    ] = 0.0
    echo_times: Annotated[
        tuple[Annotated[float, Meta(le=2, gt=0)], ...],
        key(
            "echo times in s of a press with a shot each (te35, te55, ...): spectra [mean] are TE-averaged "
            "PRESS, all shots fitted jointly J-resolved PRESS",
            unique=True,
        ),
    ] = ()
    echo_shifts: Annotated[
        tuple[float, ...],
        key(
            "of a press with a shot each (ct1, ct2, ...): constant-time PRESS, one echo_time, the echo this much in s "
            "before the first sample; all shots are fitted jointly",
            unique=True,
        ),
    ] = ()
    te1: Annotated[
        Positive | None,
        key(
            "first echo time of press and megapress in s; the second is echo_time - te1; null is the shortest "
            f"that the system can play (ideal: {IDEAL_TE1['press']:g}, megapress {IDEAL_TE1['megapress']:g})"
        ),
    ] = None
    gap_shift: Annotated[
        float, key("of the middle of the gap pulse from the middle between the refocusing pulses of press in s")
    ] = 0.0
    echo_shift: Annotated[
        float,
        key(
            "time in s by which the first sample of press, special and slaser lies behind the echo, whose last "
            "refocusing pulse comes half as much earlier"
        ),
    ] = 0.0
    mixing_time: Annotated[Positive, key("mixing time TM of steam in s")] = 0.01
    excitation: Annotated[
        str | None,
        key("name of a design that replaces the ideal excitation, or path of its pulse file (.json), or null"),
    ] = None
    prep: Annotated[
        str | None,
        key(
            "name of a design, or path of its pulse file (.json), played before the excitation (press, "
            "pulse_acquire), followed by a spoiler, or null"
        ),
    ] = None
    gap: Annotated[
        str | None,
        key(
            "name of a design, or path of its pulse file (.json), played between the refocusing pulses of press or "
            "the two pairs of slaser, or null"
        ),
    ] = None
    edit: Annotated[
        str | None, key("name of a design played in place of the editing pulses of megapress or megaslaser, or null")
    ] = None
    refocus: Annotated[
        str | None,
        key(
            "name of a design, or path of its pulse file (.json), played after the last refocusing pulse of press, "
            "special or slaser, between spoilers, or null"
        ),
    ] = None
    editing: Editing = Editing()
    refocusing: Refocusing = Refocusing()
    selective_excitation: SelectiveExcitation = SelectiveExcitation()
    files: Annotated[
        dict[Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9]*$")], str],
        key("Pulseq, FSL-MRS or spinsculpt sequence files of type file, by shot, e.g. {on: a.seq, off: b.seq}"),
    ] = mapping()
    orders: Annotated[
        tuple[int | None, ...],
        key(
            "coherence order kept after each pulse of a Pulseq file that does not say so itself, e.g. [-1, 1, "
            "-1]; null keeps all"
        ),
    ] = ()

    @property
    def slots(self) -> dict[str, str]:
        """What fills each slot that is filled: names of designs, or paths of pulse files."""
        return {slot: filled for slot in SLOTS if (filled := getattr(self, slot))}

    @property
    def misplaced(self) -> str | None:
        """What to say about a filled slot that a sequence of this type does not have; None if there is none."""
        for slot in self.slots:
            if self.type not in (fitting := SLOTS[slot].sequences):
                return f"a {self.type} has no {slot!r} slot; remove the key, or choose {', '.join(fitting)}."
        return None
