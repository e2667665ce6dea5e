"""What the workflow takes as input: a table of scans, a BIDS folder."""

import json
import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from snakefile import snakemake, tiny_config, write_config
from spinsculpt.data.fetch import read_table
from spinsculpt.data.nifti import MRSData, write_fids

pytestmark = pytest.mark.xdist_group("workflow")


def test_a_bids_folder_needs_no_table(tmp_path):
    """Its scans are converted by name or kind and echo time; what matches no sequence is said and left out."""
    fid = MRSData(np.exp(-np.arange(256) / 40) * (1 + 0j), 5e-4, 127.7)
    for subject, label, fields in (
        ("01", "press30", {"EchoTime": 0.03, "RepetitionTime": 1.5}),
        ("02", "a", {"PulseSequenceType": "PRESS", "EchoTime": 0.03}),
        ("03", "hyper", {"EchoTime": 0.08}),
    ):
        name = tmp_path / f"study/sub-{subject}/mrs/sub-{subject}_acq-{label}_svs"
        write_fids(name.with_suffix(".nii.gz"), fid)
        name.with_suffix(".json").write_text(json.dumps(fields))
    targets = [f"results/bids/sub-{subject}/mrs/sub-{subject}_acq-press30_svs.json" for subject in ("01", "02")]
    config = write_config(tmp_path, tiny_config() | {"subjects": "study"})
    status, text = snakemake(tmp_path, *targets, configfile=config)
    assert status == 0, text
    assert "sub-03_acq-hyper_svs.nii.gz: no sequence of the config is hyper of TE 80 ms. It is left out." in text
    first, second = (json.loads((tmp_path / target).read_text()) for target in targets)
    assert first["RepetitionTime"] == 1.5 and first["PulseSequenceType"] == "PRESS"
    assert any("does not say RepetitionTime" in note for note in second["ConversionNotes"])

    raw = tmp_path / "study/sub-02/mrs/sub-02_acq-a_svs.nii.gz"  # replaced by an older one
    write_fids(raw, MRSData(2 * fid.fids, 5e-4, 127.7))
    os.utime(raw, (1e9, 1e9))
    status, text = snakemake(tmp_path, "--dry-run", *targets, configfile=config)
    assert status == 0 and re.findall(r"folder=(\S+),", text) == ["sub-02"], text


def test_a_designed_scan_without_a_water_reference_is_cleaned_fitted_and_drawn(finished, tmp_path):
    """Ratios to creatine, no mM, and no job that misses the reference; test_formats.py has other sequences."""
    raw = finished / "results/scanner/sub-01"
    table = tmp_path / "subjects.tsv"
    table.write_text(f"subject\tsequence\tdata\ndry\tgapcrlb\t{raw / 'gapcrlb_act.SDAT'}\n")
    for folder in ("design", "sequences", "basis"):
        shutil.copytree(finished / "results" / folder, tmp_path / "results" / folder)
    config = write_config(tmp_path, tiny_config() | {"subjects": str(table)})
    fit, page = "results/fit/builtin/sub-dry/gapcrlb/summary.csv", "results/figures/sub-dry/sub-dry_acq-gapcrlb.png"
    status, text = snakemake(tmp_path, fit, page, "--rerun-triggers", "mtime", configfile=config)
    assert status == 0, text
    table = pd.read_csv(tmp_path / fit)
    assert table["mM"].isna().all() and table.filter(like="Cr+PCr").iloc[:, 0].notna().any()


def test_fetching_the_example_leaves_what_users_keep_in_its_folder(tmp_path):
    """A file of the user under the name of an example file: the job says so, and Snakemake removes nothing before."""
    _, files = read_table()
    theirs = tmp_path / "data/example" / files[0].path
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    config = tiny_config() | {"example_data": "data/example"}
    status, text = snakemake(tmp_path, "fetch_example_data", configfile=write_config(tmp_path, config))
    assert status != 0 and f"{files[0].path} was not written by spinsculpt and would be replaced" in text
    assert theirs.read_text() == "mine"
