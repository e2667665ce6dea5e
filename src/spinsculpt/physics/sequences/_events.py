"""What a sequence is made of."""

from dataclasses import dataclass

from spinsculpt.physics.pulses import Pulse


@dataclass(frozen=True)
class HardPulse:
    """Ideal, infinitely short rotation of all spins by `flip_angle` about the axis at `phase` (degrees; 0 = x)."""

    flip_angle: float
    phase: float = 0.0

    @property
    def duration(self) -> float:
        return 0.0


@dataclass(frozen=True)
class ShapedPulse:
    """RF waveform played at `offset` Hz from the receiver, with `phase` degrees added.

    `gradient` is (axis, mT/m) for a slice-selective pulse, None otherwise. Duration in s comes from the waveform.
    """

    pulse: Pulse
    offset: float = 0.0
    phase: float = 0.0
    gradient: tuple[str, float] | None = None

    @property
    def duration(self) -> float:
        return self.pulse.duration

    @property
    def silent_slice(self) -> bool:
        """Whether a slice-selective pulse plays its gradient alone, as one shot of SPECIAL does."""
        return bool(self.gradient) and len(self.pulse.b1) > 1 and self.pulse.peak_b1 == 0


@dataclass(frozen=True)
class Delay:
    """Free evolution of `duration` s."""

    duration: float


@dataclass(frozen=True)
class CoherenceFilter:
    """Spoiler (or phase cycle) that keeps only the coherence `orders` given; instantaneous.

    Order +1 evolves as exp(-i omega t) in rho and is F_+ like; the detected signal Tr[rho F_+] is order -1.
    """

    orders: tuple[int, ...]

    @property
    def duration(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Slot:
    """A hole of `duration` s that a designed pulse fills. `kind` says where it is: "gap" of "gap", "gap_a", ..."""

    name: str
    kind: str
    duration: float


Event = HardPulse | ShapedPulse | Delay | CoherenceFilter | Slot
