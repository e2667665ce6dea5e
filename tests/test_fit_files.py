"""Fits from files to files: tables, water, edited scans, engines, refusals that leave nothing behind."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from commands import spinsculpt
from fit_phantom import CONCENTRATIONS, DWELL, FREQUENCY, LINES, POINTS, phantom, phantom_basis
from spinsculpt.app.cli._fit import fit_command
from spinsculpt.basis import write_fslmrs, write_lcmodel
from spinsculpt.config import Fit
from spinsculpt.core.conventions import FID, ppm_to_hz, time_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import MANIFEST
from spinsculpt.data.nifti import MRSData, read_fids, write_fids
from spinsculpt.fit import (
    FitModel,
    find_fsl_mrs,
    fit,
    fit_files,
    fit_with_fsl_mrs,
    signal_per_proton,
    tissue_fractions,
    water_amplitude,
    water_scaling,
)
from spinsculpt.fit._tissue import tissue_of
from spinsculpt.physics.spins import load_library

TIMES = {"EchoTime": 0.03, "RepetitionTime": 2.0}
WATER = 40000.0  # signal per proton: 40 mol/l
COLUMNS = ["Metab", "/Cr", "/Cr CRLB", "mMol/kg", "mMol/kg CRLB", "mM", "mM CRLB", "%CRLB", "SNR", "FWHM"]
VERDICT = ["flag", "reliable"]


def save(path, *fids, header=None):
    samples = fids[0].samples if len(fids) == 1 else np.stack([fid.samples for fid in fids], axis=1)
    dims = () if len(fids) == 1 else ("DIM_EDIT",)
    write_fids(
        path, MRSData(samples, fids[0].dwell, fids[0].central_frequency, dims, TIMES if header is None else header)
    )
    return path


def water(amplitude=2.0 * WATER, ppm=4.65, points=POINTS):
    t = time_axis(points, DWELL)
    turn = np.exp(2j * np.pi * (ppm - 4.65) * FREQUENCY * t - np.pi * 5.0 * t)
    return FID(amplitude * turn, DWELL, FREQUENCY)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """Folder with data.nii.gz, water.nii.gz and the basis."""
    folder = tmp_path_factory.mktemp("scan")
    basis = phantom_basis()
    write_fslmrs(basis, folder / "basis")
    write_lcmodel(basis, folder / "phantom.basis")
    save(folder / "data.nii.gz", phantom(basis, 20.0))
    save(folder / "water.nii.gz", water())
    return folder


def in_parts(path, folder):
    """The scan of a folder in 16 noisy parts, as preprocessing writes it."""
    measured = read_fids(folder / "data.nii.gz")
    noise = np.random.default_rng(5).standard_normal((2, *measured.fids.shape, 16)) * 80.0 / np.sqrt(POINTS)
    parts = measured.fids[..., None] + noise[0] + 1j * noise[1]
    write_fids(path, replace(measured, fids=parts, dims=(*measured.dims, "DIM_DYN")))
    return path


def table(folder):
    with (folder / "summary.csv").open(newline="") as stream:
        return {row["Metab"]: row for row in csv.DictReader(stream)}


def test_a_fit_writes_its_files_and_the_concentrations_in_mmol(scan, tmp_path):
    out = tmp_path / "deep" / "fit"
    section = Fit(baseline="poly:2", noise="noise")
    result = fit_files(scan / "data.nii.gz", {"": scan / "basis"}, out, section, water=scan / "water.nii.gz")
    written = {path.name for path in out.iterdir()}
    assert written == {"summary.csv", "covariance.csv", "parameters.csv", "qc.json", "fit.npz", "fit.png", MANIFEST}
    rows = table(out)
    assert list(rows["Glu"]) == [*COLUMNS, "mMol/kg relaxation SD", "mM relaxation SD", *VERDICT]
    library = load_library()
    times = {name: (library[name].t1, library[name].t2) for name in LINES}
    scaling = water_scaling(WATER, 0.03, 2.0, relaxation=times)
    for name in LINES:
        sd, relaxed = float(rows[name]["mMol/kg CRLB"]), scaling.molal * scaling.relative[name]
        assert abs(float(rows[name]["mMol/kg"]) - relaxed * CONCENTRATIONS[name]) < 4.0 * sd + 0.005 * relaxed * 10.0
    assert rows["Glu+Gln"]["SNR"] == "" and rows["NAA"]["reliable"] == "yes"
    qc = json.loads((out / "qc.json").read_text())
    assert qc["engine"] == "builtin" and qc["noise_from"] == "signal-free points"
    assert {"version", "git_revision", "config_sha256"} <= set(qc["provenance"])
    with (out / "covariance.csv").open(newline="") as stream:
        matrix = list(csv.reader(stream))
    glu = matrix[0].index("Glu")
    assert np.sqrt(float(matrix[glu][glu])) == pytest.approx(result.concentrations.sd[glu - 1])
    stored = np.load(out / "fit.npz")
    assert list(stored["spectra"]) == ["spectrum"]
    np.testing.assert_allclose(
        stored["spectrum_fit"], stored["spectrum_baseline"] + stored["spectrum_components"].sum(axis=0)
    )


def test_without_water_the_columns_stay_and_their_cells_are_empty(scan, tmp_path):
    """What is left open is what real scans get: the models of an average in a table of their own."""
    fit_files(scan / "data.nii.gz", {"": scan / "phantom.basis"}, tmp_path / "fit", Fit())
    assert table(tmp_path / "fit")["Glu"]["mM"] == ""
    assert (tmp_path / "fit/models.csv").is_file()


def test_edited_data_are_fitted_jointly_or_as_their_difference(tmp_path):
    off = phantom_basis()
    on = phantom_basis(signs={"Glu": 0.4, "Gln": -0.3, "NAA": 0.1})
    diff = phantom_basis(signs=dict.fromkeys(LINES, 0.0) | {"Glu": -0.3, "Gln": -0.65, "NAA": -0.45})
    bases = {"on": on, "off": off, "diff": diff}
    for name, basis in bases.items():
        write_fslmrs(basis, tmp_path / name)
    folders = {name: tmp_path / name for name in bases}
    data = save(tmp_path / "data.nii.gz", phantom(on, 20.0, 1), phantom(off, 20.0, 2))
    parts, section = in_parts(tmp_path / "parts.nii.gz", tmp_path), Fit(add=[], baseline="poly:2")
    both = fit_files(data, folders, tmp_path / "fit", section, spectra=("on", "off"), averages=parts)
    assert both.qc["bootstrap"] == {"repeats": 50, "parts": 16}
    assert [curve.label for curve in both.curves] == ["on", "off"]
    truth = np.array([CONCENTRATIONS[name] for name in both.names])
    assert np.all(np.abs(both.concentrations.values - truth) < 4.0 * both.concentrations.sd)
    alone = fit_files(data, folders, tmp_path / "diff-fit", Fit(exclude=["Cr", "GPC", "MM*"]), spectra=("diff",))
    for name in ("Glu", "Gln", "NAA"):
        k = alone.names.index(name)
        assert abs(alone.concentrations.values[k] - CONCENTRATIONS[name]) < 4.0 * alone.concentrations.sd[k]
    with pytest.raises(SpinsculptError, match="not the parts of this scan"):
        fit_files(data, folders, tmp_path / "none", section, spectra=("on",), averages=data)
    with pytest.raises(SpinsculptError, match="DIM_EDIT"):
        single = save(tmp_path / "single.nii.gz", phantom(off))
        fit_files(single, folders, tmp_path / "none", Fit(), spectra=("on",))


def test_the_unit_of_a_basis_does_not_matter(scan, tmp_path):
    """The same basis in other units, as those of other programs are, gives the same mmol/kg."""
    basis = phantom_basis()
    other = type(basis)(basis.names, 0.0123 * basis.fids, basis.dwell, basis.central_frequency)
    assert signal_per_proton(basis) == pytest.approx(1.0, rel=2e-3)
    write_fslmrs(other, tmp_path / "basis")
    values = []
    for folder, out in ((scan / "basis", "a"), (tmp_path / "basis", "b")):
        fit_files(
            scan / "data.nii.gz", {"": folder}, tmp_path / out, Fit(baseline="poly:2"), water=scan / "water.nii.gz"
        )
        values.append(float(table(tmp_path / out)["NAA"]["mM"]))
    assert values[1] == pytest.approx(values[0], rel=1e-4)


def test_water_scaling_follows_the_consensus_formulas():
    """Near et al. 2021, equations 4 and 6, written out once more; no relaxation when TE << T2 and TR >> T1."""
    grey = {"gm": 1.0, "wm": 0.0, "csf": 0.0}
    quick = water_scaling(1000.0, 1e-7, 1e3, grey)
    assert quick.molal == pytest.approx(55.51)
    assert quick.molar == pytest.approx(55.51 * 0.78, rel=1e-5)
    half = water_scaling(1000.0, 1e-7, 1e3, {"gm": 0.5, "wm": 0.0, "csf": 0.5})
    # cerebrospinal fluid holds water but no metabolites
    assert half.molar == pytest.approx(55.51 * (0.5 * 0.78 + 0.5 * 0.97) / 0.5, rel=1e-5)
    assert half.molal == pytest.approx(55.51 * (0.78 + 0.97) / 0.78, rel=1e-5)
    slow = water_scaling(1000.0, 0.194, 1e3, grey, t2={"gm": 1e6})
    assert slow.molal == pytest.approx(55.51 * np.e, rel=1e-3)


def test_each_metabolite_relaxes_by_its_own_times_and_what_is_not_known_of_them_is_in_the_sd():
    """What is left of a signal is exp(-TE/T2) (1 - exp(-TR/T1)); its error to first order by a finite difference."""
    known = {"NAA": (1.4, 0.3), "MM09": (0.3, 0.03)}
    scaling = water_scaling(1000.0, 0.03, 2.0, relaxation=known, relaxation_sd={"t1": 0.0, "t2": 1.0})
    for name, (t1, t2) in known.items():
        left = np.exp(-0.03 / t2) * (1.0 - np.exp(-2.0 / t1))
        assert scaling.relative[name] == pytest.approx(scaling.details["relaxation_factors"]["metabolite"] / left)
        assert scaling.relative_sd[name] == pytest.approx(np.exp(0.03 / t2 - 0.03 / (1.01 * t2)) - 1.0, rel=0.02)
    given = water_scaling(1000.0, 0.03, 2.0, relaxation=known, t2={"metabolite": 0.16, "MM09": 0.02}, t1={"NAA": 1.0})
    times = given.details["metabolite_t1_t2_s"]
    assert times == {"NAA": [1.0, 0.16], "MM09": [0.3, 0.02]}
    np.testing.assert_array_equal(given.weights(["Glu", "NAA"]), [1.0, given.relative["NAA"]])


def test_tissue_fractions_are_those_inside_the_voxel():
    grey = np.zeros((4, 4, 4))
    grey[:2] = 1.0
    voxel = np.zeros_like(grey, bool)
    voxel[1:3] = True
    found = tissue_fractions(grey, 0.5 * (1.0 - grey), 0.5 * (1.0 - grey), voxel)
    assert found == pytest.approx({"gm": 0.5, "wm": 0.25, "csf": 0.25})


@pytest.mark.parametrize("wrong", [{"gm": 0.5, "wm": 0.1, "csf": 0.1}, {"gm": 1.0}, {"gm": 0.0, "wm": 0.0, "csf": 1.0}])
def test_impossible_tissue_is_refused(wrong):
    with pytest.raises(SpinsculptError, match="tissue"):
        water_scaling(1000.0, 0.03, 2.0, wrong)


QUICK = Fit(baseline="poly:2")  # one model of the 24: what is refused is so under any


def refused(scan, tmp_path, words, **change):
    arguments = {"data": scan / "data.nii.gz", "basis": {"": scan / "basis"}, "out": tmp_path / "fit", "section": QUICK}
    with pytest.raises(SpinsculptError) as caught:
        fit_files(**arguments | change)
    for word in words:
        assert word in str(caught.value)
    assert not (tmp_path / "fit").exists()
    assert not list(tmp_path.glob(".fit*"))


def test_a_refusal_names_the_file_and_leaves_nothing(scan, tmp_path):
    frequency = phantom_basis(frequency=123.2)
    write_fslmrs(frequency, tmp_path / "siemens")
    refused(scan, tmp_path, ["data.nii.gz", "127.7310", "123.2000"], basis={"": tmp_path / "siemens"})
    refused(scan, tmp_path, ["missing.nii.gz"], data=tmp_path / "missing.nii.gz")
    refused(scan, tmp_path, ["nowhere"], basis={"": tmp_path / "nowhere"})
    refused(scan, tmp_path, ["builtin or fsl_mrs"], engine="lcmodel")


def test_wrong_water_references_are_refused(scan, tmp_path):
    shifted = save(tmp_path / "fat.nii.gz", water(ppm=1.3))
    refused(scan, tmp_path, ["fat.nii.gz", "1.30 ppm"], water=shifted)
    suppressed = save(tmp_path / "suppressed.nii.gz", water(amplitude=500.0))
    refused(scan, tmp_path, ["suppressed.nii.gz", "water-suppressed"], water=suppressed)
    other = water()
    siemens = save(tmp_path / "siemens.nii.gz", FID(other.samples, DWELL, 123.2))
    refused(scan, tmp_path, ["siemens.nii.gz", "127.7310", "123.2000"], water=siemens)
    save(tmp_path / "bare.nii.gz", phantom(phantom_basis(), 20.0), header={})
    words = ["echo_time", "repetition_time"]
    refused(scan, tmp_path, words, data=tmp_path / "bare.nii.gz", water=scan / "water.nii.gz")


def test_the_water_amplitude_is_that_at_time_zero_per_proton():
    assert water_amplitude(water()) == pytest.approx(WATER, rel=1e-6)


def test_an_absent_fsl_mrs_is_said_with_how_to_get_it(scan, tmp_path):
    with pytest.raises(SpinsculptError, match="conda"):
        find_fsl_mrs("no-such-fsl_mrs")
    section = Fit(fsl_mrs_command="no-such-fsl_mrs")
    refused(scan, tmp_path, ["no-such-fsl_mrs", "git repository"], engine="fsl_mrs", section=section)


STUB = """#!{python}
import sys
from pathlib import Path
import numpy as np
from spinsculpt.basis import read_fslmrs
from spinsculpt.data.nifti import MRSData, read_fids, write_fids

