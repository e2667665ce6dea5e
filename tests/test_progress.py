"""One line of progress: how far, how long, what is running; errors are never swallowed."""

import io
import logging
import subprocess
import sys
import time

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_spinsculpt import LogHandler, duration
from spinsculpt.core import progress


@pytest.fixture
def handler():
    made = LogHandler(None, None)
    made.stream, made.live = io.StringIO(), True
    yield made
    made.ended.set()


def say(handler, event=None, message="", level=logging.INFO, **extra) -> str:
    """Emit one record of Snakemake; what was written since."""
    record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    for key, value in {"event": event, **extra}.items():
        setattr(record, key, value)
    before = len(handler.stream.getvalue())
    handler.emit(record)
    return handler.stream.getvalue()[before:]


def job(handler, number: int, rule: str = "fit_scan", **more) -> str:
    say(handler, LogEvent.JOB_INFO, jobid=number, rule_name=rule, wildcards={"folder": f"sub-{number}"}, **more)
    return say(handler, LogEvent.JOB_STARTED, jobs=[number])


def test_the_line_says_how_far_and_what_is_running(handler):
    say(handler, LogEvent.RUN_INFO, stats={"fit_scan": 2, "total": 2})
    assert "0 of 2 steps: fit scan sub-1" in job(handler, 1)
    assert "1 of 2 steps" in say(handler, LogEvent.JOB_FINISHED, job_id=1)


def test_time_left_comes_from_the_jobs_of_the_same_rule(handler):
    say(handler, LogEvent.RUN_INFO, stats={"fit_scan": 10, "design_pulse": 1, "total": 11})
    handler.took |= {"fit_scan": [2.0] * 6, "design_pulse": [100.0]}
    assert handler._left(0.0) == (pytest.approx(4 * 2.0), False)


def test_a_job_that_takes_longer_than_is_known_makes_the_time_left_the_least(handler):
    """A design that began 200 s ago among fits of 2 s: the line says how long it has run, and promises no end."""
    say(handler, LogEvent.RUN_INFO, stats={"fit_scan": 6, "design_pulse": 1, "total": 7})
    handler.took["fit_scan"] += [2.0] * 4
    job(handler, 1, "design_pulse")
    handler.running[1] = time.monotonic() - 200
    handler._show(time.monotonic())
    assert handler._left(time.monotonic()) == (pytest.approx(2 * 2.0), True)
    assert "at least 4 s left: design pulse sub-1 (3 min so far)" in handler.stream.getvalue()


def test_the_line_goes_on_while_nothing_happens(handler):
    say(handler, LogEvent.RUN_INFO, stats={"design_pulse": 1, "total": 1})
    job(handler, 1, "design_pulse")
    before = len(handler.stream.getvalue())
    deadline = time.monotonic() + 20
    while len(handler.stream.getvalue()) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    handler.close()
    assert "design pulse" in handler.stream.getvalue()[before:]


def test_errors_and_warnings_are_shown_and_what_snakemake_repeats_is_not(handler):
    assert "basis.bandwith" in say(handler, LogEvent.ERROR, "unknown key basis.bandwith", logging.ERROR)
    assert say(handler, None, "At least one job did not complete successfully.", logging.ERROR) == ""
    assert say(handler, None, "Select jobs to execute...") == ""


def test_the_end_says_what_was_made_and_where(handler):
    say(handler, LogEvent.RUN_INFO, stats={"all": 1, "total": 1})
    job(handler, 1, "all", input=["results/mine/report.html"])
    say(handler, LogEvent.JOB_FINISHED, job_id=1)
    handler.close()
    assert (
        "Open results/mine/report.html; tables, figures and spectra are below results/mine/."
        in handler.stream.getvalue()
    )


@pytest.mark.parametrize(("seconds", "words"), [(40, "40 s"), (200, "3 min"), (7500, "2 h 5 min")])
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


def test_a_failing_run_ends_with_its_sentences_and_the_command_to_continue(tmp_path):
    """The real Snakefile on two scans whose raw files are broken alike: one sentence, both jobs, how to go on."""
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"data/{name}.nii.gz").write_bytes(b"no image at all")
    table = "subject\tsequence\tdata\n01\tpress30\ta.nii.gz\n02\tpress30\tb.nii.gz\n"
    (tmp_path / "scans.tsv").write_text(table)
    (tmp_path / "mine.yaml").write_text("subjects: scans.tsv\n")
    code = "from spinsculpt.app.cli import main; main()"
    words = ["run", "--configfile", "mine.yaml", "--cores", "1", "--keep-going"]
    targets = [f"results/bids/sub-0{k}/mrs/sub-0{k}_acq-press30_svs.nii.gz" for k in (1, 2)]
    command = [sys.executable, "-c", code, *words, *targets]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180)
    lines = [line for line in (run.stdout + run.stderr).splitlines() if line.strip()]
    assert run.returncode != 0 and "Traceback" not in run.stderr
    assert any(line.startswith("Failed: convert scan") and "sub-01" in line and "sub-02" in line for line in lines) or (
        sum(line.startswith("Failed: convert scan") for line in lines) == 2
    ), run.stderr
    assert any("a.nii.gz" in line for line in lines)
    assert lines[-1] == f"To continue: spinsculpt {' '.join([*words, *targets])}", run.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_long_work_at_a_terminal_shows_one_line_and_elsewhere_none(monkeypatch):
    monkeypatch.setattr(progress, "DELAY", 0.0)
    for screen, wanted in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", screen)
        with progress.bar(2, "unasked") as step:
            step()
        with progress.shown(), progress.bar(2, "basis functions of press") as step:
            step()
        said = screen.getvalue()
        assert ("basis functions of press: 0 of 2" in said and "left" in said) == wanted and "unasked" not in said
