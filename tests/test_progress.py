"""One line of progress: how far, how long, what is running; errors are never swallowed."""

import io
import logging

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_spinsculpt import LogHandler, duration


@pytest.fixture
def handler():
    made = LogHandler(None, None)
    made.stream, made.live = io.StringIO(), True
    return made


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
    assert handler._left(0.0) == pytest.approx(4 * 2.0)


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
