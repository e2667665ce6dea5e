"""Whatever is wrong with a raw file of any format ends in one sentence: never a traceback, never a shorter FID."""

import contextlib
import gzip
import io
import re
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spinsculpt.data.convert._spec2nii as spec2nii
from raw_files import write_p_file, write_philips, write_philips_dicom, write_rda, write_twix_head
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.convert import read_raw_header
from spinsculpt.data.convert._read import read_raw
from spinsculpt.data.nifti import MRSData, write_fids

REAL = {
    "real rda": "siemens_exports/SVS_30.rda",
    "real dcm": "siemens_exports/SVS_XA60.dcm",
    "real dat": "siemens_twix_phantom/sub-SiemensBrainPhantom_seq-svsse_ref-1_avg-1.dat",
}


def write_nifti(path: Path, **changes) -> Path:
    given = {"header": {"EchoTime": 0.03}} | changes
    write_fids(path, MRSData(np.ones((64, 2), complex), 5e-4, 127.7, ("DIM_DYN",), **given))
    return path


WRITERS = {
    "rda": lambda folder: write_rda(folder / "a.rda"),
    "dat": lambda folder: write_twix_head(folder / "a.dat"),
    "7": lambda folder: write_p_file(folder / "a.7"),
    "dcm": lambda folder: write_philips_dicom(folder / "a.dcm"),
    "nii.gz": lambda folder: write_nifti(folder / "a.nii.gz"),
    "SDAT": lambda folder: write_philips(folder, "a"),
}


@pytest.fixture
def here(monkeypatch):
    """Run spec2nii in this process: a hundred conversions a second in place of one."""

    def run(_, arguments, __):
        from spec2nii.spec2nii import main

        errors = io.StringIO()
        monkeypatch.setattr(sys, "argv", ["spec2nii", *arguments])
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            warnings.simplefilter("always", UserWarning)
            warnings.simplefilter("ignore", ResourceWarning)
            warnings.showwarning = lambda message, *_: errors.write(f"{message}\n")
            try:
                main()
                status = 0
            except Exception:
                errors.write(traceback.format_exc())
                status = 1
        return status, errors.getvalue()

    monkeypatch.setattr(spec2nii, "run_program", run)


def outcome(path: Path, read=lambda path: read_raw([path], "svs", 0.03).data) -> object:
    """What reading gives, or the sentence of its refusal."""
    try:
        return read(path)
    except SpinsculptError as error:
        assert "\n" not in str(error) and "Traceback" not in str(error) and len(str(error)) < 700
        return str(error)


def sentence(path: Path) -> str:
    found = outcome(path)
    assert isinstance(found, str), "the file was taken"
    return found


@pytest.fixture(params=[*WRITERS, *REAL])
def raw(request, tmp_path) -> Path:
    """A sound file of each format."""
    if request.param in WRITERS:
        return WRITERS[request.param](tmp_path)
    real = request.getfixturevalue("evidence") / "data" / REAL[request.param]
    (tmp_path / f"a{real.suffix}").write_bytes(real.read_bytes())
    return tmp_path / f"a{real.suffix}"


def test_an_empty_file(raw):
    raw.write_bytes(b"")
    assert f"{raw.name}: the raw file is empty" in sentence(raw)


def test_a_file_of_another_vendor(raw, tmp_path):
    head = bytes(128) + b"DICM" if raw.suffix != ".dcm" else b">>> Begin of header <<<\r\n"
    raw.write_bytes(head + bytes(3000))
    assert f"{raw.name}: named like" in sentence(raw)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 0.9999))
def test_a_file_cut_short_gives_no_shorter_fid(raw, here, kept):
    """Either it is refused, or what was lost is no part of the data (padding, a checksum)."""
    content = raw.read_bytes()
    whole = outcome(raw)
    raw.write_bytes(content[: int(kept * len(content))])
    try:
        found = outcome(raw)
        assert isinstance(found, str) or np.array_equal(found.fids, whole.fids)
        outcome(raw, read_raw_header)
    finally:
        raw.write_bytes(content)


HEAD = {"a.7": 210_000, "a.dat": 12_000, "a.rda": 2_000, "a.SDAT": 10**6, "a.nii.gz": 10**6, "a.dcm": 130_000}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_no_broken_header_ends_in_a_traceback(raw, here, changes):
    content = raw.read_bytes()
    broken = bytearray(gzip.decompress(content) if raw.name.endswith(".gz") else content)
    for place, value in changes:
        broken[int(place * (min(HEAD[raw.name], len(broken)) - 1))] = value
    raw.write_bytes(gzip.compress(broken, 1) if raw.name.endswith(".gz") else broken)
    try:
        outcome(raw)
        outcome(raw, read_raw_header)
    finally:
        raw.write_bytes(content)


# One field at a time


