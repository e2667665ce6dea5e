"""The real Snakefile on a tiny config in a temporary directory."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
TINY = REPOSITORY / "tests/data/tiny.yaml"

pytestmark = pytest.mark.xdist_group("workflow")


def command(folder: Path, *arguments: str, configfile: Path = TINY) -> list[str]:
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)),
        *("--configfile", str(configfile), "--cores", "2", "--quiet", "progress", *arguments),
    ]


def snakemake(folder: Path, *arguments: str, configfile: Path = TINY) -> subprocess.CompletedProcess:
    return subprocess.run(command(folder, *arguments, configfile=configfile), capture_output=True, text=True)


def altered_config(folder: Path, **changes) -> Path:
    """The tiny config with some top-level keys replaced, as a file in `folder`."""
    path = folder / "altered.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(TINY.read_text()) | changes))
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder in which the whole chain has run."""
    folder = tmp_path_factory.mktemp("chain")
    run = snakemake(folder)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """A copy of the finished folder that a test may spoil; modification times are kept."""
    return shutil.copytree(finished, tmp_path / "copy")


def planned(run: subprocess.CompletedProcess) -> str:
    return run.stdout + run.stderr


def test_chain_ends_in_report_tables_and_figures(finished):
    results = finished / "results"
    assert (results / "report.html").stat().st_size > 10_000
    assert (results / "compare/separation.tsv").read_text().startswith("sequence\tmetric\tmetabolite\tvalue\tunit\tsource")
    assert list((results / "figures").glob("*.png"))
    assert not list(results.rglob(".*-*")), "temporary files were left behind"


def test_every_json_result_carries_provenance(finished):
    for name in ("design/gap_crlb/metrics.json", "design/gap_crlb/pulse.json"):
        assert json.loads((finished / "results" / name).read_text())["provenance"]["version"]


def test_second_run_does_nothing(copy):
    run = snakemake(copy, "--dry-run")
    assert "Nothing to be done" in planned(run)


def test_new_subject_computes_only_that_subject(copy):
    config = yaml.safe_load(TINY.read_text())
    config["scanner"]["subjects"] = [*config["scanner"]["subjects"], "new"]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(copy)),
            *("--configfile", str(altered_config(copy, scanner=config["scanner"])), "--cores", "2", "--dry-run"),
        ],
        capture_output=True,
        text=True,
    )
    text = planned(run)
    assert "sub-new" in text
    assert "rule design_pulse" not in text and "rule simulate_basis" not in text
    assert "sub-01/" not in "".join(line for line in text.splitlines() if line.strip().startswith("output:"))
