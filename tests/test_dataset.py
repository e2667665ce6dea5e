"""A BIDS data set in place of a table: names, sidecars and headers say what each scan is."""

import json
from pathlib import Path

import numpy as np
import pytest

from spinsculpt.config import SequenceEntry, guess_kind, match_sequence
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.bids import scans_of_dataset
from spinsculpt.data.nifti import MRSData, write_fids

SEQUENCES = {
    "press30": {"type": "press", "echo_time": 0.03},
    "press144": {"type": "press", "echo_time": 0.144},
    "steam30": {"type": "steam", "echo_time": 0.03},
    "megapress": {"type": "megapress", "echo_time": 0.068},
    "gapcrlb": {"type": "press", "echo_time": 0.028, "gap": "gap_crlb"},
}
ENTRIES = {name: SequenceEntry.of(entry) for name, entry in SEQUENCES.items()}


def add(root: Path, name: str, fields: dict | None = None, header: dict | None = None) -> Path:
    """A file of the data set with its sidecar (`fields`) and header."""
    folder = "/".join([*(part for part in name.split("_") if part.startswith(("sub-", "ses-"))), "mrs"])
    path = root / folder / f"{name}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_fids(path, MRSData(np.ones(8, complex), 5e-4, 127.7, header=header or {}))
    if fields is not None:
        path.with_name(f"{name}.json").write_text(json.dumps(fields))
    return path


def test_an_acquisition_label_is_the_name_of_a_sequence(tmp_path):
    add(tmp_path, "sub-01_acq-press30_svs")
    add(tmp_path, "sub-01_ses-2_acq-gapcrlb_svs")
    scans, left_out = scans_of_dataset(tmp_path, ENTRIES)
    assert [scan.name for scan in scans] == ["sub-01_acq-press30", "sub-01_ses-2_acq-gapcrlb"]
    assert scans[1].data == "sub-01/ses-2/mrs/sub-01_ses-2_acq-gapcrlb_svs.nii.gz"
    assert not left_out


def test_sidecar_or_header_say_kind_and_echo_time(tmp_path):
    add(tmp_path, "sub-01_acq-a_svs", {"PulseSequenceType": "MEGA-PRESS", "EchoTime": 0.068})
    add(tmp_path, "sub-02_acq-steam_svs", {"EchoTime": 0.0304})
    add(tmp_path, "sub-03_svs", header={"EchoTime": 0.03, "SequenceName": "*svs_se"})
    scans, _ = scans_of_dataset(tmp_path, ENTRIES)
    assert [scan.sequence for scan in scans] == ["megapress", "steam30", "press30"]


@pytest.mark.parametrize(
    ("label", "fields", "reason"),
    [
        ("x", {"EchoTime": 0.03}, "a sequence of unknown kind of TE 30 ms may be press30 or steam30"),
        ("press", {"EchoTime": 0.035}, "no sequence of the config is press of TE 35 ms"),
        ("hermes", {"EchoTime": 0.03}, "no sequence of the config is hermes of TE 30 ms"),
        ("press", {"EchoTime": 0.028}, "no sequence of the config is press of TE 28 ms"),  # gapcrlb has that
        ("press", {}, "its echo time is not known"),
        ("press", {"EchoTime": [0.03, 0.04]}, "its echo time is not known"),
    ],
)
def test_what_matches_no_sequence_is_left_out_with_the_reason(tmp_path, label, fields, reason):
    add(tmp_path, "sub-01_acq-press30_svs")
    add(tmp_path, f"sub-02_acq-{label}_svs", fields)
    scans, (sentence,) = scans_of_dataset(tmp_path, ENTRIES)
    assert [scan.subject for scan in scans] == ["01"]
    assert f"sub-02_acq-{label}_svs.nii.gz: {reason}" in sentence and "left out" in sentence


def test_broken_files_and_names_are_left_out(tmp_path):
    add(tmp_path, "sub-01_acq-press30_svs")
    add(tmp_path, "sub-02_svs").write_bytes(b"no nifti")
    add(tmp_path, "sub-03_svs", {}).with_name("sub-03_svs.json").write_text("{")
    add(tmp_path, "sub-04_svs").with_name("sub-04_press30_svs.nii.gz").write_bytes(b"x")
    add(tmp_path, "sub-05_svs", {}).with_name("sub-05_svs.json").write_text("[1]")
    scans, left_out = scans_of_dataset(tmp_path, ENTRIES)
    assert len(scans) == 1 and len(left_out) == 5
    for part in (
        "no readable NIfTI",
        "is no JSON file",
        "no BIDS name",
        "holds no table of keys",
        "echo time is not known",
    ):
        assert any(part in sentence for sentence in left_out), part


def test_water_is_the_named_one_or_that_of_the_same_name_or_the_only_one(tmp_path):
    add(tmp_path, "sub-01_acq-press30_svs", {"ReferenceSignal": "bids::sub-01/mrs/sub-01_acq-b_mrsref.nii.gz"})
    add(tmp_path, "sub-01_acq-press30_mrsref")
    add(tmp_path, "sub-01_acq-b_mrsref")
    add(tmp_path, "sub-02_acq-press30_svs")
    add(tmp_path, "sub-02_acq-press30_mrsref")
    add(tmp_path, "sub-02_acq-b_mrsref")
    add(tmp_path, "sub-03_acq-press30_svs")
    add(tmp_path, "sub-03_acq-b_mrsref")
    add(tmp_path, "sub-04_acq-press30_svs")
    add(tmp_path, "sub-04_acq-megapress_svs")
    add(tmp_path, "sub-04_acq-b_mrsref")
    scans, _ = scans_of_dataset(tmp_path, ENTRIES)
    water = [Path(scan.water).name.removesuffix(".nii.gz") for scan in scans]
    assert water == ["sub-01_acq-b_mrsref", "sub-02_acq-press30_mrsref", "sub-03_acq-b_mrsref", "", ""]


def test_two_runs_of_one_sequence_need_a_table(tmp_path):
    for run in (1, 2):
        add(tmp_path, f"sub-01_acq-press30_run-{run}_svs")
    with pytest.raises(SpinsculptError, match=r"run-2_svs\.nii\.gz: is sub-01_acq-press30 as is .*spinsculpt import"):
        scans_of_dataset(tmp_path, ENTRIES)


def test_a_folder_without_scans(tmp_path):
    with pytest.raises(SpinsculptError, match=r"holds no sub-\*"):
        scans_of_dataset(tmp_path, ENTRIES)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["*svs_se"], "press"), (["svs_st"], "steam"), (["%SiemensSeq%\\svs_edit"], "megapress"),
        (["eja_svs_slaser"], "slaser"), (["eja_svs_mpress"], "megapress"), (["PROBE-P"], "press"),
        (["GABA"], "megapress"), (["", "PRESS_35"], "press"), (["MEGA_PRESS"], "megapress"), (["sLASER"], "slaser"),
        (["Semi LASER"], "slaser"), (["LASER"], "laser"), (["hermes"], "hermes"), (["localizer"], None), ([""], None),
    ],
)  # fmt: skip
def test_kinds_of_vendors_names(words, kind):
    assert guess_kind(words) == kind


def test_a_name_counts_as_a_whole_word_only():
    assert match_sequence(ENTRIES, ["PRESS30_ACC"], None, None)[0] == "press30"
    assert match_sequence(ENTRIES, ["press300"], None, None) == ("", "its echo time is not known")
