"""What the header of a raw file says of the scan, without reading its samples and without anything personal."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.gate import quantity
from spinsculpt.data.bids import header_of_sidecar, parse_name, read_sidecar
from spinsculpt.data.convert._dicom import dicom_spectrum, read_dicom, read_private
from spinsculpt.data.convert._formats import describe_p_file, read_bytes, recognise
from spinsculpt.data.convert._philips import list_files, philips_pair
from spinsculpt.data.convert._siemens import rda_number, read_rda
from spinsculpt.data.convert._sources import files_on_disk, named_files
from spinsculpt.data.convert._spec2nii import way_round
from spinsculpt.data.nifti import read_header
from spinsculpt.data.philips import read_spar
from spinsculpt.data.subjects import Scan

VENDORS = ("philips", "siemens", "ge")
_TWIX_HEADER = 1 << 24  # bytes; a longer one is no header
SHORTEST_ECHO_TIME = 1e-4  # s; a FID after a short pulse


@dataclass(frozen=True)
class RawHeader:
    """What is known of a raw file before it is converted.

    Attributes:
        format: name of the format, with the vendor.
        sequence, protocol: as the scanner calls them; "" where unknown.
        echo_time: s, or None where unknown.
        nucleus: e.g. "1H", or "" where unknown.
        inverted: whether an inversion comes first, as in metabolite-nulled scans.
        is_water: whether the header says that water is not suppressed; None where it does not say.
        holds_water: whether the file holds a water reference beside the metabolites.
        central_frequency: MHz, or None where the header does not say it.
        vendor: philips, siemens or ge; "" for others and where unknown.
    """

    format: str = ""
    sequence: str = ""
    protocol: str = ""
    echo_time: float | None = None
    nucleus: str = ""
    inverted: bool = False
    is_water: bool | None = None
    holds_water: bool = False
    central_frequency: float | None = None
    vendor: str = ""


def read_raw_header(path: Path) -> RawHeader:
    """The header of a raw file.

    Raises:
        SpinsculptError: the file is of no known format, unreadable or broken.
    """
    kind = recognise(path)
    header = _READERS[kind.name](path)
    if header.echo_time is not None:
        quantity(header.echo_time, "echo_time", path, "the echo time of the header")
        if 0.0 < header.echo_time < SHORTEST_ECHO_TIME:
            raise SpinsculptError(
                f"{path}: the echo time of the header is {1e3 * header.echo_time:g} ms, shorter than any spectrum has; "
                "it looks like a number in s where the format has ms. Correct it, or export the scan again."
            )
    named = header.format or kind.name
    vendor = header.vendor or next((each for each in VENDORS if each in named.lower().split()), "")
    return replace(header, format=named, vendor=vendor)


def _megahertz(value: object) -> float | None:
    """A frequency in MHz of one in MHz or Hz; None where it is no frequency."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    number = number * 1e-6 if number > 1e5 else number
    return number if 1.0 < number < 1300.0 else None


def _read_philips(path: Path) -> RawHeader:
    holds_water = False
    if path.suffix.lower() in (".data", ".list"):
        _, listing, spar = list_files(path)
        # The water of a scan is its second mix.
        holds_water = bool(re.search(r"(?m)^\s*STD\s+1\s", listing.read_text(encoding="latin-1")))
    else:
        _, spar = philips_pair(path)
    read_bytes(spar)
    fields = read_spar(spar)
    return RawHeader(
        protocol=fields.get("scan_id", ""),
        echo_time=_milliseconds(path, "echo_time", fields.get("echo_time")),
        nucleus=fields.get("nucleus", ""),
        inverted=bool(_milliseconds(path, "spectrum_inversion_time", fields.get("spectrum_inversion_time"))),
        holds_water=holds_water,
        central_frequency=_megahertz(fields.get("synthesizer_frequency")),
    )


def _read_rda(path: Path) -> RawHeader:
    fields = read_rda(path)
    times = {key: rda_number(path, key, fields[key]) * 1e-3 for key in ("TE", "TI") if fields.get(key)}
    return RawHeader(
        sequence=fields.get("SequenceName", ""),
        protocol=fields.get("ProtocolName", ""),
        echo_time=times.get("TE"),
        nucleus=fields.get("Nucleus", ""),
        inverted=bool(times.get("TI")),
        central_frequency=_megahertz(fields.get("MRFrequency")),
    )


