"""The command line: every command explains itself, and a mistake is one sentence."""

import subprocess
import sys

import pytest


def spinsculpt(*arguments: str) -> subprocess.CompletedProcess:
    code = "from spinsculpt.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("command", ["import", "design", "basis", "export", "fit", "config"])
def test_every_command_has_help(command):
    assert spinsculpt(command, "--help").returncode == 0


def test_a_mistake_is_a_sentence_and_no_traceback(tmp_path):
    run = spinsculpt("fit", str(tmp_path / "none.nii.gz"), "--basis", str(tmp_path), "--out", str(tmp_path / "out"))
    assert run.returncode != 0
    assert "none.nii.gz" in run.stderr and "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["spinsculpt.fit", "spinsculpt.convert", "spinsculpt.preprocess", "spinsculpt.cli"])
def test_jobs_of_one_subject_start_without_torch(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'numba', 'matplotlib', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
