"""One line of the table of scans."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from spinsculpt.config._section import Section, key

Fraction = Annotated[str, Meta(pattern=r"^(|0|1|1\.0*|0?\.[0-9]+|0\.[0-9]+)$")]


@dataclass(frozen=True, kw_only=True)
class ScanRow(Section):
    """One line of the table of scans."""

    subject: Annotated[
        str,
        key(
            'letters and digits only, as BIDS demands, e.g. 01 (no space, no slash, without "sub-")',
            pattern="^[A-Za-z0-9]+$",
        ),
    ]
    session: Annotated[
        str, key("letters and digits only, or empty for studies of one session", pattern="^[A-Za-z0-9]*$")
    ] = ""
    sequence: Annotated[str, key("name of a sequence of the config, e.g. press30", min_length=1)]
    data: Annotated[
        str,
        key(
            "raw file of the metabolite scan, relative to the config key `data`, or folder of its DICOM files; several "
            'joined by ";" are repetitions',
            min_length=1,
        ),
    ]
    water: Annotated[
        str, key("raw file or files of the water reference (the same as `data` where they hold both), or empty")
    ] = ""
    gm: Annotated[Fraction, key("fraction of grey matter between 0 and 1, or empty")] = ""
    wm: Annotated[Fraction, key("fraction of white matter between 0 and 1, or empty")] = ""
    csf: Annotated[Fraction, key("fraction of cerebrospinal fluid between 0 and 1, or empty")] = ""
    use: Annotated[
        Literal["", "nulled"],
        key(
            "nulled for a metabolite-nulled scan (inversion recovery), whose macromolecules enter the bases of all "
            "scans of its sequence; empty for a scan to be fitted"
        ),
    ] = ""
    frequency: Annotated[
        str,
        key(
            "spectrometer frequency in MHz, or empty for that of the header of the raw file",
            pattern=r"^([0-9]+(\.[0-9]*)?)?$",
        ),
    ] = ""
    vendor: Annotated[
        Literal["", "philips", "siemens", "ge", "other"],
        key("philips, siemens, ge or other, or empty for what the header of the raw file says"),
    ] = ""
