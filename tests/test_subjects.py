"""The table of scans: every mistake is a sentence with file and line."""

from pathlib import Path

import pytest

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.subjects import Scan, read_subjects, simulated_cohort

HEADER = "subject\tsession\tsequence\tdata\twater"


def read(folder: Path, *lines: str) -> list[Scan]:
    table = folder / "subjects.tsv"
    table.write_text("\n".join(lines) + "\n")
    return read_subjects(table, ["press30", "megapress"])


def test_names_follow_bids(tmp_path):
    scans = read(tmp_path, HEADER, "01\t\tpress30\ta.SDAT\tb.SDAT", "01\tb\tpress30\tc.SDAT\t")
    assert [scan.folder for scan in scans] == ["sub-01", "sub-01/ses-b"]
    assert [scan.name for scan in scans] == ["sub-01_acq-press30", "sub-01_ses-b_acq-press30"]


def test_tissue_fractions_are_numbers_from_0_to_1(tmp_path):
    header = "subject\tsequence\tdata\tgm\twm\tcsf"
    assert read(tmp_path, header, "01\tpress30\ta\t0.6\t.35\t0.05")[0].gm == "0.6"
    with pytest.raises(SpinsculptError, match=r"line 2: gm"):
        read(tmp_path, header, "01\tpress30\ta\t1.6\t0\t0")
    for fractions in ("0.6\t0.3\t", "0.6\t0.6\t0.1"):
        with pytest.raises(SpinsculptError, match=r"line 2: gm, wm and csf are fractions that add up to 1"):
            read(tmp_path, header, f"01\tpress30\ta\t{fractions}")


@pytest.mark.parametrize("subject", ["a b", "../etc", "sub-01", ""])
def test_bad_subject_ids(tmp_path, subject):
    with pytest.raises(SpinsculptError, match=r"subjects\.tsv, line 2: subject.*letters and digits"):
        read(tmp_path, HEADER, f"{subject}\t\tpress30\ta.SDAT\t")


def test_two_scans_with_one_name(tmp_path):
    with pytest.raises(SpinsculptError, match=r"line 3: sub-01_acq-press30 stands on line 2 already"):
        read(tmp_path, HEADER, "01\t\tpress30\ta\t", "01\t\tpress30\tb\t")


def test_all_bad_lines_are_reported_together(tmp_path):
    with pytest.raises(SpinsculptError) as error:
        read(tmp_path, HEADER, "a b\t\tpress30\ta\t", "02\t\tpres30\tb\t")
    first, second = str(error.value).splitlines()
    assert "line 2" in first and "line 3" in second and "did you mean 'press30'?" in second


def test_missing_and_empty_tables_and_unknown_columns(tmp_path):
    with pytest.raises(SpinsculptError, match="no such table"):
        read_subjects(tmp_path / "none.tsv", [])
    with pytest.raises(SpinsculptError, match="has no line"):
        read(tmp_path, HEADER)
    with pytest.raises(SpinsculptError, match="did you mean 'subject'"):
        read(tmp_path, "subjct\tsequence\tdata", "01\tpress30\ta")


def test_cohort_has_each_subject_with_each_sequence():
    scans = simulated_cohort(["01", "02"], ["press30", "megapress"])
    assert len({scan.name for scan in scans}) == 4
