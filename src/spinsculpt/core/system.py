"""What a scanner can play: peak B1, gradients, spoilers, rasters and dead times; and the heat that B1 leaves.

The presets are classes of scanners, not machines: gradients as the vendors state them (Magnetom Prisma XR 80 mT/m at
200 T/m/s; Ingenia 40 mT/m at 200 T/m/s; Discovery MR750 50 mT/m at 200 T/m/s), and a peak B1 that body coils reach in
heads of usual load. Each scanner says its own at its console: overwrite any value.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """Limits of a scanner.

    Attributes:
        name: of the preset.
        b1: peak amplitude of pulses in uT.
        gradient: largest gradient of one axis in mT/m.
        slew: steepest ramp in T/m/s.
        spoiler_area: of the spoiler on each side of a pulse in mT/m ms. 40 turn an unwanted coherence of one order 34
            times across 20 mm, and give semi-LASER, SPECIAL and STEAM the shortest echo times that are published for
            such scanners (26, 9 and 6 ms).
        rf_raster, gradient_raster: s.
        rf_dead_time, rf_ringdown, adc_dead_time: s before and after a pulse and before the acquisition.
    """

    name: str = "clinical"
    b1: float = 20.0
    gradient: float = 40.0
    slew: float = 150.0
    spoiler_area: float = 40.0
    rf_raster: float = 1e-6
    gradient_raster: float = 1e-5
    rf_dead_time: float = 1e-4
    rf_ringdown: float = 3e-5
    adc_dead_time: float = 2e-5

    def on_raster(self, duration: float) -> float:
        """A duration in s, rounded up to the raster of the gradients."""
        return float(math.ceil(duration / self.gradient_raster - 1e-6) * self.gradient_raster)

    def ramp(self, strength: float) -> float:
        """Time in s from zero to a gradient of `strength` mT/m, on the raster."""
        return self.on_raster(abs(strength) * 1e-3 / self.slew)

    def lobe(self, area: float) -> float:
        """Shortest trapezoid in s of an area in mT/m ms, ramps included, on the raster."""
        area = abs(area)  # mT/m ms = 1e-6 T/m s
        ramp = self.gradient * 1e-3 / self.slew
        triangle = math.sqrt(area * 1e-6 / self.slew)
        if triangle <= ramp:
            return 2 * self.on_raster(triangle)
        return self.on_raster(area * 1e-3 / self.gradient - ramp) + 2 * self.on_raster(ramp)

    @property
    def spoiler_time(self) -> float:
        """Length of a spoiler in s."""
        return self.lobe(self.spoiler_area)


PRESETS = {
    "clinical": System(),
    "prisma-like": System("prisma-like", b1=23.0, gradient=80.0, slew=200.0),
    "philips-like": System("philips-like", b1=13.5, gradient=40.0, slew=200.0),
    "ge-like": System("ge-like", b1=16.0, gradient=50.0, slew=200.0),
}

OF_VENDOR = {"philips": "philips-like", "siemens": "prisma-like", "ge": "ge-like"}

HEAD_RADIUS, CONDUCTIVITY, DENSITY = 0.09, 0.55, 1040.0  # m, S/m and kg/m^3 of a sphere like a head at 3 T


def head_sar(b1_rms: float, central_frequency: float) -> float:
    r"""Mean specific absorption rate in W/kg of a homogeneous sphere like a head in a circularly polarised field.

    sigma omega^2 B1^2 R^2 / (10 rho): the eddy currents of a uniform field (Hoult and Lauterbur 1979,
    doi:10.1016/0022-2364(79)90019-8, for a linear field; a circular one of the same B1+ heats twice as much). No
    wavelength effects, no coil: an order of magnitude to compare sequences by. The scanner's own number decides.

    Args:
        b1_rms: B1+ in uT, root mean square over the repetition time.
        central_frequency: MHz.
    """
    omega = 2e6 * math.pi * central_frequency
    return float(CONDUCTIVITY * (omega * b1_rms * 1e-6 * HEAD_RADIUS) ** 2 / (10 * DENSITY))
