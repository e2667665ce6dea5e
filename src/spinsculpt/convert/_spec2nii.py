"""Run spec2nii, the community's converter (Clarke et al. 2022, doi:10.1002/mrm.29418), in a process of its own."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from spinsculpt.convert._formats import Format
from spinsculpt.convert._philips import checked_spar, philips_pair, write_clean_spar
from spinsculpt.errors import SpinsculptError
from spinsculpt.nifti import MRSData, read_fids

_TIME_LIMIT = 900  # s


def run_spec2nii(path: Path, kind: Format) -> tuple[MRSData, dict]:
    """Convert one raw file.

    Returns:
        The data with all dimensions, and header fields that only our own reader knows.
    """
    with tempfile.TemporaryDirectory(prefix="spinsculpt-") as folder:
        known: dict = {}
        if kind.subcommand == "philips":
            sdat, spar = philips_pair(path)
            fields = checked_spar(sdat, spar)
            clean = Path(folder) / "scan.SPAR"
            write_clean_spar(clean, fields)
            arguments = [str(sdat.resolve()), str(clean)]
            known["NumberOfTransients"] = {
                "Value": int(fields["rows"]) * int(fields["averages"]),
                "Description": "Shots of the scan, those averaged on the scanner included.",
            }
            if float(fields["spectrum_inversion_time"]) > 0:  # which spec2nii leaves in ms
                known["InversionTime"] = float(fields["spectrum_inversion_time"]) * 1e-3
        else:
            arguments = ["-e", "image", "-q"] if kind.subcommand == "twix" else []
            arguments.append(str(path.resolve()))
        out = Path(folder) / "out"
        _call(path, [kind.subcommand, "--keep_zero_valued", "-f", "scan", "-o", str(out), *arguments])
        files = sorted(out.glob("*.nii.gz"))
        if len(files) != 1:
            raise SpinsculptError(
                f"{path}: spec2nii made {len(files)} data sets of it, not one; convert it by hand and name one of them."
            )
        try:
            return read_fids(files[0]), known
        except SpinsculptError as error:
            raise SpinsculptError(str(error).replace(str(files[0]), str(path))) from None


def _call(path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-c", "from spec2nii.spec2nii import main; main()", *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise SpinsculptError(f"{path}: spec2nii did not end within {_TIME_LIMIT // 60} minutes.") from None
    if run.returncode:
        raise SpinsculptError(f"{path}: {_reason(run.stderr)}")


def _reason(text: str) -> str:
    """A sentence from the last line of a traceback."""
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")
    missing = re.fullmatch(r"(?:KeyError|AttributeError): (?:.* has no attribute )?['\"]?(?P<key>[^'\"]+)['\"]?", last)
    if missing:
        return (
            f"the header lacks the field '{missing['key']}', which the conversion needs; export the scan again, "
            "or as NIfTI-MRS with that field added."
        )
    return f"spec2nii could not convert it ({last}); the file may be truncated: export it again."
