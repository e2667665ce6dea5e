"""The same configuration gives the same delays, model and numbers by workflow, command line and Python."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fit_phantom import phantom, phantom_basis
from spinsculpt.app import notebook
from spinsculpt.app.cli import app
from spinsculpt.app.plan import settle
from spinsculpt.basis import read_fslmrs, simulate_basis, write_fslmrs
from spinsculpt.config import Baseline, Basis, Fit, SequenceEntry, Study, default_config, parse, plain, read_study
from spinsculpt.data.nifti import MRSData, write_fids
from spinsculpt.fit import FitModel, fit_files
from spinsculpt.physics.sequences import build_sequence

KINDS = st.sampled_from(["press", "megapress"])


def workflow_entry(content: dict) -> SequenceEntry:
    """An entry as a job of the workflow gets it: parsed, written into the parameters of a rule, read by its script."""
    whole = {"designs": {}, "sequences": {"s": content}, "analyses": {}}
    return SequenceEntry.of(plain(settle(parse(Study, whole)).sequences["s"]))


@settings(max_examples=15, deadline=None)
@given(kind=KINDS, echo_time=st.integers(68, 140), te1=st.sampled_from([None, 14.0]), ideal=st.booleans())
def test_a_sequence_has_the_same_delays_from_the_workflow_and_from_python(kind, echo_time, te1, ideal):
    content = {"type": kind, "echo_time": echo_time * 1e-3, "te1": te1 and te1 * 1e-3, "ideal": ideal}
    ours = build_sequence("s", workflow_entry(content))
    make = {"press": notebook.press, "megapress": notebook.megapress}[kind]
    theirs = make(te=echo_time, te1=te1, ideal=ideal, name="s")
    assert [event.duration for shot in ours.shots for event in shot.events] == pytest.approx(
        [event.duration for shot in theirs.shots for event in shot.events]
    )


@pytest.mark.parametrize("kind", ["press", "megapress"])
def test_a_sequence_without_te1_has_the_same_basis_from_the_command_line(tmp_path, kind):
    """A megapress without te1 was once 6/10/10/10/4 ms by one door and 5/10/10/10/5 ms by another."""
    options = ["--sequence", kind, "--te", "80", "--ideal", "--metabolites", "Cr,Glu", "--points", "256"]
    result = CliRunner().invoke(app, ["basis", *options, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    basis = Basis(points=256, metabolites=["Cr", "Glu"], macromolecules=[])
    entry = workflow_entry({"type": kind, "echo_time": 0.08, "ideal": True})
    sequence = build_sequence(kind, entry, {}, basis.frequency)
    for name, ours in simulate_basis(sequence, basis).items():
        folder = tmp_path if len(sequence.shots) == 1 else tmp_path / name
        np.testing.assert_allclose(read_fslmrs(folder).fids, ours.fids, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    baseline=st.sampled_from([None, "poly:2", "spline:5", "average", "off"]),
    groups=st.sampled_from([None, [], [["MM*"], ["Lip*"]]]),
    starts=st.integers(1, 5),
)
def test_the_model_of_real_scans_is_the_same_by_every_door(baseline, groups, starts):
    content = {"baseline": baseline, "groups": groups, "starts": starts}
    whole = {"designs": {}, "sequences": {"s": {"type": "press"}}, "analyses": {}, "fit": content}
    by_workflow = Fit.of(plain(settle(parse(Study, whole).but(subjects="scans.tsv")).fit)).model(measured=True)
    by_options = parse(Fit, content).model(measured=True)
    by_python = Fit(**content).model(measured=True)
    assert by_workflow == by_options == by_python
    assert by_workflow.baseline == (Baseline("average") if baseline is None else Baseline.of(baseline))


def test_a_scan_has_the_same_numbers_by_every_door(tmp_path):
    """With the baseline named, as `spinsculpt fit` fits it, a script of the workflow, and a notebook."""
    basis = phantom_basis()
    write_fslmrs(basis, tmp_path / "basis")
    fid = phantom(basis, 20.0)
    data = MRSData(fid.samples, fid.dwell, fid.central_frequency, header={"EchoTime": 0.03, "RepetitionTime": 2.0})
    write_fids(tmp_path / "data.nii.gz", data)
    arguments = ["--basis", str(tmp_path / "basis"), "--out", str(tmp_path / "cli"), "--baseline", "poly:2"]
    result = CliRunner().invoke(app, ["fit", str(tmp_path / "data.nii.gz"), *arguments])
    assert result.exit_code == 0, result.output
    section = settle(parse(Study, yaml.safe_load(default_config().read_text())).but(subjects="scans.tsv")).fit
    section = Fit.of(plain(section.but(baseline=Baseline("poly", 2))))
    by_workflow = fit_files(tmp_path / "data.nii.gz", {"": tmp_path / "basis"}, tmp_path / "job", section)
    by_python = notebook.fit_spectrum(tmp_path / "data.nii.gz", basis, baseline="poly:2")
    assert (tmp_path / "cli/summary.csv").read_text() == (tmp_path / "job/summary.csv").read_text()
    assert by_workflow.model == by_python.model
    np.testing.assert_allclose(by_python.concentrations.values, by_workflow.concentrations.values, rtol=1e-6)


def test_what_is_left_open_of_a_simulated_spectrum_is_the_default_model():
    assert Fit().model(measured=False) == FitModel()


def test_the_default_configuration_states_no_other_default(tmp_path):
    """What config/config.yaml leaves out is what the classes say, so that a file of one line means the same."""
    study = read_study([default_config()])
    assert study.preprocess == type(study.preprocess)() and study.basis == Basis() and study.fit == Fit()
    assert Path(default_config()).is_file()
