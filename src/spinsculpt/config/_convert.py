"""Section `convert` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from spinsculpt.config._section import Names, Section, key, mapping


@dataclass(frozen=True, kw_only=True)
class Convert(Section):
    """Conversion of raw scanner files to NIfTI-MRS with BIDS names."""

    identifying: Annotated[
        Names,
        key(
            "header fields that are removed because they can identify a person; the sidecar lists those that "
            "were there",
            unique=True,
        ),
    ] = (
        "PatientName",
        "PatientID",
        "PatientDoB",
        "PatientSex",
        "PatientWeight",
        "DeviceSerialNumber",
        "InstitutionName",
        "InstitutionAddress",
        "OriginalFile",
    )
    header: Annotated[
        dict[str, float | str | bool],
        key(
            "NIfTI-MRS header fields that are set where the raw file lacks them or says 0, e.g. {RepetitionTime: "
            "2.0}, times in s"
        ),
    ] = mapping()
    check_echo_time: Annotated[
        bool, key("refuse a scan whose echo time differs by more than 1 ms from that of its sequence")
    ] = True
