"""Check a Philips pair before it is converted: spec2nii fails with a KeyError or converts what is not there."""

import math
from pathlib import Path

from spinsculpt.convert._formats import read_bytes
from spinsculpt.errors import SpinsculptError
from spinsculpt.philips import NUMBERS, SAMPLE_BYTES, VOXEL_NUMBERS, WORDS, read_spar

_WHOLE = ("samples", "rows", "averages")
_POSITIVE = (*_WHOLE, "synthesizer_frequency", "sample_frequency", "repetition_time")
_OPTIONAL = {"offset_frequency": "0", "spectrum_inversion_time": "0", "rows": "1", "averages": "1"}


def philips_pair(path: Path) -> tuple[Path, Path]:
    """The SDAT and the SPAR of a scan, from either of them; letters of the suffix may be small or large."""
    stem, wanted = path.stem, {".sdat": path, ".spar": path}
    for suffix in wanted:
        if path.suffix.lower() != suffix:
            others = [p for p in path.parent.iterdir() if p.stem == stem and p.suffix.lower() == suffix]
            if not others:
                raise SpinsculptError(
                    f"{path}: its partner {stem}{suffix.upper()} is missing; a Philips scan is a pair, copy both."
                )
            wanted[suffix] = others[0]
    return wanted[".sdat"], wanted[".spar"]


def checked_spar(sdat: Path, spar: Path) -> dict[str, str]:
    """The fields of the SPAR that the conversion needs, checked against each other and the length of the SDAT.

    Raises:
        SpinsculptError: a field is missing or no number, another nucleus, or the SDAT has another length.
    """
    read_bytes(spar)
    read_bytes(sdat, 1)
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
    whole = {key: int(float(fields[key])) for key in _WHOLE}
    samples, rows = whole["samples"], whole["rows"]
    held = sdat.stat().st_size
    if held != samples * rows * SAMPLE_BYTES:
        raise SpinsculptError(
            f"{sdat}: {spar.name} says {samples} samples x {rows} rows, but the SDAT holds "
            f"{held / SAMPLE_BYTES:g} samples; export the scan again or remove its line from the table of scans."
        )
    return {
        **{key: fields.get(key, "") for key in WORDS},
        **{key: fields[key] for key in (*NUMBERS, *VOXEL_NUMBERS) if key in fields},
        **{key: str(value) for key, value in whole.items()},
        "nucleus": "1H",
    }


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


def write_clean_spar(path: Path, fields: dict[str, str]) -> None:
    """A SPAR of these fields in the notation that spec2nii parses, without anything personal."""
    numbers = {key: f"{float(value)!r}" for key, value in fields.items() if key in NUMBERS + VOXEL_NUMBERS}
    numbers |= {key: fields[key] for key in _WHOLE}
    words = {key: repr(value or "unknown") for key, value in fields.items() if key in WORDS}
    path.write_text("".join(f"{key} : {value}\n" for key, value in (words | numbers).items()), encoding="utf-8")
