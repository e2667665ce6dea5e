"""One line of progress instead of Snakemake's wall of text: snakemake --logger spinsculpt.

The wall stays in .snakemake/log. Snakemake finds the plugin by the name of this package.
"""

import logging
import shutil
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

EVERY = 20.0  # s between lines where there is no terminal that could rewrite its line
STILL = 60.0  # s after which such a line is said again although nothing has happened
LONG = 60.0  # s after which the line says how long a job has been running
QUIET = (
    "At least one job did not complete successfully",
    "Exiting because a job execution failed",
    "CalledProcessError in file",
)


class LogHandler(LogHandlerBase):
    """Shows how far the run is, what is running, the time left; errors and warnings as they come."""

    writes_to_stream, writes_to_file = True, False
    has_filter, has_formatter, needs_rulegraph = True, True, False

    def __post_init__(self) -> None:
        self.stream, self.start, self.last = sys.stderr, time.monotonic(), 0.0
        self.live = self.stream.isatty()
        self.jobs: dict[int, tuple[str, str]] = {}  # rule and what it works on
        self.running: dict[int, float] = {}
        self.planned: Counter = Counter()
        self.took: dict[str, list[float]] = defaultdict(list)
        self.made: list[str] = []
        self.done = self.total = self.failed = 0
        self.turn, self.ended = threading.RLock(), threading.Event()
        self.clock = threading.Thread(target=self._tick, daemon=True)

    def emit(self, record: logging.LogRecord) -> None:
        with self.turn:
            self._note(record)

    def _tick(self) -> None:
        """The line goes on while nothing happens: a design takes minutes."""
        while not self.ended.wait(1.0 if self.live else STILL):
            with self.turn:
                self._show(time.monotonic())

    def _note(self, record: logging.LogRecord) -> None:
        event, now = getattr(record, "event", None), time.monotonic()
        if event == LogEvent.RUN_INFO:
            self.planned = Counter({rule: n for rule, n in record.stats.items() if rule != "total"})
            self.total = sum(self.planned.values())
            if not self.clock.is_alive() and not self.ended.is_set():
                self.clock.start()
        elif event == LogEvent.JOB_INFO:
            of = " ".join(str(value) for value in (record.wildcards or {}).values())
            self.jobs[record.jobid] = (record.rule_name, of)
            if record.rule_name == "all":
                self.made = [str(path) for path in record.input or []]
        elif event == LogEvent.JOB_STARTED:
            self.running.update(dict.fromkeys(record.jobs, now))
        elif event == LogEvent.JOB_FINISHED:
            rule = self.jobs.get(record.job_id, ("", ""))[0]
            self.took[rule].append(now - self.running.pop(record.job_id, now))
            self.done += 1
        elif event == LogEvent.JOB_ERROR:
            self.running.pop(record.jobid, None)
            self.failed += 1
        elif event is None or event == LogEvent.ERROR:
            message = record.getMessage()
            if record.levelno >= logging.WARNING and not any(words in message for words in QUIET):
                self._say(message)
            return
        else:
            return
        self._show(now)

    def _left(self, now: float) -> tuple[float, bool] | None:
        """Seconds left: what each rule took so far, times what is still to do of it, over the jobs side by side.

        Also whether that is the least: a job of a rule that never ended here has taken longer than the mean of all.
        """
        known = [seconds for times in self.took.values() for seconds in times]
        if len(known) < 3:
            return None
        expected = defaultdict(lambda: sum(known) / len(known))
        expected |= {rule: sum(times) / len(times) for rule, times in self.took.items()}
        rules = {job: self.jobs.get(job, ("", ""))[0] for job in self.running}
        begun = Counter(rules.values())
        work = sum(
            max(0, count - len(self.took.get(rule, [])) - begun[rule]) * expected[rule]
            for rule, count in self.planned.items()
        )
        overdue = False
        for job, rule in rules.items():
            rest = expected[rule] - (now - self.running[job])
            work += max(0.0, rest)
            overdue |= rest < 0 and rule not in self.took
        return work / max(1, len(self.running)), overdue

    def _show(self, now: float) -> None:
        if not self.live and now - self.last < EVERY and self.done < self.total:
            return
        self.last, left = now, self._left(now)
        parts = [f"{self.done} of {self.total} steps"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if left is not None and self.done < self.total:
            parts.append(f"{'at least' if left[1] else 'about'} {duration(left[0])} left")
        names = [self._named(job, now) for job in self.running if job in self.jobs]
        line = ", ".join(parts) + (f": {'; '.join(names)}" if names else "")
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r\x1b[K" + (line if len(line) <= width else line[: width - 1] + "…"))
        else:
            self.stream.write(line + "\n")
        self.stream.flush()

    def _named(self, job: int, now: float) -> str:
        """e.g. "fit scan sub-01", and how long it has been running where that is long."""
        seconds = now - self.running[job]
        name = " ".join(self.jobs[job]).replace("_", " ").strip()
        return f"{name} ({duration(seconds)} so far)" if seconds > LONG else name

    def _say(self, message: str) -> None:
        self.stream.write(("\r\x1b[K" if self.live else "") + message + "\n")
        self.stream.flush()

    def close(self) -> None:
        """The last words: what was made, and where."""
        self.ended.set()
        if self.total and self.done >= self.total:
            page = next((path for path in self.made if path.endswith("report.html")), None)
            where = f" Open {page}; tables, figures and spectra are below {Path(page).parent}/." if page else ""
            self._say(f"{self.done} steps done in {duration(time.monotonic() - self.start)}.{where}")
        elif self.total and self.live:
            self._say("")
        self.total = 0
        super().close()


def duration(seconds: float) -> str:
    """e.g. "40 s", "3 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
