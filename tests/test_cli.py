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


def test_the_version_is_printed():
    run = spinsculpt("--version")
    assert run.returncode == 0 and run.stdout.startswith("spinsculpt 0.")


def test_a_design_runs_from_any_folder_and_takes_what_it_leaves_out_from_the_defaults(tmp_path, monkeypatch):
    """A file with nothing but one design, in a folder that holds nothing else."""
    monkeypatch.chdir(tmp_path)
    entry = "{kind: gap, echo_time: 0.036, duration: 0.01, metabolites: [NAA, Glu, Gln], macromolecules: [], starts: 1}"
    (tmp_path / "one.yaml").write_text(f"designs: {{one: {entry.replace('starts: 1', 'starts: 1, iterations: 1')}}}")
    run = spinsculpt("design", "one.yaml", "--out", "out")
    assert run.returncode == 0, run.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one"]


def test_a_mistake_is_a_sentence_and_no_traceback(tmp_path):
    run = spinsculpt("fit", str(tmp_path / "none.nii.gz"), "--basis", str(tmp_path), "--out", str(tmp_path / "out"))
    assert run.returncode != 0
    assert "none.nii.gz" in run.stderr and "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["spinsculpt.fit", "spinsculpt.convert", "spinsculpt.preprocess", "spinsculpt.cli"])
def test_jobs_of_one_subject_start_without_torch(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'numba', 'matplotlib', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
