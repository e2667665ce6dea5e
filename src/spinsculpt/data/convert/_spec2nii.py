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


def run_spec2nii(subcommand: str, arguments: list[str], raw: Path) -> dict[str, MRSData]:
    """Convert one scan.

    Args:
        subcommand: of spec2nii.
        arguments: its options and files.
        raw: what errors call the scan.
    Returns:
        Every data set that spec2nii makes of it, by the end of its name ("" for one without, e.g. "_ref" for water).
    """
    with tempfile.TemporaryDirectory(prefix="spinsculpt-") as folder:
        _call(raw, [subcommand, "--keep_zero_valued", "-f", "scan", "-o", folder, *arguments])
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


def _call(raw: Path, arguments: list[str]) -> None:
    try:
        status, said = run_program("spec2nii.spec2nii", arguments, _TIME_LIMIT)
    except TimeoutError:
        raise SpinsculptError(f"{raw}: spec2nii did not end within {_TIME_LIMIT // 60} minutes.") from None
    if status:
        raise SpinsculptError(f"{raw}: {_reason(said)}")
    if _CUT_SHORT in said:
        raise SpinsculptError(
            f"{raw}: ends before its last acquisition; copy it again. If the scan was aborted, convert what there is "
            "by hand with spec2nii and name the NIfTI-MRS file instead."
        )


def _reason(text: str) -> str:
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
    return f"spec2nii could not convert it ({what[:200]}); the file may be truncated: export it again."
