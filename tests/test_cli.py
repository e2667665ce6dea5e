"""The command line: every command explains itself, and a mistake is one sentence."""

import re
import subprocess
import sys

import pytest
import yaml

from commands import spinsculpt
from conftest import REPOSITORY
from spinsculpt import __version__
from spinsculpt.app.cli._basis import basis_command
from spinsculpt.config import default_config, read_study
from spinsculpt.core.problems import problem
from spinsculpt.physics.sequences import build_sequence


@pytest.mark.parametrize(
    "command", ["import", "convert", "preprocess", "design", "basis", "export", "fit", "config", "power", "run"]
)
def test_every_command_has_help(command):
    assert spinsculpt(command, "--help").returncode == 0


def test_the_version_is_printed():
    run = spinsculpt("--version")
    assert run.returncode == 0 and run.stdout.startswith("spinsculpt 0.")


def test_changelog_and_citation_declare_the_version_that_is_printed():
    newest = re.search(r"^## (\S+), (\d{4}-\d\d-\d\d)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert newest.groups() == (__version__, str(cited["date-released"])) and cited["version"] == __version__


def test_a_design_runs_from_any_folder_and_takes_what_it_leaves_out_from_the_defaults(tmp_path, monkeypatch):
    """A file with nothing but one design, in a folder that holds nothing else."""
    monkeypatch.chdir(tmp_path)
    entry = "kind: gap, echo_time: 0.036, duration: 0.01, metabolites: [Glu, Gln], macromolecules: [], ideal: true"
    quick = "starts: 1, iterations: 1, objectives: [{type: enhance, metabolites: [Glu]}]"
    (tmp_path / "one.yaml").write_text(f"designs: {{one: {{{entry}, {quick}}}}}")
    run = spinsculpt("design", "one.yaml", "--out", "out")
    assert run.returncode == 0, run.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one"]


def test_a_mistake_is_a_sentence_and_no_traceback(tmp_path):
    run = spinsculpt("fit", str(tmp_path / "none.nii.gz"), "--basis", str(tmp_path), "--out", str(tmp_path / "out"))
    assert run.returncode != 0
    assert "none.nii.gz" in run.stderr and "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "module", ["spinsculpt.fit", "spinsculpt.data.convert", "spinsculpt.preprocess", "spinsculpt.app.cli"]
)
def test_jobs_of_one_subject_start_without_torch(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'numba', 'matplotlib', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["torch", "pypulseq", "panel", "emcee", "snakemake"])
def test_a_package_that_is_not_installed_is_a_sentence_with_its_extra(module):
    missing = ModuleNotFoundError(f"No module named '{module}.nn'", name=f"{module}.nn")
    assert "is not installed; install the extra" in problem(missing)


WITHOUT = """
import importlib, sys
class Absent:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("torch", "numba", "snakemake"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def test_everything_but_designs_goes_without_torch_and_numba(tmp_path):
    parts = [
        "fit",
        "basis",
        "data.convert",
        "preprocess",
        "compare",
        "report.figures",
        "report",
        "config",
        "truth.scanner",
    ]
    code = WITHOUT + "for part in sys.argv[1:]: importlib.import_module('spinsculpt.' + part)"
    run = subprocess.run([sys.executable, "-c", code, *parts], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    config = tmp_path / "one.yaml"
    config.write_text("designs: {one: {kind: gap, echo_time: 0.036, duration: 0.01, metabolites: [Glu]}}")
    code = WITHOUT + "from spinsculpt.app.cli import main; main()"
    command = [sys.executable, "-c", code, "design", str(config), "--out", str(tmp_path / "out")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1 and "install the extra design" in run.stderr and "Traceback" not in run.stderr


def test_one_scan_from_raw_file_to_spectrum_without_the_workflow(evidence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = evidence / "data/philips_press35"
    run = spinsculpt("convert", str(raw / "sub-01_press_act_noID.sdat"), "--out", "scan.nii.gz")
    assert run.returncode == 0 and "TE 35 ms, TR 2000 ms" in run.stdout, run.stderr
    assert (
        spinsculpt("convert", str(raw / "sub-01_press_ref_noID.sdat"), "--water", "--out", "ref.nii.gz").returncode == 0
    )
    again = spinsculpt("convert", str(raw / "sub-01_press_act_noID.sdat"), "--out", "scan.nii.gz")
    assert again.returncode == 1 and "--force" in again.stderr
    run = spinsculpt("preprocess", "scan.nii.gz", "--water", "ref.nii.gz", "--out", "clean")
    assert run.returncode == 0 and "SNR" in run.stdout, run.stderr
    made = {path.name for path in (tmp_path / "clean").iterdir()}
    assert {"scan.nii.gz", "scan_mrsref.nii.gz", "scan_qc.json", "scan_preproc.png"} <= made


def test_basis_without_options_is_that_of_the_default_study_but_for_macromolecules(tmp_path, monkeypatch):
    """Real pulses, PRESS of 30 ms, the metabolites, grid, bandwidth and frequency of the configuration."""
    config = read_study([default_config()])
    seen = []
    monkeypatch.setattr("spinsculpt.basis.simulate_basis", lambda *both: seen.extend(both) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        basis_command(tmp_path / "basis")
    sequence, section = seen
    assert section == config.basis.but(macromolecules=())
    expected = build_sequence("press30", config.sequences["press30"], {}, section.frequency)
    assert (sequence.echo_time, len(sequence.shots)) == (0.030, 1)
    assert [type(event) for event in sequence.shots[0].events] == [type(event) for event in expected.shots[0].events]


def test_basis_says_what_it_wrote_and_what_it_replaced(tmp_path):
    arguments = ["basis", "--ideal", "--metabolites", "NAA,Cr", "--points", "512", "--out", str(tmp_path / "basis")]
    first, second = spinsculpt(*arguments), spinsculpt(*arguments)
    assert "2 basis functions" in first.stdout and "TE 30 ms" in first.stdout and "replaced" not in first.stdout
    assert "2 files of an earlier basis were replaced" in second.stdout
