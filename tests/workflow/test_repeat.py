"""The same study gives the same results, on one core or two, and after whatever befalls it."""

import json
import os
import time

import pytest

from results import digests
from snakefile import snakemake, tiny_config, write_config
from spinsculpt.app.record import write_run_record
from spinsculpt.config import SequenceEntry, Study
from spinsculpt.core.folders import sha256
from spinsculpt.core.workflow.warm import COLD

pytestmark = pytest.mark.xdist_group("workflow")

STUDY = Study(designs={}, sequences={"p": SequenceEntry(type="press")}, analyses={})
SCAN = "sub-01/sub-01_acq-press30"
FIT = "results/fit/builtin/sub-01/press30/summary.csv"


def test_one_core_cold_starts_and_whole_scans_give_what_two_cores_forks_and_stages_gave(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setenv(COLD, "1")
    targets = ["results/design/excite_glu/metrics.json", f"results/figures/{SCAN}.png", "results/basis/press30.basis"]
    status, text = snakemake(
        tmp_path, "--cores", "1", *targets, configfile=write_config(tmp_path, tiny_config() | {"scan_jobs": "whole"})
    )
    assert status == 0 and "rule analyse_press30_water" in text and "rule fit_scan" not in text, text
    one, two = digests(tmp_path / "results"), digests(finished / "results")
    assert len(one) > 30 and one.items() <= two.items(), sorted(one.items() - two.items())


def test_a_damaged_result_is_made_anew_and_a_clock_that_is_ahead_costs_nothing(spoilable):
    whole = digests(spoilable / "results")
    clean = spoilable / f"results/preproc/{SCAN}_svs.nii.gz"
    content = clean.read_bytes()
    clean.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    raw, other = spoilable / "results/scanner/sub-01/gapcrlb_act.SDAT", FIT.replace("press30", "gapcrlb")
    ahead = time.time() + 3600
    os.utime(raw, (ahead, ahead))
    status, text = snakemake(spoilable, "--keep-going", FIT, other)
    assert status == 1 and "_svs.nii.gz.bad-1, and the next run makes it anew" in text and "Traceback" not in text
    assert "rule convert_scan" not in text  # its content is what it was
    status, text = snakemake(spoilable, FIT, other)
    assert status == 0, text
    (clean.parent / f"{clean.name}.bad-1").unlink()
    now = digests(spoilable / "results")
    assert {name for name in now.keys() | whole.keys() if now.get(name) != whole.get(name)} == {"report.html"}


def test_a_run_says_from_what_it_was_made(finished, tmp_path, monkeypatch):
    record = json.loads((finished / "results/provenance.json").read_text())
    assert record["packages"]["numpy"] and record["config"]["basis"]["points"] == 1024
    assert {entry["path"] for entry in record["inputs"]} >= {"config.yaml", "tiny.yaml"}
    raw = tmp_path / "data/a.SDAT"
    raw.parent.mkdir()
    raw.write_bytes(b"1234")
    monkeypatch.chdir(tmp_path)
    write_run_record("provenance.json", STUDY, [raw])
    (entry,) = json.loads((tmp_path / "provenance.json").read_text())["inputs"]
    assert entry == {"path": "data/a.SDAT", "bytes": 4, "sha256": sha256(raw)}
