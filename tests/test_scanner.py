"""The simulated scanner: raw files that real software reads, a truth that a fit gives back, physics that holds."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from entries import basis_library, build_sequence, simulate_basis
from spinsculpt.config import Basis, Convert, Fit, OtherTruth, Scanner
from spinsculpt.core.conventions import FID, ppm_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.convert import convert_scan
from spinsculpt.data.nifti import MRSData, read_fids
from spinsculpt.data.philips import decode_vax, encode_vax, read_spar
from spinsculpt.data.subjects import Scan
from spinsculpt.fit import fit_measured
from spinsculpt.physics.sequences import with_shares
from spinsculpt.truth.scanner import TRUTH_COLUMNS, simulate_scan, water_amplitude, write_scan

SEQUENCES = {"press30": {"type": "press", "echo_time": 0.030}, "megapress": {"type": "megapress", "echo_time": 0.068}}
QUIET = {  # a scan without anything but the spectrum
    "drift": 0, "frequency_jitter": 0, "phase": 0, "phase_jitter": 0, "eddy_phase": 0, "residual_water": 0, "snr": 1e9,
}  # fmt: skip


BASIS = Basis(points=1024, metabolites=["NAA", "Cr", "Glu", "Gln", "Ins"], macromolecules=["MM09", "MM20"])
LIBRARY = basis_library(BASIS)


@pytest.fixture(scope="module")
def studies() -> dict:
    """Sequence and basis sets by name."""
    sequences = {name: build_sequence(name, entry) for name, entry in SEQUENCES.items()}
    return {name: (sequence, simulate_basis(sequence, BASIS)) for name, sequence in sequences.items()}


def simulate(studies, name="press30", subject="01", **given):
    config = Scanner(**{"averages": 16, "dynamics": 8, **given})
    return simulate_scan(subject, *studies[name], LIBRARY, config)


def truth(scan, quantity) -> dict:
    return {metabolite: value for metabolite, name, value, _ in scan.truth if name == quantity}


def test_vax_floats_are_exact_to_24_bits():
    values = np.concatenate([[0.0, 1.0, -1.0, 0.5, 1e30, -1e-30], np.random.default_rng(0).standard_normal(1000)])
    np.testing.assert_allclose(decode_vax(encode_vax(values)), values, rtol=2**-24, atol=0)


def test_one_is_the_vax_float_of_the_manual():
    assert encode_vax(np.array([1.0])) == bytes([0x80, 0x40, 0x00, 0x00])


def test_infinite_numbers_are_refused():
    with pytest.raises(SpinsculptError, match="finite"):
        encode_vax(np.array([np.inf]))


@pytest.mark.parametrize("name", SEQUENCES)
def test_spec2nii_reads_back_the_simulated_fids(studies, tmp_path, name):
    scan = simulate(studies, name)
    config = Scanner(averages=16, dynamics=8)
    data, water = tmp_path / "a_act.SDAT", tmp_path / "a_ref.SDAT"
    write_scan(scan, "01", name, config, data, water, tmp_path / "truth.tsv")
    for raw, suffix, fids in ((data, "svs", scan.fids), (water, "mrsref", scan.water)):
        nifti = tmp_path / f"{suffix}.nii.gz"
        line = Scan("01", "", name, data.name, water.name)
        convert_scan([raw], line, suffix, nifti, tmp_path / f"{suffix}.json", Convert(), scan.echo_time)
        back = read_fids(nifti)
        np.testing.assert_allclose(np.atleast_2d(back.fids.T), fids, rtol=0, atol=2e-7 * abs(fids).max())
        assert back.dims == (("DIM_DYN",) if suffix == "svs" else ())
        assert (back.header["EchoTime"], back.header["RepetitionTime"]) == (scan.echo_time, 2.0)
        assert back.dwell == scan.dwell
        assert back.central_frequency == pytest.approx(scan.central_frequency, abs=1e-6)


def test_truth_table_is_tidy(studies, tmp_path):
    scan = simulate(studies)
    write_scan(scan, "01", "press30", Scanner(), tmp_path / "a.SDAT", tmp_path / "b.SDAT", tmp_path / "t.tsv")
    with (tmp_path / "t.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert tuple(rows[0]) == TRUTH_COLUMNS
    assert {row["metabolite"] for row in rows if row["quantity"] == "concentration"} == {
        *BASIS.metabolites,
        "MM09",
        "MM20",
    }
    assert len({(row["metabolite"], row["quantity"]) for row in rows}) == len(rows)


def test_header_has_the_fields_of_a_real_one(studies, tmp_path, evidence):
    write_scan(simulate(studies), "01", "press30", Scanner(), tmp_path / "a.SDAT", tmp_path / "b.SDAT", tmp_path / "t")
    real = read_spar(evidence / "data/philips_press35/sub-01_press_act_noID.spar")
    assert set(read_spar(tmp_path / "a.SPAR")) <= set(real)


def test_concentrations_belong_to_the_subject_and_differ_between_subjects(studies):
    first, other_sequence = simulate(studies), simulate(studies, "megapress")
    assert truth(first, "concentration") == truth(other_sequence, "concentration")
    assert truth(first, "lorentzian") == truth(other_sequence, "lorentzian")
    assert truth(first, "gain") != truth(other_sequence, "gain")
    assert truth(first, "concentration") != truth(simulate(studies, subject="02"), "concentration")
    assert truth(first, "concentration") != truth(simulate(studies, seed=2), "concentration")


def test_the_same_seed_gives_the_same_scan(studies):
    np.testing.assert_array_equal(simulate(studies).fids, simulate(studies).fids)


def test_cohort_has_the_mean_and_the_spread_asked_for(studies):
    values = [truth(simulate(studies, subject=str(n), cv=0.2), "concentration")["Glu"] for n in range(100)]
    assert np.mean(values) == pytest.approx(LIBRARY["Glu"].concentration, rel=0.06)
    assert np.std(values) / np.mean(values) == pytest.approx(0.2, rel=0.25)


def test_without_disturbances_the_signal_is_the_weighted_basis(studies):
    scan = simulate(studies, lorentzian=0, gaussian=0, **QUIET)
    (basis,) = studies["press30"][1].values()
    expected = 0
    for name in basis.names:
        entry = LIBRARY[name]
        weight = basis.decay(name, entry.t1, entry.t2, 0.030) * (1 - np.exp(-2.0 / entry.t1))
        expected = expected + truth(scan, "concentration")[name] * weight * basis[name]
    expected = expected * truth(scan, "gain")[""]
    np.testing.assert_allclose(scan.fids, np.tile(expected, (8, 1)), atol=1e-5 * abs(expected).max())


def test_shots_of_an_edited_sequence_alternate_and_their_difference_is_the_basis_of_diff(studies):
    scan = simulate(studies, "megapress", lorentzian=0, gaussian=0, **QUIET)
    on, off = scan.fids[0::2].mean(0), scan.fids[1::2].mean(0)
    sets, expected = studies["megapress"][1], 0
    for n, amount in truth(scan, "concentration").items():
        t1, t2 = LIBRARY[n].t1, LIBRARY[n].t2
        a, b = (sets[shot].decay(n, t1, t2, 0.068) * sets[shot][n] for shot in ("on", "off"))
        expected = expected + amount * (1 - np.exp(-2.0 / t1)) * (a - b) / 2
    np.testing.assert_allclose((on - off) / 2, truth(scan, "gain")[""] * expected, atol=1e-8)


def test_noise_is_what_the_snr_says_and_the_same_for_every_sequence(studies):
    measured = {}
    for name in SEQUENCES:
        noisy, clean = (simulate(studies, name, **{**QUIET, "snr": snr}) for snr in (50, 1e9))
        shots = len(studies[name][0].shots)
        difference = (noisy.fids - clean.fids).reshape(8 // shots, shots, -1).mean(0)
        sigma = to_spectrum(difference).real.std() / truth(noisy, "gain")[""]
        assert sigma == pytest.approx(truth(noisy, "noise_sd")[""] / truth(noisy, "gain")[""] * shots**0.5, rel=0.1)
        measured[name] = sigma / shots**0.5
    assert measured["megapress"] == pytest.approx(measured["press30"], rel=0.1)


def test_drift_moves_the_spectrum_by_what_the_truth_says(studies):
    scan = simulate(studies, **{**QUIET, "drift": 8.0})
    drift = truth(scan, "drift")[""]
    t = np.arange(scan.fids.shape[1]) * scan.dwell
    assert drift != 0
    np.testing.assert_allclose(scan.fids[-1], scan.fids[0] * np.exp(2j * np.pi * drift * t), atol=1e-7)


def test_water_reference_removes_phase_and_eddy_currents_of_the_metabolites(studies):
    disturbed, plain = (
        simulate(studies, **{**QUIET, "phase": phase, "eddy_phase": eddy}) for phase, eddy in ((90, 1.0), (0, 0))
    )
    corrected = disturbed.fids * np.exp(-1j * np.angle(disturbed.water))
    np.testing.assert_allclose(
        corrected, plain.fids * np.exp(-1j * np.angle(plain.water)), atol=1e-6 * abs(plain.fids).max()
    )
    assert abs(disturbed.fids - plain.fids).max() > 0.1 * abs(plain.fids).max()


def test_residual_water_lies_at_water(studies):
    watered, plain = (simulate(studies, **{**QUIET, "residual_water": r}) for r in (0.01, 0))
    ppm = ppm_axis(1024, plain.dwell, plain.central_frequency)
    difference = abs(to_spectrum((watered.fids - plain.fids)[0]))
    assert 4.5 < ppm[difference.argmax()] < 4.8


def test_metabolites_over_water_is_the_concentration_in_mm(studies):
    scan = simulate(studies, lorentzian=0, gaussian=0, **QUIET)
    sequence, sets = studies["press30"]
    (basis,) = sets.values()
    amplitudes = np.linalg.lstsq(basis.fids.T, scan.fids[0], rcond=None)[0].real
    water_per_proton = abs(scan.water[0, 0]) / abs(basis.water) / 2
    config = Scanner()
    relaxed = (
        water_amplitude(sequence, config, next(iter(studies["press30"][1].values()))) / 2 / config.water.concentration
    )
    for name, amplitude in zip(basis.names, amplitudes, strict=True):
        found = amplitude / truth(scan, "relaxation_weight")[name] / water_per_proton * relaxed * 55510
        assert found == pytest.approx(truth(scan, "concentration")[name], rel=1e-3)


def test_a_fit_gives_the_truth_back(studies):
    from spinsculpt.fit import FitModel, fit

    scan = simulate(studies, **{**QUIET, "snr": 2000.0, "phase": 30})
    (basis,) = studies["press30"][1].values()
    result = fit([FID(scan.fids.mean(0), scan.dwell, scan.central_frequency)], [basis], FitModel())
    found = dict(zip(result.names, result.concentrations.values, strict=True))
    for name in BASIS.metabolites:
        signal = truth(scan, "concentration")[name] * truth(scan, "relaxation_weight")[name] * truth(scan, "gain")[""]
        assert found[name] == pytest.approx(signal, rel=0.05), name


def test_averages_that_do_not_divide_are_a_sentence(studies):
    with pytest.raises(SpinsculptError, match=r"9 dynamics do not divide .* 10 averages in 10 dynamics"):
        simulate(studies, "megapress", averages=9, dynamics=9)


def test_a_shot_with_a_larger_share_of_the_averages_has_less_noise(studies):
    sequence, sets = studies["megapress"]
    uneven = with_shares(sequence, {"on": 0.75, "off": 0.25})
    config = Scanner(**QUIET | {"snr": 50, "averages": 64, "dynamics": 8})
    noisy, clean = (simulate_scan("01", uneven, sets, LIBRARY, config.but(snr=snr)) for snr in (50, 1e9))
    on, off = ((noisy.fids - clean.fids)[k::2].std() for k in (0, 1))
    assert off / on == pytest.approx(3**0.5, rel=0.1)
    with pytest.raises(SpinsculptError, match="gives less than one average to each of its dynamics; 16 averages"):
        simulate_scan("01", uneven, sets, LIBRARY, Scanner(averages=8, dynamics=8))


def test_a_basis_without_a_shot_is_a_sentence(studies):
    sequence, sets = studies["megapress"]
    with pytest.raises(SpinsculptError, match="lacks its shot 'off'"):
        simulate_scan("01", sequence, {"on": sets["on"]}, LIBRARY, Scanner())


def test_echo_time_weights_by_t2(studies):
    later = build_sequence("press30", {"type": "press", "echo_time": 0.130})
    long = simulate_scan("01", later, simulate_basis(later, BASIS), LIBRARY, Scanner())
    short = simulate(studies)
    ratio = truth(long, "relaxation_weight")["MM09"] / truth(short, "relaxation_weight")["MM09"]
    assert ratio == pytest.approx(np.exp(-0.1 / LIBRARY["MM09"].t2), rel=1e-3)


def test_a_designed_pulse_does_to_water_what_it_does_to_a_proton_there(studies):
    """A pulse that turns water by 180 degrees and takes half of it: the reference says so, and mM do not change."""
    sequence, sets = studies["press30"]
    (basis,) = sets.values()
    assert abs(basis.water) == pytest.approx(np.abs(basis["Cr"][0]) / 5, rel=0.02)  # all singlets alike here
    turned = replace(basis, meta=basis.meta | {"water": [-0.5 * basis.water.real, 0.0]})
    config = Scanner(**{"averages": 16, "dynamics": 8, **QUIET})
    plain, other = (simulate_scan("01", sequence, {"": each}, LIBRARY, config) for each in (basis, turned))
    np.testing.assert_allclose(other.water, -0.5 * plain.water, atol=1e-3 * abs(plain.water).max())
    header = {"EchoTime": plain.echo_time, "RepetitionTime": plain.repetition_time}
    found = []
    for scan, each in ((plain, basis), (other, turned)):
        data, water = (
            MRSData(fids.mean(0), scan.dwell, scan.central_frequency, header=header) for fids in (scan.fids, scan.water)
        )
        result = fit_measured(data, {"": each}, Fit(baseline="poly:2", noise="noise"), water)
        found.append([row["mM"] for row in result.summary()])
    np.testing.assert_allclose(found[1], found[0], rtol=2e-3)
    true = truth(plain, "concentration")
    for name, value in zip(result.names, found[0], strict=False):
        assert value == pytest.approx(true[name], rel=0.01), name


def test_another_truth_is_another_spectrum_and_leaves_the_other_subjects_alone(studies):
    other = {"subjects": ["w1"], "macromolecules": ["M092", "M204", "Lip13a"], "shoulder": 0.2}
    sequence, sets = studies["press30"]
    alike = simulate_scan(
        "01", sequence, sets, LIBRARY, Scanner(averages=16, dynamics=8, other_truth=OtherTruth(**other))
    )
    np.testing.assert_array_equal(alike.fids, simulate(studies).fids)
    basis = simulate_basis(
        sequence, BASIS.but(macromolecules=other["macromolecules"], alternatives={"GABA": "govindaraju2000"})
    )
    config = Scanner(averages=16, dynamics=8, other_truth=OtherTruth(**other), cv=0.0)
    scan = simulate_scan("w1", sequence, basis, LIBRARY, config)
    assert truth(scan, "other_truth")[""] == 1.0
    assert truth(scan, "concentration")["Lip13a"] == 1.0 and "MM09" not in truth(scan, "concentration")
    glu = truth(scan, "relaxation_weight")["Glu"]
    assert 0.01 < abs(glu / truth(alike, "relaxation_weight")["Glu"] - 1.0) < 0.3
