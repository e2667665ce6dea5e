"""Folders of users: nothing of theirs is removed, replaced or read as ours."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entries import build_sequence
from spinsculpt.app.cli._basis import Format, basis_command
from spinsculpt.app.cli._design import Device, design_command
from spinsculpt.app.cli._export import export_command
from spinsculpt.basis import BasisSet, read_basis, write_basis, write_fslmrs
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import MANIFEST, checked_name, owned_files, sha256
from spinsculpt.data.convert import write_scans
from spinsculpt.design._run import RESULTS


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
    (tmp_path / "MANIFEST.sha256").write_text(f"{sha256(raw)}  {raw.name}\n")
    write(tmp_path, {"summary.csv": "a table"}, replaces="*")
    assert raw.read_text() == "a scan" and (tmp_path / "summary.csv").is_file()
    (tmp_path / MANIFEST).write_text(f"{sha256(raw)}  {raw.name}\n")
    before = contents(tmp_path)
    with pytest.raises(SpinsculptError, match="was not written by spinsculpt, which keeps its list"):
        write(tmp_path, {"press.SDAT": "a table"}, replaces="*")
    assert contents(tmp_path) == before


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


TINY = {
    "kind": "gap",
    "echo_time": 0.036,
    "duration": 0.01,
    "metabolites": ["Glu", "Gln"],
    "macromolecules": [],
    "objectives": [{"type": "enhance", "metabolites": ["Glu"]}],  # without rivals, whose search takes seconds
    "ideal": True,
    "starts": 2,
    "iterations": 2,
    "checkpoint_every": 1,
}


@pytest.fixture
def design(tmp_path, monkeypatch):
    """`spinsculpt design` of one tiny pulse in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(name: str = "one", **options) -> None:
        (tmp_path / "one.yaml").write_text(json.dumps({"designs": {name: TINY}}))
        design_command(config=Path("one.yaml"), out=Path("out"), device=Device.cpu, **options)

    return run


def test_a_design_replaces_its_own_files_and_nothing_of_others(design):
    theirs = Path("out/one/history.tsv")
    theirs.parent.mkdir(parents=True)
    theirs.write_text("the history of Rome")
    with pytest.raises(SpinsculptError, match=r"history.tsv was not written by spinsculpt and would be replaced"):
        design()
    assert contents(theirs.parent) == {"history.tsv": "the history of Rome"}
    theirs.rename(theirs.with_name("rome.tsv"))
    for _ in range(2):
        design()
        assert {path.name for path in theirs.parent.iterdir()} == {*RESULTS, "rome.tsv", MANIFEST}


@pytest.mark.parametrize("resume", [True, False])
def test_a_file_of_others_in_the_place_of_a_checkpoint_is_kept(design, caplog, resume):
    for number in (1, 2):
        theirs = Path("out/one/checkpoint.npz")
        theirs.parent.mkdir(parents=True, exist_ok=True)
        theirs.write_text(f"theirs {number}")
        design(resume=resume)
    for number in (1, 2):
        assert Path(f"out/one/checkpoint.npz.bad-{number}").read_text() == f"theirs {number}"
    assert "the design starts anew" in caplog.text


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", ".hidden", "a/b", "a\n"])
def test_the_name_of_a_design_leads_nowhere_else(design, tmp_path, name):
    with pytest.raises(SpinsculptError, match=r"the name of the design .* choose a plain one|does not match"):
        design(name)
    assert [path.name for path in tmp_path.iterdir()] == ["one.yaml"]


def test_a_basis_of_one_shot_leaves_no_shots_of_an_earlier_one(tmp_path):
    for sequence in ("megapress", "press"):
        basis_command(out=tmp_path, sequence=sequence, metabolites="NAA,Cr", points=256)
    assert list(read_basis(tmp_path)) == ["press"] and not (tmp_path / "on").exists()


def test_a_basis_refuses_a_foreign_picture_before_it_writes(tmp_path):
    (tmp_path / "basis.png").write_text("theirs")
    with pytest.raises(SpinsculptError, match=r"basis.png was not written by spinsculpt"):
        basis_command(out=tmp_path, metabolites="NAA", points=256, picture=True)
    assert contents(tmp_path) == {"basis.png": "theirs"}


@pytest.mark.parametrize("suffix", [".json", ".seq", ".pta", ".RF", ".txt", ".exc"])
def test_an_export_replaces_a_file_only_when_told_and_never_what_it_reads(tmp_path, suffix):
    press = {"type": "press", "echo_time": 0.03, "te1": 0.012, "ideal": True}
    press["refocusing"] = {"shape": "sinc", "duration": 0.004}
    source, target = tmp_path / "press.json", tmp_path / f"theirs{suffix}"
    press["refocusing"]["slice_thickness"] = 20.0
    build_sequence("press", press, central_frequency=127.7).write(source)
    before = source.read_text()
    target.write_text("theirs")
    with pytest.raises(SpinsculptError, match="is there already; name another one with --out, or say --force"):
        export_command(source, target)
    assert target.read_text() == "theirs"
    export_command(source, target, force=True)
    assert target.read_text() != "theirs"
    if suffix == ".json":
        with pytest.raises(SpinsculptError, match="is what would be read"):
            export_command(source, tmp_path / "." / source.name, force=True)
    assert source.read_text() == before


@pytest.mark.parametrize("content", ["one line of a diary", "subject\tsequence\n01\tpress30\n", "\nsecond line only"])
def test_an_import_replaces_no_file_with_lines(tmp_path, content):
    table = tmp_path / "subjects.tsv"
    table.write_text(content)
    with pytest.raises(SpinsculptError, match="has lines already"):
        write_scans(table, [])
    assert table.read_text() == content
    for header in ("", "subject\tsession\tsequence\tdata\twater\n"):
        table.write_text(header)
        write_scans(table, [])
