"""The sequence: one or more shots, each a tuple of events that ends where acquisition starts."""

from dataclasses import dataclass

from spinsculpt.sequences._events import Event, Slot


@dataclass(frozen=True)
class Shot:
    """One repetition: starts at equilibrium F_z, ends where the first sample is taken."""

    name: str
    events: tuple[Event, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(event for event in self.events if isinstance(event, Slot))


@dataclass(frozen=True)
class Sequence:
    """A measurement of one or more shots.

    Attributes:
        name: as in the config, e.g. "press30".
        echo_time: s, as the scanner names it.
        shots: e.g. one for PRESS; "on" and "off" for MEGA-PRESS.
        combinations: derived sub-spectra as weights of the shots, e.g. {"diff": {"on": 0.5, "off": -0.5}}.
        receiver_phase: degrees, added so that an uncoupled spin on resonance is positive and absorptive at phase 0.
    """

    name: str
    echo_time: float
    shots: tuple[Shot, ...]
    combinations: dict[str, dict[str, float]]
    receiver_phase: float = 0.0

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(slot for shot in self.shots for slot in shot.slots)
