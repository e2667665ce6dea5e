"""What a stopped run still says: which jobs failed and why, and a report on everything that is through."""

import logging
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spinsculpt.compare import tabulate_fits, tabulate_quality
from spinsculpt.config import Study
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.workflow import COMMAND, what_stopped
from spinsculpt.report._page import HOW_TO_GO_ON, write_report

# Of reports that are not whole: older than all that a report is made from, so that the next run writes the whole one.
OLD = 315_532_800  # 1980-01-01
SCANS = ("quality.tsv", "fits.tsv")  # tables of single scans, made anew


@dataclass(frozen=True)
class Job:
    """A job of the plan that did not end well.

    Attributes:
        rule: its name.
        of: values of its wildcards.
        log: its log file, None where it has none.
        outputs: what it should have written.
        failed: True when it was started and failed, False when it was never started.
    """

    rule: str
    of: tuple[str, ...]
    log: Path | None
    outputs: tuple[str, ...]
    failed: bool

    @property
    def name(self) -> str:
        """e.g. "fit scan sub-01 press30"."""
        return " ".join([self.rule.replace("_", " "), *self.of])


@dataclass(frozen=True)
class Failure:
    """Jobs that failed with one and the same sentence, and the log file of each (None where there is none)."""

    sentence: str
    jobs: tuple[str, ...]
    logs: tuple[str, ...]


def unfinished_jobs(jobs: Iterable, failed: Iterable) -> list[Job]:
    """The jobs of Snakemake that are still to be done; `failed` are jobs or groups of jobs that failed.

    Of a group that failed, those count as failed that were started: they have a log file.
    """
    alone, grouped = set(), set()
    for job in failed:
        (grouped.update if hasattr(job, "jobs") else alone.add)(getattr(job, "jobs", job))
    return [
        Job(
            job.rule.name,
            tuple(job.wildcards_dict.values()),
            log := Path(str(job.log[0])) if job.log else None,
            tuple(str(path) for path in job.output),
            job in alone or (job in grouped and log is not None and log.exists()),
        )
        for job in jobs
    ]


def failures_of(jobs: Iterable[Job]) -> list[Failure]:
    """Why jobs failed, the sentence of each job's log; jobs that say the same stand together."""
    said: dict[str, list[Job]] = {}
    for job in jobs:
        if job.failed:
            said.setdefault(what_stopped(job.log), []).append(job)
    return [
        Failure(sentence, tuple(job.name for job in group), tuple(str(job.log) for job in group if job.log))
        for sentence, group in said.items()
    ]


def write_report_so_far(
    jobs: Sequence[Job],
    tables: Iterable[str],
    figures: Iterable[str],
    quality: tuple[Sequence[str], Sequence[Mapping]],
    fits: tuple[Sequence[str], Sequence[Mapping]],
    curves: Sequence[str],
    config: Study,
    out: Path | str,
) -> list[Failure]:
    """Write the report of a run that did not end well, from what is there and up to date.

    Tables of single scans are made anew from the scans that are through, for the page alone: below `compare/` stands
    no table that lacks a scan. The page is dated far back, so that the next run replaces it.

    Args:
        jobs: what did not end well.
        tables, figures: all of the study, there or not.
        quality, fits: path and label of the numbers of each scan and of the summary of each fit, there or not.
        curves: fit.npz of each fit, in the same order.
        config: the validated configuration.
        out: HTML file.
    Returns:
        Why jobs failed.
    """
    stale = {output for job in jobs for output in job.outputs}
    failures = failures_of(jobs)

    def usable(paths: Sequence[str], labels: Sequence[Mapping]) -> tuple[list[str], list[Mapping]]:
        pairs = [
            pair
            for pair in zip(map(str, paths), labels, strict=True)
            if pair[0] not in stale and Path(pair[0]).exists()
        ]
        return [path for path, _ in pairs], [label for _, label in pairs]

    sequences = {name: config.analyses[name].sequence for name in config.compare.analyses}
    with tempfile.TemporaryDirectory(prefix="spinsculpt-") as folder:
        there = [path for path in map(str, tables) if path not in stale and Path(path).exists()]
        made = Path(folder) / "quality.tsv", Path(folder) / "fits.tsv"
        judged, scans = usable(*quality)
        drawn: list = []
        if judged:
            tabulate_quality(judged, scans, config.quality.limits, made[0])
            keys = {(label["subject"], label["session"], label["sequence"]) for label in scans}
            fitted = [
                pair
                for pair in zip(*usable(*fits), strict=True)
                if (pair[1]["subject"], pair[1]["session"], sequences[pair[1]["sequence"]]) in keys
            ]
            if fitted:
                tabulate_fits(*zip(*fitted, strict=True), made[0], sequences, made[1])
                drawn = [
                    pair for pair in zip(*usable(curves, fits[1]), strict=True) if pair[1] in [f[1] for f in fitted]
                ]
        there = [path for path in there if Path(path).name not in SCANS]
        there += [str(path) for path in made if path.exists()]
        pictures = [path for path in map(str, figures) if path not in stale and Path(path).exists()]
        planned = len(quality[0])
        state = {"failures": failures, "waiting": sum(not job.failed for job in jobs), "through": len(judged)}
        write_report(there, pictures, config, out, drawn, unfinished={**state, "planned": planned})
    os.utime(out, (OLD, OLD))
    return failures


def in_words(failures: Sequence[Failure], out: Path | str) -> str:
    """What went wrong, grouped, and how to go on, with the command; for a terminal. No report: `out` is empty."""
    lines = []
    for failure in failures:
        count = len(failure.jobs)
        named = ", ".join(failure.jobs[:3]) + (f" and {count - 3} more" if count > 3 else "")
        lines += [f"Failed: {named}", f"  {failure.sentence}", *(f"  log: {log}" for log in failure.logs[:1])]
    lines += [f"What is through is reported in {out}."] if out else []
    lines += [HOW_TO_GO_ON]
    return "\n".join([*lines, f"To continue: {command_to_continue()}"])


def command_to_continue() -> str:
    """The command by which this run was started: of the shell, of `spinsculpt run` or of make."""
    return os.environ.get(COMMAND) or shlex.join(["snakemake", *sys.argv[1:]])


def report_failures(out: Path | str, **study) -> str:
    """`write_report_so_far` that never adds a traceback to a failure; returns what to print."""
    try:
        return in_words(write_report_so_far(out=out, **study), out)
    except (SpinsculptError, OSError, KeyError, ValueError) as error:
        logging.getLogger(__name__).debug("report of a stopped run", exc_info=True)
        return f"{in_words(failures_of(study['jobs']), out)}\n(No report could be written: {error}.)"
