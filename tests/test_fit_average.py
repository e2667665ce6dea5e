"""An average over many models: its estimate, its two uncertainties, and what it says of them."""

import csv
import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fit_phantom import CONCENTRATIONS, phantom, phantom_basis
from spinsculpt.app.plan import settle
from spinsculpt.basis import BasisSet, simulate_basis
from spinsculpt.config import Baseline, Basis, Compare, Fit, SequenceEntry, Study
from spinsculpt.core.conventions import FID, ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit import Estimates, FitModel, fit
from spinsculpt.fit._average import MODEL_SD_FACTOR, STIFFNESSES, _differing, models_of, refuse_average
from spinsculpt.fit._broad import of_study
from spinsculpt.physics.sequences import pulse_acquire

AVERAGE = Fit().model(measured=True)


@pytest.fixture(scope="module")
def basis():
    return phantom_basis()


@pytest.fixture(scope="module")
def average(basis):
    parts = in_parts(basis)
    data = FID(parts.mean(axis=1), basis.dwell, basis.central_frequency)
    return fit([data], [basis], AVERAGE, parts=[parts], repeats=20)


def test_it_is_of_six_stiffnesses_in_two_ranges_and_two_groupings(average):
    assert len(average.models) == 24
    assert len({each.choice for each in average.models}) == 24
    assert sum(each.weight for each in average.models) == pytest.approx(1.0)


def test_a_range_or_groups_that_are_named_are_kept(basis):
    named = fit([phantom(basis, 20.0)], [basis], FitModel(baseline="average", ppm=(0.5, 4.0), groups=()))
    assert len(named.models) == 2 * len(STIFFNESSES)  # with a Voigt and with a free line
    assert named.curves[0].ppm.min() >= 0.5


def test_where_every_model_is_right_the_truth_lies_within_its_whole_sd(average):
    found = average.concentrations
    truth = np.array([CONCENTRATIONS[name] for name in found.names])
    total = np.sqrt(np.diag(average.covariance))
    assert np.all(np.abs(found.values - truth) < 4.0 * total)
    assert np.all(total >= found.sd)


def test_the_estimate_is_the_weighted_mean_and_the_spread_is_that_of_the_models(average):
    weights = np.array([each.weight for each in average.models])
    values = np.array([each.values for each in average.models])
    np.testing.assert_allclose(average.concentrations.values, weights @ values)
    apart = values - weights @ values
    np.testing.assert_allclose(np.diag(average.spread), MODEL_SD_FACTOR**2 * (weights @ apart**2), rtol=1e-9)


def test_its_curves_add_up(average):
    (curve,) = average.curves
    np.testing.assert_allclose(
        curve.components.sum(axis=0) + curve.baseline, curve.fit, atol=1e-8 * np.abs(curve.fit).max()
    )
    assert len(curve.baselines) == 12  # those of the wider range


def test_a_bent_baseline_that_a_polynomial_cannot_follow_is_in_the_spread_and_not_in_the_bound(basis, average):
    """A broad line that no basis function has: the models disagree about it, the noise does not know it."""
    clean = phantom(basis, noise_sd=20.0)
    t, rate = clean.time, (np.pi * 60.0) ** 2 / (4.0 * np.log(2.0))
    bump = (
        0.05 * np.abs(clean.samples[0]) * np.exp(2j * np.pi * ppm_to_hz(2.4, clean.central_frequency) * t - rate * t**2)
    )
    bent = fit([FID(clean.samples + bump, clean.dwell, clean.central_frequency)], [basis], AVERAGE)
    glu = bent.names.index("Glu")
    assert np.sqrt(bent.spread[glu, glu]) > np.sqrt(average.spread[glu, glu])
    row = next(row for row in bent.summary() if row["Metab"] == "Glu")
    assert row["%SD"] == pytest.approx(np.hypot(row["%CRLB"], row["%model SD"]))