def _read_twix(path: Path) -> RawHeader:
    """The header of the last measurement; those before it in a file of VD and later are adjustments."""
    with path.open("rb") as file:
        first, count = struct.unpack("<II", file.read(8).ljust(8, b"\0"))
        if first < 10000:
            file.seek(8 + 152 * (count - 1) + 8)
            offset = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
            file.seek(min(offset, path.stat().st_size))
            first = struct.unpack("<I", file.read(4).ljust(4, b"\0"))[0]
        if not 0 < first < _TWIX_HEADER:
            raise SpinsculptError(f"{path}: no header where a twix file has it; it may be truncated: copy it again.")
        return _of_protocol(file.read(first))


def _of_protocol(text: bytes) -> RawHeader:
    """What the measurement protocol of Siemens says, in a twix file and in a DICOM file of versions before XA."""

    def value(key: str) -> str:
        found = re.search(rb"(?m)^[ \t]*" + re.escape(key).encode() + rb"[ \t]*=[ \t]*\"*([^\"\r\n]*)", text)
        return found[1].decode("latin-1").strip() if found else ""

    mode, number = value("sSpecPara.lAutoRefScanMode"), value("sSpecPara.lAutoRefScanNo")
    echo_time = value("alTE[0]")
    return RawHeader(
        sequence=re.split(r"[\\/]", value("tSequenceFileName"))[-1],
        protocol=value("tProtocolName"),
        echo_time=float(echo_time) * 1e-6 if re.fullmatch(r"\d+(\.\d*)?", echo_time) else None,
        nucleus=value("sTXSPEC.asNucleusInfo[0].tNucleus"),
        holds_water=mode not in ("", "1", "0x1") and number not in ("", "0"),
        central_frequency=_megahertz(value("sTXSPEC.asNucleusInfo[0].lFrequency")),
        vendor="siemens",
    )


def _read_p_file(path: Path) -> RawHeader:
    from spec2nii.GE.ge_read_pfile import Pfile

    read_bytes(path, 1)
    file = Pfile.__new__(Pfile)  # whose constructor reads all samples
    file.file_name, file.endian = path, "little"
    try:
        file.read_header()
        fields = file.hdr
        frequency, field = fields.rhr_rh_ps_mps_freq / 1e7, fields.rhe_magstrength / 1e4
        if not re.fullmatch(r"[ -~]+", _text(fields.rhi_psdname)) or _megahertz(frequency) is None:
            raise ValueError("it names no sequence or no frequency")
        return RawHeader(
            sequence=_text(fields.rhi_psdname),
            protocol=_text(fields.rhs_se_desc),
            echo_time=fields.rhi_te * 1e-6,
            nucleus="1H" if not field or abs(frequency / field - GAMMA_BAR) < 0.3 else "another than 1H",
            inverted=fields.rhi_ti > 0,
            holds_water=fields.rhr_rh_user19 > 0,  # number of reference frames
            central_frequency=_megahertz(frequency),
        )
    except Exception as error:  # the library raises many kinds; all of them mean an unreadable header
        raise SpinsculptError(
            f"{path}: spec2nii cannot read its header ({brief(error)}). It is {describe_p_file(path)}; "
            f"{way_round('ge')}."
        ) from error


def _text(field: bytes) -> str:
    return field.decode("latin-1").strip()


# Vendors' elements: (group, who reserved the block, element in the block). Which block it is, the file says.
_SIEMENS_PROTOCOL = (0x0029, "SIEMENS CSA HEADER", 0x20)
_PHILIPS_NUCLEUS = (0x2001, "Philips Imaging DD 001", 0x87)
_PHILIPS_ECHO_TIME = (0x2005, "Philips MR Imaging DD 004", 0x10)
_PRIVATE = (_SIEMENS_PROTOCOL, _PHILIPS_NUCLEUS, _PHILIPS_ECHO_TIME)
_TAGS = [
    "Manufacturer", "ResonantNucleus", "PulseSequenceName", "SequenceName", "ProtocolName", "EchoTime",
    "VolumeLocalizationTechnique", "WaterReferencedPhaseCorrection", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "TransmitterFrequency",
]  # fmt: skip


