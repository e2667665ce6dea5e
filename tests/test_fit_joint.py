"""Joint fits of sequences that are really played: several echo times, and two shots of a designed pair."""

from dataclasses import replace

import numpy as np
import pytest

from entries import simulate_basis
from fit_phantom import CONCENTRATIONS, phantom, phantom_basis
from spinsculpt.config import Fit
from spinsculpt.data.nifti import MRSData
from spinsculpt.fit import fit, fit_measured
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.sequences import Slot, press

SECTION = {
    "field": 3.0,
    "points": 1024,
    "bandwidth": 2000,
    "linewidth": 0.0,
    "metabolites": ["NAA", "Cr", "Glu", "Gln"],
    "macromolecules": [],
}
TRUTH = {"NAA": 12.0, "Cr": 8.0, "Glu": 10.0, "Gln": 3.0}


def two_echo_times():
    return [press(0.030, name="a"), press(0.068, te1=0.032, name="b")]


def designed_pair():
    """Two shots that differ by the pulse in the gap: any two waveforms serve."""
    generator = np.random.default_rng(3)
    shots = []
    for name in "ab":
        samples = 4.0 * (generator.standard_normal(25) + 1j * generator.standard_normal(25))
        shots.append(press(0.036, name=name, gap=Slot("gap", "gap", 0.010)).fill({"gap": Pulse(name, samples, 4e-4)}))
    return shots


@pytest.mark.parametrize("sequences", [two_echo_times, designed_pair])
def test_concentrations_shared_by_two_measurements_are_true_and_better_known(sequences):
    bases = [next(iter(simulate_basis(sequence, SECTION).values())) for sequence in sequences()]
    data = [phantom(basis, noise_sd=20.0, seed=k, concentrations=TRUTH) for k, basis in enumerate(bases)]
    joint = fit(data, bases, labels=("a", "b"))
    truth = np.array([TRUTH[name] for name in bases[0].names])
    assert np.all(np.abs(joint.concentrations.values[: len(truth)] - truth) < 4 * joint.concentrations.sd[: len(truth)])
    for fid, basis in zip(data, bases, strict=True):
        alone = fit([fid], [basis])
        assert np.all(joint.concentrations.sd[: len(truth)] < alone.concentrations.sd[: len(truth)])


def test_shots_of_other_echo_times_have_decayed_more_each_metabolite_by_its_t2():
    """Concentrations are those of the first shot; without the decay those of the shots would disagree by up to 40 %."""
    plain, t2 = phantom_basis(), dict(zip(CONCENTRATIONS, (0.3, 0.15, 0.2, 0.12, 0.12, 0.035, 0.035), strict=True))
    times, conditions = {"a": 0.02, "b": 0.04}, {"DIM_EDIT": {"EditCondition": ["A", "B"]}}
    sets = {
        shot: replace(
            plain,
            meta={
                "decay_s": {name: {"transverse": time, "along_z": 0.0, "in_pulses": 0.0} for name in plain.names},
                "relaxation": {name: [1.3, t2[name]] for name in plain.names},
            },
        )
        for shot, time in times.items()
    }
    signals = [{name: c * np.exp(-time / t2[name]) for name, c in CONCENTRATIONS.items()} for time in times.values()]
    scans = [phantom(plain, 5.0, k, concentrations=each) for k, each in enumerate(signals)]
    fids = np.stack([scan.samples for scan in scans], axis=1)
    data = MRSData(fids, plain.dwell, plain.central_frequency, ("DIM_EDIT",), {}, conditions)
    result = fit_measured(data, sets, Fit(baseline="poly:2", add=(), groups=(("MM*",),), noise="noise"))
    found = result.concentrations.values / [signals[0][name] for name in result.names]
    np.testing.assert_allclose(found, 1.0, atol=0.03)
    assert result.qc["reduced_chi_squared"] < 1.3
