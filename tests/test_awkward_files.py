"""Files of scanners that are whole but unusual: read, or refused in a sentence that says why and what to do."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from raw_files import DWELL, FREQUENCY, PROTOCOL, fids, write_p_file, write_philips, write_philips_dicom
from spinsculpt.app.cli import app
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_text
from spinsculpt.data.convert import find_scans, read_raw_header
from spinsculpt.data.convert._read import read_raw
from spinsculpt.data.nifti import MRSData, read_fids, write_fids

CASES = Path(__file__).parents[2] / "shared/cases"


def said(*arguments: object) -> str:
    """What the command line says."""
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert "Traceback" not in result.output
    return " ".join((result.output + str(result.exception or "")).split())


def write_siemens_dicom(path: Path, block: int, creator: object = "SIEMENS CSA HEADER") -> Path:
    """A Siemens DICOM file whose protocol is in the block `block` of group 0029."""
    from pydicom import dcmread

    path = write_philips_dicom(path, False, Manufacturer="SIEMENS", SOPClassUID="1.3.12.2.1107.5.9.1")
    header = dcmread(path)
    others = {0x10: "SIEMENS CSA NON-IMAGE", 0x11: "SIEMENS MEDCOM HEADER2"}
    for number, name in (others | {block: creator}).items():
        header.add_new((0x0029, number), "LO", name)
    changes = {"tSequenceFileName": '"%SiemensSeq%\\svs_se"', "sTXSPEC.asNucleusInfo[0].lFrequency": "123234655"}
    text = "\n".join(["", *(f"{key}\t = \t{value}" for key, value in (PROTOCOL | changes).items()), ""])
    header.add_new((0x0029, block << 8 | 0x20), "OB", text.encode() + b" " * (len(text) % 2))
    header.save_as(path)
    return path


@pytest.mark.parametrize("block", [0x10, 0x11, 0x12, 0x7F, 0xFF])
def test_siemens_protocol_is_found_in_whatever_block_its_creator_reserved(tmp_path, block):
    header = read_raw_header(write_siemens_dicom(tmp_path / "a.IMA", block))
    assert (header.echo_time, header.sequence, header.nucleus) == (0.03, "svs_se", "1H")
    assert header.central_frequency == pytest.approx(123.234655)
    assert not header.holds_water


def test_a_block_of_another_creator_is_not_taken_for_the_protocol(tmp_path):
    header = read_raw_header(write_siemens_dicom(tmp_path / "a.IMA", 0x10, "ACME SECRETS"))
    assert header.sequence != "svs_se"


def test_philips_nucleus_and_echo_time_follow_their_creators(tmp_path):
    from pydicom import dcmread

    path = write_philips_dicom(tmp_path / "a.dcm", False, SOPClassUID="1.3.46.670589.11.0.0.12.1")
    file = dcmread(path)
    del file.ResonantNucleus, file.PerFrameFunctionalGroupsSequence
    for place, kind, value in (
        ((0x2001, 0x0010), "LO", "ANOTHER"), ((0x2001, 0x0011), "LO", "Philips Imaging DD 001"),
        ((0x2001, 0x1187), "SH", "1H"), ((0x2005, 0x0015), "LO", "Philips MR Imaging DD 004"),
        ((0x2005, 0x1510), "FL", 68.0), ((0x2005, 0x0013), "LO", "ANOTHER"), ((0x2005, 0x1310), "FL", 17.0),
    ):  # fmt: skip
        file.add_new(place, kind, value)
    file.save_as(path)
    header = read_raw_header(path)
    assert (header.nucleus, header.echo_time) == ("1H", 0.068)


def one_slab(path: Path, **given) -> Path:
    from pydicom import dcmread

    path = write_philips_dicom(path, **given)
    file = dcmread(path)
    file.VolumeLocalizationSequence = file.VolumeLocalizationSequence[:1]
    file.save_as(path)
    return path


@pytest.mark.parametrize("water", [True, False])
def test_philips_dicom_of_one_slab_gives_the_samples_of_one_of_three(tmp_path, water):
    whole = read_raw([write_philips_dicom(tmp_path / "a.dcm", water)], "svs")
    slab = read_raw([one_slab(tmp_path / "b.dcm", water=water)], "svs")
    np.testing.assert_allclose(slab.data.fids.squeeze(), whole.data.fids.squeeze(), rtol=1e-6)
    assert slab.data.dwell == pytest.approx(whole.data.dwell)
    assert slab.data.central_frequency == pytest.approx(FREQUENCY)
    for key in ("EchoTime", "RepetitionTime", "ExcitationFlipAngle"):
        assert slab.data.header[key] == pytest.approx(whole.data.header[key])
    assert slab.data.affine is None
    assert any("orientation of the voxel is not known" in note for note in slab.notes)
    if water:
        found = read_raw([tmp_path / "b.dcm"], "mrsref").data
        np.testing.assert_allclose(found.fids, fids(2)[1] * 50, rtol=1e-5)


def test_the_command_line_converts_philips_dicom_of_one_slab_and_says_what_is_not_known(tmp_path):
    one_slab(tmp_path / "a.dcm")
    said("convert", tmp_path / "a.dcm", "--out", tmp_path / "x.nii.gz")
    assert "orientation" in " ".join(json.loads((tmp_path / "x.json").read_text())["ConversionNotes"])


def test_samples_that_are_fewer_than_the_frames_of_one_slab(tmp_path):
    one_slab(tmp_path / "a.dcm", NumberOfFrames=3)
    with pytest.raises(SpinsculptError, match=r"3 frames x 64 samples, but .* holds 128"):
        read_raw([tmp_path / "a.dcm"], "svs")


def test_philips_spectra_of_a_class_without_converter_are_named_by_convert_and_import(tmp_path):
    write_philips_dicom(tmp_path / "x/sub-01/a.dcm", SOPClassUID="1.3.46.670589.11.0.0.12.2")
    for arguments in (["convert", tmp_path / "x/sub-01/a.dcm", "--out", tmp_path / "o.nii.gz"], ["import", tmp_path]):
        text = said(*arguments)
        assert "private class 1.3.46.670589.11.0.0.12.2" in text and "SDAT/SPAR" in text
        assert "image" not in text


@pytest.mark.parametrize(("revision", "shown"), [(9.0, "9"), (77.0, "77")])
def test_a_p_file_that_spec2nii_cannot_convert_is_named_with_its_revision_and_a_way_round(tmp_path, revision, shown):
    path = write_p_file(tmp_path / "sub-01/a.7")
    path.write_bytes(np.float32(revision).tobytes() + path.read_bytes()[4:])
    sentence = said("convert", path, "--out", tmp_path / "o.nii.gz")
    for words in ("spec2nii", f"GE P-file of revision {shown}", "io_loadspec_GE", "NIfTI-MRS"):
        assert words in sentence
    assert "truncated" not in sentence and "export it again" not in sentence
    assert f"GE P-file of revision {shown}" in " ".join(find_scans(tmp_path, tmp_path, {}, 1e-3).sentences)


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is absent")
def test_public_files_of_both_kinds():
    ima = read_raw_header(CASES / "02-siemens-ima/SVS_30.IMA")
    assert (ima.echo_time, ima.sequence) == (0.03, "svs_se")
    assert ima.central_frequency == pytest.approx(123.235, abs=1e-3)
    scan, water = (read_raw([CASES / "03-philips-dicom/SVS.dcm"], kind).data for kind in ("svs", "mrsref"))
    spectrum = np.fft.fftshift(np.abs(np.fft.fft(scan.fids, 8192)))
    ppm = 4.65 + np.fft.fftshift(np.fft.fftfreq(8192, scan.dwell)) / scan.central_frequency
    near = [ppm[np.where(np.abs(ppm - at) < 0.08, spectrum, 0).argmax()] for at in (2.0, 3.02, 3.21)]
    assert near == pytest.approx([2.0, 3.02, 3.21], abs=0.03)
    assert np.abs(water.fids).max() > 50 * np.abs(scan.fids).max()


# Basis sets and sequences


def test_a_scrambled_basis_of_lcmodel_is_named_as_such(tmp_path):
    from spinsculpt.basis import read_lcmodel

    text = (
        " $SEQPAR\n HZPPPM = 127.7\n $END\n $BASIS1\n FMTBAS = '(6E13.5)',\n BADELT = -4.0D-04,\n NDATAB = 4\n $END\n"
    )
    (tmp_path / "v3.basis").write_text(text + " $BASIS\n ID = 'X', METABO = 'X'\n $END\n #k!9 zq 0\n")
    with pytest.raises(SpinsculptError, match=r"v3\.basis: BADELT is -0\.0004 s.*scrambled form.*spinsculpt basis"):
        read_lcmodel(tmp_path / "v3.basis")


def test_numbers_of_fortran_are_read_with_any_exponent(tmp_path):
    from spinsculpt.basis import BasisSet, read_lcmodel, write_lcmodel

    fid = np.exp((-20 + 900j) * np.arange(32) * 4e-4)
    write_lcmodel(BasisSet(("X",), fid[None], 4e-4, 127.7, 2.0, {}), tmp_path / "a.basis")
    text = (tmp_path / "a.basis").read_text()
    head, values = text.rsplit("$END\n", 1)
    head = head.replace("BADELT = 0.000400000", "BADELT = 0.4D-03")
    lines = values.splitlines()
    tiny = "0.1234-100-.5-102"  # as Fortran writes what needs three digits, and two numbers without a space between
    (tmp_path / "b.basis").write_text(head + "$END\n" + "\n".join([*lines[:-1], tiny]).replace("E", "D") + "\n")
    (tmp_path / "c.basis").write_text(head + "$END\n" + "\n".join([*lines[:-1], "0.0 0.0"]) + "\n")
    read, wanted = (read_lcmodel(tmp_path / f"{name}.basis") for name in "bc")
    assert read.dwell == 4e-4
    np.testing.assert_allclose(read.fids, wanted.fids, rtol=0, atol=1e-12)


def write_foreign_pulseq(path: Path) -> Path:
    """A Pulseq file of another program: a block pulse, a delay and an acquisition."""
    pp = pytest.importorskip("pypulseq")
    seq = pp.Sequence(pp.Opts(max_grad=30, grad_unit="mT/m"))
    seq.add_block(pp.make_block_pulse(np.pi / 2, duration=1e-4, use="excitation"))
    seq.add_block(pp.make_delay(5e-3))
    seq.add_block(pp.make_adc(64, dwell=5e-4))
    seq.write(str(path))
    return path


@pytest.mark.parametrize("name", ["my_press.seq", "3T-fid 2.seq", "é.seq"])
def test_a_sequence_file_may_have_any_name_and_orders_come_from_the_command_line(tmp_path, name, recwarn):
    path = write_foreign_pulseq(tmp_path / name)
    given = ["--out", tmp_path / "b", "--metabolites", "Cr", "--points", 64]
    assert "--orders=-1,1,-1" in said("basis", "--sequence", path, *given)
    assert "1 basis functions" in said("basis", "--sequence", path, "--orders=-1", *given)
    assert not [each for each in recwarn if "pypulseq" in str(each.filename)]


def test_orders_that_are_none_are_said(tmp_path):
    path = write_foreign_pulseq(tmp_path / "a.seq")
    assert "'x' is neither" in said("basis", "--sequence", path, "--orders", "x", "--out", tmp_path / "b")
    assert "only a Pulseq file" in said("basis", "--sequence", "press", "--orders=-1", "--out", tmp_path / "b")


def test_a_pulseq_file_without_a_version_is_no_error_of_a_library(tmp_path):
    pytest.importorskip("pypulseq")
    (tmp_path / "a.seq").write_text("# Pulseq sequence format\n# Created by JEMRIS\n\n[DEFINITIONS]\nid 1\n")
    text = said("basis", "--sequence", tmp_path / "a.seq", "--orders=-1", "--out", tmp_path / "b")
    assert "section [VERSION]" in text and "local variable" not in text


def write_edited(path: Path, averages: int, points: int = 1024, dims: tuple[str, ...] = ("DIM_DYN",)) -> Path:
    """ON, OFF, ON, ... of three singlets, NAA only in OFF."""
    time = np.arange(points) * DWELL
    lines = {ppm: np.exp(2j * np.pi * (ppm - 4.65) * FREQUENCY * time - 10 * time) for ppm in (2.01, 3.03, 3.2)}
    rng = np.random.default_rng(3)
    fids = [
        sum(line for ppm, line in lines.items() if k % 2 or ppm != 2.01)
        + 0.01 * (rng.normal(size=(2, points)).T @ [1, 1j])
        for k in range(averages)
    ]
    header = {"EchoTime": 0.068, "RepetitionTime": 2.0}
    shape = (points, *([averages] if len(dims) == 1 else [1, averages]))
    write_fids(path, MRSData(np.stack(fids, 1).reshape(shape), DWELL, FREQUENCY, dims, header))
    return path


@pytest.mark.parametrize("averages", [63, 7])
def test_an_average_without_partner_is_left_out_with_a_note(tmp_path, averages):
    path = write_edited(tmp_path / "a.nii.gz", averages)
    whole = read_fids(path)
    write_fids(tmp_path / "b.nii.gz", replace(whole, fids=whole.fids[:, :-1]))
    cleaned = {}
    for name in "ab":
        out = tmp_path / name
        said("preprocess", tmp_path / f"{name}.nii.gz", "--edited", "ON,OFF", "--out", out)
        (data,) = (each for each in out.rglob("*.nii.gz") if read_fids(each).dims == ("DIM_EDIT",))
        cleaned[name] = read_fids(data)
        (qc,) = out.rglob("*qc.json")
        assert json.loads(qc.read_text()).get("unpaired_averages") == (1 if name == "a" else None)
    np.testing.assert_allclose(cleaned["a"].fids, cleaned["b"].fids, rtol=1e-9)
    notes = json.dumps(cleaned["a"].header["ProcessingApplied"])
    assert f"the last 1 of {averages} averages left out" in notes


def test_one_average_of_two_conditions_is_refused(tmp_path):
    text = said("preprocess", write_edited(tmp_path / "a.nii.gz", 1), "--edited", "ON,OFF", "--out", tmp_path / "o")
    assert "cannot be divided into the conditions" in text


# What is not read, and scans that are not the same


RAW_HEAD = " $SEQPAR\n echot= 35.00\n $END\n $NMID\n id='x', fmtdat='(2E15.6)'\n $END\n"
OTHERS = {
    "met.RAW": (RAW_HEAD, "spec2nii raw"),
    "met.h2o": (RAW_HEAD, "spec2nii raw"),
    "a.mrui": ("\0" * 64, "spec2nii jmrui"),
    "b.txt": ("jMRUI Data Textfile\n\nFilename: x.txt\n", "spec2nii jmrui"),
    "c.txt": ("1.0 -2.0e-3\n" * 64, "spec2nii text"),
    "8/fid": ("\0" * 64, "spec2nii bruker -m FID"),
    "8/method": ("##TITLE=Parameter List\n", ""),
    "v.fid/fid": ("\0" * 64, "spec2nii varian"),
    "v.fid/procpar": ("seqfil 4 2\n", ""),
    "notes.txt": ("The volunteer moved in scan 3.\n" * 20, ""),
    "p.raw": ("\1\2\3" * 64, "SDAT/SPAR"),
    "p.lab": ("\1\2\3" * 64, ""),
}


def test_import_and_convert_name_formats_that_are_not_read_with_the_command_that_converts_them(tmp_path):
    for name, (content, _) in OTHERS.items():
        path = tmp_path / "sub-01" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    sentences = {each.partition(": ")[0]: each for each in find_scans(tmp_path, tmp_path, {}, 1e-3).sentences}
    named = {str(tmp_path / "sub-01" / name): command for name, (_, command) in OTHERS.items() if command}
    assert set(sentences) == set(named)
    for path, command in named.items():
        assert command in sentences[path] and "It is passed over." in sentences[path]
        assert command in said("convert", path, "--out", tmp_path / "o.nii.gz")
    assert "spec2nii bruker" in said("convert", tmp_path / "sub-01/8", "--out", tmp_path / "o.nii.gz")


def test_a_converted_lcmodel_file_is_what_the_printed_command_makes(tmp_path):
    import shlex
    import subprocess
    import sys

    values = "".join(f"{each.real:15.6E}{each.imag:15.6E}\n" for each in fids(1)[0])
    head = f" $SEQPAR\n echot= 35.0\n hzpppm= {FREQUENCY}\n $END\n $NMID\n id='x', fmtdat='(2E15.6)'\n volume=8.0\n"
    path = tmp_path / "a b.RAW"
    path.write_text(f"{head} tramp=1.0\n $END\n{values}")
    (command,) = (words[1] for words in [said("convert", path, "--out", tmp_path / "o.nii.gz").split("`")])
    (tmp_path / "b.RAW").write_text(path.read_text().replace("hzpppm= ", "hzpppm="))
    assert "a space behind 'hzpppm='" in said("convert", tmp_path / "b.RAW", "--out", tmp_path / "o.nii.gz")
    program, *options = shlex.split(command.replace("MHZ", str(FREQUENCY)).replace("HZ", str(1 / DWELL)))
    assert program == "spec2nii" and options[-1] == str(path)
    run = [str(Path(sys.executable).with_name(program)), *options, "-f", "x", "-o", str(tmp_path)]
    assert subprocess.run(run, check=False).returncode == 0
    read = read_fids(tmp_path / "x.nii.gz")
    assert (read.points, read.dwell, read.central_frequency) == (64, pytest.approx(DWELL), pytest.approx(FREQUENCY))


ENTITIES = {
    "voi": ("acq-x_voi-acc", "acq-x_voi-pcc"),
    "task": ("task-a_acq-x", "task-b_acq-x"),
    "acq": ("acq-x", "acq-y"),
}


@pytest.mark.parametrize("entity", ENTITIES)
def test_scans_of_a_bids_folder_that_differ_in_an_entity_are_kept_apart(tmp_path, entity):
    from spinsculpt.config import SequenceEntry
    from spinsculpt.data.bids import scans_of_dataset

    sequences = {"press35": SequenceEntry(type="press", echo_time=0.035)}
    for subject, labels in (("01", ENTITIES[entity]), ("02", ENTITIES[entity][:1])):
        for label in labels:
            for suffix in ("svs", "mrsref"):
                path = tmp_path / f"sub-{subject}/mrs/sub-{subject}_{label}_{suffix}.nii.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                header = {"EchoTime": 0.035, "RepetitionTime": 2.0, "SequenceName": "press"}
                write_fids(path, MRSData(fids(1)[0], DWELL, FREQUENCY, (), header))
    scans, sentences = scans_of_dataset(tmp_path, sequences)
    found = find_scans(tmp_path, tmp_path, sequences, 1e-3)
    assert {scan.name for scan in found.scans} == {scan.name for scan in scans} and len({s.name for s in scans}) == 3
    assert {(scan.data, scan.water) for scan in scans} == {(scan.data, scan.water) for scan in found.scans}
    for scan in scans:  # each with the water of its own voxel, and one name for a voxel in every subject
        assert scan.water == scan.data.replace("_svs", "_mrsref")
    assert len({scan.session for scan in scans}) == 2
    for said_of in (sentences, found.sentences):
        assert any(f"differ in {entity} of their BIDS names" in each for each in said_of)


def test_two_runs_of_one_voxel_are_still_the_users_to_join(tmp_path):
    from spinsculpt.data.bids import keep_apart
    from spinsculpt.data.subjects import Scan

    scans = [Scan("01", "", "press35", f"{n}") for n in "ab"]
    assert keep_apart(scans, [{"voi": "acc", "run": "1"}, {"voi": "acc", "run": "2"}]) == (scans, [])


def test_a_run_beside_raw_files_without_a_table_says_what_it_found_and_what_to_type(tmp_path, monkeypatch):
    from spinsculpt.app.cli import _run

    started = []
    monkeypatch.setattr(
        _run.subprocess, "run", lambda *given, **_: started.append(given) or SimpleNamespace(returncode=0)
    )
    monkeypatch.chdir(tmp_path)
    write_philips(tmp_path / "results/scanner/sub-01", "x")  # a simulated study that ran before
    said("run", "-n")
    assert len(started) == 1
    write_philips(tmp_path / "my scans/sub-01", "a")
    text = said("run", "-n")
    assert "my scans/sub-01/a.SDAT" in text and "spinsculpt import 'my scans'" in text and "no table of scans" in text
    assert len(started) == 1
    said("run", "-n", "--config", "subjects=simulated")
    (tmp_path / "own.yaml").write_text("subjects: 'my scans'\n")
    said("run", "-n", "--configfile", "own.yaml")
    (tmp_path / "subjects.tsv").write_text("subject\n")
    said("run", "-n")
    assert len(started) == 4


@pytest.mark.parametrize("name", ["a.SDAT", "a.7", "a.nii.gz", "a.dcm"])
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path, name):
    import os

    os.mkfifo(tmp_path / name)
    assert "is a pipe or a device" in said("convert", tmp_path / name, "--out", tmp_path / "o.nii.gz")
    with pytest.raises(SpinsculptError, match="is a pipe or a device"):
        read_text(tmp_path / name)
