"""DICOM: which files of a folder hold spectra, who made them, and in which order they belong."""

import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spinsculpt.core.errors import NoSpectrum, SpinsculptError, brief
from spinsculpt.data.convert._formats import read_bytes, recognise
from spinsculpt.data.convert._other_formats import other_format

logging.getLogger("pydicom").setLevel(logging.ERROR)  # below, it quotes values

_MR_SPECTROSCOPY = "1.2.840.10008.5.1.4.1.1.4.2"
_SIEMENS_NON_IMAGE = "1.3.12.2.1107.5.9.1"
_PHILIPS_PRIVATE = "1.3.46.670589.11.0.0.12.1"
_PHILIPS_PRIVATE_CLASSES = "1.3.46.670589.11.0.0.12."
_SPECTROSCOPY_DATA = (0x5600, 0x0020)
PrivateElement = tuple[int, str, int]  # group, creator of the block, element in the block
_UNDEFINED = 0xFFFFFFFF  # length of an element that says itself where it ends
_SUBCOMMANDS = {"siemens": "dicom", "philips": "philips_dcm", "uih": "uih", "united imaging": "uih"}
_TAGS = ["SOPClassUID", "ImageType", "Manufacturer", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber"]
_TAGS += ["SoftwareVersions", "VolumeLocalizationSequence"]


@dataclass(frozen=True)
class DicomFile:
    """What the header of one file says.

    Attributes:
        path: of the file.
        manufacturer: as written.
        is_spectrum: whether it holds spectroscopy; images and reports do not.
        series_uid: the same for all files of a scan.
        series, instance: numbers on the console, and in the scan.
        software: versions that the scanner ran, "" where the header does not say.
        lacks_slabs: whether it is enhanced Philips DICOM without the three slabs of the voxel, which spec2nii needs.
    """

    path: Path
    manufacturer: str
    is_spectrum: bool
    series_uid: str
    series: int
    instance: int
    software: str = ""
    lacks_slabs: bool = False

    @property
    def described(self) -> str:
        """Manufacturer and software, for errors."""
        name = self.manufacturer if re.fullmatch(r"[\w ,.]{1,40}", self.manufacturer) else "an unknown manufacturer"
        return f"{name}, software {self.software or 'unknown'}"

    @property
    def subcommand(self) -> str:
        """The converter of spec2nii for this manufacturer."""
        for name, subcommand in _SUBCOMMANDS.items():
            if name in self.manufacturer.lower():
                return subcommand
        called = self.manufacturer if re.fullmatch(r"[\w ,.]{1,40}", self.manufacturer) else "unknown"
        raise SpinsculptError(
            f"{self.path}: DICOM spectra of the manufacturer '{called}' cannot be converted; "
            "export the scan in another format (of GE: the P-file)."
        )


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn what pydicom raises, of many kinds, into a sentence: all of them mean an unreadable file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            yield
    except SpinsculptError:
        raise
    except Exception as error:
        raise SpinsculptError(f"{path}: this is no readable DICOM file ({brief(error)}); export it again.") from error


def read_dicom(path: Path, tags: list[str | tuple[int, int]] = _TAGS):
    """The header of a DICOM file as a pydicom data set that holds `tags`.

    Raises:
        SpinsculptError: it is no readable DICOM file.
    """
    from pydicom import dcmread

    read_bytes(path, 1)
    with _sentences(path):
        header = dcmread(path, stop_before_pixels=True, specific_tags=tags)
        list(header.iterall())  # which are read only when they are asked for
        return header


def read_private(path: Path, wanted: Iterable[PrivateElement]) -> dict[PrivateElement, object]:
    """Values of vendors' own elements, each looked up in the block that its creator reserved.

    The block of a creator is not the same in every file: (gggg,00bb) names the creator of (gggg,bb00-bbFF)
    (DICOM PS3.5, section 7.8.1).

    Args:
        path: of the file.
        wanted: (group, creator, element in the block) of each, e.g. (0x0029, "SIEMENS CSA HEADER", 0x20).
    Returns:
        The values of those that the file holds; the first where a creator reserved several blocks.
    Raises:
        SpinsculptError: it is no readable DICOM file.
    """
    wanted = list(wanted)
    groups = sorted({group for group, _, _ in wanted})
    creators = read_dicom(path, [(group, block) for group in groups for block in range(0x10, 0x100)])
    places = {
        (element.tag.group, element.tag.element << 8 | each[2]): each
        for element in reversed(list(creators))
        for each in wanted
        if element.tag.group == each[0] and _text(element.value) == each[1].lower()
    }
    header = read_dicom(path, list(places)) if places else {}
    found: dict[PrivateElement, object] = {}
    for place in sorted(places):
        if place in header:
            found.setdefault(places[place], header[place].value)
    return found


def _text(value: object) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return text.strip(" \0").lower()


def check_complete(path: Path) -> None:
    """Check that no element of a DICOM file ends with the file: pydicom takes what is there.

    Raises:
        SpinsculptError: one does.
    """
    from pydicom import dcmread
    from pydicom.dataelem import RawDataElement

    with _sentences(path):
        for element in dcmread(path).elements():
            sized = isinstance(element, RawDataElement) and element.length != _UNDEFINED
            if sized and len(element.value or b"") < element.length:
                raise SpinsculptError(
                    f"{path}: ends within the element {element.tag}, so it is cut short; copy it again."
                )


def dicom_file(path: Path) -> DicomFile:
    """What the header of a DICOM file says."""
    header = read_dicom(path)
    _refuse_unknown_class(path, header)
    uid, image_type = str(header.get("SOPClassUID", "")), header.get("ImageType") or ()
    return DicomFile(
        path,
        str(header.get("Manufacturer", "")),
        uid in (_MR_SPECTROSCOPY, _PHILIPS_PRIVATE) or (uid == _SIEMENS_NON_IMAGE and "CSA REPORT" not in image_type),
        str(header.get("SeriesInstanceUID", "")),
        _whole(header.get("SeriesNumber")),
        _whole(header.get("InstanceNumber")),
        _versions(header.get("SoftwareVersions")),
        uid == _MR_SPECTROSCOPY
        and "philips" in str(header.get("Manufacturer", "")).lower()
        and len(header.get("VolumeLocalizationSequence") or ()) < 3,
    )


def _versions(value: object) -> str:
    """Software versions in words; what holds another sign than a version may is left out."""
    named = [value] if isinstance(value, str) else list(value or ())  # type: ignore[call-overload]
    return " ".join(each for each in named if re.fullmatch(r"[\w .+-]{1,40}", each))


def _refuse_unknown_class(path: Path, header) -> None:
    """Say which class of Philips a spectrum is of, where it is none that is converted."""
    uid = str(header.get("SOPClassUID", ""))
    if uid == _PHILIPS_PRIVATE or not uid.startswith(_PHILIPS_PRIVATE_CLASSES):
        return
    if _SPECTROSCOPY_DATA in read_dicom(path, [_SPECTROSCOPY_DATA]):
        raise SpinsculptError(
            f"{path}: this Philips DICOM file holds a spectrum of the private class {uid}, which neither spec2nii nor "
            "spinsculpt converts; export the scan as SDAT/SPAR."
        )


def dicom_series(named: list[Path]) -> list[list[DicomFile]]:
    """The spectra among the DICOM files that are named, by series; of each in the order of acquisition.

    Raises:
        SpinsculptError: a folder holds none, or those of several series; files are of several manufacturers.
    """
    series: dict[str, list[DicomFile]] = {}
    for path in named:
        spectra = _spectra_of_folder(path) if path.is_dir() else [dicom_spectrum(path)]
        for file in spectra:
            series.setdefault(file.series_uid, []).append(file)
    if len({file.subcommand for files in series.values() for file in files}) > 1:
        raise SpinsculptError(f"{named[0]}: DICOM files of several manufacturers are no one scan; name those of one.")
    return [sorted(files, key=lambda file: file.instance) for files in series.values()]


def dicom_spectrum(path: Path) -> DicomFile:
    """`dicom_file` of a file that must hold a spectrum."""
    file = dicom_file(path)
    if not file.is_spectrum:
        raise NoSpectrum(f"{path}: this DICOM file holds no spectrum (an image or a report); name that of the scan.")
    return file


def _spectra_of_folder(folder: Path) -> list[DicomFile]:
    files = [dicom_file(file) for file in sorted(folder.rglob("*")) if file.is_file() and is_dicom(file)]
    if not files:
        others = [other for file in sorted(folder.rglob("*")) if file.is_file() and (other := other_format(file))]
        if others:
            raise SpinsculptError(f"{folder}: what it holds {others[0]}.")
        raise SpinsculptError(f"{folder}: this is a folder without DICOM files; name the raw file in it.")
    spectra = [file for file in files if file.is_spectrum]
    if not spectra:
        raise SpinsculptError(f"{folder}: none of the {len(files)} DICOM files in this folder holds a spectrum.")
    if len(spectra) < len(files):
        logging.info("%s: passed over %d DICOM files that hold no spectra", folder, len(files) - len(spectra))
    if len({file.series_uid for file in spectra}) > 1:
        numbers = sorted({file.series for file in spectra})
        raise SpinsculptError(
            f"{folder}: holds spectra of the series {', '.join(map(str, numbers))}, which are no one scan; put each "
            'into a folder of its own, or name its files, joined by ";".'
        )
    return spectra


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its first bytes; one that cannot be read or is empty is not."""
    try:
        return recognise(path).name == "DICOM"
    except SpinsculptError:
        return False


def _whole(value: object) -> int:
    try:
        return int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 0
