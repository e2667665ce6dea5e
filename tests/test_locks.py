"""The lock of a killed run goes, that of a living one, of another machine or of an unknown one stays."""

import json
import os
import subprocess
import sys
import time

import pytest

from spinsculpt.core.workflow.locks import forget_run, remove_stale_lock, sign_run

WAIT = "import sys, time; print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def locked(tmp_path):
    """A folder that a process which is no more has locked and signed."""
    lock = tmp_path / ".snakemake/locks/0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("x")
    code = f"from spinsculpt.core.workflow.locks import sign_run; sign_run({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    return tmp_path


def lock_of(folder):
    return list((folder / ".snakemake/locks").glob("*.lock"))


def change(folder, **changes):
    path = folder / ".snakemake/spinsculpt_run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_lock_of_a_dead_run_goes_once(locked):
    assert "was removed" in remove_stale_lock(locked) and not lock_of(locked)
    assert remove_stale_lock(locked) == ""


def test_the_lock_of_a_living_run_stays(locked):
    sign_run(locked)
    assert remove_stale_lock(locked) == "" and lock_of(locked)


@pytest.mark.parametrize(
    "doubt",
    [
        lambda folder: change(folder, machine="another"),
        lambda folder: change(folder, machine=""),
        lambda folder: change(folder, pid="x", machine=None),
        lambda folder: (folder / ".snakemake/spinsculpt_run.json").write_text("[" * 9999),
        lambda folder: os.utime(lock_of(folder)[0], (time.time() + 5, time.time() + 5)),
        lambda folder: forget_run(folder),
    ],
)
def test_in_doubt_the_lock_stays(locked, doubt):
    doubt(locked)
    assert remove_stale_lock(locked) == "" and lock_of(locked)


def test_the_lock_stays_while_a_job_of_the_dead_run_works_on(locked):
    job = subprocess.Popen([sys.executable, "-c", WAIT, "snakemake"], cwd=locked, stdout=subprocess.PIPE)
    try:
        job.stdout.readline()
        assert remove_stale_lock(locked) == "" and lock_of(locked)
    finally:
        job.kill()
        job.wait()
    assert remove_stale_lock(locked)
