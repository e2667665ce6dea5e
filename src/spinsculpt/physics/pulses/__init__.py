"""Shaped radio-frequency pulses: shapes, profiles, readers and writers."""

from spinsculpt.physics.pulses._formats import read_pulse, scaled, write_pulse
from spinsculpt.physics.pulses._json import (
    DesignedPulses,
    from_dict,
    read_designed,
    read_json,
    to_dict,
    write_designed,
    write_json,
)
from spinsculpt.physics.pulses._profile import (
    bandwidth,
    excitation_profile,
    refocusing_profile,
    slice_bandwidth,
    spin_rotation,
)
from spinsculpt.physics.pulses._pulse import Pulse
from spinsculpt.physics.pulses._shapes import from_envelope, gaussian, goia, hyperbolic_secant, rectangular, sinc
from spinsculpt.physics.pulses._slr import slr

__all__ = [
    "DesignedPulses",
    "Pulse",
    "bandwidth",
    "excitation_profile",
    "from_dict",
    "from_envelope",
    "gaussian",
    "goia",
    "hyperbolic_secant",
    "read_designed",
    "read_json",
    "read_pulse",
    "rectangular",
    "refocusing_profile",
    "scaled",
    "sinc",
    "slice_bandwidth",
    "slr",
    "spin_rotation",
    "to_dict",
    "write_designed",
    "write_json",
    "write_pulse",
]
