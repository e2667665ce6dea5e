"""`spinsculpt import`: what raw files are is guessed from headers and names, and what is not known is said."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from raw_files import write_p_file, write_philips, write_philips_dicom, write_rda, write_twix_head
from spinsculpt.app.cli import app
from spinsculpt.config import SequenceEntry, default_config, read_study
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.convert import FoundScans, find_scans, read_raw_header, write_scans
from spinsculpt.data.nifti import MRSData, write_fids
from spinsculpt.data.subjects import Scan, read_subjects

REPOSITORY = Path(__file__).resolve().parents[1]
SEQUENCES = {
    "press30": {"type": "press", "echo_time": 0.03},
    "press35": {"type": "press", "echo_time": 0.035},
    "megapress": {"type": "megapress", "echo_time": 0.068},
    "gapcrlb": {"type": "press", "echo_time": 0.03, "gap": "gap_crlb"},
}
ENTRIES = {name: SequenceEntry.of(entry) for name, entry in SEQUENCES.items()}


def look(folder: Path, tolerance: float = 1e-3) -> FoundScans:
    return find_scans(folder, folder, ENTRIES, tolerance)


def rows(found: FoundScans) -> list[tuple]:
    return [(scan.subject, scan.session, scan.sequence, scan.data, scan.water) for scan in found.scans]


def nifti(path: Path, **header) -> Path:
    write_fids(path, MRSData(np.ones(8, complex), 5e-4, 127.7, header=header))
    return path


@pytest.mark.parametrize(
    ("write", "kind", "echo_time", "holds_water"),
    [
        (lambda folder: write_philips(folder, "a"), "Philips SDAT/SPAR", 0.03, False),
        (lambda folder: write_rda(folder / "a.rda", TE="30,0"), "Siemens rda", 0.03, False),
        (lambda folder: write_twix_head(folder / "a.dat"), "Siemens twix", 0.03, False),
        (
            lambda folder: write_twix_head(folder / "a.dat", **{"sSpecPara.lAutoRefScanMode": "8"}),
            "Siemens twix",
            0.03,
            True,
        ),
        (lambda folder: write_p_file(folder / "P1.7"), "GE P-file", 0.035, True),
        (lambda folder: write_p_file(folder / "P1.7", version=28.003), "GE P-file", 0.035, True),
        (lambda folder: write_philips_dicom(folder / "a"), "Philips DICOM", 0.03, True),
        (lambda folder: write_philips_dicom(folder / "a", water=False), "Philips DICOM", 0.03, False),
        (lambda folder: nifti(folder / "a.nii.gz", EchoTime=0.03), "NIfTI-MRS", 0.03, False),
    ],
)
def test_headers_say_format_echo_time_and_water(tmp_path, write, kind, echo_time, holds_water):
    header = read_raw_header(write(tmp_path))
    assert header.format == kind and header.nucleus == "1H" and not header.inverted
    assert header.echo_time == pytest.approx(echo_time) and header.holds_water == holds_water


def test_scans_get_subject_session_sequence_and_water_from_names_and_headers(tmp_path):
    write_philips(tmp_path / "sub-01/ses-a", "sub-01_press_raw_act")
    write_philips(tmp_path / "sub-01/ses-a", "sub-01_press_raw_ref")
    write_rda(tmp_path / "S02/visit 2/svs_35.rda", TE="35.0")
    write_rda(tmp_path / "S02/visit 2/svs_35_wref.rda", TE="35.0")
    write_p_file(tmp_path / "sub-03_P1.7")
    found = look(tmp_path)
    philips = "sub-01/ses-a/sub-01_press_raw_{}.SDAT"
    assert rows(found) == [
        ("01", "a", "press30", philips.format("act"), philips.format("ref")),
        ("03", "", "press35", "sub-03_P1.7", "sub-03_P1.7"),
        ("S02", "2", "press35", "S02/visit 2/svs_35.rda", "S02/visit 2/svs_35_wref.rda"),
    ]
    assert found.sentences == []
    assert found.formats == {"Philips SDAT/SPAR": 2, "Siemens rda": 2, "GE P-file": 1}


def test_what_is_not_known_is_left_empty_and_said(tmp_path):
    write_rda(tmp_path / "a.rda", TE="144.0")
    write_rda(tmp_path / "sub-02/b.rda", TI="600.0")
    write_rda(tmp_path / "sub-03/c.rda", TE=None)
    found = look(tmp_path)
    assert [row[:3] for row in rows(found)] == [("", "", ""), ("02", "", "press30"), ("03", "", "")]
    assert [scan.use for scan in found.scans] == ["", "nulled", ""]
    first, second = found.sentences
    assert (
        "a.rda: fill in its subject" in first
        and "its sequence (no sequence of the config is press of TE 144 ms)" in first
    )
    assert "its echo time is not known" in second


def test_a_designed_sequence_is_known_by_its_name_only(tmp_path):
    write_rda(tmp_path / "sub-01/a.rda", ProtocolName="gapcrlb_acc")
    write_rda(tmp_path / "sub-02/b.rda", ProtocolName="svs_se_30")
    assert [scan.sequence for scan in look(tmp_path).scans] == ["gapcrlb", "press30"]


def test_the_tolerance_of_the_echo_time_can_be_widened(tmp_path):
    write_rda(tmp_path / "sub-01/a.rda", TE="33.0")
    assert look(tmp_path).scans[0].sequence == ""
    assert look(tmp_path, 2.5e-3).scans[0].sequence == "press35"


def test_water_is_paired_by_name_then_by_number_and_never_by_chance(tmp_path):
    for voxel in ("acc", "pcc"):
        for number, role in enumerate(("act", "ref")):
            write_philips(tmp_path / "sub-01", f"press_{voxel}_{number}_raw_{role}")
    write_rda(tmp_path / "sub-02/svs_1.rda")
    write_rda(tmp_path / "sub-02/svs_2.rda")
    write_rda(tmp_path / "sub-02/water.rda")
    found = look(tmp_path)
    assert [Path(scan.water).name for scan in found.scans] == [
        "press_acc_1_raw_ref.SDAT", "press_pcc_1_raw_ref.SDAT", "", "",
    ]  # fmt: skip
    assert any(
        "water.rda: is a water reference, but not clearly of one scan" in sentence for sentence in found.sentences
    )


def test_two_possible_references_are_both_named(tmp_path):
    nifti(tmp_path / "sub-01/metab_raw.nii.gz", EchoTime=0.03, SequenceName="svs_se")
    for name in ("wref", "quant"):
        nifti(tmp_path / f"sub-01/{name}_raw.nii.gz", EchoTime=0.03, SequenceName="svs_se")
    found = look(tmp_path)
    (scan,), (sentence,) = found.scans, found.sentences
    assert scan.water == "" and "one of quant_raw.nii.gz, wref_raw.nii.gz" in sentence


def test_two_scans_with_one_name_are_said(tmp_path):
    for name in ("a", "b"):
        write_rda(tmp_path / f"sub-01/{name}.rda")
    assert any(
        "Lines 2 and 3 of the table are all sub-01_acq-press30" in sentence for sentence in look(tmp_path).sentences
    )


def test_dicom_files_are_grouped_by_series_and_images_passed_over(tmp_path):
    for instance in (1, 2):
        write_philips_dicom(tmp_path / f"sub-01/5/{instance}", False, InstanceNumber=instance)
        write_philips_dicom(tmp_path / f"sub-02/{instance}.dcm", False, SeriesInstanceUID=f"1.{instance}")
    write_philips_dicom(tmp_path / "sub-01/anat/1", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    found = look(tmp_path)
    assert [scan.data for scan in found.scans] == ["sub-01/5", "sub-02/1.dcm", "sub-02/2.dcm"]
    assert any("1 image files without spectra are passed over" in sentence for sentence in found.sentences)


def test_files_that_are_none_or_broken_are_passed_over_with_a_sentence(tmp_path):
    write_rda(tmp_path / "sub-01/good.rda")
    write_rda(tmp_path / "sub-01/phosphorus.rda", Nucleus="31P")
    write_philips(tmp_path / "sub-02", "lonely").unlink()
    (tmp_path / "sub-02/empty.7").write_bytes(b"")
    (tmp_path / "sub-02/wrong.rda").write_bytes(bytes(2000))
    (tmp_path / "sub-02/notes.txt").write_text("nothing")
    (tmp_path / ".hidden.rda").write_bytes(b"x")
    found = look(tmp_path)
    assert [scan.data for scan in found.scans] == ["sub-01/good.rda"]
    assert len(found.sentences) == 4 and all("passed over" in sentence for sentence in found.sentences)
    for part in ("the nucleus is 31P", "its partner lonely.SDAT is missing", "is empty", "named like Siemens rda"):
        assert any(part in sentence for sentence in found.sentences), part


def test_links_to_files_elsewhere_are_named_by_where_the_link_is(tmp_path):
    kept = write_rda(tmp_path / "annex/x.rda")
    (tmp_path / "study/sub-01").mkdir(parents=True)
    (tmp_path / "study/sub-01/a.rda").symlink_to(kept)
    assert [scan.data for scan in look(tmp_path / "study").scans] == ["sub-01/a.rda"]


def test_a_bids_folder_with_two_runs_becomes_two_lines(tmp_path):
    for run in (1, 2):
        stem = f"sub-01/mrs/sub-01_acq-press30_run-{run}"
        nifti(tmp_path / f"{stem}_svs.nii.gz", EchoTime=0.03, WaterSuppressed=False)  # a metabolite-cycled scan
        nifti(tmp_path / f"{stem}_mrsref.nii.gz", EchoTime=0.03)
    assert [(scan.sequence, Path(scan.water).name) for scan in look(tmp_path).scans] == [
        ("press30", f"sub-01_acq-press30_run-{run}_mrsref.nii.gz") for run in (1, 2)
    ]


def test_no_name_of_a_patient_reaches_table_or_sentences(tmp_path):
    write_rda(tmp_path / "x/a.rda", ProtocolName="Jane_Doe_press", TE="144")
    write_twix_head(tmp_path / "x/b.dat")
    write_p_file(tmp_path / "x/P1.7")
    write_philips_dicom(tmp_path / "x/c.dcm", ProtocolName="Doe")
    write_philips(tmp_path / "x", "d", patient_name="Jane Doe", examination_name="Jane Doe")
    found = look(tmp_path)
    assert len(found.scans) == 5 and "Doe" not in str(found.sentences) + str(found.scans)


def test_a_table_with_lines_is_kept_unless_forced(tmp_path):
    table = tmp_path / "subjects.tsv"
    table.write_text("subject\tsequence\tdata\n\n")
    write_scans(table, [Scan("01", "", "press30", "a.SDAT")])
    assert read_subjects(table, list(SEQUENCES)) == [Scan("01", "", "press30", "a.SDAT")]
    with pytest.raises(SpinsculptError, match=r"has lines already.*--force"):
        write_scans(table, [])
    assert "a.SDAT" in table.read_text()
    write_scans(table, [], force=True)
    assert "a.SDAT" not in table.read_text()


def test_configurations_are_laid_over_one_another(tmp_path):
    (tmp_path / "a.yaml").write_text("basis: {grid: {points: 4, extent: 3}, metabolites: [NAA, Glu]}\n")
    (tmp_path / "b.yaml").write_text("basis: {grid: {points: 8}, metabolites: [Cr]}\n")
    files = [default_config(), tmp_path / "a.yaml", tmp_path / "b.yaml"]
    basis = read_study(files).basis
    assert (basis.grid.points, basis.grid.extent, basis.metabolites) == (8, 3.0, ("Cr",))
    with pytest.raises(SpinsculptError, match=r"c\.yaml: there is no such file"):
        read_study([tmp_path / "c.yaml"])


def test_the_command_writes_a_table_that_the_workflow_takes(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    write_philips(tmp_path / "data/sub-01", "press_act")
    write_philips(tmp_path / "data/sub-01", "press_ref")
    run = CliRunner().invoke(app, ["import", "data"])
    assert run.exit_code == 0, run.output
    assert "found 2 Philips SDAT/SPAR" in run.output
    assert run.output.splitlines()[-1].endswith("then: spinsculpt run")
    assert "01\t\tpress30\tsub-01/press_act.SDAT\tsub-01/press_ref.SDAT" in Path("subjects.tsv").read_text()
    elsewhere = CliRunner().invoke(app, ["import", "data/sub-01", "--out", "other.tsv"])
    assert "sub-01/press_act.SDAT" in Path("other.tsv").read_text() and elsewhere.exit_code == 0


def test_a_sequence_that_the_configuration_lacks_is_written_out_to_be_pasted(tmp_path, monkeypatch):
    """What is printed is a configuration with which the same import leaves no sequence open."""
    from typer.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    write_rda(tmp_path / "raw/sub-01/a.rda", TE="144.0")
    write_rda(tmp_path / "raw/sub-02/b.rda", SequenceName="*svs_slaser", ProtocolName="x", TE="28.5")
    write_rda(tmp_path / "raw/sub-03/c.rda")
    run = CliRunner().invoke(app, ["import", "raw"])
    assert run.exit_code == 0, run.output
    pasted = run.output.partition("study.yaml:\n\n")[2].partition("\n\nthen:")[0]
    assert yaml.safe_load(pasted)["compare"]["analyses"] == ["press30", "press144", "slaser28p5"]
    Path("study.yaml").write_text(pasted)
    again = CliRunner().invoke(app, ["import", "raw", "--config", "study.yaml", "--force"])
    assert again.exit_code == 0 and "fill in" not in again.output and "lacks" not in again.output
    assert [line.split("\t")[2] for line in Path("subjects.tsv").read_text().splitlines()[1:]] == [
        "press144", "slaser28p5", "press30",
    ]  # fmt: skip


def test_real_megapress_scan_is_known_as_such(megapress):
    (scan,) = look(megapress.parent).scans
    assert scan.sequence == "megapress"


def test_real_files_of_every_vendor_at_hand(evidence):
    found = look(evidence / "data")
    table = {Path(scan.data).name: scan for scan in found.scans}
    assert len(table) == 8
    assert table["sub-01_ses-01_PRESS_raw-act_noID.SDAT"].water.endswith("sub-01_ses-01_PRESS_raw-ref_noID.SDAT")
    assert table["sub-01_ses-01_PRESS_raw-act_noID.SDAT"].name == "sub-01_ses-01_acq-press30"
    assert table["sub-01_ses-01_PRESS-Inverted_TI-600_raw-act_noID.SDAT"].use == "nulled"
    assert table["sub-01_press_act_noID.sdat"].sequence == "press35"
    assert table["SVS_30.rda"].sequence == table["SVS_XA60.dcm"].sequence == "press30"
    twix = table["sub-SiemensBrainPhantom_seq-svsse_ref-1_avg-1.dat"]
    assert twix.water == twix.data and twix.sequence == "press30"


@pytest.mark.parametrize(
    "name",
    ["a;b", " edge", "edge ", "{x}", "<results>", 'a"b', "a\tb", "a\nb", os.fsdecode(b"caf\xe9"), "plain (1), été"],
)
def test_a_name_that_the_table_cannot_hold_is_passed_over_and_loses_no_other(tmp_path, name):
    """Snakemake has wildcards in braces and variables in angle brackets, the table separators."""
    write_philips(tmp_path / "sub-01", "press_act")
    write_philips(tmp_path / "sub-02" / name, "press_act")
    found = look(tmp_path)
    write_scans(tmp_path / "table.tsv", found.scans)
    plain = name.startswith("plain")
    assert [scan.subject for scan in found.scans] == (["01", "02"] if plain else ["01"])
    assert any("rename it" in sentence for sentence in found.sentences) != plain
    assert len(read_subjects(tmp_path / "table.tsv", list(SEQUENCES))) == 1 + plain


def test_names_that_are_no_text_are_printed_by_the_command(tmp_path):
    write_philips(tmp_path / "data" / os.fsdecode(b"caf\xe9"), "press_act")
    write_philips(tmp_path / "data" / "sub-01", "press_act")
    code = "from spinsculpt.app.cli import main; main()"
    command = [sys.executable, "-c", code, "import", "data", "--out", "t.tsv"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0 and "rename it" in run.stdout and "1 scans" in run.stdout, run.stderr


def test_a_folder_that_may_not_be_looked_into_is_said(tmp_path, monkeypatch):
    write_philips(tmp_path / "sub-01", "press_act")
    (tmp_path / "sub-02").mkdir()
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "sub-02":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = look(tmp_path)
    assert len(found.scans) == 1
    assert any("sub-02: it cannot be looked into (Permission denied)" in sentence for sentence in found.sentences)


@pytest.mark.parametrize("entry", ["a{x}.SDAT", "<results>/a.SDAT", "a\x07.SDAT"])
def test_a_table_with_a_name_that_snakemake_would_change_is_refused(tmp_path, entry):
    table = tmp_path / "subjects.tsv"
    table.write_text(f"subject\tsession\tsequence\tdata\twater\n01\t\tpress30\t{entry}\t\n")
    with pytest.raises(SpinsculptError, match=r"subjects.tsv, line 2: a name in .* rename it"):
        read_subjects(table, list(SEQUENCES))