def _read_dicom(path: Path) -> RawHeader:
    manufacturer = dicom_spectrum(path).manufacturer
    header, vendor = read_dicom(path, _TAGS), manufacturer.lower()
    private = read_private(path, _PRIVATE)
    kind = f"{manufacturer.partition(' ')[0].title()} DICOM".strip()
    protocol = private.get(_SIEMENS_PROTOCOL)
    if "siemens" in vendor and isinstance(protocol, bytes):
        # Automatic reference scans are in twix files; a DICOM file of this series is one reconstruction.
        return replace(_of_protocol(protocol), format=kind, holds_water=False)
    old_nucleus, old_echo_time = private.get(_PHILIPS_NUCLEUS, ""), private.get(_PHILIPS_ECHO_TIME, "")
    name = header.get("PulseSequenceName") or header.get("SequenceName") or ""
    return RawHeader(
        kind,
        sequence=f"{name} {header.get('VolumeLocalizationTechnique') or ''}".strip(),
        protocol=str(header.get("ProtocolName") or ""),
        echo_time=_milliseconds(
            path, "EchoTime", header.get("EchoTime") or _enhanced_echo_time(header) or old_echo_time
        ),
        nucleus=str(header.get("ResonantNucleus") or old_nucleus),
        central_frequency=_megahertz(_single(header.get("TransmitterFrequency"))),
        holds_water="uih" in vendor or ("philips" in vendor and header.get("WaterReferencedPhaseCorrection") == "YES"),
    )


def _single(value: object) -> object:
    """The value of a field, or its first where it has several."""
    return value[0] if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue" else value


def _enhanced_echo_time(header) -> object:
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in header.get(groups) or ():
            for echo in group.get("MREchoSequence") or ():
                if echo.get("EffectiveEchoTime"):
                    return echo.EffectiveEchoTime
    return None


def _read_nifti(path: Path) -> RawHeader:
    header = header_of_sidecar(read_sidecar(path)) | read_header(path)
    nucleus, echo_time = header.get("ResonantNucleus") or "", header.get("EchoTime")
    suppressed = header.get("WaterSuppressed")
    entities = parse_name("/".join(path.parts[-4:])) or parse_name("/".join(path.parts[-3:]))
    is_water = entities["suffix"] == "mrsref" if entities else not suppressed if isinstance(suppressed, bool) else None
    return RawHeader(
        sequence=str(header.get("SequenceName") or ""),
        protocol=str(header.get("ProtocolName") or ""),
        echo_time=float(echo_time) if isinstance(echo_time, int | float) else None,
        nucleus=str(nucleus[0] if isinstance(nucleus, list) and nucleus else nucleus or ""),
        inverted=bool(header.get("InversionTime")),
        is_water=is_water,
        central_frequency=_megahertz(_single(header.get("SpectrometerFrequency"))),
        vendor=_vendor(str(header.get("Manufacturer") or "")),
    )


def _vendor(manufacturer: str) -> str:
    words = re.split(r"[^a-z]+", manufacturer.lower())
    return next((vendor for vendor in VENDORS if vendor in words), "")


def _milliseconds(path: Path, key: str, value: object) -> float | None:
    """A time in s of one in ms; None where the header leaves it out."""
    if value in ("", None):
        return None
    try:
        return float(value) * 1e-3  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise SpinsculptError(f"{path}: the field '{key}' is '{value!s:.40}', not a number; correct it.") from None


_READERS: dict[str, Callable[[Path], RawHeader]] = {
    "NIfTI-MRS": _read_nifti,
    "DICOM": _read_dicom,
    "Siemens rda": _read_rda,
    "Siemens twix": _read_twix,
    "GE P-file": _read_p_file,
    "Philips SDAT/SPAR": _read_philips,
    "Philips data/list": _read_philips,
}


def scanner_of(scan: Scan, folder: Path | str) -> tuple[float | None, str]:
    """Spectrometer frequency in MHz and vendor of a scan: as its line of the table says, else as its raw file does.

    (None, "") where the file cannot be read: its own conversion says why.
    """
    if scan.frequency:
        return float(scan.frequency), scan.vendor
    try:
        header = read_raw_header(files_on_disk(named_files(folder, scan.data))[0])
    except (SpinsculptError, IndexError, OSError):
        return None, ""
    return header.central_frequency, scan.vendor or header.vendor
