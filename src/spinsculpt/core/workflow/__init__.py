"""What every script of the workflow shares: log file, one clear sentence on failure."""

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

from spinsculpt.core.problems import problem, sentence_of

THREADS = ("OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ONE_THREAD = dict.fromkeys(THREADS, "1")  # of the environment, for libraries of linear algebra that are yet to load
COMMAND = "SPINSCULPT_COMMAND"  # of the environment: by which command the user started the run


def given(files, name: str) -> object | None:
    """The input of that name of a job, or None where this job has none.

    A rule whose input function finds no file still names the input: Snakemake then hands over an empty list.
    """
    return files.get(name) or None


@contextmanager
def job(snakemake) -> Iterator[object]:
    """Run the body of a script with its log file; turn an error into a sentence on stderr and exit status 1.

    The sentence or, of a bug of ours, the traceback is in the log file too.
    """
    start = _cpu_seconds()
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=log,
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        encoding="utf-8",
        errors="backslashreplace",  # names of files need not be text
    )
    logging.captureWarnings(True)
    # Small matrices gain nothing by threads, and the last digits shall not depend on the number of cores; jobs with
    # threads divide their own work.
    os.environ.update(ONE_THREAD)
    threadpool_limits(1)
    try:
        yield snakemake
    except Exception as error:
        damaged = _set_aside_damaged(snakemake, log)
        logging.error("%s", " ".join([sentence_of(error) or traceback.format_exc(), *damaged]))
        sys.exit(" ".join([f"{snakemake.rule}: {problem(error, log)}", *damaged]))
    logging.info("done: %.2f s of CPU time, and %.2f s until the work began", _cpu_seconds() - start, start)


def _cpu_seconds() -> float:
    """CPU time of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _set_aside_damaged(snakemake, log: Path) -> list[str]:
    """Sentences on inputs of a failed job that were damaged since they were written; see `damage`."""
    from spinsculpt.core.workflow.damage import set_aside_damaged

    results = next((folder.parent for folder in log.parents if folder.name == "logs"), None)
    return set_aside_damaged(getattr(snakemake, "input", ()), results) if results else []


def what_stopped(log: Path | None) -> str:
    """The sentence with which a job ended, from its log file."""
    if log is None or not log.exists():
        return "The job ended before it could say why; Snakemake's own log (.snakemake/log) has its words."
    text = log.read_text(errors="replace")
    said = re.findall(r"^\S+ \S+ ERROR (.*?)(?=^\d{4}-\d\d-\d\d |\Z)", text, re.MULTILINE | re.DOTALL)
    if not said:
        return "The job was stopped from outside (killed, out of memory or out of time); its log ends without an error."
    lines = said[-1].strip().splitlines()
    if lines[0].startswith("Traceback"):
        return f"An error of the software, please report it with the log file: {lines[-1].strip()}"
    return said[-1].strip()