if "--version" in sys.argv:
    sys.exit(print("fsl_mrs 9.9"))
given = {{a: b for a, b in zip(sys.argv, sys.argv[1:]) if a.startswith("--")}}
assert "--export_baseline" in sys.argv and "--export_separate" in sys.argv
data, out = read_fids(given["--data"]).fid, Path(given["--output"])
out.mkdir(parents=True)
basis = read_fslmrs(given["--basis"])
t = np.arange(1, data.points + 1) * data.dwell
c = 2.0 + np.arange(len(basis.names))
lines = c[:, None] * basis.fids * np.exp(-12.0 * t)
bend = np.fft.ifft(np.fft.ifftshift(3e3 * np.exp(-((data.ppm - 2.5) / 0.4) ** 2)))
bend[0] *= 2.0  # its spectra halve the first point
def write(name, samples):
    write_fids(out / (name + ".nii.gz"), MRSData(samples, data.dwell, data.central_frequency))
write("fit", lines.sum(axis=0) + bend)
write("fit_baseline", bend)
rows = ["parameter,mean,std"]
for name, value, line in zip(basis.names, c, lines):
    write("fit_" + name, line + bend)
    rows.append(f"{{name}},{{value}},{{0.05 * value}}")
rows += ["gamma_0,12.0,1", "sigma_0,0.0,1", "eps_0,0.0,1", "Phi0,0.0,1", "Phi1,0.0,1"]
(out / "all_parameters.csv").write_text("\\n".join(rows))
(out / "summary.csv").write_text("Metab,%CRLB\\n" + "\\n".join(f"{{name}},5.0" for name in basis.names))
"""


@pytest.mark.parametrize("baseline", ["spline", "spline:5", "poly:2"])
def test_the_curves_of_fsl_mrs_are_stored_as_it_drew_them(scan, tmp_path, baseline):
    """A stand-in with a baseline that no other engine would draw: curves, residual and SDs are its own."""
    stub = tmp_path / "fsl_mrs"
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(0o755)
    section = Fit(baseline=baseline, groups=[], add=[], fsl_mrs_command=stub)
    result = fit_files(scan / "data.nii.gz", {"": scan / "basis"}, tmp_path / "out", section, "fsl_mrs")
    (curve,), data = result.curves, read_fids(scan / "data.nii.gz").fid
    bend = 3e3 * np.exp(-(((curve.ppm - 2.5) / 0.4) ** 2))
    np.testing.assert_allclose(curve.baseline, bend, atol=1e-2)
    np.testing.assert_allclose(curve.components.sum(axis=0) + curve.baseline, curve.fit, atol=1e-2)
    halved = np.concatenate([0.5 * data.samples[:1], data.samples[1:]])
    shown = FID(halved, data.dwell, data.central_frequency)
    inside = np.isin(shown.ppm, curve.ppm)
    np.testing.assert_allclose(curve.residual, shown.spectrum[inside] - curve.fit, atol=1e-6 * np.abs(curve.data).max())
    np.testing.assert_allclose(result.concentrations.percent, 5.0, rtol=1e-6)
    assert not any(result.reliable)  # nothing here fits
    assert any("High residual" in message for message in result.messages)
    assert not any("drew differ" in message for message in result.messages)


needs_fsl_mrs = pytest.mark.skipif(shutil.which("fsl_mrs") is None, reason="fsl_mrs is not on PATH")


@needs_fsl_mrs
def test_fsl_mrs_and_the_builtin_engine_agree_side_by_side(scan, tmp_path):
    section = Fit().settled(measured=False).but(noise="residual", groups=[["MM*"]])
    results = {}
    for engine in ("builtin", "fsl_mrs"):
        arguments = (scan / "data.nii.gz", {"": scan / "basis"}, tmp_path / engine, section, engine)
        results[engine] = fit_files(*arguments, water=scan / "water.nii.gz")
    ours, theirs = table(tmp_path / "builtin"), table(tmp_path / "fsl_mrs")
    assert list(theirs["Glu"]) == [*COLUMNS, "mMol/kg relaxation SD", "mM relaxation SD", *VERDICT]
    for name in LINES:
        sd = float(ours[name]["mMol/kg CRLB"])
        a, b = float(ours[name]["mMol/kg"]), float(theirs[name]["mMol/kg"])
        assert abs(a - b) < 0.02 * a + 0.3 * sd
        assert float(theirs[name]["%CRLB"]) == pytest.approx(float(ours[name]["%CRLB"]), rel=0.1)
    chi2 = [results[engine].qc["chi_squared"] for engine in ("builtin", "fsl_mrs")]
    assert chi2[0] <= chi2[1] * (1.0 + 1e-6)
    assert json.loads((tmp_path / "fsl_mrs/qc.json").read_text())["engine"] == "fsl_mrs"


OWN_RESIDUAL = """
import sys
import numpy as np
from fsl_mrs.utils import fitting, misc, mrs_io
folder, low, high = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
mrs = mrs_io.read_FID(folder + "/data.nii.gz").mrs(basis=mrs_io.read_basis(folder + "/basis"))
mrs.conj_Basis = True
mrs.rescaleForFitting()
groups = misc.parse_metab_groups(mrs, sys.argv[4:])
found = fitting.fit_FSLModel(
    mrs, ppmlim=(low, high), method="Newton", metab_groups=groups, baseline="spline, moderate", model="voigt"
)
axis = mrs.getAxes(ppmlim=(low, high))
data = mrs.get_spec(ppmlim=(low, high))
fitted = misc.FIDToSpec(found.predictedFID(mrs, mode="Full"))[slice(*mrs.ppmlim_to_range((low, high)))]
np.savez(folder + "/own.npz", ppm=axis, data=data, residual=data - fitted)
"""


@needs_fsl_mrs
def test_the_residual_that_is_stored_of_a_spline_is_that_of_fsl_mrs_itself(tmp_path):
    """The command as we call it, and the same fit through its Python: one residual, to 1e-6 of the data."""
    basis, real = phantom_basis(), shutil.which("fsl_mrs")
    clean = phantom(basis, 20.0)
    bump = np.exp(2j * np.pi * ppm_to_hz(2.4, FREQUENCY) * clean.time - (np.pi * 60.0 * clean.time) ** 2 / 2.77)
    data = FID(clean.samples + 0.05 * np.abs(clean.samples[0]) * bump, clean.dwell, clean.central_frequency)
    keeper = tmp_path / "fsl_mrs"
    keeper.write_text(f'#!/bin/sh\n[ "$1" = --data ] && cp -r "$(dirname "$2")" {tmp_path}/kept\nexec {real} "$@"\n')
    keeper.chmod(0o755)
    result = fit_with_fsl_mrs([data], [basis], FitModel(baseline="spline"), ["phantom"], str(keeper))
    python = Path(real).resolve().read_text().splitlines()[0].removeprefix("#!")
    subprocess.run([python, "-c", OWN_RESIDUAL, tmp_path / "kept", "0.2", "4.2", "MM09", "MM20"], check=True)
    own, (curve,) = np.load(tmp_path / "kept/own.npz"), result.curves
    places = [int(np.argmin(np.abs(curve.ppm - ppm))) for ppm in own["ppm"]]
    unit = np.vdot(own["data"], curve.data[places]) / np.vdot(own["data"], own["data"])
    largest = np.abs(curve.data).max()
    np.testing.assert_allclose(unit * own["data"], curve.data[places], atol=1e-6 * largest)
    np.testing.assert_allclose(unit * own["residual"], curve.residual[places], atol=1e-6 * largest)


@needs_fsl_mrs
def test_what_fsl_mrs_lacks_is_refused_before_it_runs(scan, tmp_path):
    for section in (Fit(lineshape="gauss"), Fit(ppm=[[0.2, 1.8], [2.0, 4.2]]), Fit(soft_ratios="lcmodel")):
        refused(scan, tmp_path, ["fsl_mrs has no"], engine="fsl_mrs", section=section)


def test_the_command_line_fits_a_scan_and_a_joint_pair(scan, tmp_path):
    app = Typer()
    app.command()(fit_command)
    common = [str(scan / "data.nii.gz"), "--basis", str(scan / "basis"), "--ppm", "0.3", "4.1", "--groups", "MM09,MM20"]
    common += ["--baseline", "poly:2"]
    once = ["--water", str(scan / "water.nii.gz"), "--averages", str(in_parts(tmp_path / "parts.nii.gz", scan))]
    run = CliRunner().invoke(app, [*common, "--out", str(tmp_path / "one"), *once])
    assert run.exit_code == 0, run.output
    assert "reliable" in run.output
    assert float(table(tmp_path / "one")["Glu"]["%bootstrap SD"]) > 0.0
    pair = f"{save(tmp_path / 'data.nii.gz', phantom(phantom_basis(), 20.0, seed=1))}:{scan / 'basis'}"
    run = CliRunner().invoke(app, [*common, "--out", str(tmp_path / "two"), "--joint", pair])
    assert run.exit_code == 0, run.output
    one, two = (float(table(tmp_path / name)["Glu"]["%CRLB"]) for name in ("one", "two"))
    assert two < one


def test_a_scan_given_twice_is_refused():
    basis = phantom_basis()
    data = phantom(basis, 20.0)
    with pytest.raises(SpinsculptError, match="given twice"):
        fit([data, data], [basis, basis])


def test_tissue_comes_from_numbers_a_table_or_images(tmp_path):
    """A voxel of 20 mm on a grid of 2 mm whose lower half is grey matter."""
    affine = np.diag([20.0, 20.0, 20.0, 1.0])
    affine[:3, 3] = 5.0, -3.0, 11.0
    scan = MRSData(np.ones(8, complex), DWELL, FREQUENCY, affine=affine)
    grid = np.diag([2.0, 2.0, 2.0, 1.0])
    grid[:3, 3] = -40.0
    z = -40.0 + 2.0 * np.indices((50, 50, 50))[2]
    maps = {"gm": (z < 11.0).astype(float), "wm": 0.75 * (z >= 11.0), "csf": 0.25 * (z >= 11.0)}
    for name, values in maps.items():
        nibabel.save(nibabel.Nifti1Image(values, grid), tmp_path / f"{name}.nii.gz")
    table = tmp_path / "tissue.tsv"
    table.write_text("subject\tgm\twm\tcsf\n01\tgm.nii.gz\twm.nii.gz\tcsf.nii.gz\n02\t0.6\t0.3\t0.1\n")
    found = tissue_of(str(table), scan, "sub-01_acq-press30_svs.nii.gz")
    assert found == pytest.approx({"gm": 0.5, "wm": 0.375, "csf": 0.125}, abs=0.06)
    assert tissue_of(str(table), scan, "sub-02_svs.nii.gz") == {"gm": 0.6, "wm": 0.3, "csf": 0.1}
    assert tissue_of({"gm": 1.0, "wm": 0.0, "csf": 0.0}, scan, "") == {"gm": 1.0, "wm": 0.0, "csf": 0.0}
    with pytest.raises(SpinsculptError, match="no line for subject '03'"):
        tissue_of(str(table), scan, "sub-03_svs.nii.gz")


@pytest.mark.parametrize("kind", ["noise", "bootstrap"])
def test_resampling_adds_a_table_whose_sds_agree_with_the_crlbs(scan, tmp_path, kind):
    section = Fit().settled(measured=False).but(resample=kind, repeats=150, groups=[])
    fit_files(scan / "data.nii.gz", {"": scan / "basis"}, tmp_path / "fit", section)
    with (tmp_path / "fit/resampled.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["Metab"] for row in rows] == list(LINES)
    for row in rows:
        assert float(row["SD"]) == pytest.approx(float(row["CRLB"]), rel=0.25)
        assert float(row["2.5 %"]) < float(row["mean"]) < float(row["97.5 %"])
        assert kind in row["from"]


@pytest.mark.parametrize("where", [".", ".."])
def test_fitting_into_a_folder_of_the_user_removes_nothing(scan, tmp_path, where):
    """Through the command, with the folder of the scan itself as --out: everything is still there."""
    home = tmp_path / "home/here"
    shutil.copytree(scan, home)
    (home.parent / "diary.txt").write_text("mine")
    before = {path: path.read_bytes() for path in home.parent.rglob("*") if path.is_file()}
    command = ["fit", "data.nii.gz", "--basis", "basis", "--out", where, "--baseline", "poly:2"]
    run = spinsculpt(*command, folder=home)
    assert run.returncode == 0, run.stderr
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (home / where / "summary.csv").is_file()
    again = spinsculpt(*command, folder=home)
    assert again.returncode == 0, again.stderr
    (home / where / "summary.csv").write_text("edited by hand")
    refused = spinsculpt(*command, folder=home)
    assert refused.returncode == 1 and "was changed since spinsculpt wrote it" in refused.stderr
    assert (home / where / "summary.csv").read_text() == "edited by hand"