@pytest.mark.parametrize(
    "key", ["TE", "TI", "DwellTime", "Nucleus", "VectorSize", "RowVector[1]", "DeviceSerialNumber"]
)
def test_an_rda_without_a_field_says_which_line_to_add(tmp_path, key):
    path = write_rda(tmp_path / "a.rda", **{key: None})
    assert f"a.rda: the header lacks the field '{key}'; add a line '{key}: '" in sentence(path)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("TE", "thirty", "not a number"),
        ("DwellTime", "0", "not a number above 0"),
        ("VectorSize", "63.5", "not a whole number above 0"),
        ("MRFrequency", "nan", "not a number"),
    ],
)
def test_an_rda_with_a_senseless_field(tmp_path, key, value, wanted):
    assert f"the field '{key}' is '{value}', {wanted}" in sentence(write_rda(tmp_path / "a.rda", **{key: value}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MRFrequency", "1e300"),
        ("MRFrequency", "1e-300"),
        ("TR", "1e12"),
        ("TR", "-2000"),
        ("TE", "1e300"),
        ("DwellTime", "1e30"),
        ("DwellTime", "1e-30"),
        ("SliceThickness", "1e300"),
        ("RowVector[0]", "1e300"),
        ("VOIPositionTra", "1e300"),
    ],
)
def test_an_rda_with_a_number_that_no_scanner_has(tmp_path, here, key, value):
    assert "a.rda" in sentence(write_rda(tmp_path / "a.rda", **{key: value}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("synthesizer_frequency", "1e300"),
        ("sample_frequency", "1e300"),
        ("sample_frequency", "1e-300"),
        ("repetition_time", "1e12"),
        ("spectrum_inversion_time", "1e12"),
        ("lr_size", "1e300"),
        ("cc_off_center", "1e300"),
    ],
)
def test_a_spar_with_a_number_that_no_scanner_has(tmp_path, here, key, value):
    assert "a.S" in sentence(write_philips(tmp_path, "a", **{key: value}))


def test_samples_that_no_receiver_gives(tmp_path, here):
    """One flipped bit of an exponent, and a file of ones as an erased disk has it."""
    rda, sdat = write_rda(tmp_path / "a.rda"), write_philips(tmp_path, "a")
    for path in (rda, sdat):
        assert not isinstance(outcome(path), str)
    content = bytearray(rda.read_bytes())
    content[-17] ^= 0x40  # the sign and the top of the exponent of a double
    rda.write_bytes(content)
    sdat.write_bytes(b"\xff" * sdat.stat().st_size)
    for path in (rda, sdat):
        assert re.search(r"samples are (larger than any receiver gives|not finite)", sentence(path))


def test_an_rda_with_another_number_of_samples(tmp_path):
    path = write_rda(tmp_path / "a.rda", VectorSize="128")
    assert "the header says 2048 bytes of samples, but the file holds 1024" in sentence(path)


@pytest.mark.parametrize("field", ["TransmitterFrequency", "SpectralWidth", "ManufacturerModelName"])
def test_a_dicom_file_without_a_field_says_which(tmp_path, here, field):
    from pydicom import dcmread

    path = write_philips_dicom(tmp_path / "a.dcm")
    header = dcmread(path)
    delattr(header, field)
    header.save_as(path)
    assert f"a.dcm: the header lacks the field '{field}', which the conversion needs" in sentence(path)


def test_a_dicom_file_without_samples(tmp_path, here):
    from pydicom import dcmread

    path = write_philips_dicom(tmp_path / "a.dcm")
    header = dcmread(path)
    del header[0x56000020]
    header.save_as(path)
    assert "the header lacks the field '(5600,0020)'" in sentence(path).replace(", ", ",")


@pytest.mark.parametrize("psd", [b"fse-xl", b""])
def test_a_p_file_of_another_sequence(tmp_path, here, psd):
    assert "spec2nii could not convert it (UnknownPfile: No Pfile mapper" in sentence(
        write_p_file(tmp_path / "a.7", rhi_psdname=psd)
    )


def test_a_p_file_of_an_unknown_version(tmp_path, here):
    path = write_p_file(tmp_path / "a.7")
    path.write_bytes(np.float32(77).tobytes() + path.read_bytes()[4:])
    assert "Unknown header structure for revision 77" in sentence(path)


def test_nifti_without_header_of_mrs(tmp_path):
    import nibabel

    nibabel.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4)).to_filename(tmp_path / "a.nii.gz")
    assert "a.nii.gz: this is no readable NIfTI-MRS file" in sentence(tmp_path / "a.nii.gz")


OTHER_NUCLEUS = {
    "rda": lambda folder: write_rda(folder / "a.rda", Nucleus="31P"),
    "7": lambda folder: write_p_file(folder / "a.7", rhr_rh_ps_mps_freq=517_200_000),
    "dcm": lambda folder: write_philips_dicom(folder / "a.dcm", ResonantNucleus="31P"),
    "SDAT": lambda folder: write_philips(folder, "a", nucleus="31P"),
    "nii.gz": lambda folder: write_nifti(folder / "a.nii.gz", nucleus="31P"),
}


@pytest.mark.parametrize("kind", OTHER_NUCLEUS)
def test_data_of_another_nucleus(tmp_path, here, kind):
    assert re.search(r"a\.\w+(\.gz)?: the nucleus is 31P; only proton", sentence(OTHER_NUCLEUS[kind](tmp_path)))


def test_twix_of_another_nucleus(evidence, tmp_path, here):
    content = (evidence / "data" / REAL["real dat"]).read_bytes()
    (tmp_path / "a.dat").write_bytes(content.replace(b'"1H"', b'"3H"'))
    assert "a.dat: the nucleus is 3H; only proton" in sentence(tmp_path / "a.dat")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_may_not_be_read(tmp_path, monkeypatch, kind):
    path, opened = WRITERS[kind](tmp_path), Path.open

    def denied(self, *arguments, **keywords):
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", denied)
    assert f"{path.name}: the raw file cannot be read (Permission denied); make it readable" in sentence(path)
