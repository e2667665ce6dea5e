"""The workflow as a module of another one, which lies elsewhere and gives it a configuration of its own."""

import json

import pytest
from test_chain import snakemake

from conftest import REPOSITORY

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


@pytest.mark.parametrize("options", [(), ("--dry-run", "results/inner/report.html")])
def test_another_workflow_uses_this_one_as_a_module(tmp_path, options):
    outer = tmp_path / "Snakefile"
    outer.write_text(OUTER.format(snakefile=REPOSITORY / "Snakefile"))
    status, text = snakemake(tmp_path, *options, "--snakefile", outer)
    assert status == 0, text
    if not options:
        assert json.loads((tmp_path / "results/inner/sequences/press40.json").read_text())
        assert int((tmp_path / "mine.txt").read_text()) > 100
