"""Which vendor wrote a raw file: by its name and its first bytes, so that a wrong file is refused before it is read."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import refuse_pipe
from spinsculpt.data.convert._other_formats import other_format

_HEAD = 512  # bytes that are looked at


@dataclass(frozen=True)
class Format:
    """A kind of raw file.

    Attributes:
        name: for people, e.g. "Siemens twix".
        suffixes: lower case; names of the format end in one of them.
        looks_right: whether the first bytes can belong to it; for formats with a signature.
        signed: whether the first bytes alone identify it.
    """

    name: str
    suffixes: tuple[str, ...]
    looks_right: Callable[[bytes], bool]
    signed: bool


def _is_nifti(head: bytes) -> bool:
    return head[:2] == b"\x1f\x8b" or head[4:7] in (b"n+2", b"ni2") or head[344:347] in (b"n+1", b"ni1")


def _is_dicom(head: bytes) -> bool:
    return head[128:132] == b"DICM"


def _is_rda(head: bytes) -> bool:
    return head.lstrip().startswith(b">>> Begin of header <<<")


def _is_twix(head: bytes) -> bool:
    """VD and later: a small number, then that of the measurements (1-64). VB: the length of the header."""
    if len(head) < 8:
        return False
    first, second = struct.unpack("<II", head[:8])
    return (first < 10000 and 0 < second <= 64) or (10000 <= first < 1 << 24 and 0 < second < 64)


def _is_p_file(head: bytes) -> bool:
    """The revision of the header, a float between 5 and 100 in either byte order."""
    return len(head) >= 4 and any(5 <= struct.unpack(order + "f", head[:4])[0] < 100 for order in "<>")


def describe_p_file(path: Path) -> str:
    """A P-file with the revision of its header, e.g. "a GE P-file of revision 9"."""
    head = read_bytes(path, 4).ljust(4, b"\0")
    values = [struct.unpack(order + "f", head)[0] for order in "<>"]
    return f"a GE P-file of revision {next((value for value in values if 5 <= value < 100), values[0]):g}"


def _is_anything_else(head: bytes) -> bool:
    return not (_is_nifti(head) or _is_dicom(head) or _is_rda(head))


FORMATS = (
    Format("NIfTI-MRS", (".nii", ".nii.gz"), _is_nifti, True),
    Format("DICOM", (".dcm", ".ima"), _is_dicom, True),
    Format("Siemens rda", (".rda",), _is_rda, True),
    Format("Siemens twix", (".dat",), _is_twix, False),
    Format("GE P-file", (".7",), _is_p_file, False),
    Format("Philips SDAT/SPAR", (".sdat", ".spar"), _is_anything_else, False),
    Format("Philips data/list", (".data", ".list"), _is_anything_else, False),
)

SUFFIXES = tuple(suffix for known in FORMATS for suffix in known.suffixes)


def named_format(name: str) -> Format:
    """The format of a name."""
    return next(known for known in FORMATS if known.name == name)


def read_bytes(path: Path, size: int = -1) -> bytes:
    """The first `size` bytes (all by default) of a raw file.

    Raises:
        SpinsculptError: there is no such file, it is a folder, empty, or may not be read.
    """
    if path.is_dir():
        raise SpinsculptError(f"{path}: this is a folder; name the raw file in it.")
    try:
        refuse_pipe(path)
        with path.open("rb") as file:
            content = file.read(size)
    except FileNotFoundError:
        raise SpinsculptError(
            f"{path}: there is no such raw file; put it there or correct its line in the table of scans."
        ) from None
    except OSError as error:
        raise SpinsculptError(
            f"{path}: the raw file cannot be read ({error.strerror}); make it readable (chmod u+r) and run again."
        ) from None
    if not content:
        raise SpinsculptError(f"{path}: the raw file is empty; export it again.")
    return content


def recognise(path: Path | str) -> Format:
    """The format of a raw file.

    Raises:
        SpinsculptError: the file is missing or unreadable, its name contradicts its content, or neither is known.
    """
    path = Path(path)
    head = read_bytes(path, _HEAD)
    by_name = next((known for known in FORMATS if path.name.lower().endswith(known.suffixes)), None)
    by_content = next((known for known in FORMATS if known.signed and known.looks_right(head)), None)
    if by_name is None and by_content is None:
        if other := other_format(path):
            raise SpinsculptError(f"{path}: {other}.")
        endings = ", ".join(SUFFIXES)
        raise SpinsculptError(f"{path}: no format that spinsculpt knows; raw files end in {endings}, or are DICOM.")
    if by_name and not by_name.looks_right(head):
        guess = f"it looks like {by_content.name}" if by_content else "its first bytes are those of another format"
        raise SpinsculptError(f"{path}: named like {by_name.name}, but {guess}; export the scan again or rename it.")
    return by_name or by_content
