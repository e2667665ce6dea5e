"""Bases for real scans: one a sequence, frequency and vendor, with what that scanner can play."""

from spinsculpt.config import Basis, SystemEntry
from spinsculpt.core.system import OF_VENDOR
from spinsculpt.data.bids import nominal_field


def measured_name(sequence: str, frequency: float | None, vendor: str) -> str:
    """Name of the basis of scans of one frequency and vendor: "press30@123.25MHz-siemens"; "press30" of unknown ones.

    Frequencies are rounded to a quarter MHz (a tenth below 100 MHz), so that the scans of a scanner share a basis; at
    3 T this moves NAA against Ins by 0.2 Hz at most.

    >>> measured_name("press30", 123.199, "siemens"), measured_name("steam", None, "")
    ('press30@123.25MHz-siemens', 'steam')
    """
    if frequency is None:
        return sequence
    step = 0.25 if frequency > 100.0 else 0.1
    return f"{sequence}@{round(frequency / step) * step:g}MHz" + (f"-{vendor}" if vendor in OF_VENDOR else "")


def as_measured_at(name: str, basis: Basis, system: SystemEntry) -> tuple[Basis, SystemEntry]:
    """The sections `basis` and `system` for a name of `measured_name`: at its field, with the limits of its vendor."""
    _, at, scanner = name.partition("@")
    if not at:
        return basis, system
    frequency, _, vendor = scanner.partition("MHz")
    frequency, vendor = float(frequency), vendor.removeprefix("-")
    basis = basis.but(central_frequency=frequency, field=nominal_field(frequency))
    return basis, system.but(preset=OF_VENDOR[vendor]) if vendor and system.preset is None else system


def with_measured(basis: Basis, path: str) -> Basis:
    """The section `basis` with measured macromolecules (JSON at `path`) in place of those of the library."""
    from spinsculpt.fit.macromolecules import NAME

    kept = [name for name in basis.macromolecules if not name.startswith("M")]
    return basis.but(measured=path, macromolecules=(NAME, *kept))
