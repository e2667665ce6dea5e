"""The programs of FSL-MRS: where they are, and how they are run.

Clarke et al. 2021, doi:10.1002/mrm.28630. FSL-MRS is a program and a licence of its own; nothing of it is here.
"""

import logging
import shutil
import subprocess

from spinsculpt.core.errors import SpinsculptError

TIMEOUT = 1800  # s


def find_command(command: str, instead: str) -> str:
    """Path of one of its commands; when it is absent, an error that says how to get it, or what to choose `instead`."""
    found = shutil.which(command)
    if found is None:
        raise SpinsculptError(
            f"The engine fsl_mrs needs the command {command!r}, which is not on PATH. Get FSL-MRS from its conda "
            "channel (snakemake --sdm conda makes it from envs/fsl-mrs.yaml; by hand: conda install -c conda-forge "
            "-c https://fsl.fmrib.ox.ac.uk/fsldownloads/fslconda/public/ fsl_mrs) or from its git repository "
            f"(https://git.fmrib.ox.ac.uk/fsl/fsl_mrs), mind its non-commercial licence, or choose {instead}."
        )
    return found


def run_command(command: list[str], program: str, label: str) -> None:
    """Run a command to its end; `program` and `label` (what it works on) are named in errors."""
    logging.getLogger(__name__).info("%s", " ".join(command))
    try:
        run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise SpinsculptError(f"{label}: {program} did not finish within {TIMEOUT} s; it was stopped.") from error
    if run.returncode != 0:
        last = (run.stderr.strip() or run.stdout.strip() or "no message").splitlines()[-1]
        raise SpinsculptError(f"{label}: {program} ended with status {run.returncode}: {last}")
