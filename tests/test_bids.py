"""Names and descriptions as the BIDS specification has them."""

import json

import numpy as np

from spinsculpt.bids import mrs_name, sidecar, write_dataset_description
from spinsculpt.nifti import MRSData
from spinsculpt.subjects import Scan


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
    write_dataset_description(tmp_path, "a study")
    content = json.loads((tmp_path / "dataset_description.json").read_text())
    assert content["Name"] == "a study" and content["BIDSVersion"] and content["DatasetType"] == "raw"
