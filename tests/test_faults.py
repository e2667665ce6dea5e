"""Killed in the middle of a write, or on a full disk: no half file is taken for a result, and the next run mends it."""

import logging
import os
import resource
import signal
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from fit_phantom import phantom, phantom_basis
from results import TIMES
from spinsculpt import basis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import MANIFEST
from spinsculpt.core.problems import sentence_of
from spinsculpt.core.provenance import write_json
from spinsculpt.core.tables import write_frame
from spinsculpt.core.workflow import job, what_stopped
from spinsculpt.data.bids import write_dataset_description
from spinsculpt.data.philips import write_sdat
from spinsculpt.fit import fit
from spinsculpt.report.figures import Style
from spinsculpt.report.figures._style import save
from test_fuzz import BASIS, FIDS, PULSE, checkpoint, designed, fids, press, write_pulse

KILLED = -signal.SIGXFSZ


def figure(folder: Path) -> None:
    drawn, axis = plt.subplots()
    axis.plot([0, 1])
    save(drawn, folder / "a", Style(), table=TABLE)


def listed(folder: Path) -> None:
    basis.write_basis({"": BASIS}, folder / "basis")
    basis.list_basis(folder / "basis", folder / "basis.json")


TABLE = pd.DataFrame({"value": range(300)})
FIT = fit([phantom(phantom_basis(), noise_sd=20.0)], [phantom_basis()])
WRITERS = {
    "JSON": lambda folder: write_json(folder / "a.json", {"values": list(range(300))}),
    "table": lambda folder: write_frame(TABLE, folder / "a.tsv"),
    "figure": figure,
    "NIfTI-MRS": lambda folder: fids(folder / "a.nii.gz"),
    "SDAT": lambda folder: write_sdat(folder / "a.SDAT", FIDS),
    "sequence": lambda folder: press(folder / "press.json"),
    "checkpoint": lambda folder: checkpoint(folder / "checkpoint.npz"),
    "design": lambda folder: designed(folder / "pulse.json"),
    "pulse": lambda folder: write_pulse(folder / "a.pta", PULSE),
    "basis of FSL-MRS": lambda folder: basis.write_fslmrs(BASIS, folder / "basis"),
    "basis": listed,
    "basis of LCModel": lambda folder: basis.write_lcmodel(BASIS, folder / "a.basis"),
    "fit": lambda folder: FIT.write(folder / "fit"),
    "description": lambda folder: write_dataset_description(folder, "study", ["01"], "raw", ""),
}


def contents(folder: Path) -> dict[str, bytes]:
    """Of every file that somebody would take for a result, durations blanked."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST]
    return {
        path.relative_to(folder).as_posix(): TIMES.sub(rb"\1?", path.read_bytes())
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def in_fork(body, largest: int, action) -> int:
    """Status of a process that can write no larger file: killed by the kernel, or refused as by a full disk."""
    if (pid := os.fork()) == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGXFSZ, action)
            signal.alarm(60)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
            body()
            status = 0
        except Exception as error:
            status = 40 if sentence_of(error) else 41
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    """A writer, an empty folder, and the files that the writer makes when nothing disturbs it."""
    write, whole, here = WRITERS[request.param], tmp_path / "whole", tmp_path / "here"
    whole.mkdir()
    here.mkdir()
    write(whole)
    return write, here, contents(whole)


def test_no_half_file_is_taken_for_a_result(written):
    write, here, wanted = written
    sizes = sorted(map(len, wanted.values()))
    for largest in {sizes[-1] // 2, sizes[-1] - 1}:
        assert in_fork(lambda: write(here), largest, signal.SIG_DFL) == KILLED
        assert contents(here).items() <= wanted.items()
    write(here)
    assert contents(here) == wanted


def test_a_full_disk_is_a_sentence_and_leaves_nothing_behind(written):
    write, here, wanted = written
    largest = max(map(len, wanted.values()))
    assert in_fork(lambda: write(here), largest // 2, signal.SIG_IGN) == 40
    assert contents(here).items() <= wanted.items()
    assert not list(here.rglob(".*"))
    write(here)
    assert contents(here) == wanted


DAMAGED = {
    "JSON": ("a.json", lambda content: content[:-20]),
    "table": ("a.tsv", lambda content: content[:-2]),
    "NIfTI-MRS": ("a.nii.gz", lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:]),
    "checkpoint": ("checkpoint.npz", lambda content: content[: len(content) // 2]),
    "basis": ("basis.json", lambda content: content.replace(b"0.1", b"0.2", 1)),
    "fit": ("fit/fit.npz", lambda content: content[:300] + bytes([content[300] ^ 1]) + content[301:]),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_result_is_set_aside_by_the_job_that_needs_it(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(logging.root, "handlers", [])
    results, raw = tmp_path / "results", tmp_path / "raw"
    results.mkdir()
    raw.mkdir()
    name, harm = DAMAGED[kind]
    inputs = [results / name, raw / name]
    for folder in (results, raw):
        WRITERS[kind](folder)
    snakemake = SimpleNamespace(log=[str(results / "logs/fit/a.log")], rule="fit_scan", input=list(map(str, inputs)))
    with pytest.raises(SystemExit) as sound, job(snakemake):
        raise SpinsculptError("it failed.")
    assert str(sound.value) == "fit_scan: it failed." and inputs[0].exists()
    for path in inputs:
        file = path.with_suffix("") / "Cr.json" if kind == "basis" else path
        file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(SystemExit, match=r"bad-1, and the next run makes it anew"), job(snakemake):
        raise SpinsculptError("it failed.")
    assert not inputs[0].exists() and inputs[1].exists()
    assert "makes it anew" in what_stopped(Path(snakemake.log[0]))
