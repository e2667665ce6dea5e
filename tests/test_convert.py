"""Conversion: real files of every vendor at hand come out right; whatever is wrong with a file is one sentence."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spinsculpt.data.convert._formats as formats
from raw_files import DWELL, FREQUENCY, fids, write_data_list, write_p_file, write_philips_dicom, write_rda
from spinsculpt.config import Convert
from spinsculpt.core.conventions import ppm_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.bids import sidecar_problems
from spinsculpt.data.convert import convert_scan, recognise
from spinsculpt.data.convert._combine import choose
from spinsculpt.data.convert._convert import without_identity
from spinsculpt.data.convert._philips import checked_pair, write_clean_spar
from spinsculpt.data.nifti import MRSData, read_fids, write_fids
from spinsculpt.data.philips import write_sdat, write_spar
from spinsculpt.data.subjects import Scan

CONFIG = Convert()
SCAN = Scan("01", "", "press30", "a.SDAT", "b.SDAT")
HEADER = {
    "samples": 64, "rows": 2, "dwell": 5e-4, "central_frequency": 127.75, "echo_time": 0.03, "repetition_time": 2.0,
    "averages": 8, "scan_id": "press30",
}  # fmt: skip


@pytest.fixture
def raw(tmp_path) -> Path:
    """A sound SDAT with its SPAR."""
    path = tmp_path / "raw" / "a.SDAT"
    path.parent.mkdir()
    write_sdat(path, np.random.default_rng(0).standard_normal((2, 64)) * (1 + 2j))
    write_spar(path.with_suffix(".SPAR"), **HEADER)
    return path


def convert(raw: Path | list[Path], folder: Path, suffix="svs", config=CONFIG, echo_time=None) -> tuple[MRSData, dict]:
    named = [raw] if isinstance(raw, Path) else raw
    convert_scan(named, SCAN, suffix, folder / "o.nii.gz", folder / "o.json", config, echo_time)
    written = json.loads((folder / "o.json").read_text())
    assert sidecar_problems(written) == []
    return read_fids(folder / "o.nii.gz"), written


def refusal(raw: Path, folder: Path, **given) -> str:
    """The sentence that a bad file gives; nothing may be left behind."""
    with pytest.raises(SpinsculptError) as caught:
        convert(raw, folder, **given)
    assert not list(folder.glob("*o.*")) and not list(folder.glob(".o*"))
    sentence = str(caught.value)
    assert "\n" not in sentence and "Traceback" not in sentence
    return sentence


def edit_spar(raw: Path, key: str, value: str | None) -> None:
    """Give a field another value, or take it out."""
    spar = raw.with_suffix(".SPAR")
    lines = [line for line in spar.read_text().splitlines() if not line.startswith(f"{key} :")]
    spar.write_text("\n".join(lines + ([] if value is None else [f"{key} : {value}"])) + "\n")


# What comes out


def test_sidecar_holds_what_bids_demands(raw, tmp_path):
    _, sidecar = convert(raw, tmp_path)
    assert sidecar["ResonantNucleus"] == ["1H"]
    assert sidecar["SpectrometerFrequency"] == [127.75]
    assert sidecar["SpectralWidth"] == 2000
    assert (sidecar["EchoTime"], sidecar["RepetitionTime"]) == (0.03, 2.0)
    assert sidecar["NumberOfSpectralPoints"] == 64
    assert sidecar["NumberOfTransients"] == 16
    assert sidecar["AcquisitionVoxelSize"] == [30, 30, 30]
    assert sidecar["ReferenceSignal"] == "bids::sub-01/mrs/sub-01_acq-press30_mrsref.nii.gz"
    assert sidecar["provenance"]["software"] == "spinsculpt"
    assert sidecar["WaterSuppression"] and not convert(raw, tmp_path, "mrsref")[1]["WaterSuppression"]


def test_either_file_of_a_pair_gives_the_same(raw, tmp_path):
    first, second = (convert(raw.with_suffix(suffix), tmp_path)[0] for suffix in (".SDAT", ".SPAR"))
    np.testing.assert_array_equal(first.fids, second.fids)


def test_names_of_patients_reach_neither_nifti_nor_sidecar(raw, tmp_path):
    edit_spar(raw, "patient_name", "Doe^Jane")
    edit_spar(raw, "patient_birth_date", "1970.01.01")
    data, _ = convert(raw, tmp_path)
    written = json.dumps(data.header) + (tmp_path / "o.json").read_text()
    assert "Jane" not in written and "1970" not in written and "a.SDAT" not in json.dumps(data.header)


def test_identifying_fields_are_removed_at_every_depth_and_listed():
    header = {"PatientName": "Doe", "EchoTime": 0.03, "Vendor": {"private_note": 1, "coil": 2}, "private_id": 3}
    kept, removed = without_identity(header, CONFIG.identifying)
    assert kept == {"EchoTime": 0.03, "Vendor": {"coil": 2}}
    assert removed == ["PatientName", "Vendor.private_note", "private_id"]


def test_config_completes_a_header(tmp_path):
    write_fids(tmp_path / "raw.nii.gz", MRSData(np.ones(64, complex), 5e-4, 127.7, header={"EchoTime": 0.03}))
    data, sidecar = convert(tmp_path / "raw.nii.gz", tmp_path, config=CONFIG.but(header={"RepetitionTime": 1.5}))
    assert data.header["RepetitionTime"] == sidecar["RepetitionTime"] == 1.5
    assert any("RepetitionTime = 1.5" in note for note in sidecar["ConversionNotes"])
    _, incomplete = convert(tmp_path / "raw.nii.gz", tmp_path)
    assert any("does not say RepetitionTime" in note for note in incomplete["ConversionNotes"])


def test_the_sequence_completes_a_header_without_echo_time(tmp_path):
    write_fids(tmp_path / "raw.nii.gz", MRSData(np.ones(64, complex), 5e-4, 127.7, header={"RepetitionTime": 2.0}))
    data, sidecar = convert(tmp_path / "raw.nii.gz", tmp_path, echo_time=0.03)
    assert data.header["EchoTime"] == sidecar["EchoTime"] == 0.03
    assert any("does not say EchoTime; that of the sequence was taken" in note for note in sidecar["ConversionNotes"])


def test_no_echo_time_anywhere(tmp_path):
    write_fids(tmp_path / "raw.nii.gz", MRSData(np.ones(64, complex), 5e-4, 127.7, header={"EchoTime": 0}))
    assert "the header lacks EchoTime; set it in the config: convert: header" in refusal(
        tmp_path / "raw.nii.gz", tmp_path
    )


def test_zero_dynamics_are_dropped_with_a_note(raw, tmp_path):
    write_sdat(raw, np.stack([np.ones(64, complex), np.zeros(64)]))
    data, sidecar = convert(raw, tmp_path)
    assert data.fids.shape == (64,)
    assert sidecar["ConversionNotes"] == ["dropped DIM_DYN 1: every sample is zero"]


# Several files a scan


def repetition(folder: Path, name: str, **changes) -> Path:
    """A NIfTI-MRS file of two coils whose samples are all the number that its name begins with."""
    given = {"dwell": 5e-4, "central_frequency": 127.7, "header": {"EchoTime": 0.03}} | changes
    path = folder / f"{name}.nii.gz"
    write_fids(path, MRSData(np.full((64, 2), int(name[0]), complex), dims=("DIM_COIL",), **given))
    return path


def test_repetitions_follow_one_another_in_the_order_of_the_table(tmp_path):
    data, sidecar = convert([repetition(tmp_path, name) for name in ("2a", "1b", "3c")], tmp_path)
    assert data.dims == ("DIM_COIL", "DIM_DYN")
    np.testing.assert_array_equal(data.fids[0, 0], [2, 1, 3])
    assert sidecar["NumberOfTransients"] == 3 and len(sidecar["SourceSHA256"]) == 3


def test_repetitions_of_a_pair_count_their_transients(raw, tmp_path):
    again = raw.with_name("b.SDAT")
    for suffix in (".SDAT", ".SPAR"):
        shutil.copy(raw.with_suffix(suffix), again.with_suffix(suffix))
    data, sidecar = convert([raw, again], tmp_path)
    assert data.size("DIM_DYN") == 4 and sidecar["NumberOfTransients"] == 32
    np.testing.assert_array_equal(data.fids[:, :2], data.fids[:, 2:])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dwell": 4e-4}, "has a sampling interval of 400 µs, not 500 µs"),
        ({"central_frequency": 123.2}, "has the frequency 123.2000 MHz, not 127.7000 MHz"),
        ({"header": {"EchoTime": 0.035}}, "has echo time 35 ms, not 30 ms"),
        ({"affine": np.diag([20, 20, 20, 1]) + np.eye(4, k=3) * 5}, "has a voxel of 20 x 20 x 20 mm at"),
    ],
)
def test_what_differs_is_no_repetition(tmp_path, changes, reason):
    first = repetition(tmp_path, "1a", affine=np.diag([20, 20, 20, 1]))
    assert f"2b.nii.gz: {reason}" in refusal([first, repetition(tmp_path, "2b", **changes)], tmp_path)


def test_files_of_one_scan_have_one_format(raw, tmp_path):
    assert "is NIfTI-MRS, but a.SDAT is Philips" in refusal([raw, repetition(tmp_path, "1a")], tmp_path)


def write_dicom(source: Path, path: Path, instance: int, **changes) -> Path:
    """A copy of a real spectrum as one of several averages: its samples times the number of the instance."""
    from pydicom import dcmread

    header = dcmread(source)
    header.InstanceNumber = instance
    samples = np.frombuffer(header[0x56000020].value, np.float32) * instance
    header[0x56000020].value = samples.astype(np.float32).tobytes()
    for key, value in changes.items():
        setattr(header, key, value)
    path.parent.mkdir(exist_ok=True)
    header.save_as(path)
    return path


@pytest.fixture
def dicom(evidence) -> Path:
    return evidence / "data/siemens_exports/SVS_XA60.dcm"


def test_a_folder_with_a_dicom_file_an_average_is_one_scan(dicom, tmp_path):
    for name, instance in (("c", 1), ("a", 2), ("b", 3)):
        write_dicom(dicom, tmp_path / "averages" / name, instance)
    image = "1.2.840.10008.5.1.4.1.1.4"
    write_dicom(dicom, tmp_path / "averages/image.dcm", 4, SOPClassUID=image, SeriesInstanceUID="1.2")
    data, sidecar = convert(tmp_path / "averages", tmp_path)
    single, _ = convert(dicom, tmp_path)
    assert data.dims == ("DIM_DYN",) and sidecar["NumberOfTransients"] == 3
    np.testing.assert_allclose(data.fids, np.outer(single.fids, [1, 2, 3]), rtol=1e-6)


def test_named_dicom_files_are_sorted_within_a_series_and_joined_between(dicom, tmp_path):
    files = [write_dicom(dicom, tmp_path / "x" / f"{i}", i) for i in (2, 1)]
    files.append(write_dicom(dicom, tmp_path / "x/5", 5, SeriesInstanceUID="1.2", SeriesNumber=99))
    data, _ = convert(files, tmp_path)
    single, _ = convert(dicom, tmp_path)
    np.testing.assert_allclose(data.fids[0], single.fids[0] * np.array([1, 2, 5]), rtol=1e-6)


def test_a_folder_of_several_series_is_no_one_scan(dicom, tmp_path):
    write_dicom(dicom, tmp_path / "x/1", 1)
    write_dicom(dicom, tmp_path / "x/2", 1, SeriesInstanceUID="1.2", SeriesNumber=12)
    assert "x: holds spectra of the series 9, 12" in refusal(tmp_path / "x", tmp_path)


def test_a_dicom_image_is_no_spectrum(dicom, tmp_path):
    image = write_dicom(dicom, tmp_path / "x/1.dcm", 1, SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    assert "1.dcm: this DICOM file holds no spectrum" in refusal(image, tmp_path)


def test_dicom_of_a_vendor_without_converter(dicom, tmp_path):
    assert "manufacturer 'GE" in refusal(write_dicom(dicom, tmp_path / "x/1", 1, Manufacturer="GE MEDICAL"), tmp_path)


# Formats that hold metabolites and water side by side


VECTORS = [
    ("NOI", 0, 0, 0, 9j),
    *(("STD", mix, c, d, 1 + c + 10 * d + 100j * mix) for mix in (0, 1) for c in (0, 1) for d in (0, 1)[: 2 - mix]),
]


@pytest.mark.parametrize("suffix", [".data", ".list"])
def test_data_list_holds_coils_and_dynamics_and_the_water_in_its_second_mix(tmp_path, suffix):
    path = write_data_list(tmp_path, VECTORS).with_suffix(suffix)
    data, sidecar = convert(path, tmp_path, echo_time=0.03)
    assert data.dims == ("DIM_COIL", "DIM_DYN") and sidecar["EchoTime"] == 0.03
    np.testing.assert_allclose(data.fids[0], [[1, 11], [2, 12]])
    water, _ = convert(path, tmp_path, "mrsref")
    np.testing.assert_allclose(water.fids[0], [1 + 100j, 2 + 100j])


def test_data_list_lacks_a_partner_or_bytes(tmp_path):
    data = write_data_list(tmp_path, VECTORS)
    data.write_bytes(data.read_bytes()[:-100])
    assert "raw.list lists 3584 bytes, but the file holds 3484" in refusal(data, tmp_path)
    data.with_suffix(".SPAR").unlink()
    assert "raw.data: its partner raw.SPAR is missing" in refusal(data, tmp_path)


def test_data_list_with_a_broken_line(tmp_path):
    data = write_data_list(tmp_path, VECTORS)
    listing = data.with_suffix(".list")
    listing.write_text(listing.read_text().replace("  512  0\n", "  five  0\n"))
    assert "raw.list, line 3: not the 21 columns of a data vector" in refusal(data, tmp_path)


@pytest.mark.parametrize(
    ("names", "suffix", "chosen"),
    [
        (["", "_ref"], "svs", ""),
        (["", "_ref"], "mrsref", "_ref"),
        (["", "_ref_ecc", "_ref_no_ovs"], "mrsref", "_ref_no_ovs"),
        (["", "_rf_off", "_empty_data"], "svs", ""),
        (["_STD_0", "_STD_1", "_NOI", "_PHC_0"], "svs", "_STD_0"),
        (["_only"], "mrsref", "_only"),
    ],
)
def test_metabolites_and_water_in_one_file_are_told_apart(names, suffix, chosen):
    sets = {name: MRSData(np.ones(8, complex), 5e-4, 127.7, header={"name": name}) for name in names}
    assert choose(sets, Path("P1.7"), suffix, 0.03, []).header["name"] == chosen


def test_the_echo_time_decides_between_scans_in_one_file():
    sets = {f"_{te}": MRSData(np.ones(8, complex), 5e-4, 127.7, header={"EchoTime": te / 1e3}) for te in (35, 80)}
    assert choose(sets, Path("P1.7"), "svs", 0.08, []).header["EchoTime"] == 0.08
    with pytest.raises(
        SpinsculptError, match="holds the data sets '_35', '_80', of which 2 can be the metabolite scan"
    ):
        choose(sets, Path("P1.7"), "svs", None, [])
    with pytest.raises(SpinsculptError, match="none can be the water reference"):
        choose(sets, Path("P1.7"), "mrsref", 0.08, [])


# Every vendor, from files written by their format descriptions (GE and Siemens store what is the conjugate here)


def test_p_file_holds_coils_averages_and_water(tmp_path):
    data, sidecar = convert(write_p_file(tmp_path / "P1.7"), tmp_path, echo_time=0.035)
    assert data.dims == ("DIM_COIL", "DIM_DYN") and data.central_frequency == FREQUENCY and data.dwell == DWELL
    np.testing.assert_allclose(data.fids, 1000 * np.stack([fids(4).T.conj()] * 2, axis=1), atol=1)
    assert (sidecar["EchoTime"], sidecar["RepetitionTime"], sidecar["FlipAngle"]) == (0.035, 2, 90)
    assert sidecar["AcquisitionVoxelSize"] == [20, 25, 30] and "Doe" not in json.dumps(sidecar)
    water, _ = convert(tmp_path / "P1.7", tmp_path, "mrsref")
    assert water.size("DIM_DYN") == 2 and abs(water.fids[0, 0, 0]) == 1e5


def test_philips_dicom_holds_water_behind_the_metabolites(tmp_path):
    data, sidecar = convert(write_philips_dicom(tmp_path / "a.dcm"), tmp_path, echo_time=0.03)
    np.testing.assert_allclose(data.fids, fids(1)[0], rtol=1e-6)
    assert sidecar["Manufacturer"] == "Philips" and sidecar["AcquisitionVoxelSize"] == [20, 20, 20]
    water, _ = convert(tmp_path / "a.dcm", tmp_path, "mrsref")
    np.testing.assert_allclose(water.fids, 100 * fids(1)[0], rtol=1e-6)
    assert "Doe" not in (tmp_path / "o.json").read_text() + json.dumps(water.header)


def test_rda_comes_out_as_it_was_written(tmp_path):
    data, sidecar = convert(write_rda(tmp_path / "a.rda"), tmp_path, echo_time=0.03)
    np.testing.assert_allclose(data.fids, fids(1)[0].conj(), rtol=1e-6)
    assert sidecar["SequenceName"] == "*svs_se" and sidecar["SpectralWidth"] == 1 / DWELL
    assert "InversionTime" not in sidecar and "Doe" not in json.dumps(sidecar)


# Real files


def peak_ppm(data: MRSData, low: float, high: float) -> float:
    ppm = ppm_axis(data.points, data.dwell, data.central_frequency)
    inside = (ppm > low) & (ppm < high)
    fids = data.fids.reshape(data.points, -1)
    spectrum = np.linalg.norm(to_spectrum(fids.T), axis=0)
    return float(ppm[inside][spectrum[inside].argmax()])


@pytest.mark.parametrize(
    ("stem", "echo_time", "frequency"),
    [
        ("philips_press30/sub-01_ses-01_PRESS_raw-{}_noID.SDAT", 0.030, 127.755264),
        ("philips_press35/sub-01_press_{}_noID.sdat", 0.035, 127.750896),
    ],
)
def test_real_philips_scans_have_naa_and_water_where_they_belong(evidence, tmp_path, stem, echo_time, frequency):
    metabolites, sidecar = convert(evidence / "data" / stem.format("act"), tmp_path, echo_time=echo_time)
    water, _ = convert(evidence / "data" / stem.format("ref"), tmp_path, "mrsref")
    assert metabolites.fids.shape == (2048,) and metabolites.central_frequency == frequency
    assert (sidecar["EchoTime"], sidecar["RepetitionTime"]) == (echo_time, 2.0)
    assert peak_ppm(metabolites, 1.8, 2.2) == pytest.approx(2.01, abs=0.05)
    assert peak_ppm(water, 0, 9) == pytest.approx(4.65, abs=0.1)
    assert abs(water.fids[0]) > 50 * abs(metabolites.fids[200])


@pytest.mark.parametrize(("number", "echo_time", "dynamics"), [(1, 0.03, 1), (2, 0.04, 2)])
def test_real_twix_holds_metabolites_and_water_in_one_loop(evidence, tmp_path, number, echo_time, dynamics):
    raw = evidence / f"data/siemens_twix_phantom/sub-SiemensBrainPhantom_seq-svsse_ref-1_avg-{number}.dat"
    metabolites, sidecar = convert(raw, tmp_path, echo_time=echo_time)
    water, reference = convert(raw, tmp_path, "mrsref")
    assert metabolites.dims == (("DIM_COIL",) if dynamics == 1 else ("DIM_COIL", "DIM_DYN"))
    assert (metabolites.size("DIM_COIL"), metabolites.size("DIM_DYN")) == (34, dynamics)
    assert (water.size("DIM_COIL"), water.size("DIM_DYN")) == (34, 1)
    assert np.linalg.norm(water.fids) > 3 * np.linalg.norm(metabolites.fids) / dynamics**0.5
    assert peak_ppm(water, 0, 9) == pytest.approx(4.65, abs=0.15)
    assert {"PatientName", "DeviceSerialNumber", "InstitutionAddress"} <= set(sidecar["AnonymizedFields"])
    dropped = [note for note in reference["ConversionNotes"] if note.startswith("dropped")]
    assert dropped == ([] if dynamics == 1 else ["dropped DIM_DYN 1: every sample is zero"])


@pytest.mark.parametrize(
    ("name", "kind", "ppm"),
    [
        ("SVS_30.rda", "Siemens rda", 2.01),  # NAA in vivo
        ("SVS_XA60.dcm", "DICOM", 1.02),  # methyl of ethanol in a phantom, 0.16 ppm off resonance
    ],
)
def test_real_siemens_exports(evidence, tmp_path, name, kind, ppm):
    data, sidecar = convert(evidence / "data/siemens_exports" / name, tmp_path, echo_time=0.03)
    assert data.fids.shape == (1024,) and sidecar["SourceFormat"] == kind
    assert (sidecar["EchoTime"], sidecar["RepetitionTime"]) == (0.03, 2.0)
    assert "PatientID" in sidecar["AnonymizedFields"] and "PatientID" not in data.header
    assert peak_ppm(data, 0.8, 2.2) == pytest.approx(ppm, abs=0.06)


def test_real_nifti_mrs_keeps_coils_and_dynamics_and_loses_the_patient(evidence, tmp_path):
    raw = evidence / "data/nifti_mrs_7t/metab_raw.nii.gz"
    data, sidecar = convert(raw, tmp_path, echo_time=0.011)
    np.testing.assert_allclose(data.fids, read_fids(raw).fids)
    assert data.dims == ("DIM_COIL", "DIM_DYN")
    assert "F7T" not in json.dumps(data.header) and "PatientName" in sidecar["AnonymizedFields"]


# What is refused


def test_truncated_sdat_names_both_lengths(raw, tmp_path):
    raw.write_bytes(raw.read_bytes()[:500])
    assert "a.SDAT: a.SPAR says 64 samples x 2 rows, but the SDAT holds 62.5 samples" in refusal(raw, tmp_path)


def test_sdat_without_spar(raw, tmp_path):
    raw.with_suffix(".SPAR").unlink()
    assert "a.SDAT: its partner a.SPAR is missing" in refusal(raw, tmp_path)


def test_spar_without_sdat(raw, tmp_path):
    raw.unlink()
    assert "a.SPAR: its partner a.SDAT is missing" in refusal(raw.with_suffix(".SPAR"), tmp_path)


def test_missing_file(tmp_path):
    assert "nowhere.SDAT: there is no such raw file" in refusal(tmp_path / "nowhere.SDAT", tmp_path)


def test_folder_in_place_of_a_file(tmp_path):
    assert "this is a folder without DICOM files" in refusal(tmp_path, tmp_path)


@pytest.mark.parametrize("suffix", [".SDAT", ".SPAR"])
def test_empty_file(raw, tmp_path, suffix):
    raw.with_suffix(suffix).write_bytes(b"")
    assert f"a{suffix}: the raw file is empty" in refusal(raw, tmp_path)


def test_unknown_format(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    assert "notes.txt: no format that spinsculpt knows" in refusal(path, tmp_path)


@pytest.mark.parametrize("suffix", [".SDAT", ".dat", ".rda", ".dcm", ".nii.gz"])
def test_wrong_vendor_is_seen_by_the_content(raw, tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    head = b">>> Begin of header <<<\r\n" if suffix != ".rda" else bytes(128) + b"DICM"
    path.write_bytes(head + bytes(1000))
    assert f"x{suffix}: named like" in refusal(path, tmp_path)


def test_dicom_needs_no_suffix(tmp_path):
    (tmp_path / "0001").write_bytes(bytes(128) + b"DICM" + bytes(100))
    assert recognise(tmp_path / "0001").name == "DICOM"


def test_another_nucleus(raw, tmp_path):
    edit_spar(raw, "nucleus", "31P")
    assert "the nucleus is 31P" in refusal(raw, tmp_path)


@pytest.mark.parametrize("key", ["echo_time", "samples", "synthesizer_frequency", "ap_size", "nucleus"])
def test_missing_field_is_named(raw, tmp_path, key):
    edit_spar(raw, key, None)
    assert f"a.SPAR: the header lacks the field '{key}'" in refusal(raw, tmp_path)


@pytest.mark.parametrize("value", ["0", "-5", "nan", "1e400", "many"])
def test_senseless_field_is_named(raw, tmp_path, value):
    edit_spar(raw, "sample_frequency", value)
    assert f"the field 'sample_frequency' is '{value}', not a number above 0" in refusal(raw, tmp_path)


def test_other_echo_time_than_the_sequence(raw, tmp_path):
    sentence = refusal(raw, tmp_path, echo_time=0.035)
    assert "TE 30 ms, but the sequence press30 has 35 ms" in sentence
    convert(raw, tmp_path, "mrsref", echo_time=0.035)
    convert(raw, tmp_path, config=CONFIG.but(check_echo_time=False), echo_time=0.035)


def test_all_samples_zero(raw, tmp_path):
    write_sdat(raw, np.zeros((2, 64)))
    assert "every sample is zero" in refusal(raw, tmp_path)


def test_unreadable_file(raw, tmp_path, monkeypatch):
    def denied(self, *arguments, **keywords):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(formats.Path, "open", denied)
    with pytest.raises(SpinsculptError, match=r"a\.SDAT: the raw file cannot be read \(Permission denied\)"):
        recognise(raw)


@pytest.mark.parametrize("name", ["SVS_30.rda", "SVS_XA60.dcm"])
def test_truncated_siemens_export(evidence, tmp_path, name):
    content = (evidence / "data/siemens_exports" / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    assert f"{name}: " in refusal(tmp_path / name, tmp_path)


def test_truncated_twix(evidence, tmp_path):
    (raw,) = (evidence / "data/siemens_twix_phantom").glob("*avg-1.dat")
    (tmp_path / "x.dat").write_bytes(raw.read_bytes()[:300_000])
    assert "x.dat: spec2nii could not convert it" in refusal(tmp_path / "x.dat", tmp_path)


def test_rda_without_a_field_names_it(evidence, tmp_path):
    content = (evidence / "data/siemens_exports/SVS_30.rda").read_bytes()
    (tmp_path / "x.rda").write_bytes(
        b"\r\n".join(line for line in content.split(b"\r\n") if not line.startswith(b"TE:"))
    )
    assert "the header lacks the field 'TE'" in refusal(tmp_path / "x.rda", tmp_path)


# No header, however broken, ends in anything but a sentence

KEYS = ["samples", "rows", "nucleus", "echo_time", "repetition_time", "synthesizer_frequency", "averages", "ap_size"]
VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(-10, 10**12).map(str),
    st.floats().map(str),
    st.sampled_from(["64", "1H", "2000", '"yes"', "[1, 2]", "(", "0x10", "1_000", "٣"]),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
    noise=st.lists(st.binary(max_size=30), max_size=3),
    length=st.integers(0, 1100),
)
def test_no_header_ends_in_a_traceback(tmp_path_factory, changes, noise, length):
    folder = tmp_path_factory.mktemp("fuzz")
    sdat, spar = folder / "a.SDAT", folder / "a.SPAR"
    sdat.write_bytes(bytes(length))
    write_spar(spar, **HEADER)
    altered = "".join(f"{key} : {value}\n" for key, value in changes.items()).encode("utf-8", "replace")
    spar.write_bytes(spar.read_bytes() + altered + b"\n".join(noise))
    try:
        fields = checked_pair(sdat, spar)
    except SpinsculptError as error:
        assert "\n" not in str(error)
    else:
        from spec2nii.Philips.philips import read_spar as spec2nii_reads
        from spec2nii.Philips.philips import spar_to_nmrs_hdrext

        write_clean_spar(folder / "clean.SPAR", fields)
        parsed = spec2nii_reads(folder / "clean.SPAR")
        spar_to_nmrs_hdrext(parsed)
        assert parsed["samples"] * parsed["rows"] * 8 == length
    shutil.rmtree(folder)
