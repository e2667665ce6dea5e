"""The workflow as a module of another one, which lies elsewhere and gives it a configuration of its own."""

import json
import shutil

from conftest import REPOSITORY
from snakefile import snakemake

OUTER = """
module spinsculpt:
    snakefile: "{snakefile}"
    config: {{"run": "inner", "sequences": {{"press40": {{"type": "press", "echo_time": 0.040}}}}}}

use rule * from spinsculpt as spinsculpt_*

rule mine:
    default_target: True
    input: "results/inner/sequences/press40.json"
    output: "mine.txt"
    shell: "wc -c < {{input}} > {{output}}"
"""


# What `snakedeploy deploy-workflow` writes to workflow/Snakefile beside a copy of config/, but for the address.
DEPLOYED = """
from snakemake.utils import min_version

min_version("6.10.0")

configfile: "config/config.yaml"

module spinsculpt:
    snakefile: "{snakefile}"
    config: config

use rule * from spinsculpt
"""


def test_another_workflow_uses_this_one_as_a_module(tmp_path):
    outer = tmp_path / "Snakefile"
    outer.write_text(OUTER.format(snakefile=REPOSITORY / "Snakefile"))
    status, text = snakemake(tmp_path, "--snakefile", outer)
    assert status == 0, text
    assert json.loads((tmp_path / "results/inner/sequences/press40.json").read_text())
    assert int((tmp_path / "mine.txt").read_text()) > 100


def test_what_snakedeploy_writes_plans_the_whole_study(tmp_path):
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(DEPLOYED.format(snakefile=REPOSITORY / "Snakefile"))
    deployed = tmp_path / "workflow/Snakefile"
    status, text = snakemake(tmp_path, "--dry-run", "--snakefile", deployed, configfile=tmp_path / "config/config.yaml")
    assert status == 0, text
    assert "write_report" in text and "design_pulse" in text
