"""The sequence: one or more shots, each a tuple of events that ends where acquisition starts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from spinsculpt.errors import SpinsculptError
from spinsculpt.pulses import Pulse
from spinsculpt.sequences._events import Event, HardPulse, ShapedPulse, Slot


@dataclass(frozen=True)
class Shot:
    """One repetition: starts at equilibrium F_z, ends where the first sample is taken."""

    name: str
    events: tuple[Event, ...]
    echo_time: float | None = None  # s, where it is not that of the sequence
    share: float | None = None  # of the averages, where the shots do not share them equally

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(event for event in self.events if isinstance(event, Slot))

    @property
    def duration(self) -> float:
        """Time in s from the first event to the first sample."""
        return sum(event.duration for event in self.events)


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

    def __repr__(self) -> str:
        echo = f", TE {self.echo_time * 1e3:.4g} ms" if self.echo_time else ""
        pulses = "real pulses" if self.playable else "ideal pulses"
        shots = ", ".join(
            f"{shot.name}: {len(shot.events)} events, {shot.duration * 1e3:.4g} ms" for shot in self.shots
        )
        return f"Sequence {self.name}{echo}, {pulses} ({shots})"

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(slot for shot in self.shots for slot in shot.slots)

    @property
    def subspectra(self) -> tuple[str, ...]:
        """Names of what the sequence measures: its shots, then their combinations."""
        return (*(shot.name for shot in self.shots), *self.combinations)

    @property
    def measured(self) -> dict[str, tuple[tuple[float, Shot], ...]]:
        """What is worth looking at, {name: ((weight, shot), ...)}: the shots, or where two of them select a slice by
        their difference, the differences."""
        events = (event for shot in self.shots for event in shot.events)
        if not any(isinstance(event, ShapedPulse) and event.silent_slice for event in events):
            return {shot.name: ((1.0, shot),) for shot in self.shots}
        return {
            name: tuple((weight, self.shot(shot)) for shot, weight in weights.items())
            for name, weights in self.combinations.items()
            if abs(sum(weights.values())) < 1e-9
        }

    @property
    def shares(self) -> dict[str, float]:
        """Share of the averages of each shot; all alike unless the shots say otherwise."""
        return {shot.name: shot.share or 1 / len(self.shots) for shot in self.shots}

    @property
    def playable(self) -> bool:
        """Whether every pulse is a real one, with a waveform; ideal pulses and empty slots are for teaching."""
        return all(not isinstance(event, HardPulse | Slot) for shot in self.shots for event in shot.events)

    def shot(self, name: str | None = None) -> Shot:
        """The shot of that name, the first one when None."""
        for shot in self.shots:
            if name in (None, shot.name):
                return shot
        raise SpinsculptError(f"{self.name} has no shot {name!r}; it has {', '.join(s.name for s in self.shots)}.")

    def fill(self, pulses: Mapping[str, Pulse]) -> "Sequence":
        """The sequence with its slots filled by the pulses of those names, which must last as long as the slots."""
        unknown = set(pulses) - {slot.name for slot in self.slots}
        if unknown:
            slots = ", ".join(dict.fromkeys(slot.name for slot in self.slots)) or "no slot"
            raise SpinsculptError(f"{self.name} has no slot {sorted(unknown)[0]!r}; it has {slots}.")

        def filled(event: Event) -> Event:
            if not isinstance(event, Slot) or event.name not in pulses:
                return event
            pulse = pulses[event.name]
            if abs(pulse.duration - event.duration) > 1e-7:
                raise SpinsculptError(
                    f"{self.name}: pulse {pulse.name!r} lasts {pulse.duration * 1e3:.3f} ms but slot {event.name!r} "
                    f"{event.duration * 1e3:.3f} ms; build the sequence with a slot of the length of the pulse."
                )
            return ShapedPulse(pulse)

        shots = tuple(replace(shot, events=tuple(map(filled, shot.events))) for shot in self.shots)
        return replace(self, shots=shots)

    def write(self, path: Path | str) -> None:
        """Write as JSON."""
        from spinsculpt.sequences._json import write_json

        write_json(self, path)

    @classmethod
    def read(cls, path: Path | str) -> "Sequence":
        """Read JSON written by `write`."""
        from spinsculpt.sequences._json import read_json

        return read_json(path)
