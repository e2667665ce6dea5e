"""Check a Philips scan before it is converted: spec2nii fails with a KeyError or converts what is not there."""

import math
import re
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.convert._formats import read_bytes
from spinsculpt.data.convert._sources import partners
from spinsculpt.data.philips import NUMBERS, SAMPLE_BYTES, VOXEL_NUMBERS, WORDS, read_spar

_WHOLE = ("samples", "rows", "averages")
_VECTORS = ("STD", "REJ", "PHC", "FRC", "NOI", "NAV")  # kinds of data vectors in a .list
_COLUMNS = 21  # of a line that describes one
_POSITIVE = (*_WHOLE, "synthesizer_frequency", "sample_frequency", "repetition_time")
_OPTIONAL = {"offset_frequency": "0", "spectrum_inversion_time": "0", "rows": "1", "averages": "1"}


def philips_pair(path: Path) -> tuple[Path, Path]:
    """The SDAT and the SPAR of a scan, from either of them."""
    sdat, spar = _scan_files(path, (".sdat", ".spar"), "a Philips scan is a pair, copy both")
    return sdat, spar


def list_files(path: Path) -> tuple[Path, Path, Path]:
    """The .data, the .list and the SPAR of a scan, from either of the first two."""
    why = "Philips data/list needs its .data, its .list and the SPAR of the scan, copy all three"
    data, listing, spar = _scan_files(path, (".data", ".list", ".spar"), why)
    return data, listing, spar


def _scan_files(path: Path, suffixes: tuple[str, ...], why: str) -> list[Path]:
    beside = {other.suffix.lower(): other for other in (*partners(path), path)}
    for suffix in suffixes:
        if suffix not in beside:
            raise SpinsculptError(f"{path}: its partner {path.stem}{suffix.upper()} is missing; {why}.")
    return [beside[suffix] for suffix in suffixes]


def checked_spar(spar: Path) -> dict[str, str]:
    """The fields of a SPAR that the conversion needs, all there and of the right kind.

    Raises:
        SpinsculptError: a field is missing or no number, or the nucleus is not the proton.
    """
    read_bytes(spar)
    fields = _OPTIONAL | {key: value for key, value in read_spar(spar).items() if value}
    localised = fields.get("volume_selection_enable", "").lower() == "yes"
    for key in (*NUMBERS, *_WHOLE, *(VOXEL_NUMBERS if localised else ()), "nucleus"):
        if key not in fields:
            raise SpinsculptError(
                f"{spar}: the header lacks the field '{key}'; add a line '{key} : value' or export it again."
            )
        if key != "nucleus":
            _check_number(spar, key, fields[key])
    if fields["nucleus"].upper() not in ("1H", "H1", "H"):
        raise SpinsculptError(f"{spar}: the nucleus is {fields['nucleus']}; only proton (1H) data are analysed.")
    return {
        **{key: fields.get(key, "") for key in WORDS},
        **{key: fields[key] for key in (*NUMBERS, *VOXEL_NUMBERS) if key in fields},
        **{key: str(int(float(fields[key]))) for key in _WHOLE},
        "nucleus": "1H",
    }


def checked_pair(sdat: Path, spar: Path) -> dict[str, str]:
    """`checked_spar`, and the SDAT has the length that the SPAR says."""
    fields = checked_spar(spar)
    read_bytes(sdat, 1)
    samples, rows, held = int(fields["samples"]), int(fields["rows"]), sdat.stat().st_size
    if held != samples * rows * SAMPLE_BYTES:
        raise SpinsculptError(
            f"{sdat}: {spar.name} says {samples} samples x {rows} rows, but the SDAT holds "
            f"{held / SAMPLE_BYTES:g} samples; export the scan again or remove its line from the table of scans."
        )
    return fields


def transients(fields: dict[str, str]) -> dict:
    """The number of shots as a NIfTI-MRS header field."""
    return {
        "Value": int(fields["rows"]) * int(fields["averages"]),
        "Description": "Shots of the scan, those averaged on the scanner included.",
    }


def checked_list(data: Path, listing: Path) -> None:
    """Check that a .list has lines of data vectors, and the .data the length that they add up to.

    Raises:
        SpinsculptError: a line is no line of 21 columns, there is none, or the length is another one.
    """
    read_bytes(listing)
    read_bytes(data, 1)
    sizes = []
    for number, line in enumerate(listing.read_text(encoding="latin-1").splitlines(), 1):
        columns = line.split()
        if not columns or columns[0] not in _VECTORS:
            continue
        if len(columns) != _COLUMNS or not all(re.fullmatch(r"-?\d+", column) for column in columns[1:]):
            raise SpinsculptError(
                f"{listing}, line {number}: not the {_COLUMNS} columns of a data vector; export the scan again."
            )
        sizes.append(int(columns[-2]))
    if not any(sizes) or min(sizes) < 0:
        raise SpinsculptError(f"{listing}: lists no data vectors; export the scan again.")
    held = data.stat().st_size
    if held != sum(sizes):
        raise SpinsculptError(
            f"{data}: {listing.name} lists {sum(sizes)} bytes, but the file holds {held}; export the scan again."
        )


def _check_number(spar: Path, key: str, value: str) -> None:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    whole = key in _WHOLE
    if not math.isfinite(number) or (key in _POSITIVE and number <= 0) or (whole and number % 1):
        wanted = "a whole number above 0" if whole else "a number above 0" if key in _POSITIVE else "a number"
        raise SpinsculptError(
            f"{spar}: the field '{key}' is '{value[:40]}', not {wanted}; correct it or export the scan again."
        )


def write_clean_spar(path: Path, fields: dict[str, str]) -> Path:
    """A SPAR of these fields in the notation that spec2nii parses, without anything personal; gives its path back."""
    numbers = {key: f"{float(value)!r}" for key, value in fields.items() if key in NUMBERS + VOXEL_NUMBERS}
    numbers |= {key: fields[key] for key in _WHOLE}
    words = {key: repr(value or "unknown") for key, value in fields.items() if key in WORDS}
    path.write_text("".join(f"{key} : {value}\n" for key, value in (words | numbers).items()), encoding="utf-8")
    return path
