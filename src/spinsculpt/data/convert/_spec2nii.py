"""Run spec2nii, the community's converter (Clarke et al. 2022, doi:10.1002/mrm.29418), in a process of its own."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.workflow.warm import run_program
from spinsculpt.data.nifti import MRSData, read_fids

_TIME_LIMIT = 900  # s
_QUOTES = "'\""
_CUT_SHORT = "An unexpected read error occurred"  # what the reader of twix files warns of, and then goes on


_BY_HAND = "convert it with another program and name the NIfTI-MRS file instead"
# What to do where spec2nii fails, by its subcommand.
_WAYS_ROUND = {
    "twix": f"export the scan from the console as .rda or DICOM, or {_BY_HAND}",
    "rda": f"export the scan from the console as DICOM, or {_BY_HAND}",
    "dicom": f"export the scan from the console as .rda, or {_BY_HAND}",
    "ge": f"{_BY_HAND} (of FID-A, io_loadspec_GE and io_writeniimrs)",
    "philips": f"export the scan as DICOM, or {_BY_HAND}",
    "philips_dl": f"export the scan as SDAT/SPAR, or {_BY_HAND}",
    "philips_dcm": f"export the scan as SDAT/SPAR, or {_BY_HAND}",
}
# What readers of binary files raise at their end.
_BYTES_MISSING = re.compile(
    r"EOFError|unexpected end|end of file|requires a buffer of|buffer is smaller|struct\.error: unpack", re.IGNORECASE
)


def way_round(subcommand: str) -> str:
    """What to do where spec2nii cannot convert a scan, as the end of a sentence."""
    return _WAYS_ROUND.get(subcommand, _BY_HAND)


def run_spec2nii(subcommand: str, arguments: list[str], raw: Path, described: str) -> dict[str, MRSData]:
    """Convert one scan.

    Args:
        subcommand: of spec2nii.
        arguments: its options and files.
        raw: what errors call the scan.
        described: vendor, format and its version, for errors.
    Returns:
        Every data set that spec2nii makes of it, by the end of its name ("" for one without, e.g. "_ref" for water).
    """
    with tempfile.TemporaryDirectory(prefix="spinsculpt-") as folder:
        _call(raw, described, [subcommand, "--keep_zero_valued", "-f", "scan", "-o", folder, *arguments])
        made = sorted(Path(folder).glob("*.nii.gz"))
        if not made:
            raise SpinsculptError(f"{raw}: spec2nii found no data in it; export the scan again.")
        try:
            return {file.name.removeprefix("scan").removesuffix(".nii.gz"): _timeless(read_fids(file)) for file in made}
        except SpinsculptError as error:
            raise SpinsculptError(re.sub(rf"{re.escape(folder)}/\S+?\.nii\.gz", str(raw), str(error))) from None


def _timeless(data: MRSData) -> MRSData:
    """Without the time of conversion, so that the same scan gives the same file; the log of the job has it."""
    return replace(data, header={key: value for key, value in data.header.items() if key != "ConversionTime"})


def _call(raw: Path, described: str, arguments: list[str]) -> None:
    try:
        status, said = run_program("spec2nii.spec2nii", arguments, _TIME_LIMIT)
    except TimeoutError:
        raise SpinsculptError(f"{raw}: spec2nii did not end within {_TIME_LIMIT // 60} minutes.") from None
    if status:
        raise SpinsculptError(f"{raw}: {_reason(said, described, way_round(arguments[0]))}")
    if _CUT_SHORT in said:
        raise SpinsculptError(
            f"{raw}: ends before its last acquisition; copy it again. If the scan was aborted, convert what there is "
            "by hand with spec2nii and name the NIfTI-MRS file instead."
        )


def _reason(text: str, described: str, way: str) -> str:
    """A sentence from the last line of a traceback."""
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")
    missing = re.fullmatch(r"(?:KeyError|AttributeError: '\w*Dataset' object has no attribute):? (?P<key>.+)", last)
    if missing:
        field = missing["key"].strip(_QUOTES)
        return (
            f"the header lacks the field '{field}', which the conversion needs; export the scan again, or as NIfTI-MRS "
            "with that field added."
        )
    what = re.sub(r"^(\w+\.)+(?=\w+:)", "", last)  # the exception without its modules
    if _BYTES_MISSING.search(last):
        return f"spec2nii could not convert it ({what[:200]}); the file may be truncated: export it again."
    return f"spec2nii could not convert it ({what[:200]}). It is {described}; {way}."
