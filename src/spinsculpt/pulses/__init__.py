"""Shaped radio-frequency pulses, hardware limits, readers and writers."""

from spinsculpt.pulses._pulse import Pulse

__all__ = ["Pulse"]
