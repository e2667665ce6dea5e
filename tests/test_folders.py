"""Folders of users: nothing of theirs is removed, replaced or read as ours."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinsculpt.basis import BasisSet, write_basis, write_fslmrs
from spinsculpt.cli._basis import Format, basis_command
from spinsculpt.errors import SpinsculptError
from spinsculpt.folders import MANIFEST, checked_name, owned_files, sha256
from spinsculpt.sequences import build_sequence


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def write(folder: Path, files: dict[str, str], **options: str) -> None:
    with owned_files(folder, **options) as temporary:
        for name, text in files.items():
            (temporary / name).write_text(text)


def test_files_of_others_stay_and_ours_are_replaced(tmp_path):
    (tmp_path / "scan.nii").write_text("precious")
    write(tmp_path, {"summary.csv": "1", "resampled.csv": "1"}, replaces="*")
    write(tmp_path, {"summary.csv": "2"}, replaces="*")
    found = contents(tmp_path)
    assert found.pop(MANIFEST) and found == {"scan.nii": "precious", "summary.csv": "2"}


@pytest.mark.parametrize("ours", ["", "first"])
def test_a_file_that_somebody_wrote_or_changed_is_never_replaced(tmp_path, ours):
    if ours:
        write(tmp_path, {"summary.csv": ours})
    (tmp_path / "summary.csv").write_text("theirs")
    with pytest.raises(SpinsculptError, match=r"summary.csv .* move it away or name another folder"):
        write(tmp_path, {"summary.csv": "new", "qc.json": "{}"})
    assert (tmp_path / "summary.csv").read_text() == "theirs" and not (tmp_path / "qc.json").exists()


def test_a_failure_leaves_the_folder_as_it_was(tmp_path):
    write(tmp_path / "out", {"a": "1"})
    before = contents(tmp_path)
    with pytest.raises(RuntimeError), owned_files(tmp_path / "out", replaces="*") as temporary:
        (temporary / "b").write_text("half")
        raise RuntimeError
    assert contents(tmp_path) == before
    with pytest.raises(RuntimeError), owned_files(tmp_path / "new/deep"):
        raise RuntimeError
    assert not (tmp_path / "new").exists()


def basis(*names: str) -> BasisSet:
    return BasisSet(names, np.ones((len(names), 8), complex), 5e-4, 127.7)


def test_a_basis_removes_no_json_of_others_and_does_not_mix_with_it(tmp_path):
    write_fslmrs(basis("NAA", "Cr"), tmp_path / "own")
    write_fslmrs(basis("NAA"), tmp_path / "own")
    assert {path.name for path in (tmp_path / "own").iterdir()} == {"NAA.json", MANIFEST}
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "settings.json").write_text(json.dumps({"mine": 1}))
    with pytest.raises(SpinsculptError, match=r"settings\.json was not written by spinsculpt"):
        write_fslmrs(basis("NAA"), theirs)
    assert contents(theirs) == {"settings.json": json.dumps({"mine": 1})}


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/b", "..", "", " a", "a\\b", "a\n", "x" * 300])
def test_a_name_from_a_file_leads_nowhere_else(tmp_path, name):
    out = tmp_path / "deep/er/out"
    with pytest.raises(SpinsculptError, match="choose a plain one"):
        write_basis({"on": basis("NAA"), name: basis("NAA")}, out)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and out not in path.parents]


@given(st.text(max_size=40))
def test_a_checked_name_is_one_part_of_a_path(name):
    try:
        checked_name(name)
    except SpinsculptError:
        return
    assert Path("folder", name).parent == Path("folder") and Path("folder", name).name == name


def test_checksums_that_somebody_else_wrote_make_nothing_ours(tmp_path):
    """A list of raw data as `sha256sum * > MANIFEST.sha256` writes it, under any name: nothing that it names goes."""
    raw = tmp_path / "press.SDAT"
    raw.write_text("a scan")
    for name in ("MANIFEST.sha256", MANIFEST):
        (tmp_path / name).write_text(f"{sha256(raw)}  {raw.name}\n")
    with owned_files(tmp_path, replaces="*") as folder:
        (folder / "summary.csv").write_text("a table")
    assert raw.read_text() == "a scan" and (tmp_path / "summary.csv").is_file()


@pytest.mark.parametrize("kind", ["fslmrs", "lcmodel", "jmrui", "nifti"])
def test_a_shot_named_after_another_folder_writes_nothing(tmp_path, kind):
    press = {"type": "press", "echo_time": 0.03, "te1": 0.012}
    build_sequence("press", press, central_frequency=127.7).write(tmp_path / "press.json")
    content = json.loads((tmp_path / "press.json").read_text())
    content["shots"] = [content["shots"][0] | {"name": name} for name in ("../../escaped", "b")]
    (tmp_path / "press.json").write_text(json.dumps(content))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(SpinsculptError, match=r"the name of the shot '../../escaped'"):
        basis_command(
            out=tmp_path / "a/b", sequence=str(tmp_path / "press.json"), metabolites="NAA", format=Format(kind)
        )
    assert set(tmp_path.rglob("*")) == before


def test_a_basis_file_of_others_stays(tmp_path):
    (tmp_path / "press.basis").write_text("theirs")
    with pytest.raises(SpinsculptError, match="was not written by spinsculpt"):
        basis_command(out=tmp_path, metabolites="NAA", format=Format.lcmodel, points=256)
    assert (tmp_path / "press.basis").read_text() == "theirs"
