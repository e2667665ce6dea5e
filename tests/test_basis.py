"""Basis sets: axis, scale, formats, and agreement with other programs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from entries import basis_of, simulate_basis
from spinsculpt.app.cli._basis import basis_command
from spinsculpt.basis import (
    BasisSet,
    read_basis,
    read_fslmrs,
    read_jmrui,
    read_lcmodel,
    read_nifti,
    write_basis,
    write_fslmrs,
    write_jmrui,
    write_lcmodel,
    write_nifti,
)
from spinsculpt.core.conventions import ppm_axis, time_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.spectra import decay
from spinsculpt.data.nifti import read_fids
from spinsculpt.physics.dynamics import line_list
from spinsculpt.physics.pulses import Pulse, gaussian, sinc, write_pulse
from spinsculpt.physics.sequences import Slot, megapress, press, pulse_acquire
from spinsculpt.physics.spins import load_library

CONFIG = {
    "field": 3.0,
    "points": 2048,
    "bandwidth": 2000.0,
    "linewidth": 1.0,
    "metabolites": ["NAA", "Cr", "PCh", "Glu", "Gln"],
    "macromolecules": ["MM09", "MM20"],
}


@pytest.fixture(scope="module")
def press30():
    return simulate_basis(press(0.030, name="press30"), CONFIG)["press30"]


@pytest.fixture(scope="module")
def mega():
    return simulate_basis(megapress(gaussian(0.014)), CONFIG)


def test_singlets_are_where_their_shifts_say(press30):
    """Guards against a mirrored ppm axis."""
    for name, ppm in (("NAA", 2.008), ("Cr", 3.027), ("PCh", 3.208), ("MM09", 0.91)):
        peak = press30.ppm[np.argmax(press30.spectra[press30.index(name)].real)]
        assert peak == pytest.approx(ppm, abs=0.008)


def test_first_point_counts_protons():
    basis = simulate_basis(pulse_acquire(), CONFIG)["pulse_acquire"]
    library = load_library()
    for name in CONFIG["metabolites"]:
        assert basis[name][0] == pytest.approx(library[name].protons, abs=1e-6)
    assert basis["MM20"][0] == pytest.approx(2.39)


def test_linewidth_is_in_the_basis(press30):
    basis = simulate_basis(press(0.030), CONFIG | {"points": 16384, "linewidth": 4.0})["press"]
    spectrum = basis.spectra[basis.index("Cr")].real
    near = np.abs(basis.ppm - 3.027) < 0.3
    inside = basis.ppm[near & (spectrum > (spectrum[near].max() + np.median(spectrum)) / 2)]
    assert (inside[-1] - inside[0]) * basis.central_frequency == pytest.approx(4.0, abs=0.3)


def test_difference_spectrum_is_half_of_on_minus_off(mega):
    assert set(mega) == {"on", "off", "diff", "sum"}
    assert mega["diff"].fids == pytest.approx((mega["on"].fids - mega["off"].fids) / 2)
    # Creatine is untouched by the editing pulses; NAA at 2.01 ppm is saturated by the pulse at 1.9 ppm.
    cr, naa = mega["diff"].index("Cr"), mega["diff"].index("NAA")
    assert np.abs(mega["diff"].fids[cr]).max() < 0.03 * np.abs(mega["on"].fids[cr]).max()
    assert np.abs(mega["diff"].fids[naa][0]) > 1


def test_macromolecules_keep_their_shape_under_a_silent_selective_pulse():
    """A line is spread over several spins when a pulse is frequency-selective; together they are the same line."""
    silent = {"gap": Pulse("silent", np.zeros(100), 2e-4)}
    selective = press(0.048, gap=Slot("gap", "gap", 0.020)).fill(silent)
    spread, whole = (simulate_basis(s, CONFIG)["press"] for s in (selective, press(0.048)))
    for name in CONFIG["macromolecules"]:
        assert np.abs(spread[name] - whole[name]).max() < 2e-3 * np.abs(whole[name]).max()


def test_editing_saturates_the_centre_of_a_broad_line_more_than_its_wings(mega):
    on, off = (np.abs(mega[shot].spectra[mega[shot].index("MM20")]) for shot in ("on", "off"))
    centre, wing = (np.argmin(np.abs(mega["on"].ppm - ppm)) for ppm in (2.08, 2.20))
    assert 1.3 * on[centre] / off[centre] < on[wing] / off[wing] < 1


def test_central_frequency_may_be_given():
    assert basis_of(CONFIG).frequency == pytest.approx(127.732, abs=1e-3)
    assert basis_of(CONFIG | {"central_frequency": 127.750896}).frequency == 127.750896


def test_folder_round_trip(tmp_path, press30, mega):
    write_basis({"press30": press30}, tmp_path / "press30")
    again = read_basis(tmp_path / "press30")["press30"]
    assert again.names == press30.names
    assert np.array_equal(again.fids, press30.fids)
    assert (again.dwell, again.central_frequency, again.linewidth) == (5e-4, press30.central_frequency, 1.0)
    write_basis(mega, tmp_path / "megapress")
    assert set(read_basis(tmp_path / "megapress")) == set(mega)


def test_rewriting_a_folder_leaves_no_stale_metabolite(tmp_path, press30):
    write_fslmrs(press30, tmp_path)
    write_fslmrs(BasisSet(press30.names[:2], press30.fids[:2], press30.dwell, press30.central_frequency), tmp_path)
    assert read_fslmrs(tmp_path).names == press30.names[:2]


def test_reads_fsl_mrs_own_files(evidence):
    basis = read_fslmrs(evidence / "results" / "fslmrs_synthetic" / "basis")
    assert "sIns" in basis.names
    peak = basis.ppm[np.argmax(np.abs(basis.spectra[basis.index("NAA")]))]
    assert peak == pytest.approx(2.008, abs=0.008)


def test_lcmodel_round_trip(tmp_path, press30):
    write_lcmodel(press30, tmp_path / "press30.basis")
    again = read_lcmodel(tmp_path / "press30.basis")
    assert again.names == tuple(CONFIG["metabolites"])  # macromolecules are left to LCModel
    assert again.points == 2 * press30.points  # zero-filled, as LCModel wants them
    assert again["Glu"][: press30.points] == pytest.approx(press30["Glu"], abs=1e-5)


def test_reads_basis_files_of_others(evidence):
    selftest = read_lcmodel(evidence / "results" / "lcmodel_selftest" / "3t.basis")
    assert selftest.points == 1024 and selftest.dwell == 5e-4
    peak = selftest.ppm[np.argmax(np.abs(selftest.spectra[selftest.index("NAA")]))]
    assert peak == pytest.approx(2.008, abs=0.01)


def test_a_basis_that_does_not_know_its_echo_time_and_linewidth_is_read(evidence):
    """That of the fitting challenge says -1 for both."""
    basis = read_lcmodel(evidence / "results/ismrm_fitting_challenge/press3T_30ms.BASIS")
    assert basis.linewidth == 0.0 and "echo_time_s" not in basis.meta and "Mac" in basis.names


def test_a_basis_says_what_its_sequence_leaves_of_water(press30, tmp_path):
    """As of any singlet without a designed pulse, and it survives the files."""
    assert abs(press30.water) == pytest.approx(1.0, abs=0.02)
    write_fslmrs(press30, tmp_path / "basis")
    again = read_fslmrs(tmp_path / "basis")
    assert again.water == press30.water and again.meta["relaxation"]["Glu"] == press30.meta["relaxation"]["Glu"]


def test_jmrui_text_is_read_by_spec2nii(tmp_path, press30):
    from spec2nii.jmrui import readjMRUItxt

    write_jmrui(press30, tmp_path / "basis.txt")
    data, header = readjMRUItxt(tmp_path / "basis.txt")
    assert header["SignalNames"].split(";") == list(press30.names)
    assert header["TransmitterFrequency"] == pytest.approx(press30.central_frequency * 1e6)
    # spec2nii hands over what NIfTI-MRS stores, the conjugate of an FFT-positive FID.
    assert np.conj(data.T) == pytest.approx(press30.fids, abs=1e-5)
    again = read_jmrui(tmp_path / "basis.txt")
    assert again.names == press30.names
    assert again.fids == pytest.approx(press30.fids, abs=1e-5)
    assert (again.dwell, again.central_frequency) == pytest.approx((press30.dwell, press30.central_frequency))
    text = (tmp_path / "basis.txt").read_text()
    (tmp_path / "cut.txt").write_text(text[: len(text) * 2 // 3])
    with pytest.raises(SpinsculptError, match=r"cut\.txt is no jMRUI text file"):
        read_jmrui(tmp_path / "cut.txt")


def test_nifti_mrs_keeps_names_and_axis(tmp_path, press30):
    write_nifti(press30, tmp_path / "basis.nii.gz")
    data = read_fids(tmp_path / "basis.nii.gz")
    assert data.dim_headers["DIM_USER_0"]["BasisName"]["Value"] == list(press30.names)
    assert pytest.approx(press30.fids, abs=1e-5) == data.fids.T
    assert (data.dwell, data.central_frequency) == (press30.dwell, press30.central_frequency)
    assert read_nifti(tmp_path / "basis.nii.gz").names == press30.names


def test_command_line_does_what_the_rule_does(tmp_path, press30):
    app = typer.Typer()
    app.command()(basis_command)
    arguments = "--ideal --sequence press --te1 12 --te2 18 --metabolites NAA,Cr,PCh,Glu,Gln --macromolecules MM09,MM20"
    result = CliRunner().invoke(app, [*arguments.split(), "--picture", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    basis = read_fslmrs(tmp_path)
    assert np.array_equal(basis.fids, press30.fids)
    assert (tmp_path / "basis.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--te 30 --te1 12 --te2 20", "12 + 20 ms is not 30 ms"),
        ("--sequence steam --te1 12", "steam has no first echo time"),
        ("--te 3", "ms or more would work"),
        ("--points -5", "basis.points is -5"),
        ("--field 0", "basis.field is 0"),
        ("--linewidth -1", "basis.linewidth is -1.0"),
        ("--te inf", "sequence.echo_time is inf; it must be a number from 0 to 1 s"),
        ("--te nan", "sequence.echo_time is nan"),
        ("--sequence steam --tm inf", "sequence.mixing_time is inf"),
        ("--linewidth inf", "basis.linewidth is inf"),
        ("--linewidth nan", "basis.linewidth is nan"),
        ("--central-frequency 1e300", "basis.central_frequency is 1e+300"),
        ("--points 1000000000000", "basis.points is 1000000000000"),
        ("--bandwidth inf", "basis.bandwidth is inf"),
        ("--sequence megapress --edit-on nan", "sequence.editing.ppm.on is nan"),
        ("--grid 0 --te 40 --refocusing sinc", "basis.grid.points is 0"),
        ("--refocusing absent.pta", "no pulse file absent.pta"),
        ("--refocusing sinc.RF --te 40", "sinc.RF does not say how long the pulse lasts; give it in ms"),
        ("--sequence megapress --editing sinc.RF", "--edit-duration"),
    ],
)
def test_command_line_refuses_nonsense_in_a_sentence(tmp_path, monkeypatch, options, complaint):
    monkeypatch.chdir(tmp_path)
    write_pulse("sinc.RF", sinc(0.005, 180.0))
    app = typer.Typer()
    app.command()(basis_command)
    result = CliRunner().invoke(app, [*options.split(), "--metabolites", "Glu", "--out", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert complaint in (str(result.exception) + " ".join(result.output.replace("│", " ").split()))
    assert not (tmp_path / "out").exists()


def test_truncated_files_are_refused(tmp_path, press30):
    write_lcmodel(press30, tmp_path / "p.basis")
    text = (tmp_path / "p.basis").read_text()
    (tmp_path / "cut.basis").write_text(text[: len(text) * 2 // 3])
    with pytest.raises(SpinsculptError, match="truncated or damaged"):
        read_lcmodel(tmp_path / "cut.basis")
    write_fslmrs(press30, tmp_path / "folder")
    (tmp_path / "folder" / "Glu.json").write_text('{"basis": {"basis_re": [1,')
    with pytest.raises(SpinsculptError, match=r"Glu\.json is no FSL-MRS basis file"):
        read_fslmrs(tmp_path / "folder")


def test_mixed_folders_are_refused(tmp_path, press30):
    write_fslmrs(press30, tmp_path)
    other = json.loads((tmp_path / "Glu.json").read_text())
    other["basis"]["basis_centre"] = 123.2
    (tmp_path / "Glu.json").write_text(json.dumps(other))
    with pytest.raises(SpinsculptError, match="another central frequency"):
        read_fslmrs(tmp_path)


def test_aliasing_bandwidth_names_the_one_that_works():
    with pytest.raises(SpinsculptError, match=r"bandwidth: MM09.*1100 Hz would work"):
        simulate_basis(press(0.03), CONFIG | {"bandwidth": 800.0})
    simulate_basis(press(0.03), CONFIG | {"bandwidth": 1100.0})


def test_unknown_metabolite_names_the_nearest():
    with pytest.raises(SpinsculptError, match="no 'mIns'; did you mean Ins"):
        simulate_basis(press(0.03), CONFIG | {"metabolites": ["mIns"]})


def test_importing_needs_neither_torch_nor_numba():
    code = "import sys, spinsculpt.basis; sys.exit(any(m in sys.modules for m in ('torch', 'numba', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", ["Glu", "NAA", "Cit"])
def test_ideal_press_equals_fida(evidence, name):
    """FID-A, PRESS 12/18 ms, ideal pulses: the spectra agree to 1e-4 of their peak. FID-A's 3 T is 127.728 MHz."""
    reference = np.load(evidence / "results" / "fida_press" / f"ideal_{name}.npz")["fid"]
    metabolite = load_library(alternatives={"Cit": "fida"}, exchangeable=True)[name]
    events = press(0.030, te1=0.012).shots[0].events
    fid = sum(line_list(events, part, 127.728).fid(2048, 5e-4) for part in metabolite.parts)
    fid = fid * decay(2048, 5e-4, linewidth=2.0) / (2 if name == "Cit" else 1)  # FID-A counts one of the two CH2 groups
    spectrum, expected = to_spectrum(fid), to_spectrum(reference.astype(complex))
    assert np.abs(spectrum - expected).max() < 1e-4 * np.abs(expected).max()


