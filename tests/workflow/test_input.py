"""What the workflow takes as input: a table of scans, a BIDS folder."""

import json

import numpy as np
import pytest
from test_chain import snakemake, tiny_config, write_config

from spinsculpt.nifti import MRSData, write_fids

pytestmark = pytest.mark.xdist_group("workflow")


def test_a_bids_folder_needs_no_table(tmp_path):
    """Its scans are converted by name or kind and echo time; what matches no sequence is said and left out."""
    fid = MRSData(np.exp(-np.arange(256) / 40) * (1 + 0j), 5e-4, 127.7)
    for subject, label, fields in (
        ("01", "press30", {"EchoTime": 0.03, "RepetitionTime": 1.5}),
        ("02", "a", {"PulseSequenceType": "PRESS", "EchoTime": 0.03}),
        ("03", "hermes", {"EchoTime": 0.08}),
    ):
        name = tmp_path / f"study/sub-{subject}/mrs/sub-{subject}_acq-{label}_svs"
        write_fids(name.with_suffix(".nii.gz"), fid)
        name.with_suffix(".json").write_text(json.dumps(fields))
    targets = [f"results/bids/sub-{subject}/mrs/sub-{subject}_acq-press30_svs.json" for subject in ("01", "02")]
    config = write_config(tmp_path, tiny_config() | {"subjects": "study"})
    status, text = snakemake(tmp_path, *targets, configfile=config)
    assert status == 0, text
    assert "sub-03_acq-hermes_svs.nii.gz: no sequence of the config is hermes of TE 80 ms. It is left out." in text
    first, second = (json.loads((tmp_path / target).read_text()) for target in targets)
    assert first["RepetitionTime"] == 1.5 and first["PulseSequenceType"] == "PRESS"
    assert any("does not say RepetitionTime" in note for note in second["ConversionNotes"])
