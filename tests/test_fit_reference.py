"""The builtin engine beside other programs: FSL-MRS 2.4.11 and LCModel 6.3."""

import csv

import numpy as np
import pytest

from spinsculpt.basis import BasisSet, read_fslmrs, read_lcmodel
from spinsculpt.core.conventions import FID, ppm_to_hz, time_axis
from spinsculpt.data.nifti import read_fids
from spinsculpt.fit import FitModel, fit, monte_carlo, signal_per_proton, spread, water_amplitude, water_scaling

CASES = [(snr, baseline) for snr in ("clean", "snr200", "snr100", "snr50", "snr20") for baseline in ("poly2", "nobase")]


@pytest.fixture(scope="module")
def synthetic(evidence):
    folder = evidence / "results/fslmrs_synthetic"
    return folder, read_fslmrs(folder / "basis")


def fsl_mrs_estimates(folder, name, result):
    """What FSL-MRS found, in our form: theta, concentrations, their SDs, and chi-squared of our model there.

    Its time axis starts at one dwell time dt: gamma' = gamma + 2 sigma^2 dt, phi0' = phi0 + eps dt,
    c' = c exp(-(gamma + sigma^2 dt) dt); and it scales data and basis, which one factor for all c undoes.
    """
    stored = np.load(folder / "fslmrs" / name / "cov.npz")
    value = dict(zip(stored["names"], stored["params"], strict=True))
    sd = dict(zip(stored["names"], np.sqrt(np.diag(stored["cov"])), strict=True))
    problem = result.problem
    dt = problem.blocks[0].time[1]
    gamma, gauss, eps = value["gamma_0"], value["sigma_0"] ** 2, value["eps_0"]
    theta = np.array([gamma + 2.0 * gauss * dt, gauss, eps, value["Phi0"] + eps * dt, value["Phi1"]])
    linear = problem.linear(theta)
    c = np.array([value[metabolite] for metabolite in result.names])
    factor = (linear.right @ c) / (c @ linear.gram @ c)
    c = factor * c
    chi2 = linear.constant - 2.0 * linear.right @ c + c @ linear.gram @ c
    return c, factor * np.array([sd[metabolite] for metabolite in result.names]), chi2


@pytest.mark.parametrize("snr, baseline", CASES)
def test_concentrations_agree_with_fsl_mrs_and_no_minimum_is_worse(synthetic, snr, baseline):
    folder, basis = synthetic
    data = read_fids(folder / f"syn_nomm_{snr}_r0.nii.gz").fid
    result = fit([data], [basis], FitModel(baseline="poly:2" if baseline == "poly2" else "off", noise="residual"))
    c, sd, chi2 = fsl_mrs_estimates(folder, f"syn_nomm_{snr}_r0_{baseline}", result)
    excess = chi2 - result.qc["chi_squared"]
    assert excess > -1e-3 * chi2 / len(result.problem.target)
    # Where FSL-MRS stopped `excess` above the minimum, its estimates may be sqrt(excess) SDs from it.
    allowed = 0.005 * c + (0.1 + np.sqrt(max(excess, 0.0))) * sd if snr != "clean" else 0.005 * c
    assert np.all(np.abs(result.concentrations.values - c) < allowed)


@pytest.mark.parametrize("snr, baseline", [case for case in CASES if case[0] != "clean"])
def test_crlbs_agree_with_fsl_mrs_when_the_noise_is_the_residual(synthetic, snr, baseline):
    folder, basis = synthetic
    data = read_fids(folder / f"syn_nomm_{snr}_r0.nii.gz").fid
    # Without a baseline FSL-MRS still counts a constant as unknown in its covariance.
    model = FitModel(baseline="poly:2" if baseline == "poly2" else "poly:0", noise="residual")
    result = fit([data], [basis], model)
    _, sd, _ = fsl_mrs_estimates(folder, f"syn_nomm_{snr}_r0_{baseline}", result)
    np.testing.assert_allclose(result.concentrations.sd, sd, rtol=0.03)


