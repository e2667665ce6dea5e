"""Scripts in forks of a warm process: the same environment, output and status as in a Python of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spinsculpt.core.workflow.warm import COLD, Nursery

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="scripts fork on Linux only")

SNAKEFILE = """
from spinsculpt.core.workflow.warm import use_warm_starts
use_warm_starts()
rule all:
    input: expand("{x}.txt", x=list("abc"))
rule one:
    output: "{x}.txt"
    benchmark: "{x}.tsv"
    script: "one.py"
"""
SCRIPT = """
import os, sys
known = "colorsys" in sys.modules
import colorsys
with open(snakemake.output[0], "w") as file:
    print(os.getppid(), known, os.environ["OMP_NUM_THREADS"], snakemake.wildcards.x, file=file)
if snakemake.config.get("fail") == snakemake.wildcards.x:
    sys.exit("one: this is why")
"""


@pytest.fixture
def nursery():
    nursery = Nursery()
    yield nursery
    nursery.close()
    assert nursery.process.returncode == 0


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("pass", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('a sentence')", 1),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import atexit, sys; atexit.register(lambda: open('end', 'w').close()); assert __name__ == '__main__'", 0),
        ("import os; assert os.environ['WORD'] == 'x' and 'HOME' not in os.environ", 0),
    ],
)
def test_a_script_ends_as_in_a_python_of_its_own(tmp_path, monkeypatch, nursery, text, status):
    monkeypatch.chdir(tmp_path)
    assert nursery.run(script(tmp_path, text), {"WORD": "x"}).wait() == status
    assert Path("end").exists() == ("atexit" in text)


def test_what_a_script_imported_is_there_for_the_next_and_nothing_of_the_folder_is(tmp_path, monkeypatch, nursery):
    (tmp_path / "colorsys.py").write_text("raise SystemExit('a file of the user, not the standard library')")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scripts").mkdir()
    path = script(tmp_path / "scripts", "import sys; n = 'colorsys' in sys.modules; import colorsys; sys.exit(5 + n)")
    assert [nursery.run(path, dict(os.environ)).wait() for _ in range(3)] == [5, 6, 6]


def test_scripts_end_when_their_snakemake_is_killed(tmp_path):
    said = tmp_path / "pid"
    waits = script(tmp_path, f"import os, time; open({str(said)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    code = (
        "from spinsculpt.core.workflow.warm import Nursery; nursery = Nursery(); "
        f"nursery.run({str(waits)!r}, {{}}).wait()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not said.exists() or not said.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    pid = int(said.read_text())
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_jobs_of_snakemake_fork_from_one_process_and_are_measured(tmp_path):
    status, text, lines = run(tmp_path)
    assert status == 0, text
    assert len({line[0] for line in lines}) == 1 and [line[2:] for line in lines] == [["1", x] for x in "abc"], lines
    assert sorted(line[1] for line in lines) == ["False", "True", "True"]  # the first of them had to import
    assert all((tmp_path / f"{x}.tsv").read_text().startswith("s\th:m:s\tmax_rss") for x in "abc")


def test_a_failed_fork_fails_its_job(tmp_path):
    status, text, _ = run(tmp_path, "--config", "fail=b", "--keep-going")
    assert status == 1 and "one: this is why" in text and not (tmp_path / "b.txt").exists()
    assert (tmp_path / "c.txt").exists()


def test_cold_starts_can_be_asked_for(tmp_path):
    status, text, lines = run(tmp_path, **{COLD: "1"})
    assert status == 0, text
    assert [line[1] for line in lines] == ["False"] * 3


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, list[list[str]]]:
    """Exit status, words and what the scripts wrote, of a small workflow on one core."""
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "one.py").write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "--scheduler", "greedy", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    lines = [path.read_text().split() for path in sorted(folder.glob("?.txt"))]
    return run.returncode, run.stdout + run.stderr, lines


@pytest.mark.parametrize("where", ["a Python of its own", "a fork"])
def test_a_program_is_held_to_its_time_and_heard(tmp_path, monkeypatch, nursery, where):
    (tmp_path / "program.py").write_text(
        "import sys, time, warnings\n"
        "def main():\n"
        "    print('out', sys.argv[1:])\n"
        "    warnings.warn('cut short')\n"
        "    time.sleep(float(sys.argv[1]))\n"
        "    raise KeyError('field')\n"
    )
    text = """
import logging, os, sys
from spinsculpt.core.workflow.warm import run_program
logging.captureWarnings(True)
status, said = run_program("program", ["0"], 60)
assert status == 1 and "out ['0']" in said and "cut short" in said and said.strip().endswith("KeyError: 'field'"), said
try:
    run_program("program", ["60"], 0.2)
except TimeoutError:
    pass
else:
    raise AssertionError("it ran on")
assert ("program" in sys.modules) == ("FORK" in os.environ), "a fork starts no Python"
"""
    path = script(tmp_path, text)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    if where == "a fork":
        assert nursery.run(path, {**environment, "FORK": "yes"}).wait() == 0
    else:
        assert subprocess.run([sys.executable, path], env=environment).returncode == 0
