"""A free common line: it takes a shim that no Voigt line describes, and leaves a Voigt line alone."""

import numpy as np
import pytest

from fit_phantom import CONCENTRATIONS, phantom, phantom_basis
from spinsculpt.core.conventions import FID
from spinsculpt.fit import FitModel, fit

VOIGT, FREE = (FitModel(groups=(), lineshape=line) for line in ("voigt", "free"))


@pytest.fixture(scope="module")
def basis():
    return phantom_basis()


def shimmed(data: FID, share: float = 0.3, hertz: float = 6.0) -> FID:
    """The same with a shoulder beside every line; the amplitude at t = 0 is what it was."""
    line = 1.0 - share + share * np.exp((2j * np.pi * hertz - 6.0) * data.time)
    return FID(data.samples * line, data.dwell, data.central_frequency)


def errors(result) -> np.ndarray:
    return np.array(
        [
            value / CONCENTRATIONS[name] - 1.0
            for name, value in zip(result.names, result.concentrations.values, strict=True)
        ]
    )


def test_a_shoulder_is_taken_by_the_line_and_amplitudes_keep_their_meaning(basis):
    data = shimmed(phantom(basis, 20.0))
    voigt, free = (fit([data], [basis], model, noise_sd=[20.0]) for model in (VOIGT, FREE))
    assert free.qc["chi_squared"] < 0.5 * voigt.qc["chi_squared"]
    assert np.abs(errors(free)).mean() < 0.6 * np.abs(errors(voigt)).mean()
    assert np.all(np.abs(errors(free)[: len(free.names) - 2]) < 0.05)


def test_a_group_of_which_nothing_is_found_leaves_the_line_to_the_others(basis):
    """Its width and shift have no signal to be told from: the taps cannot be projected on them."""
    against = CONCENTRATIONS | {"MM09": -1.0, "MM20": -1.0}  # which no concentration of zero or more can explain
    data = shimmed(phantom(basis, 20.0, concentrations=against))
    free = fit([data], [basis], FitModel(groups=(("MM*",),), lineshape="free"), noise_sd=[20.0])
    assert free.qc["at_zero"] == ["MM09", "MM20"] and free.qc["converged"]
    assert free.problem.line is not None and np.all(np.abs(errors(free)[:-2]) < 0.1)


def test_a_voigt_line_stays_one(basis):
    data = phantom(basis, 20.0)
    voigt, free = (fit([data], [basis], model, noise_sd=[20.0]) for model in (VOIGT, FREE))
    assert free.problem.line is None
    np.testing.assert_allclose(free.concentrations.values, voigt.concentrations.values)
