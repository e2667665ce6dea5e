"""Check a Siemens rda before it is converted: spec2nii takes a shorter FID for a whole one."""

import math
import re
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.convert._formats import read_bytes

_END = b">>> End of header <<<"
_SAMPLE_BYTES = 16  # a complex number: two doubles
_VECTORS = tuple(f"{name}Vector[{n}]" for name in ("Row", "Column") for n in range(3))
_SIZES = ("VectorSize", *(f"CSIMatrixSize[{n}]" for n in range(3)))
# Keys of an rda that the conversion to NIfTI-MRS reads, by the kind of value that it needs there.
_NUMBERS = (
    "DwellTime", "MRFrequency", "TE", "TR", "TI", "TM", "FlipAngle", "PixelSpacingRow", "PixelSpacingCol",
    "SliceThickness", *_VECTORS, *_SIZES,
)  # fmt: skip
_WORDS = ("Nucleus", "ModelName", "DeviceSerialNumber", "SoftwareVersion[0]", "InstitutionName", "TransmitCoil")


def read_rda(path: Path) -> dict[str, str]:
    """Fields of the header as text; decimal commas of some locales stay."""
    text = read_bytes(path, 1 << 16).partition(_END)[0].decode("latin-1")
    return dict(re.findall(r"(?m)^([\w\[\],]+): *(.*?)\r?$", text))


def rda_number(path: Path, key: str, value: str) -> float:
    """The number of a field.

    Raises:
        SpinsculptError: it is none.
    """
    try:
        number = float(value.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SpinsculptError(f"{path}: the field '{key}' is '{value[:40]}', not a number; correct it.")
    return number


def check_rda(path: Path) -> None:
    """Check that the header has what the conversion needs, and the file the length that it says.

    Raises:
        SpinsculptError: a field is missing or no number, the header has no end, or the length is another one.
    """
    fields = read_rda(path)
    for key in (*_NUMBERS, *_WORDS):
        if key not in fields:
            kind = "a number" if key in _NUMBERS else "a word"
            raise SpinsculptError(
                f"{path}: the header lacks the field '{key}'; add a line '{key}: ' with {kind}, or export it again."
            )
    numbers = {key: rda_number(path, key, fields[key]) for key in _NUMBERS}
    for key in (*_SIZES, "DwellTime", "MRFrequency"):
        if numbers[key] <= 0 or (key in _SIZES and numbers[key] % 1):
            wanted = "a whole number" if key in _SIZES else "a number"
            raise SpinsculptError(
                f"{path}: the field '{key}' is '{fields[key][:40]}', not {wanted} above 0; correct it."
            )
    _, end, samples = read_bytes(path).partition(_END + b"\r\n")
    if not end:
        raise SpinsculptError(f"{path}: the header has no end, so the file is truncated; export it again.")
    wanted = _SAMPLE_BYTES * math.prod(int(numbers[key]) for key in _SIZES)
    if len(samples) != wanted:
        raise SpinsculptError(
            f"{path}: the header says {wanted} bytes of samples, but the file holds {len(samples)}; export it again."
        )
