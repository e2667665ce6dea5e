"""Section `system` of the configuration."""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal

from spinsculpt.config._section import NonNegative, Positive, Section, key
from spinsculpt.core.system import PRESETS, System

_CLASSES = ", ".join(
    f"{name} ({each.b1:g} uT, {each.gradient:g} mT/m, {each.slew:g} T/m/s)" for name, each in PRESETS.items()
)


@dataclass(frozen=True, kw_only=True)
class SystemEntry(Section):
    """What the scanner can play; sequences are built of pulses, spoilers and ramps within these limits."""

    preset: Annotated[
        Literal["clinical", "prisma-like", "philips-like", "ge-like"] | None,
        key(
            f"class of scanner, for all that the other keys leave open: {_CLASSES}; null for clinical, and for "
            "bases of real scans the class of their vendor"
        ),
    ] = None
    b1: Annotated[Positive | None, key("peak amplitude of pulses in uT")] = None
    gradient: Annotated[Positive | None, key("largest gradient of one axis in mT/m")] = None
    slew: Annotated[Positive | None, key("steepest ramp of a gradient in T/m/s")] = None
    spoiler_area: Annotated[
        Positive | None,
        key(
            f"area of the spoiler on each side of a pulse in mT/m ms; null is {System.spoiler_area:g}, which turn an "
            "unwanted coherence 34 times across 20 mm"
        ),
    ] = None
    rf_raster: Annotated[Positive | None, key("raster of pulse samples in s")] = None
    gradient_raster: Annotated[Positive | None, key("raster of gradients in s")] = None
    rf_dead_time: Annotated[NonNegative | None, key("pause before a pulse in s")] = None
    rf_ringdown: Annotated[NonNegative | None, key("pause after a pulse in s")] = None
    adc_dead_time: Annotated[NonNegative | None, key("pause before the acquisition in s")] = None

    def limits(self) -> System:
        """The limits of the class of scanner, and what replaces them."""
        given = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}
        return replace(PRESETS[given.pop("preset", "clinical")], **given)
