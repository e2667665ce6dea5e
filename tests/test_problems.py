"""Whatever fails, the user reads a sentence; a bug is called one and leaves a log file to report."""

import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from commands import spinsculpt
from spinsculpt.core.problems import problem, sentence_of
from spinsculpt.core.workflow import job, what_stopped


def run(tmp_path, arguments: list[str], before: str = "") -> subprocess.CompletedProcess:
    code = f"{before}\nfrom spinsculpt.app.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )


def test_a_bug_is_called_one_and_leaves_a_log(tmp_path):
    found = run(tmp_path, ["config"], "import spinsculpt.config as c; c.reference_page = lambda: 1 / 0")
    (log,) = tmp_path.glob("spinsculpt-bug-*.log")
    assert found.returncode == 1 and "Traceback" not in found.stderr
    assert "This is a bug of spinsculpt, not of yours (ZeroDivisionError: division by zero)" in found.stderr
    assert "report it" in found.stderr and log.name in found.stderr
    text = log.read_text()
    assert "ZeroDivisionError" in text and "Traceback" in text and "['config']" in text and "spinsculpt 0." in text


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device", "x"), PermissionError(13, "Permission denied", "x"), MemoryError()]
)
def test_what_the_system_refuses_is_a_sentence_and_no_bug(tmp_path, monkeypatch, error):
    monkeypatch.chdir(tmp_path)
    assert problem(error) == sentence_of(error) and sentence_of(error).endswith(".")
    assert "bug" not in problem(error) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "said"), [(OSError(28, "No space left on device", "x"), "free some space"), (KeyError("a"), "is a bug")]
)
def test_a_job_says_the_same_and_keeps_the_traceback_of_a_bug_in_its_log(tmp_path, monkeypatch, error, said):
    monkeypatch.setattr(logging.root, "handlers", [])
    log = tmp_path / "logs/job.log"
    with pytest.raises(SystemExit, match=said), job(SimpleNamespace(log=[str(log)], rule="fit_scan")):
        raise error
    assert ("Traceback" in log.read_text()) == isinstance(error, KeyError)
    assert what_stopped(log).startswith("An error of the software" if isinstance(error, KeyError) else "x: No space")


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "p.json", "--out", "file/x.pta"],
        ["basis", "--metabolites", "Cr", "--points", "64", "--out", "file/x"],
        ["design", "design.yaml", "--out", "file"],
        ["design", "empty.yaml", "--out", "out"],
        ["design", "absent.yaml", "--out", "out"],
        ["design", "folder", "--out", "out"],
        ["import", "file", "--out", "t.tsv"],
        ["import", "folder", "--out", "folder"],
        ["export", "empty.yaml", "--out", "x.pta"],
        ["export", "p.json", "--out", "folder"],
        ["basis", "--sequence", "p.json", "--out", "out"],
        ["basis", "--sequence", "absent.json", "--out", "out"],
        ["basis", "--sequence", "absent.seq", "--out", "out"],
        ["fit", "file", "--basis", "folder", "--out", "out"],
        ["fit", "file", "--basis", "folder", "--out", "out", "--repeats", "0"],
        ["fit", "file", "--basis", "folder", "--out", "out", "--tissue", "nan", "nan", "nan"],
        ["fit", "file", "--basis", "folder", "--out", "out", "--ppm", "nan", "4"],
        ["explore", "--config", "empty.yaml", "--no-browser"],
        ["explore", "--config", "list.yaml", "--no-browser"],
        ["explore", "--port", "70000"],
    ],
)
def test_a_wrong_file_or_option_is_a_sentence(tmp_path, arguments):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("text")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    (tmp_path / "design.yaml").write_text(
        "designs: {a: {kind: gap, starts: 1, iterations: 1, metabolites: [NAA], macromolecules: []}}"
    )
    (tmp_path / "p.json").write_text('{"name": "p", "dwell_s": 1e-5, "b1_x_uT": [1, 2], "b1_y_uT": [0, 0]}')
    found = spinsculpt(*arguments, folder=tmp_path)
    assert found.returncode, found.stdout
    assert "Traceback" not in found.stderr and "is a bug" not in found.stderr, found.stderr
    assert not list(tmp_path.glob("spinsculpt-bug-*")) and not (tmp_path / "out").exists()
