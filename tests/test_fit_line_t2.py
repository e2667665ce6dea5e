"""Metabolites of other widths than each other: T2 in the basis functions, and classes with lines of their own."""

from dataclasses import replace

import numpy as np
import pytest

from fit_phantom import CONCENTRATIONS, phantom, phantom_basis
from spinsculpt.config import CLASS_SHIFT_SD, CLASS_WIDTH_SD
from spinsculpt.core.conventions import GAMMA_BAR, time_axis
from spinsculpt.fit import FitModel, fit
from spinsculpt.fit._decay import relaxation_of, with_line_t2
from spinsculpt.physics.spins import load_library

LIBRARY = FitModel(line_t2="library")


@pytest.fixture(scope="module")
def basis():
    return phantom_basis()


def decaying(basis, times):
    """The basis with exp(-t / T2) of `times`; what they do not name is left as it is."""
    t = time_axis(basis.points, basis.dwell)
    rates = np.array([1.0 / times[name] if name in times else 0.0 for name in basis.names])
    return replace(basis, fids=basis.fids * np.exp(-np.outer(rates, t)))


def test_each_metabolite_decays_with_its_t2_and_macromolecules_stay(basis):
    (found,) = with_line_t2([basis], "library")
    known, t = load_library(field_strength=basis.central_frequency / GAMMA_BAR), time_axis(basis.points, basis.dwell)
    for name in ("NAA", "Cr", "Glu"):
        np.testing.assert_allclose(found[name], basis[name] * np.exp(-t / known[name].t2))
    np.testing.assert_array_equal(found["MM09"], basis["MM09"])
    assert with_line_t2([basis], "off")[0] is basis


def test_what_a_basis_says_of_itself_stands_before_our_library_and_unknown_names_take_the_mean_rate(basis):
    own = replace(basis, meta={"relaxation": {"NAA": [1.4, 0.2], "Cr": [1.4, 0.1]}})
    assert relaxation_of(own) == {"NAA": (1.4, 0.2), "Cr": (1.4, 0.1)}
    (found,) = with_line_t2([own], "library")
    t = time_axis(basis.points, basis.dwell)
    np.testing.assert_allclose(found["NAA"], basis["NAA"] * np.exp(-t / 0.2))
    np.testing.assert_allclose(found["GPC"], basis["GPC"] * np.exp(-t * 7.5))


def test_lines_of_t2_bias_a_fit_with_one_width_and_not_one_with_t2(basis):
    """No noise: what is wrong is the model. NAA and creatine, of 0.3 and 0.16 s, differ by 1 Hz."""
    times = {name: t2 for name, (_, t2) in relaxation_of(basis).items() if not name.startswith("MM")}
    data = phantom(decaying(basis, times))
    ratio = CONCENTRATIONS["NAA"] / CONCENTRATIONS["Cr"]
    one, own = (
        fit([data], [basis], model).concentrations.ratio(["NAA"], ["Cr"])[0] / ratio - 1.0
        for model in (FitModel(), LIBRARY)
    )
    assert one > 0.03
    assert abs(own) < 1e-3


def test_t2_is_in_every_model_of_an_average(basis):
    times = {name: t2 for name, (_, t2) in relaxation_of(basis).items() if not name.startswith("MM")}
    data = phantom(decaying(basis, times), noise_sd=5.0)
    one, own = (
        fit([data], [basis], FitModel(baseline="average", groups=(("MM*",),), line_t2=choice))
        for choice in ("off", "library")
    )
    assert own.qc["reduced_chi_squared"] < one.qc["reduced_chi_squared"]
    truth = CONCENTRATIONS["NAA"] / CONCENTRATIONS["Cr"]
    errors = [abs(each.concentrations.ratio(["NAA"], ["Cr"])[0] / truth - 1.0) for each in (own, one)]
    assert errors[0] < 0.5 * errors[1]


def test_classes_have_lines_of_their_own_beside_what_groups_name():
    names = ["Cr", "NAA", "NAAG", "GPC", "Glu", "GABA", "Ins", "Lac", "MM09", "Lip20"]
    assert FitModel(lines="classes").group_of(names) == (0, 2, 2, 3, 5, 5, 4, 0, 1, 1)
    assert FitModel(lines="classes", groups=(("Glu",),)).group_of(names) == (0, 2, 2, 3, 1, 5, 4, 0, 0, 0)
    assert FitModel().group_of(names) == (0,) * 8 + (1, 1)


def test_classes_bring_priors_that_named_ones_replace():
    assert FitModel().line_sds == (None, None)
    assert FitModel(lines="classes").line_sds == (CLASS_SHIFT_SD, CLASS_WIDTH_SD)
    assert FitModel(lines="classes", group_shift_sd=0.01).line_sds == (0.01, CLASS_WIDTH_SD)


def test_classes_find_metabolites_of_other_widths_and_shifts(basis):
    """NAA 0.6 Hz narrower than creatine, Glu and Gln 0.2 Hz off: more than half of the bias goes."""
    t = time_axis(basis.points, basis.dwell)
    width = np.array([{"NAA": -0.6, "GPC": -0.4}.get(name, 0.0) for name in basis.names])
    shift = np.array([{"Glu": 0.2, "Gln": 0.2}.get(name, 0.0) for name in basis.names])
    other = np.exp(np.outer(-np.pi * width + 2j * np.pi * shift, t))
    data = phantom(replace(basis, fids=basis.fids * other), noise_sd=5.0)
    one, classes = (fit([data], [basis], FitModel(lines=lines)).concentrations for lines in ("one", "classes"))
    for name in ("NAA", "GPC", "Glu"):
        truth = CONCENTRATIONS[name] / CONCENTRATIONS["Cr"]
        errors = [abs(found.ratio([name], ["Cr"])[0] - truth) for found in (classes, one)]
        assert errors[0] < 0.5 * errors[1], name
