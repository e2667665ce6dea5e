"""What jobs took becomes what their rules ask for."""

import pytest
import yaml

from conftest import REPOSITORY
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.workflow.resources import _patterns, measured, profile_section

RULES = REPOSITORY / "workflow/rules"
HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(folder, name, seconds, memory):
    path = folder / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t0\t0\n")


def test_each_rule_asks_for_more_than_its_largest_job_took_and_for_more_again_at_each_attempt(tmp_path):
    write(tmp_path, "fit/builtin/sub-01/press30", 50.0, 400.0)
    write(tmp_path, "fit/builtin/sub-02/ses-1/megapress", 100.0, "-")
    write(tmp_path, "fit/fsl_mrs/sub-01/press30", 10.0, 900.0)
    write(tmp_path, "figures/explain_gap_crlb", 1.0, 90.0)
    write(tmp_path, "figures/sub-01/sub-01_acq-press30", 1.0, 90.0)
    write(tmp_path, "figures/crlb", 1.0, 90.0)
    write(tmp_path, "mrf/simulate_sub-01", 1.0, 90.0)  # of a rule inside a condition
    write(tmp_path, "sweep/duration~0.006/b1_limit~8.0/seed~1", 1.0, 90.0)
    table = {row.rule: row for row in measured(tmp_path, RULES)}
    assert set(table) == {
        "fit_scan",
        "fit_scan_fsl_mrs",
        "plot_explanation",
        "plot_scan",
        "plot_crlb",
        "design_sweep_point",
        "simulate_fingerprints",
    }
    fit = table["fit_scan"]
    assert (fit.jobs, fit.mem_mb, fit.runtime) == (2, 600, 5)
    section = yaml.safe_load(profile_section(list(table.values())))["set-resources"]
    assert section["fit_scan"] == {"mem_mb": "600 * attempt", "runtime": "5 * attempt"}


def test_without_benchmark_files_there_is_a_sentence(tmp_path):
    with pytest.raises(SpinsculptError, match="run it first"):
        measured(tmp_path, RULES)


def test_the_profile_lets_every_rule_ask_for_more_at_each_attempt():
    profile = yaml.safe_load((REPOSITORY / "profiles/slurm/config.yaml").read_text())
    rules = {rule for rule, _ in _patterns(RULES)}
    assert set(profile["set-resources"]) == rules and len(rules) > 30
    asked = [value for resources in profile["set-resources"].values() for value in resources.values()]
    assert all(str(value).endswith("* attempt") for value in asked)
    assert set(profile["groups"]) <= rules and set(profile["groups"].values()) == set(profile["group-components"])
