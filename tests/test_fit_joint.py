"""Joint fits of sequences that are really played: several echo times, and two shots of a designed pair."""

import numpy as np
import pytest

from entries import simulate_basis
from fit_phantom import phantom
from spinsculpt.fit import fit
from spinsculpt.pulses import Pulse
from spinsculpt.sequences import Slot, press

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
