"""Sequences as data: PRESS, MEGA-PRESS and the designed ones are the same type."""

from spinsculpt.config import PAIR, combinations_of
from spinsculpt.physics.sequences._build import (
    SUBSPECTRA,
    SlicePulse,
    idealised,
    joined,
    megapress,
    megaslaser,
    press,
    press_series,
    pulse_acquire,
    shot_names,
    slaser,
    slot_kind,
    special,
    spin_echo,
    steam,
    with_shares,
)
from spinsculpt.physics.sequences._config import build_measured, build_sequence, is_pulse_file, voxel_pulses
from spinsculpt.physics.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.physics.sequences._fslmrs import read_fslmrs, write_fslmrs
from spinsculpt.physics.sequences._pulseq import read_pulseq, write_pulseq
from spinsculpt.physics.sequences._sequence import Sequence, Shot, is_sequence

__all__ = [
    "PAIR",
    "SUBSPECTRA",
    "CoherenceFilter",
    "Delay",
    "Event",
    "HardPulse",
    "Sequence",
    "ShapedPulse",
    "Shot",
    "SlicePulse",
    "Slot",
    "build_measured",
    "build_sequence",
    "combinations_of",
    "idealised",
    "is_pulse_file",
    "is_sequence",
    "joined",
    "megapress",
    "megaslaser",
    "press",
    "press_series",
    "pulse_acquire",
    "read_fslmrs",
    "read_pulseq",
    "shot_names",
    "slaser",
    "slot_kind",
    "special",
    "spin_echo",
    "steam",
    "voxel_pulses",
    "with_shares",
    "write_fslmrs",
    "write_pulseq",
]
