"""Rivals of several echo times and of several editing bands: averages, Hadamard sums, and from raw file to table."""

import numpy as np
import pytest

from entries import basis_library, basis_of, build_sequence, simulate_basis
from spinsculpt.basis import write_fslmrs
from spinsculpt.compare import Analysis
from spinsculpt.config import Convert, Fit, Preprocess, Scanner
from spinsculpt.core.conventions import ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.convert import convert_scan
from spinsculpt.data.subjects import Scan
from spinsculpt.fit import fit_files
from spinsculpt.physics.dynamics import line_list
from spinsculpt.physics.pulses import gaussian, refocusing_profile
from spinsculpt.physics.sequences import SUBSPECTRA, Sequence, combinations_of
from spinsculpt.physics.sequences._build import multiband
from spinsculpt.physics.spins import SpinSystem
from spinsculpt.preprocess import preprocess_scan
from spinsculpt.truth.scanner import simulate_scan, write_scan

BASIS = {"field": 3.0, "points": 512, "bandwidth": 2000.0, "linewidth": 1.0, "metabolites": ["NAA", "Glu", "GABA"]}
BASIS |= {"grid": {"points": 32, "extent": 2.0}}
TIMES = [0.035, 0.115, 0.195]
HERMES = {"type": "megapress", "echo_time": 0.080, "ideal": True}
HERMES |= {"editing": {"ppm": {"a": [4.56, 1.9], "b": 4.56, "c": 1.9, "d": 7.46}, "duration": 0.020}}


def test_the_mean_of_echo_times_is_that_of_single_presses_each_with_its_decay():
    series = build_sequence("j", {"type": "press", "echo_times": TIMES, "te1": 0.012, "ideal": True})
    assert [shot.name for shot in series.shots] == ["te35", "te115", "te195"]
    sets, library = simulate_basis(series, BASIS), basis_library(BASIS)
    singles = [build_sequence("p", {"type": "press", "echo_time": t, "te1": 0.012, "ideal": True}) for t in TIMES]
    plain = [simulate_basis(single, BASIS)["p"] for single in singles]
    assert sets["mean"].fids == pytest.approx(np.mean([basis.fids for basis in plain], axis=0))
    shots = {shot.name: sets[shot.name] for shot in series.shots}
    mean = Analysis("mean", series, {"mean": sets["mean"]}, shots)
    assert mean.noise_factors == pytest.approx((1.0,))  # all averages go into it
    t2 = library["NAA"].t2
    decayed = np.mean([np.exp(-t / t2) * basis.fids[0] for t, basis in zip(TIMES, plain, strict=True)], axis=0)
    assert mean.measured(library)["mean"].fids[0] == pytest.approx(decayed)


def test_the_echo_times_of_the_shots_survive_the_file(tmp_path):
    series = build_sequence("j", {"type": "press", "echo_times": TIMES})
    series.write(tmp_path / "j.json")
    assert [shot.echo_time for shot in Sequence.read(tmp_path / "j.json").shots] == TIMES


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"type": "press", "echo_times": [0.035]}, "two or more"),
        ({"type": "steam", "echo_times": TIMES}, "only a press"),
        ({"type": "press", "echo_times": [0.005, 0.035]}, r"with these pulses .* ms or more would work"),
    ],
)
def test_series_that_cannot_be_are_refused(entry, words):
    with pytest.raises(SpinsculptError, match=words):
        build_sequence("j", entry)


def test_constant_time_press_encodes_shifts_and_leaves_couplings_alone():
    """Uncoupled lines turn by their offset times the shift of the echo; the doublet of lactate is the same in all."""
    sequence = build_sequence("ct", {"type": "press", "echo_time": 0.139, "echo_shifts": [0.0, 0.010], "ideal": True})
    assert [shot.name for shot in sequence.shots] == ["ct1", "ct2"]
    assert [sum(e.duration for e in shot.events) for shot in sequence.shots] == pytest.approx([0.139, 0.139])
    for ppm, coupling in ((2.0, 0.0), (1.3, 7.0)):
        system = SpinSystem("ax", ("a", "x"), (ppm, ppm + 3.0), ((0, 1, coupling),) if coupling else ())
        first, second = (line_list(shot.events, system, 127.732) for shot in sequence.shots)
        near = np.abs(first.frequency - ppm_to_hz(ppm, 127.732)) < 20
        turned = second.amplitude[near] / first.amplitude[near]
        expected = np.exp(2j * np.pi * 0.010 * ppm_to_hz(ppm, 127.732))
        assert turned == pytest.approx(np.full(near.sum(), expected), abs=0.06)


