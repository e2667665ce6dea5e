"""What a residual says: noise is called noise, a missing signal is found where it is, and what hides it is named."""

from dataclasses import replace

import numpy as np
import pytest

from fit_phantom import CONCENTRATIONS, phantom, phantom_basis
from spinsculpt.config import Basis, Fit
from spinsculpt.core.conventions import FID, ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData
from spinsculpt.fit import FitModel, WaterScaling, fit, fit_measured
from spinsculpt.fit._estimates import Estimates
from spinsculpt.fit._result import MOST, implausible
from spinsculpt.physics.spins import load_library

GROUPED = FitModel(groups=(("MM*",),))


@pytest.fixture(scope="module")
def basis():
    return phantom_basis()


def with_line(fid: FID, ppm: float, size: float, width: float) -> FID:
    """One more Gaussian line."""
    rate = (np.pi * width) ** 2 / (4.0 * np.log(2.0))
    line = size * np.exp(2j * np.pi * ppm_to_hz(ppm, fid.central_frequency) * fid.time - rate * fid.time**2)
    return FID(fid.samples + line, fid.dwell, fid.central_frequency)


def test_the_residual_of_the_right_model_is_white_in_nearly_every_spectrum(basis):
    tests = [fit([phantom(basis, 20.0, seed)], [basis], GROUPED).qc["residual"]["spectrum"] for seed in range(20)]
    assert sum(each["white"] for each in tests) >= 19
    assert np.mean([each["periodogram"] for each in tests]) < 1.36
    assert all(each["misfit"] < 2.0 for each in tests)


def test_a_missing_signal_is_found_where_it_is_and_only_its_neighbours_are_flagged(basis):
    result = fit([with_line(phantom(basis, 20.0), 1.33, 8.0, 12.0)], [basis], GROUPED)
    tests = result.qc["residual"]["spectrum"]
    assert not tests["white"] and tests["misfit_ppm"][0] < 1.33 < tests["misfit_ppm"][1]
    said = " ".join(result.messages)
    assert "residual is not noise" in said and "--add" in said
    near = dict(zip(result.names, result.misfit, strict=True))
    assert near["MM09"] > 1.5 * near["GPC"]


def test_lipids_that_the_basis_lacks_are_added_from_the_library(basis):
    data = with_line(phantom(basis, 20.0), 1.28, 25.0, 12.0)
    scan = MRSData(data.samples, data.dwell, data.central_frequency)
    section = Fit().settled(measured=False).but(groups=[["MM*"], ["Lip*"]])
    lacking = fit_measured(scan, {"": basis}, section)
    assert "Lip13b" in fit_measured(scan, {"": basis}, section.but(add=None)).names  # the basis of another program
    added = fit_measured(scan, {"": basis}, section.but(add=["Lip13a", "Lip13b"]))
    assert "Lip13b" in added.names
    assert added.qc["chi_squared"] < 0.3 * lacking.qc["chi_squared"]
    with pytest.raises(SpinsculptError, match="fit: add: 'Fat'"):
        fit_measured(scan, {"": basis}, section.but(add=["Fat"]))


def test_macromolecules_of_impossible_proportions_are_named(basis):
    odd = CONCENTRATIONS | {"MM09": 0.0, "MM20": 30.0}
    result = fit([phantom(basis, 20.0, concentrations=odd)], [basis], GROUPED)
    assert any(message.startswith("MM20 is ") for message in result.messages)
    usual = fit([phantom(basis, 20.0)], [basis], GROUPED)
    assert not any(message.startswith("MM20 is ") for message in usual.messages)


def test_more_than_tissue_can_hold_is_flagged(basis):
    result = fit([phantom(basis, 20.0)], [basis], GROUPED)
    scaled = result.with_water(WaterScaling(1.0, 7.0, {}))
    flags = dict(zip(scaled.names, scaled.flags, strict=True))
    assert flags["NAA"] == "more than tissue holds" and not flags["GPC"] and not flags["MM20"]
    assert "NAA" not in scaled.qc["reliable"]


def test_what_tissue_holds_is_what_the_library_has_of_all_metabolites():
    library = load_library().metabolites
    assert pytest.approx(sum(library[name].concentration for name in Basis.metabolites), abs=1.0) == MOST


def test_each_limit_marks_what_is_above_it_and_nothing_below():
    """The limits are above what the library calls typical, and PE of 0.7 of creatine is no brain's."""
    model, library = FitModel(), load_library().metabolites
    names, limits = ("Cr", *model.max_ratio), np.array([np.inf, *model.max_ratio.values()])
    typical = np.array([library[name].concentration for name in names]) / 7.5
    assert (typical[1:] * 1.4 < limits[1:]).all() and limits[names.index("PE")] < 0.7
    for factor in (0.99, 1.01):
        values = np.array([1.0, *factor * limits[1:]])
        marked = implausible(Estimates(names, values, np.zeros((len(names),) * 2)), model)
        assert [bool(flag) for flag in marked] == [False, *[factor > 1.0] * len(model.max_ratio)]


def test_gaba_that_no_brain_holds_is_never_reliable(basis):
    """The name alone makes the difference: the same signal is reliable as Gln."""
    named = replace(basis, names=tuple("GABA" if name == "Gln" else name for name in basis.names))
    data, section = phantom(basis, 5.0), FitModel(groups=(("MM*",),), reference=("Cr",))  # Gln/Cr is 3/8
    as_gln, as_gaba, free = (
        dict(zip(each.names, fit([data], [each], model).flags, strict=True))
        for each, model in ((basis, section), (named, section), (named, replace(section, max_ratio={})))
    )
    assert (as_gln["Gln"], as_gaba["GABA"], free["GABA"]) == ("", "above 0.31 of Cr", "")