def test_what_it_writes(average, tmp_path):
    average.write(tmp_path / "fit")
    with (tmp_path / "fit/models.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 24
    mean = sum(float(row["weight"]) * float(row["NAA"]) for row in rows)
    assert mean == pytest.approx(average.concentrations.values[average.names.index("NAA")])
    with np.load(tmp_path / "fit/fit.npz") as arrays:
        assert arrays["spectrum_baselines"].shape == (12, len(arrays["spectrum_ppm"]))


def test_no_estimate_whose_whole_sd_is_large_is_reliable(average):
    for row in average.summary():
        assert row["reliable"] == "no" or row["%SD"] <= average.model.max_crlb


def test_repeats_of_an_average_are_refused_with_what_to_do(average):
    with pytest.raises(SpinsculptError, match="name a baseline"):
        refuse_average(average, "resample: noise")


def test_what_the_config_leaves_open_depends_on_the_data():
    basis, compare = Basis(macromolecules=["MM09"], lipids=["Lip13a"]), Compare(baselines={"a": "poly:2", "b": None})
    study = Study(designs={}, sequences={"p": SequenceEntry(type="press")}, analyses={}, basis=basis, compare=compare)
    cohort, scans = settle(study), settle(study.but(subjects="scans.tsv"))
    assert cohort.compare.baselines == {"a": Baseline("poly", 2)}
    with pytest.raises(SpinsculptError, match=r"compare\.baselines leaves out every baseline"):
        settle(study.but(compare=Compare(baselines={"flexible": None})))
    assert (cohort.fit.baseline, cohort.fit.noise) == (Baseline("poly", 2), "noise")
    assert (scans.fit.baseline, scans.fit.noise) == (Baseline("average"), "residual")
    assert cohort.basis.macromolecules == ("MM09",) and scans.basis.macromolecules == ("MM09", "Lip13a")
    named = Fit(baseline="poly:4", noise="noise")
    assert settle(study.but(subjects="scans.tsv", fit=named)).fit == named.but(bootstrap=50)


def test_soft_ratios_hold_in_every_model_of_an_average(basis):
    """Macromolecules of other proportions than LCModel expects move towards them."""
    odd = phantom(basis, 200.0, concentrations=CONCENTRATIONS | {"MM09": 4.0, "MM20": 20.0})
    section = Fit(ppm=(0.2, 4.2), groups=(("MM*",),))
    free, soft = (
        fit([odd], [basis], section.but(soft_ratios=kind).model(measured=True)) for kind in ("off", "lcmodel")
    )

    def ratio(result):
        return result.concentrations.ratio(["MM20"], ["MM09"])[0]

    assert abs(ratio(soft) - 1.5) < 0.9 * abs(ratio(free) - 1.5)


def in_parts(basis, count=16, wobble=0.0) -> np.ndarray:
    """A scan of noisy parts, (points, count); with `wobble`, Glu varies between them by so much of itself."""
    rng = np.random.default_rng(3)
    glu = CONCENTRATIONS["Glu"] * (1 + wobble * rng.standard_normal(count))
    parts = [phantom(basis, 80.0, seed, CONCENTRATIONS | {"Glu": each}) for seed, each in enumerate(glu)]
    return np.stack([part.samples for part in parts], axis=1)


def resampled(basis, wobble, model=FitModel(groups=(("MM*",),))):  # noqa: B008
    parts = in_parts(basis, wobble=wobble)
    data = FID(parts.mean(axis=1), basis.dwell, basis.central_frequency)
    return fit([data], [basis], model, parts=[parts], repeats=200)


def test_the_bootstrap_of_averages_is_the_bound_where_averages_differ_by_noise(basis):
    result = resampled(basis, 0.0)
    ratio = np.sqrt(np.diag(result.bootstrap)) / result.concentrations.sd
    assert np.median(ratio) == pytest.approx(1.0, abs=0.25)


def test_what_varies_between_averages_is_in_the_bootstrap_and_in_the_verdict(basis):
    steady, moving = resampled(basis, 0.0), resampled(basis, 1.5)
    rows = [{row["Metab"]: row for row in each.summary()} for each in (steady, moving)]
    assert rows[1]["Glu"]["%bootstrap SD"] > 5.0 * rows[0]["Glu"]["%bootstrap SD"]
    assert rows[1]["Glu"]["%SD"] == rows[1]["Glu"]["%bootstrap SD"] > rows[1]["Glu"]["%CRLB"]
    assert rows[0]["Glu"]["reliable"] == "yes"
    strict = resampled(basis, 1.5, FitModel(groups=(("MM*",),), max_crlb=15))
    assert dict(zip(strict.names, strict.flags, strict=True))["Glu"] == "SD above 15 %"
    assert "Glu" not in strict.qc["reliable"] and "NAA" in strict.qc["reliable"]


@pytest.fixture(scope="module")
def broad():
    """Cr, Glu and macromolecules of the library, as an ideal sequence leaves them."""
    section = Basis(metabolites=("Cr", "Glu"), macromolecules=("MM09", "MM14", "MM20", "MM39"), points=1024)
    return simulate_basis(pulse_acquire(), section)["pulse_acquire"]


def test_macromolecules_of_another_study_have_its_lines_and_the_size_of_their_own(broad):
    (other,) = of_study([broad], "birch2017")
    np.testing.assert_allclose(other.fids[:, 0], broad.fids[:, 0])
    ppm = FID(broad["MM20"], broad.dwell, broad.central_frequency).ppm
    near = (ppm > 2.22) & (ppm < 2.28)  # where Birch 2017 has a quarter of it, LCModel a seventh
    heights = [FID(b["MM20"], b.dwell, b.central_frequency).spectrum.real[near].mean() for b in (other, broad)]
    assert heights[0] > 1.4 * heights[1]
    for same in ("Cr", "Glu", "MM39"):
        np.testing.assert_array_equal(other[same], broad[same])


def test_a_sequence_that_treats_macromolecules_unlike_keeps_its_own(broad):
    """An editing pulse on 1.9 ppm takes half of MM20: what is left of one line says nothing about others."""
    edited = replace(broad, fids=broad.fids * np.where(np.array(broad.names) == "MM20", 0.5, 1.0)[:, None])
    for bases in ([edited], [broad, edited]):
        assert all(a is b for a, b in zip(of_study(bases, "birch2017"), bases, strict=True))


def test_the_right_macromolecules_leave_no_misfit(broad):
    (truth,) = of_study([broad], "birch2017")
    damping = np.exp(-15.0 * np.arange(broad.points) * broad.dwell)
    fid = np.array([8.0, 10.0, 6.0, 4.0, 9.0, 5.0]) @ truth.fids * damping
    noise = np.random.default_rng(0).normal(size=(2, broad.points)) * 0.02
    data = FID(fid + noise[0] + 1j * noise[1], broad.dwell, broad.central_frequency)
    right, wrong = (fit([data], [broad], FitModel(macromolecules=each)) for each in ("birch2017", "basis"))
    assert right.qc["reduced_chi_squared"] < 1.2 < 2.0 < wrong.qc["reduced_chi_squared"]


def test_each_choice_of_an_average_meets_each_other():
    models = [member for family in models_of(AVERAGE) for member in family]
    shapes = [(m.soft_ratios, m.macromolecules) for m in models]
    choices = [(str(m.ppm), str(m.groups), m.lineshape, m.baseline.number) for m in models]
    choices = [(*each, shape) for each, shape in zip(choices, shapes, strict=True)]
    assert len(set(choices)) == 24
    counts = [len({each[k] for each in choices}) for k in range(5)]
    for a, b in itertools.combinations(range(5), 2):
        assert len({(each[a], each[b]) for each in choices}) == counts[a] * counts[b]
    assert counts == [2, 2, 2, 6, 3] and sum(study == "birch2017" for _, study in shapes) == 12
    named = models_of(AVERAGE.but(lineshape="voigt", soft_ratios="off", macromolecules="basis"))
    alike = {(m.lineshape, m.soft_ratios, m.macromolecules) for family in named for m in family}
    assert alike == {("voigt", "off", "basis")}


def differing(names, found, sd):
    """Whether each of three models' estimates differ by more than `sd` from their mean, as the flag says it."""
    results = [SimpleNamespace(concentrations=Estimates(names, np.array(each), np.eye(len(names)))) for each in found]
    mean = Estimates(names, np.mean(found, axis=0), sd**2 * np.eye(len(names)))
    return _differing(results, mean).tolist()


def test_gaba_under_macromolecules_is_flagged_where_one_model_moves_it_by_more_than_its_sd():
    names = ("GABA", "Glu", "MM20")
    assert differing(names, [[1.0, 8.0, 5.0], [1.0, 8.0, 5.0], [4.0, 11.0, 8.0]], sd=1.5) == [True, False, False]
    assert differing(names, [[1.0, 8.0, 5.0], [1.0, 8.0, 5.0], [2.0, 11.0, 8.0]], sd=1.5) == [False] * 3
    without = ("GABA", "Glu", "NAA")
    assert differing(without, [[1.0, 8.0, 5.0], [1.0, 8.0, 5.0], [4.0, 11.0, 8.0]], sd=1.5) == [False] * 3


def test_gaba_of_a_short_echo_with_macromolecules_that_no_model_knows_is_not_reliable(basis):
    """A broad signal at 3.0 ppm that all models take for GABA in part: none says 1.5, and their SD is below 50 %."""
    t = np.arange(basis.points) * basis.dwell
    lines = [(3.0, 2.0), (2.28, 2.0), (1.89, 2.0)]
    gaba = sum(a * np.exp(2j * np.pi * ppm_to_hz(ppm, basis.central_frequency) * t - 25.0 * t) for ppm, a in lines)
    whole = BasisSet((*basis.names, "GABA"), np.vstack([basis.fids, gaba]), basis.dwell, basis.central_frequency)
    clean = phantom(whole, noise_sd=20.0, concentrations={**CONCENTRATIONS, "GABA": 1.5})
    rate = (np.pi * 30.0) ** 2 / (4.0 * np.log(2.0))
    bump = 20.0 * np.exp(2j * np.pi * ppm_to_hz(3.0, basis.central_frequency) * t - 14.0 * t - rate * t**2)
    covered = fit([FID(clean.samples + bump, clean.dwell, clean.central_frequency)], [whole], AVERAGE)
    at = covered.names.index("GABA")
    assert all(each.values[at] > 1.5 for each in covered.models)
    assert covered.flags[at] == "models differ by more than its SD"
