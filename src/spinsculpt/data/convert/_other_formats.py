"""Formats of spectra that spinsculpt does not read itself: how to tell them, and the command that converts them."""

import re
import shlex
from pathlib import Path

_HEAD = 4096  # bytes that are looked at
_SUFFIXES = (".raw", ".h2o", ".mrui", ".txt", ".fid")
_BRUKER = re.compile(r"(?:fid|ser|2dseq|fid_proc\.64|rawdata\.job\d+)", re.IGNORECASE)
_COMPLEX_LINE = re.compile(r"\s*[-+]?\d[\d.]*(?:[eE][-+]?\d+)?[\s,]+[-+]?\d[\d.]*(?:[eE][-+]?\d+)?\s*")
# spec2nii 0.8 takes a frequency of the header for Hz, and -i only where there is none.
_RAW = "raw -n 1H -i MHZ --override_frequency MHZ -b HZ"
_NAME_IT = "then name the NIfTI-MRS file it writes"


def other_format(path: Path) -> str:
    """What a file of another format is and how to convert it, as the end of a sentence; "" where it is none of them.

    Args:
        path: of a file that exists.
    """
    suffix, name = path.suffix.lower(), path.name.lower()
    if _BRUKER.fullmatch(name):
        return _folder_format(path)
    if suffix not in _SUFFIXES:
        return ""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("latin-1")
    except OSError:
        return ""
    if suffix in (".raw", ".h2o"):
        if any((path.with_suffix(each)).is_file() for each in (".lab", ".LAB")):
            return "is raw data of Philips (.raw/.lab); export the scan as SDAT/SPAR or data/list"
        if re.search(r"[$&](SEQPAR|NMID)", head, re.IGNORECASE):
            # spec2nii takes the last word of this line for the number.
            first = "put a space behind 'hzpppm=' in it and " if re.search(r"(?i)hzpppm\s*=\S", head) else ""
            return _by("an LCModel file", _RAW, path, first)
        return ""
    if suffix == ".mrui" or (suffix == ".txt" and head.startswith("jMRUI Data Textfile")):
        return _by("a jMRUI file", "jmrui", path)
    if suffix == ".fid":
        return (
            "is a file of Varian or Agilent by its name; "
            + _by_words("varian", "FOLDER.fid")
            + (", on the folder with its fid and procpar, " + _NAME_IT)
        )
    lines = [line for line in head.splitlines()[:-1] if line.strip()]
    if len(lines) > 8 and all(_COMPLEX_LINE.fullmatch(line) for line in lines):
        return _by("a text file of complex numbers", "text -i MHZ -b HZ -n 1H", path)
    return ""


def _folder_format(path: Path) -> str:
    """Of a file whose folder says what it is."""
    beside = {each.name.lower() for each in path.parent.iterdir()}
    if "procpar" in beside:
        return _by("part of a scan of Varian or Agilent", "varian", path.parent)
    above = path.parent.parent.parent
    if {"method", "acqp"} & beside or (path.parent.parent.name == "pdata" and (above / "method").is_file()):
        mode = "2DSEQ" if path.name == "2dseq" else "RAWDATA" if path.name.startswith("rawdata") else "FID"
        return _by("a scan of Bruker", f"bruker -m {mode}", path)
    return ""


def _by(kind: str, options: str, path: Path, first: str = "") -> str:
    meaning = " (with its frequency for MHZ and its bandwidth for HZ)" if "MHZ" in options else ""
    return f"is {kind}; {first}{_by_words(options, shlex.quote(str(path)))}{meaning}, {_NAME_IT}"


def _by_words(options: str, name: str) -> str:
    return f"convert it with `spec2nii {options} {name}`"