def correlation(a, b):
    return np.abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b)


def test_megapress_agrees_with_isbi_basis(evidence):
    """FID-A MEGA-PRESS 68, editing 20 ms at 1.88/7.4 ppm, receiver at 3 ppm, shaped refocusing (ideal here)."""
    editing = megapress(gaussian(0.020), 0.068, 0.010, {"on": 1.88, "off": 7.4}, central_frequency=127.728)
    basis = simulate_basis(
        editing,
        CONFIG
        | {"central_frequency": 127.728, "linewidth": 2.0, "metabolites": ["GABA", "Ins", "Lac", "Glc", "NAA"]}
        | {"macromolecules": []},
    )
    to_water = np.exp(2j * np.pi * (3.0 - 4.65) * 127.728 * time_axis(2048, 5e-4))
    window = np.abs(ppm_axis(2048, 5e-4, 127.728) - 2.25) < 2.05
    for name in basis["on"].names:
        fids = {
            sub: np.load(evidence / "results/isbi_mega68" / f"{name}_{sub.upper()}.npz")["fid"] for sub in ("on", "off")
        }
        fids["diff"] = (fids["on"] - fids["off"]) / 2
        for sub, reference in fids.items():
            ours, theirs = to_spectrum(basis[sub][name])[window], to_spectrum(reference * to_water)[window]
            assert correlation(ours, theirs) > 0.99, (name, sub)


