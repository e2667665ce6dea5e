"""Names and descriptions as the BIDS specification has them."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinsculpt.data.bids import (
    missing_recommended,
    mrs_name,
    nominal_field,
    parse_name,
    sidecar,
    sidecar_problems,
    write_dataset_description,
)
from spinsculpt.data.nifti import MRSData
from spinsculpt.data.subjects import Scan


def test_names_follow_subject_session_acquisition_suffix():
    assert mrs_name(Scan("01", "", "press30", "a"), "svs") == "sub-01/mrs/sub-01_acq-press30_svs"
    assert mrs_name(Scan("01", "b", "press30", "a"), "mrsref") == "sub-01/ses-b/mrs/sub-01_ses-b_acq-press30_mrsref"


def test_only_a_metabolite_scan_with_water_has_a_reference():
    data = MRSData(np.ones(8, complex), 5e-4, 127.7)
    assert "ReferenceSignal" in sidecar(data, Scan("01", "", "press30", "a", "b"), "svs")
    assert "ReferenceSignal" not in sidecar(data, Scan("01", "", "press30", "a"), "svs")
    assert "ReferenceSignal" not in sidecar(data, Scan("01", "", "press30", "a", "b"), "mrsref")


def test_voxel_size_is_the_length_of_the_axes_also_of_a_tilted_voxel():
    turn = np.array([[0.6, -0.8, 0, 0], [0.8, 0.6, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    data = MRSData(np.ones(8, complex), 5e-4, 127.7, affine=turn @ np.diag([20, 30, 25, 1]))
    assert sidecar(data, Scan("01", "", "press30", "a"), "svs")["AcquisitionVoxelSize"] == [20, 30, 25]


def test_a_file_without_localisation_has_no_voxel():
    data = MRSData(np.ones(8, complex), 5e-4, 127.7, affine=np.diag([10000, 10000, 10000, 1]))
    assert "AcquisitionVoxelSize" not in sidecar(data, Scan("01", "", "press30", "a"), "svs")


def test_transients_averaged_on_the_scanner_count():
    header = {"NumberOfTransients": {"Value": 64, "Description": ""}}
    data = MRSData(np.ones((8, 4), complex), 5e-4, 127.7, dims=("DIM_DYN",), header=header)
    assert sidecar(data, Scan("01", "", "press30", "a"), "svs")["NumberOfTransients"] == 64


def test_description_names_the_data_set(tmp_path):
    write_dataset_description(tmp_path, "a study", ["02", "01", "02"])
    content = json.loads((tmp_path / "dataset_description.json").read_text())
    assert content["Name"] == "a study" and content["BIDSVersion"] and content["DatasetType"] == "raw"
    assert (tmp_path / "participants.tsv").read_text().split() == ["participant_id", "sub-01", "sub-02"]
    assert "a study" in (tmp_path / "README").read_text() and not (tmp_path / ".bidsignore").exists()


def test_a_derivative_says_what_made_it_and_of_what(tmp_path):
    write_dataset_description(tmp_path, "a study", ["01"], "preproc", "../bids")
    content = json.loads((tmp_path / "dataset_description.json").read_text())
    assert content["DatasetType"] == "derivative" and content["GeneratedBy"][0]["Name"] == "spinsculpt"
    assert content["SourceDatasets"] == [{"URL": "../bids"}]
    assert "*_qc.json" in (tmp_path / ".bidsignore").read_text()


LABEL = st.text("abcXYZ019", min_size=1, max_size=5)
ORDER = ("ses", "task", "acq", "nuc", "voi", "rec", "run", "echo", "inv")  # BIDS 1.10, MRS
ENTITIES = st.dictionaries(st.sampled_from(ORDER), st.integers(0, 99).map(str), max_size=5)


def path_of(entities: dict[str, str], order: list[str], suffix: str = "svs.nii.gz") -> str:
    folder = f"sub-{entities['sub']}/" + (f"ses-{entities['ses']}/" if "ses" in entities else "")
    return f"{folder}mrs/" + "_".join(f"{key}-{entities[key]}" for key in order) + f"_{suffix}"


@given(subject=LABEL, entities=ENTITIES)
def test_names_in_the_order_of_the_specification_are_read_back(subject, entities):
    entities = {"sub": subject} | entities
    order = [key for key in ("sub", *ORDER) if key in entities]
    assert parse_name(path_of(entities, order)) == entities | {"suffix": "svs", "extension": ".nii.gz"}
    for first, second in pairwise(order):
        swapped = [second if key == first else first if key == second else key for key in order]
        assert parse_name(path_of(entities, swapped)) is None


@pytest.mark.parametrize(
    "path",
    [
        "sub-01/mrs/sub-02_svs.nii.gz",
        "sub-01/mrs/sub-01_ses-1_svs.nii.gz",
        "sub-01/ses-1/mrs/sub-01_svs.nii.gz",
        "sub-01/anat/sub-01_svs.nii.gz",
        "sub-01/mrs/sub-01_press_svs.nii.gz",
        "sub-01/mrs/sub-01_acq-te_30_svs.nii.gz",
        "sub-01/mrs/sub-01_run-a_svs.nii.gz",
        "sub-01/mrs/sub-01_bold.nii.gz",
        "sub-01/mrs/sub-01_svs.txt",
        "mrs/sub-01_svs.nii.gz",
    ],
)
def test_other_names_are_not_bids(path):
    assert parse_name(path) is None


def test_what_the_names_module_makes_is_valid():
    for scan in (Scan("01", "", "press30", "a"), Scan("A1", "pre", "megapress", "a")):
        for suffix in ("svs", "mrsref"):
            found = parse_name(mrs_name(scan, suffix) + ".nii.gz")
            assert (found["sub"], found["acq"], found["suffix"]) == (scan.subject, scan.sequence, suffix)


COMPLETE = {"EchoTime": 0.03, "RepetitionTime": 2.0, "Manufacturer": "X", "ExcitationFlipAngle": 90, "MixingTime": 0}


def test_sidecar_is_valid_and_names_what_is_recommended_but_unknown():
    data = MRSData(np.ones((8, 4), complex), 5e-4, 127.7, dims=("DIM_DYN",), header=COMPLETE)
    fields = sidecar(data, Scan("01", "", "press30", "a", "b"), "svs", "press")
    assert sidecar_problems(fields) == []
    assert (
        fields["PulseSequenceType"] == "PRESS" and "MixingTime" not in fields and fields["MagneticFieldStrength"] == 3
    )
    assert set(missing_recommended(fields, "svs")) == {
        "ManufacturersModelName", "SoftwareVersions", "ReceiveCoilName", "SequenceName", "AcquisitionVoxelSize",
    }  # fmt: skip
    del fields["ReferenceSignal"]
    assert "ReferenceSignal" in missing_recommended(fields, "svs") and missing_recommended(fields, "mrsref")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"EchoTime": None}, "'EchoTime' is a required property"),
        ({"SpectralWidth": "2000"}, "SpectralWidth: '2000' is not of type 'number'"),
        ({"RepetitionTime": 0}, "RepetitionTime: 0 is less than or equal to"),
        ({"AcquisitionVoxelSize": [20, 20]}, "AcquisitionVoxelSize: [20, 20] is too short"),
        ({"ReferenceSignal": "sub-01_mrsref.nii.gz"}, "ReferenceSignal"),
        ({"ScanningSequence": "press"}, "ScanningSequence"),
    ],
)
def test_problems_of_a_sidecar_are_named(change, problem):
    data = MRSData(np.ones(8, complex), 5e-4, 127.7, header=COMPLETE)
    fields = sidecar(data, Scan("01", "", "press30", "a", "b"), "svs") | change
    (found,) = sidecar_problems({key: value for key, value in fields.items() if value is not None})
    assert problem in found


def test_editing_has_the_names_and_units_of_bids():
    pulses = {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.014}, "OFF": {"PulseOffset": 7.46, "PulseDuration": 0.014}}
    conditions = {"DIM_EDIT": {"EditCondition": ["ON", "OFF"]}}
    header = COMPLETE | {"EditPulse": pulses}
    data = MRSData(np.ones((8, 2), complex), 5e-4, 127.7, ("DIM_EDIT",), header, dim_headers=conditions)
    fields = sidecar(data, Scan("01", "", "megapress", "a"), "svs", "megapress")
    assert fields["EditPulse"]["ON"] == {"FrequencyOffset": 1.9, "PulseDuration": 14}
    assert fields["EditCondition"] == ["ON", "OFF"] and sidecar_problems(fields) == []


@pytest.mark.parametrize(
    ("frequency", "field"), [(123.25, 3), (127.75, 3), (297.2, 7), (63.6, 1.5), (500.1, 11.7), (85.2, 2)]
)
def test_nominal_field_of_a_frequency(frequency, field):
    assert nominal_field(frequency) == pytest.approx(field, abs=0.01)
