"""The plan: scans x analyses x engines, what jobs take, and rules that hold nothing else."""

import re
from types import SimpleNamespace

import pytest

from conftest import REPOSITORY
from spinsculpt.app.plan import Jobs, Plan
from spinsculpt.config import default_config
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_yaml

RULES = REPOSITORY / "workflow/rules"


def wildcards(**values):
    return SimpleNamespace(**values)


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Of the simulated cohort."""
    return Plan.of({"subjects": "simulated"})


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A study of one real scan whose raw files are not there."""
    monkeypatch.chdir(tmp_path)
    lines = [["subject", "session", "sequence", "data", "water", "gm", "wm", "csf", "frequency", "vendor"]]
    lines += [["01", "", "press30", "a.SDAT;b.SDAT", "ref.SDAT", "0.6", "0.3", "0.1", "123.2", "siemens"]]
    (tmp_path / "subjects.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    return Plan.of({"run": "mine"}, "results/mine")


def test_every_scan_meets_every_analysis_of_its_sequence_in_every_engine_that_can_fit_it(plan):
    fits = plan.planned_fits(["builtin", "fsl_mrs"])
    assert len(set(fits)) == len(fits) > 0
    for name in plan.compared:
        entry = plan.analyses[name]
        engines = {engine for engine, _, analysis in fits if analysis == name}
        joint = len(entry.spectra) > 1
        assert engines == ({"builtin"} if joint else {"builtin", "fsl_mrs"})
        subjects = {scan.subject for _, scan, analysis in fits if analysis == name}
        assert subjects == {scan.subject for scan in plan.scans if scan.sequence == entry.sequence}
    assert len(plan.fits("qc.json")) == len(plan.fit_labels()) == len(plan.planned_fits())


def test_a_plan_in_python_is_that_of_the_default_configuration(plan):
    assert Plan.of(read_yaml(default_config()) | {"subjects": "simulated"}) == plan
    assert not plan.found
    assert plan.wanted_files()[0] == "<results>/report.html"


def test_a_real_scan_has_a_basis_of_its_frequency_and_vendor_and_its_tissue_in_the_fit(table):
    jobs, of = Jobs(table), wildcards(folder="sub-01", scan="sub-01_acq-press30", analysis="press30", suffix="svs")
    assert table.found == "subjects.tsv"
    assert jobs.basis_of_analysis(of) == "<results>/basis/press30@123.25MHz-siemens.json"
    assert jobs.fit_section(of)["water"]["tissue"] == {"gm": 0.6, "wm": 0.3, "csf": 0.1}
    assert jobs.preprocessed_water(of) == "<results>/preproc/sub-01/sub-01_acq-press30_mrsref.nii.gz"
    assert jobs.raw_files(of) == [], "what is missing fails its job, not the plan"
    assert len(jobs.raw(of)["paths"]) == 2
    assert table.files_of_user() == ["subjects.tsv"]


def test_what_is_not_there_is_a_sentence(plan):
    jobs = Jobs(plan)
    with pytest.raises(SpinsculptError, match="did you mean 'gap_crlb'"):
        jobs.design_entry(wildcards(design="gap_crbl"))
    with pytest.raises(SpinsculptError, match="did you mean 'press30'"):
        jobs.sequence_entry(wildcards(sequence="pres30"))
    with pytest.raises(SpinsculptError, match="no scan sub-99"):
        jobs.scan(wildcards(folder="sub-99", scan="sub-99_acq-press30"))


def test_a_scan_depends_on_no_other_subject(plan):
    more = Plan.of({"subjects": "simulated", "scanner": {"subjects": ["01", "77"]}})
    assert more.scanner_of_each == plan.scanner_of_each
    of = wildcards(folder="sub-01", sequence="press30")
    assert Jobs(more).basis_section_of_truth(of) == Jobs(plan).basis_section_of_truth(of)


def test_only_long_work_is_announced(plan):
    assert plan.expected_time([], 2) == plan.expected_time([], 2, fits=True) == ""
    assert "40 designs will" in plan.expected_time(["gap_crlb"] * 40, 2)
    many = Plan.of({"subjects": "simulated", "compare": {"montecarlo": {"repeats": 1000}}})
    assert "fits of noisy spectra will take about" in many.expected_time([], 2, fits=True)


def test_rules_decide_nothing():
    """The plan is in the package, resources are in the profile, and figures say only what differs."""
    common = (RULES / "common.smk").read_text()
    assert len(common.splitlines()) <= 80 and "def " not in common
    for path in RULES.glob("*.smk"):
        blocks = re.split(r"\n(?= *(?:use )?rule\b)", path.read_text())
        for block in blocks:
            assert "resources:" not in block or "the study names these rules" in block, path.name
            assert "threads: 1\n" not in block, "which is the default"
            if re.match(r"(use )?rule .*plot_", block) and "spinsculpt.report.figures" not in block:
                assert "plot_figure.py" not in block or "rule plot_crlb:" in block, path.name