def test_a_pulse_of_two_bands_inverts_both_and_leaves_what_is_elsewhere():
    pulse, middle = multiband(gaussian(0.020, 180.0), [-11.5, -351.3])
    assert middle == pytest.approx(-181.4)
    inverted = refocusing_profile(pulse, np.array([-11.5, -351.3, middle]) - middle)
    assert inverted == pytest.approx([1.0, 1.0, 0.0], abs=0.05)


def test_bands_at_uneven_distances_are_where_they_were_asked_for():
    """Three bands; their mirror images about the middle are left alone."""
    bands = np.array([-300.0, 0.0, 150.0])
    pulse, middle = multiband(gaussian(0.020, 180.0), bands)
    assert (refocusing_profile(pulse, bands - middle) > 0.85).all()
    assert (refocusing_profile(pulse, middle - bands) < 0.3).all()


def test_hadamard_sums_edit_each_target_alone():
    """GABA (edited at 1.9 ppm) remains in the sum that contrasts its editing, not in the one of 4.56 ppm."""
    sequence = build_sequence("h", HERMES)
    assert set(sequence.combinations) == {"gaba", "gsh", "sum"}
    sets = simulate_basis(sequence, BASIS)
    gaba = {label: np.linalg.norm(sets[label].fids[2]) for label in sequence.combinations}
    singlet = np.abs(sets["sum"].ppm - 2.01) < 0.04
    naa = {label: np.abs(sets[label].spectra[0][singlet]).max() for label in sequence.combinations}
    edited, other = ("gsh", "gaba")  # here shots a and c are edited at 1.9 ppm
    assert gaba[edited] > 5 * gaba[other]
    assert naa["sum"] > 20 * naa[other]


def test_every_sum_is_made_of_its_shots_with_equal_noise():
    for names, derived in SUBSPECTRA.items():
        assert combinations_of(reversed(names)) == derived
        for weights in derived.values():
            assert set(weights) == set(names) and sum(map(abs, weights.values())) == pytest.approx(1.0)
    assert combinations_of(["a", "x"]) == {}


def test_four_conditions_go_from_raw_file_to_table(tmp_path):
    """HERMES of the simulated scanner: Philips file, conversion, preprocessing, joint fit, concentrations."""

    entry = {**HERMES, "editing": {**HERMES["editing"], "shape": "gaussian"}}
    sequence = build_sequence("hermes", entry)
    metabolites = ["NAA", "Cr", "GPC", "Glu", "Gln", "GABA"]
    section = basis_of({**BASIS, "points": 1024, "metabolites": metabolites})
    sets, library = simulate_basis(sequence, section), basis_library(section)
    scanner = Scanner(averages=64, dynamics=16, snr=800)
    scan = simulate_scan("01", sequence, sets, library, scanner)
    raw, water = tmp_path / "act.SDAT", tmp_path / "ref.SDAT"
    write_scan(scan, "01", "hermes", scanner, raw, water, tmp_path / "truth.tsv")
    line, paths = Scan("01", "", "hermes", raw.name, water.name), {}
    for suffix, file in (("svs", raw), ("mrsref", water)):
        paths[suffix] = tmp_path / f"{suffix}.nii.gz"
        convert_scan([file], line, suffix, paths[suffix], tmp_path / f"{suffix}.json", Convert(), scan.echo_time)
    clean = tmp_path / "clean.nii.gz"
    steps = Preprocess()
    preprocess_scan(
        paths["svs"], paths["mrsref"], clean, tmp_path / "qc.json", tmp_path / "p.png", steps, ("A", "B", "C", "D")
    )
    folders = {}
    for shot in sequence.shots:
        folders[shot.name] = tmp_path / shot.name
        write_fslmrs(sets[shot.name], folders[shot.name])
    result = fit_files(clean, folders, tmp_path / "fit", Fit(), spectra=tuple("abcd"))
    assert [curve.label for curve in result.curves] == list("abcd")
    truth = {name: value for name, kind, value, _ in scan.truth if kind == "concentration"}
    weight = {name: value for name, kind, value, _ in scan.truth if kind == "relaxation_weight"}
    found = dict(zip(result.names, result.concentrations.values, strict=True))
    for name in ("Glu", "GABA", "NAA"):
        expected = truth[name] * weight[name] / (truth["Cr"] * weight["Cr"])
        assert found[name] / found["Cr"] == pytest.approx(expected, rel=0.15 if name == "GABA" else 0.05)
