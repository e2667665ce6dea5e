"""Sequences as data: PRESS, MEGA-PRESS and the designed ones are the same type."""

from spinsculpt.sequences._events import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.sequences._sequence import Sequence, Shot

__all__ = ["CoherenceFilter", "Delay", "Event", "HardPulse", "Sequence", "ShapedPulse", "Shot", "Slot"]