@pytest.mark.parametrize("snr", [20, 50, 100])
def test_glu_and_gln_spread_as_their_crlbs_say(synthetic, snr):
    folder, basis = synthetic
    data = read_fids(folder / "syn_nomm_clean_r0.nii.gz").fid
    peak = np.abs(data.spectrum[(data.ppm > 1.9) & (data.ppm < 2.1)]).max()
    result = fit([data], [basis], noise_sd=[peak / snr])
    samples = spread(result.names, monte_carlo(result, 400, seed=snr, processes=1))
    for name in ("Glu", "Gln"):
        k = result.names.index(name)
        assert samples.sd[k] == pytest.approx(result.concentrations.sd[k], rel=0.1)
        assert abs(samples.values[k] - result.concentrations.values[k]) < 0.2 * result.concentrations.sd[k]


def test_water_scaling_agrees_with_fsl_mrs(synthetic):
    folder, basis = synthetic
    result = fit([read_fids(folder / "syn_nomm_clean_r0.nii.gz").fid], [basis], FitModel(baseline="off"))
    water = water_amplitude(read_fids(folder / "wref.nii.gz").fid)
    assert water == pytest.approx(40000.0, rel=1e-4)  # 40 mol/l of two protons
    scaling = water_scaling(water, 0.030, 2.0, basis_per_proton=signal_per_proton(basis))
    with (folder / "fslmrs/syn_nomm_clean_r0_nobase/summary.csv").open() as stream:
        theirs = {row["Metab"]: float(row["mMol/kg"]) for row in csv.DictReader(stream)}
    # exp(gamma dwell) of the metabolites and of the 5 Hz wide water, whose time axes both start at one dwell time
    late = np.exp(-(np.pi * 3.0 - np.pi * 5.0) * 5e-4)
    for name, value in zip(result.names, result.concentrations.values, strict=True):
        assert scaling.molal * value == pytest.approx(theirs[name] * late, rel=0.005)


# Macromolecules and lipids as LCModel simulates them: ppm, protons, expected width in ppm (its manual, section 11.7).
LCMODEL_BROAD = {
    "MM09": [(0.91, 3.0, 0.17)],
    "MM12": [(1.21, 2.0, 0.20)],
    "MM14": [(1.43, 2.0, 0.20)],
    "MM17": [(1.67, 2.0, 0.17)],
    "MM20": [(2.08, 1.33, 0.18), (2.25, 0.33, 0.22), (1.95, 0.33, 0.18), (3.0, 0.4, 0.22)],
    "Lip09": [(0.89, 3.0, 0.19)],
    "Lip13a": [(1.28, 2.0, 0.20)],
    "Lip13b": [(1.28, 2.0, 0.09)],
    "Lip20": [(2.04, 1.33, 0.20), (2.25, 0.67, 0.20), (2.8, 0.87, 0.24)],
}


def with_lcmodel_broad(basis: BasisSet) -> BasisSet:
    t, frequency = time_axis(basis.points, basis.dwell), basis.central_frequency

    def line(ppm, protons, width):
        damping = (np.pi * width * frequency) ** 2 / (4.0 * np.log(2.0))
        return protons * np.exp((2j * np.pi * ppm_to_hz(ppm, frequency) - damping * t) * t)

    broad = np.array([sum(line(*peak) for peak in peaks) for peaks in LCMODEL_BROAD.values()])
    fids = np.vstack([basis.fids, signal_per_proton(basis) * broad])
    return BasisSet((*basis.names, *LCMODEL_BROAD), fids, basis.dwell, frequency)


def test_lcmodels_own_test_spectrum(evidence):
    """In-vivo data, basis and results of LCModel's self test: its range, priors and one line shape, a like baseline."""
    folder = evidence / "results/lcmodel_selftest"
    numbers = np.array((folder / "data.raw").read_text().split("$END")[1].split(), float).reshape(-1, 2)
    data = FID(numbers[:, 0] - 1j * numbers[:, 1], 5e-4, 127.786142)
    basis = with_lcmodel_broad(read_lcmodel(folder / "3t.basis"))
    model = FitModel(ppm=(0.2, 4.0), baseline="spline:1.5", soft_ratios="lcmodel", groups=())
    result = fit([data], [basis], model)
    header, row = list(csv.reader((folder / "test-reference-out.csv").open()))
    theirs = dict(zip((name.strip() for name in header), map(float, row), strict=True))
    limits = {("Glu",): 0.10, ("Gln",): 0.20, ("NAA", "NAAG"): 0.07, ("Ins",): 0.07}
    for group, limit in limits.items():
        ratio, _ = result.concentrations.ratio(group, ("Cr", "PCr"))
        assert ratio == pytest.approx(theirs[f"{'+'.join(group)}/Cr+PCr"], rel=limit), group