def test_fsl_mrs_reads_our_basis_without_a_warning(tmp_path, press30):
    """The real FSL-MRS, with the Python that stands beside the command on PATH."""
    command = shutil.which("fsl_mrs")
    if command is None:
        pytest.skip("fsl_mrs is not on PATH")
    write_fslmrs(press30, tmp_path)
    code = (
        "import warnings; from fsl_mrs.utils import mrs_io; warnings.simplefilter('error'); "
        f"print(*mrs_io.read_basis({str(tmp_path)!r}).names)"
    )
    python = Path(command).resolve().with_name("python")
    names = subprocess.run([python, "-c", code], text=True, capture_output=True, check=True).stdout.split()
    assert sorted(names) == sorted(press30.names)


def test_lcmodel_reads_our_basis(tmp_path, press30):
    """The real LCModel, when it is on PATH, fits a spectrum made of our basis with our .basis file."""
    lcmodel = shutil.which("lcmodel")
    if lcmodel is None:
        pytest.skip("lcmodel is not on PATH")
    write_lcmodel(press30, tmp_path / "p.basis")
    data = 8 * press30["Cr"] + 10 * press30["NAA"] + 9 * press30["Glu"] + 2 * press30["Gln"] + 1.5 * press30["PCh"]
    rng = np.random.default_rng(0)
    data = np.conj(data * decay(2048, 5e-4, 5.0)) + rng.normal(size=(2048, 2)) @ [0.02, 0.02j]
    rows = "\n".join(f"{z.real:15.6E}{z.imag:15.6E}" for z in data)
    (tmp_path / "data.raw").write_text(f" $NMID\n FMTDAT='(2E15.6)'\n VOLUME=1\n TRAMP=1\n $END\n{rows}\n")
    control = (
        f" $LCMODL\n nunfil=2048\n deltat=5e-4\n hzpppm={press30.central_frequency:.6f}\n filbas='p.basis'\n"
        " filraw='data.raw'\n filps='out.ps'\n lcsv=11\n filcsv='out.csv'\n nsimul=0\n neach=0\n $END\n"
    )
    subprocess.run([lcmodel], input=control, text=True, cwd=tmp_path, timeout=120, check=True, capture_output=True)
    header, values = (line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()[:2])
    found = {name.strip(): float(value) for name, value in zip(header, values, strict=True)}
    assert found["Glu"] / found["Cr"] == pytest.approx(9 / 8, rel=0.05)
    assert found["NAA"] / found["Cr"] == pytest.approx(10 / 8, rel=0.05)
