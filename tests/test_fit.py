"""What a fit must satisfy, on phantoms whose truth is known."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fit_phantom import CONCENTRATIONS, EPSILON, GAMMA, LINES, PHASE, SIGMA2, phantom, phantom_basis
from spinsculpt.basis import BasisSet
from spinsculpt.core.conventions import FID, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit import Estimates, FitModel, SoftRatio, fit, monte_carlo, predict_crlb, sample_posterior, spread
from spinsculpt.fit._crlb import covariance_of
from spinsculpt.fit._model import Problem
from spinsculpt.fit._solver import nonnegative

TRUTH = np.array([CONCENTRATIONS[name] for name in LINES])
PLAIN = FitModel(groups=())  # as the phantom: one shift and one width for all
GROUPED = FitModel(groups=(("MM*",),))


@pytest.fixture(scope="module")
def basis():
    return phantom_basis()


@pytest.fixture(scope="module")
def noisy(basis):
    return fit([phantom(basis, noise_sd=20.0)], [basis], PLAIN)


def test_a_spectrum_without_noise_gives_back_its_truth(basis):
    result = fit([phantom(basis)], [basis], PLAIN)
    np.testing.assert_allclose(result.concentrations.values, TRUTH, rtol=1e-6)
    found = {parameter.name: parameter.value for parameter in result.parameters}
    assert found["gamma_0"] == pytest.approx(GAMMA, rel=1e-5)
    assert found["sigma2_0"] == pytest.approx(SIGMA2, rel=1e-5)
    assert found["eps_0"] == pytest.approx(EPSILON, rel=1e-6)
    assert found["phi0"] == pytest.approx(PHASE, rel=1e-5)


@pytest.mark.parametrize("shift_ppm", [-0.1, 0.07])
@pytest.mark.parametrize("phase", [-2.5, 1.6, 3.0])
def test_a_shifted_spectrum_of_any_phase_is_found(basis, shift_ppm, phase):
    original = phantom(basis, noise_sd=20.0)
    turn = np.exp(2j * np.pi * shift_ppm * original.central_frequency * original.time - 1j * phase)
    moved = replace(original, samples=original.samples * turn)
    result = fit([moved], [basis])
    assert np.all(np.abs(result.concentrations.values - TRUTH) < 5.0 * result.concentrations.sd)


def test_group_with_its_own_shift_is_recovered(basis):
    data = phantom(basis, group_shift=25.0)
    result = fit([data], [basis], GROUPED)
    np.testing.assert_allclose(result.concentrations.values, TRUTH, rtol=1e-4)
    found = {parameter.name: parameter.value for parameter in result.parameters}
    assert found["eps_1"] - found["eps_0"] == pytest.approx(25.0, rel=1e-3)


def test_the_jacobian_is_the_derivative_of_the_model(basis):
    model = FitModel(groups=(("MM*",),), ppm=((0.2, 1.8), (1.9, 4.2)))
    problem = Problem([phantom(basis), phantom(basis)], [basis, basis], model, np.diag([4.0, 9.0]))
    rng = np.random.default_rng(1)
    theta = rng.uniform(0.1, 1.0, len(problem.parameters)) * [
        {"gamma": 20.0, "gauss": 80.0, "eps": 15.0, "phi0": 1.0, "phi1": 1e-4}[p.kind] for p in problem.parameters
    ]
    analytic = problem.jacobian(problem.linear(theta), TRUTH)
    for k, parameter in enumerate(problem.parameters):
        step = np.zeros(len(theta))
        step[k] = 1e-5 * theta[k]
        up, down = (TRUTH @ problem.linear(theta + sign * step).rows for sign in (1, -1))
        numeric = (up - down) / (2.0 * step[k])
        assert np.linalg.norm(numeric - analytic[k]) < 1e-6 * np.linalg.norm(numeric), parameter


def test_eliminating_concentrations_and_baseline_equals_the_schur_complement(basis):
    problem = Problem([phantom(basis)], [basis], PLAIN, np.eye(1))
    theta = np.array([10.0, 50.0, -8.0, 0.1, 1e-5])
    linear = problem.linear(theta)
    matrix, _ = problem.normal_equations(linear, TRUTH, theta)
    count = len(TRUTH)
    theta_rows = slice(count, count + len(theta))
    inverse = np.linalg.inv(problem.fisher(theta, TRUTH))[theta_rows, theta_rows]
    np.testing.assert_allclose(np.linalg.inv(matrix), inverse, rtol=1e-6, atol=1e-9 * np.abs(inverse).max())


def test_nonnegative_least_squares_meets_its_optimality_conditions():
    rng = np.random.default_rng(2)
    for _ in range(50):
        a = rng.standard_normal((40, 12))
        a[:, 3] = a[:, 4] + 1e-3 * rng.standard_normal(40)  # nearly the same twice, as Cr and PCr
        y = rng.standard_normal(40)
        c = nonnegative(a.T @ a, a.T @ y, guess=rng.uniform(0.0, 1.0, 12))
        gradient = a.T @ (y - a @ c)
        assert c.min() >= 0.0
        assert np.all(gradient < 1e-7)
        assert np.abs(gradient[c > 0.0]).max(initial=0.0) < 1e-7


def test_the_crlb_equals_the_spread_of_noisy_fits_and_there_is_no_bias(basis):
    result = fit([phantom(basis)], [basis], PLAIN, noise_sd=[40.0])
    samples = spread(result.names, monte_carlo(result, 600, seed=3))
    np.testing.assert_allclose(samples.sd / result.concentrations.sd, 1.0, atol=0.1)
    assert np.all(np.abs(samples.values - TRUTH) < 0.2 * result.concentrations.sd)
    assert samples.correlation("Glu", "Gln") == pytest.approx(result.concentrations.correlation("Glu", "Gln"), abs=0.1)


def test_monte_carlo_gives_the_same_numbers_in_one_process_or_two(noisy):
    np.testing.assert_array_equal(
        monte_carlo(noisy, 24, seed=5, processes=1), monte_carlo(noisy, 24, seed=5, processes=2)
    )


def test_the_bootstrap_agrees_with_the_crlb_where_the_model_is_true(noisy):
    samples = spread(noisy.names, monte_carlo(noisy, 300, seed=4, kind="bootstrap"))
    np.testing.assert_allclose(samples.sd / noisy.concentrations.sd, 1.0, atol=0.2)


def test_the_posterior_agrees_with_the_crlb(noisy):
    pytest.importorskip("emcee", reason="emcee is not installed")
    samples = spread(noisy.names, sample_posterior(noisy, 600, seed=1))
    np.testing.assert_allclose(samples.sd / noisy.concentrations.sd, 1.0, atol=0.15)
    assert np.all(np.abs(samples.values - noisy.concentrations.values) < 0.3 * noisy.concentrations.sd)


def test_a_predicted_crlb_is_that_of_the_fit_to_such_data(basis):
    quiet = fit([phantom(basis)], [basis], PLAIN, noise_sd=[30.0])
    fwhm = GAMMA / np.pi, 2.0 * np.sqrt(SIGMA2 * np.log(2.0)) / np.pi
    predicted = predict_crlb([basis], CONCENTRATIONS, PLAIN, [30.0], fwhm[0], fwhm[1])
    np.testing.assert_allclose(predicted.sd, quiet.concentrations.sd, rtol=5e-3)  # the shift and the phase differ


def test_a_line_alone_has_the_textbook_bound():
    """One Lorentzian, amplitude the only overlap-free unknown: var = sigma^2 / sum |s|^2, nearly, since amplitude and
    width alone are correlated; with the width known it is exact."""
    basis = phantom_basis(("NAA",))
    problem = Problem(
        [phantom(basis)], [basis], FitModel(groups=(), baseline="off", ppm=(-3.0, 12.0)), np.eye(1) * 25.0
    )
    theta = np.array([GAMMA, SIGMA2, 0.0, 0.0, 0.0])
    shape = problem.components(theta, 0)[0]
    assert problem.fisher(theta, np.array([12.0]))[0, 0] == pytest.approx(np.sum(np.abs(shape) ** 2) / 25.0)


def test_joint_fits_of_two_scans_have_the_precision_of_their_mean(basis):
    one = predict_crlb([basis], CONCENTRATIONS, PLAIN, [20.0], 6.0)
    model = FitModel(groups=(), shared=("width", "shift", "phase"))
    two = predict_crlb([basis, basis], CONCENTRATIONS, model, [20.0, 20.0], 6.0)
    np.testing.assert_allclose(two.sd, one.sd / np.sqrt(2.0), rtol=1e-6)
    unequal = predict_crlb([basis, basis], CONCENTRATIONS, model, [20.0, 2e6], 6.0)
    np.testing.assert_allclose(unequal.sd, one.sd, rtol=1e-6)  # a scan that is all noise adds nothing


def test_a_joint_fit_of_edited_spectra_recovers_the_truth(basis):
    edited = phantom_basis(signs={"Glu": 0.4, "Gln": -0.3, "NAA": 0.1})
    data = [phantom(basis, 25.0, seed=1), phantom(edited, 25.0, seed=2)]
    result = fit(data, [basis, edited], labels=("off", "on"))
    assert np.all(np.abs(result.concentrations.values - TRUTH) < 4.0 * result.concentrations.sd)
    alone = fit(data[:1], [basis])
    assert result.concentrations.sd[result.names.index("Gln")] < alone.concentrations.sd[alone.names.index("Gln")]
    assert {curve.label for curve in result.curves} == {"off", "on"}


def test_on_and_diff_tell_as_much_as_on_and_off(basis):
    """DIFF = (ON - OFF) / 2 holds the noise of ON: with the common noise accounted for, nothing is won or lost."""
    edited = phantom_basis(signs={"Glu": 0.4, "Gln": -0.3, "NAA": 0.1})
    on, off = phantom(edited, 25.0, seed=1), phantom(basis, 25.0, seed=2)
    diff = replace(on, samples=0.5 * (on.samples - off.samples))
    difference = replace(edited, fids=0.5 * (edited.fids - basis.fids))
    model = FitModel(groups=(), shared=("width", "shift", "phase"))
    shots = fit([on, off], [edited, basis], model)
    mixed = fit([on, diff], [edited, difference], model)
    assert mixed.qc["noise_correlation"][0][1] == pytest.approx(np.sqrt(0.5), abs=0.06)
    np.testing.assert_allclose(mixed.concentrations.sd, shots.concentrations.sd, rtol=0.05)
    np.testing.assert_allclose(mixed.concentrations.values, shots.concentrations.values, rtol=0.02)


def test_predicted_bounds_do_not_depend_on_how_shots_are_combined(basis):
    """ON and OFF, or any two combinations of them with the covariance that follows: the same information."""
    on, off = phantom_basis(signs={"Glu": 0.4, "Gln": -0.3, "NAA": 0.1}), basis
    model = FitModel(groups=(), shared=("width", "shift", "phase"))
    shots = predict_crlb([on, off], CONCENTRATIONS, model, [20.0, 20.0], 5.0)
    mixing = np.array([[1.0, 0.0], [0.5, -0.5]])
    diff = replace(on, fids=0.5 * (on.fids - off.fids))
    mixed = predict_crlb([on, diff], CONCENTRATIONS, model, 400.0 * mixing @ mixing.T, 5.0)
    np.testing.assert_allclose(mixed.sd, shots.sd, rtol=1e-6)


def test_a_gap_in_the_fit_range_hides_what_is_in_it(basis):
    clean = phantom(basis)
    artefact = 60.0 * np.exp((2j * np.pi * (1.4 - 4.65) * 127.731 - 500.0 * clean.time) * clean.time)
    spoiled = replace(clean, samples=clean.samples + artefact)
    with_gap = fit([spoiled], [basis], FitModel(groups=(), ppm=((0.2, 1.1), (1.7, 4.2)), baseline="poly:4"))
    without = fit([spoiled], [basis], FitModel(groups=(), baseline="poly:4"))
    error = [np.abs(r.concentrations.values / TRUTH - 1.0).max() for r in (with_gap, without)]
    assert error[0] < 0.2 < 0.5 < error[1]  # the wings of the artefact stay outside the gap
    ppm = with_gap.curves[0].ppm
    assert not np.any((ppm > 1.1) & (ppm < 1.7))


@pytest.mark.parametrize("lineshape, absent", [("lorentz", "sigma2_0"), ("gauss", "gamma_0")])
def test_pure_lineshapes_lack_the_other_width(basis, lineshape, absent):
    result = fit([phantom(basis, 20.0)], [basis], FitModel(groups=(), lineshape=lineshape))
    assert absent not in {parameter.name for parameter in result.parameters}
    assert result.qc["converged"]


def test_the_automatic_spline_follows_a_bent_baseline_and_leaves_a_straight_one(basis):
    clean = phantom(basis, 20.0, seed=1)
    straight = fit([clean], [basis], FitModel(groups=(), baseline="spline"))
    bump = 2000.0 * np.exp(-(((clean.ppm - 2.2) / 0.7) ** 2))
    bent = replace(clean, samples=np.fft.ifft(np.fft.ifftshift(clean.spectrum + bump)))
    followed = fit([bent], [basis], FitModel(groups=(), baseline="spline"))
    assert followed.qc["baseline_degrees_of_freedom"] > straight.qc["baseline_degrees_of_freedom"]
    stiff = fit([bent], [basis], FitModel(groups=(), baseline="poly:1"))
    error = [np.abs(r.concentrations.values / TRUTH - 1.0)[:5].max() for r in (followed, stiff)]
    assert error[0] < 0.25 * error[1]


def test_the_automatic_spline_is_as_low_as_any_fixed_one(basis):
    """Where the baseline has several minima, the path ends no higher than a fit begun at its own stiffness."""
    clean = phantom(basis, 20.0, seed=2)
    bumps = sum(
        height * np.exp(-(((clean.ppm - ppm) / 0.15) ** 2))
        for ppm, height in ((0.9, 9e3), (1.3, 2.5e4), (2.1, 6e3), (2.6, -4e3), (3.5, 5e3))
    )
    bent = replace(clean, samples=np.fft.ifft(np.fft.ifftshift(clean.spectrum + bumps)))
    chosen = fit([bent], [basis], FitModel(groups=(), baseline="spline"))
    per_ppm = chosen.qc["baseline_degrees_of_freedom"] / 8.0  # real and imaginary, 4 ppm
    fixed = fit([bent], [basis], FitModel(groups=(), baseline=f"spline:{per_ppm:.6g}"))
    assert chosen.qc["chi_squared"] <= fixed.qc["chi_squared"] * (1.0 + 1e-4)
    assert per_ppm > 7.0 and any("grid" in m or "softest" in m for m in chosen.messages) == (per_ppm > 10.5)


def test_the_stiffness_of_a_spline_is_its_degrees_of_freedom(basis):
    for per_ppm in (1.0, 3.0, 6.0):
        problem = Problem(
            [phantom(basis)], [basis], FitModel(groups=(), baseline=f"spline:{per_ppm}"), np.eye(1) * 100.0
        )
        assert problem.baseline_dimension == pytest.approx(2.0 * 4.0 * per_ppm, rel=0.01)  # real and imaginary, 4 ppm


def test_a_strict_soft_ratio_holds_and_a_lax_one_does_nothing(basis, noisy):
    data = [phantom(basis, noise_sd=20.0)]
    strict = SoftRatio(metabolite="MM20", reference=("MM09",), ratio=0.5, sd=1e-4)
    held = fit(data, [basis], FitModel(groups=(), soft_ratios=(strict,)))
    assert held.concentrations.ratio(["MM20"], ["MM09"])[0] == pytest.approx(0.5, abs=0.01)
    free = fit(data, [basis], FitModel(groups=(), soft_ratios=(replace(strict, sd=1e4),)))
    np.testing.assert_allclose(free.concentrations.values, noisy.concentrations.values, rtol=1e-4)
    assert held.qc["covariance"].startswith("posterior")
    assert noisy.qc["covariance"] == "Cramer-Rao lower bound"


def apart(basis, **changes):
    """A phantom whose choline lies 25 rad/s off, and its fit with a line of its own for choline."""
    shift = np.array([25.0 if name == "GPC" else 0.0 for name in basis.names])
    turned = replace(basis, fids=basis.fids * np.exp(-1j * shift[:, None] * np.arange(basis.points) * basis.dwell))
    model = FitModel(groups=(("GPC",), ("MM*",)), **changes)
    result = fit([phantom(turned, noise_sd=20.0)], [basis], model)
    return result, {p.name: p.value for p in result.parameters}


def test_priors_tie_a_group_to_the_others(basis):
    (_, free), (_, tied) = apart(basis), apart(basis, group_shift_sd=1e-5)
    assert abs(free["eps_1"] - free["eps_0"]) > 15.0
    assert abs(tied["eps_1"] - tied["eps_0"]) < 0.1


def test_priors_leave_macromolecules_their_own_line(basis):
    data = phantom(basis, noise_sd=20.0, group_shift=25.0)
    free, tied = (
        {p.name: p.value for p in fit([data], [basis], model).parameters}
        for model in (GROUPED, replace(GROUPED, group_shift_sd=1e-5))
    )
    assert abs(free["eps_1"] - free["eps_0"]) > 15.0
    assert tied["eps_1"] == pytest.approx(free["eps_1"], abs=0.1)


def test_priors_on_lines_hold_beside_a_residual_larger_than_the_noise(basis):
    """The same data with noise that is said to be a hundredth: the priors, weighed by the residual, do as much."""
    shift = np.array([3.0 if name == "GPC" else 0.0 for name in basis.names])
    turned = replace(basis, fids=basis.fids * np.exp(-1j * shift[:, None] * np.arange(basis.points) * basis.dwell))
    data = phantom(turned, noise_sd=20.0)
    model = FitModel(groups=(("GPC",), ("MM*",)), group_shift_sd=1e-4, noise="residual")
    true, said = (fit([data], [basis], model, noise_sd=[sd]) for sd in (20.0, 0.2))
    np.testing.assert_allclose(said.concentrations.values, true.concentrations.values, rtol=1e-3)
    np.testing.assert_allclose(said.concentrations.sd, true.concentrations.sd, rtol=1e-2)
    shifts = {p.name: p.value for p in true.parameters}
    assert 0.01 < abs(shifts["eps_1"] - shifts["eps_0"]) < 2.9  # between what data and prior say


def test_noise_is_found_beside_the_signals_whatever_their_size(basis):
    for seed in range(3):
        result = fit([phantom(basis, noise_sd=20.0, seed=seed)], [basis], PLAIN)
        assert result.curves[0].noise_sd == pytest.approx(20.0, rel=0.1)
        assert result.qc["reduced_chi_squared"] == pytest.approx(1.0, abs=0.25)


def test_filled_in_zeros_are_not_measured_points(basis):
    """Zero filling adds no information: neither the values nor their SDs may change."""
    data = phantom(basis, noise_sd=20.0)
    longer = phantom_basis(points=2 * basis.points)
    padded = replace(data, samples=np.concatenate([data.samples, np.zeros(data.points)]))
    plain, filled = fit([data], [basis]), fit([padded], [longer])
    np.testing.assert_allclose(filled.concentrations.values, plain.concentrations.values, rtol=1e-9)
    np.testing.assert_allclose(filled.concentrations.sd, plain.concentrations.sd, rtol=1e-9)


def test_a_basis_with_another_dwell_time_is_resampled(basis):
    finer = phantom_basis(points=2048, dwell=4e-4)
    result = fit([phantom(basis)], [finer])
    np.testing.assert_allclose(result.concentrations.values, TRUTH, rtol=1e-3)


def test_a_metabolite_that_is_not_there_is_flagged_at_zero_or_poor(basis):
    absent = {**CONCENTRATIONS, "Gln": 0.0}
    result = fit([phantom(basis, 20.0, concentrations=absent)], [basis], PLAIN)
    row = next(row for row in result.summary() if row["Metab"] == "Gln")
    assert row["reliable"] == "no"
    assert row["flag"]


def test_two_identical_metabolites_are_undetermined_but_their_sum_is_known(basis):
    twin = BasisSet((*basis.names, "PCr"), np.vstack([basis.fids, basis["Cr"]]), basis.dwell, basis.central_frequency)
    result = fit([phantom(basis, 20.0)], [twin], PLAIN)
    flags = dict(zip(result.names, result.flags, strict=True))
    assert flags["Cr"] and flags["PCr"] and not flags["NAA"]
    total, sd = result.concentrations.total(["Cr", "PCr"])
    alone = fit([phantom(basis, 20.0)], [basis], PLAIN)
    assert total == pytest.approx(alone.concentrations.values[1], rel=1e-6)
    assert sd == pytest.approx(alone.concentrations.sd[1], rel=0.01)


def test_pure_noise_is_called_that(basis):
    rng = np.random.default_rng(0)
    for _ in range(5):
        noise = FID(rng.standard_normal(1024) + 1j * rng.standard_normal(1024), basis.dwell, basis.central_frequency)
        result = fit([noise], [basis])
        assert "No metabolite is reliable" in result.messages[0]
        assert not any(result.reliable)


def test_misfit_is_said(basis):
    data = phantom(basis, 20.0)
    without = FitModel(exclude=("GPC",))
    result = fit([data], [basis], without)
    assert any("High residual" in message for message in result.messages)
    row = next(row for row in result.summary() if row["Metab"] == "NAA")
    assert (row["flag"], row["reliable"]) == ("high residual", "no")


def test_ratios_and_sums_use_the_covariances():
    names, values = ("a", "b"), np.array([4.0, 2.0])
    covariance = np.array([[0.04, 0.015], [0.015, 0.01]])
    estimates = Estimates(names, values, covariance)
    ratio, sd = estimates.ratio(["a"], ["b"])
    r = 2.0
    assert ratio == r
    assert sd**2 == pytest.approx(r**2 * (0.04 / 16 + 0.01 / 4 - 2 * 0.015 / 8))
    assert estimates.total(names)[1] ** 2 == pytest.approx(0.04 + 0.01 + 2 * 0.015)
    assert estimates.ratio(names, names) == (1.0, 0.0)
    assert estimates.correlation("a", "b") == pytest.approx(0.75)


def test_a_ratio_has_the_spread_of_the_ratios_of_noisy_fits(basis):
    result = fit([phantom(basis)], [basis], PLAIN, noise_sd=[40.0])
    samples = monte_carlo(result, 400, seed=6)
    ratios = samples[:, result.names.index("Glu")] / samples[:, result.names.index("Cr")]
    assert np.std(ratios) == pytest.approx(result.concentrations.ratio(["Glu"], ["Cr"])[1], rel=0.12)


def test_the_covariance_inverts_the_information(basis):
    problem = Problem([phantom(basis)], [basis], PLAIN, np.eye(1))
    theta = np.array([GAMMA, SIGMA2, EPSILON, PHASE, 0.0])
    count = len(TRUTH) + len(theta)
    expected = np.linalg.inv(problem.fisher(theta, TRUTH))[:count, :count]
    scale = np.sqrt(np.diag(expected))
    ours = covariance_of(problem, theta, TRUTH)
    np.testing.assert_allclose(ours / np.outer(scale, scale), expected / np.outer(scale, scale), atol=1e-6)


def refusal(data, basis, model=None) -> str:
    with pytest.raises(SpinsculptError) as caught:
        fit([data], [basis], model, labels=["sub-01"])
    assert "sub-01" in str(caught.value)
    return str(caught.value)


def test_another_central_frequency_is_refused_with_both_numbers(basis):
    message = refusal(phantom(basis), phantom_basis(frequency=123.2))
    assert "127.7310" in message and "123.2000" in message


def test_a_basis_shorter_than_the_data_is_refused(basis):
    assert "shorter" in refusal(phantom(basis), phantom_basis(points=512))


def test_numbers_that_are_not_finite_are_refused(basis):
    data = phantom(basis)
    data.samples[7] = np.nan
    assert "1 of 1024 points are not finite" in refusal(data, basis)
    assert "zero" in refusal(replace(data, samples=np.zeros(1024, complex)), basis)


def test_conjugated_data_are_recognised(basis):
    data = phantom(basis, 20.0)
    assert "conjugated" in refusal(replace(data, samples=data.samples.conj()), basis)


def test_impossible_models_are_refused():
    for wrong in (
        {"baseline": "cubic"},
        {"baseline": "poly:-1"},
        {"ppm": (4.2, 0.2)},
        {"ppm": ((0.2, 2.0), (1.5, 4.0))},
        {"lineshape": "round"},
        {"shared": ("everything",)},
    ):
        with pytest.raises(SpinsculptError, match=r"fit[.:m]"):
            FitModel(**wrong)


def test_an_unknown_metabolite_is_refused_with_the_known_ones(basis):
    with pytest.raises(SpinsculptError, match=r"GABA.*NAA"):
        fit([phantom(basis)], [basis], FitModel(metabolites=("GABA",)))


def test_importing_the_fit_is_light():
    heavy = "'torch', 'numba', 'pandas', 'matplotlib', 'scipy'"
    code = f"import sys, spinsculpt.fit; print([name for name in ({heavy}) if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_spectrum_of_the_fit_is_the_spectrum_of_its_parts(noisy):
    curve = noisy.curves[0]
    np.testing.assert_allclose(curve.fit, curve.baseline + curve.components.sum(axis=0))
    assert np.std(curve.residual.real) == pytest.approx(20.0, rel=0.15)
    assert to_spectrum(np.ones(4))[2] == 4.0  # the unnormalised transform that noise_sd refers to


def test_a_width_that_its_bound_holds_counts_as_known():
    """Macromolecules narrower than their basis functions: noise does not widen them, and the bounds know it."""
    wide = phantom_basis()
    narrow = np.exp((np.pi * 20.0) ** 2 / (4.0 * np.log(2.0)) * 0.4 * wide.dwell**2 * np.arange(wide.points) ** 2)
    is_broad = np.array([name.startswith("MM") for name in wide.names])
    true = replace(wide, fids=np.where(is_broad[:, None], wide.fids * narrow, wide.fids))
    model = FitModel(groups=(("MM*",),), lineshape="gauss")
    results = [fit([phantom(true, 20.0, seed)], [wide], model, noise_sd=[20.0]) for seed in range(60)]
    assert all(result.qc["held_by_bounds"] == ["sigma2_1"] for result in results)
    broad = wide.names.index("MM09")
    found = np.std([result.concentrations.values[broad] for result in results], ddof=1)
    bound = results[0].concentrations.sd[broad]
    assert found == pytest.approx(bound, rel=0.2)
    free = covariance_of(results[0].problem, results[0].solution.theta, results[0].solution.concentrations)
    assert np.sqrt(free[broad, broad]) > 1.15 * bound
