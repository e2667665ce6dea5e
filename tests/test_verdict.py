"""Verdicts: a pulse is recommended only where nothing simpler does as well, and under every condition."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spinsculpt.config import default_config, read_study
from spinsculpt.design import Design
from spinsculpt.design._verdict import MARGIN, verdict

BOUND = st.floats(0.2, 3.0)
EDITING = {"editing_ppm": 1.9, "echo_time_s": 0.068}


def of_bounds(ours: float, press: float, edited: float = 2.0, worst: float = 1.0, weights=None) -> dict:
    weights = weights or {"GABA": 1}
    same = lambda value: dict.fromkeys(weights, value)  # noqa: E731
    return {
        "name": "one",
        "entry": {"kind": "gap", "objectives": [{"type": "crlb", "metabolites": weights}, {"type": "power"}]},
        "loss_parts": {
            "crlb": {"type": "CRLB", "value": np.log(ours), "weight": 1.0},
            "power": {"type": "Power", "value": 1.0, "weight": 0.02},
        },
        "separation": {"crlb_over_reference": same(ours)},
        "robustness": {"crlb_worst_over_nominal": same(worst)},
        "rivals": {
            "te_optimised_press": {"te1_s": 0.01, "te2_s": 0.012, "crlb_over_reference": same(press)},
            "megapress": {**EDITING, "crlb_over_reference": same(edited)},
            "megapress_diff": {**EDITING, "crlb_over_reference": same(edited * np.sqrt(2))},
        },
    }


@given(ours=BOUND, press=BOUND, edited=BOUND, worst=st.floats(1.0, 2.0))
def test_a_pulse_is_recommended_only_where_it_beats_every_rival_under_all_conditions(ours, press, edited, worst):
    found = verdict(of_bounds(ours, press, edited, worst))
    best = min(1.0, press, edited)
    assert found["use"] == (ours * worst <= best * (1 - MARGIN))
    assert found["sentence"].startswith("use one" if found["use"] else "do not use one")


def test_the_sentence_names_the_rival_that_wins_and_its_bound():
    sentence = verdict(of_bounds(1.09, 0.75))["sentence"]
    assert sentence.startswith("do not use one: the bound of GABA is 1.09 of that of the reference PRESS")
    assert "PRESS with echo times of 10.0 and 12.0 ms reaches 0.75" in sentence


def test_a_fragile_pulse_is_not_recommended_as_it_is():
    sentence = verdict(of_bounds(0.6, 0.8, worst=2.0))["sentence"]
    assert "do not use one as it is" in sentence and "1.20 at the worst of B1" in sentence


def test_a_rival_that_is_as_fragile_is_held_against_a_pulse_at_its_own_worst():
    metrics = of_bounds(0.6, 0.8, worst=1.3)
    metrics["rivals"]["te_optimised_press"]["crlb_worst_over_nominal"] = {"GABA": 1.2}
    found = verdict(metrics)
    assert found["use"] and "0.78 at the worst of B1 +-20 % and B0 +-10 Hz, where that has 0.96" in found["sentence"]


def test_bounds_count_by_their_weights():
    metrics = of_bounds(0.5, 0.8, weights={"Glu": 3.0, "Gln": 1.0})
    metrics["separation"]["crlb_over_reference"] = {"Glu": 0.5, "Gln": 2.0}
    assert f"is {0.5**0.75 * 2**0.25:.2f} of" in verdict(metrics)["sentence"]


@pytest.mark.parametrize(("kept", "left", "use"), [(1.2, 0.01, True), (0.8, 0.9, False)])
def test_a_selective_pulse_has_to_be_more_selective_than_press(kept, left, use):
    metrics = {
        "name": "excite",
        "entry": {
            "kind": "excitation",
            "objectives": [{"type": t, "metabolites": [m]} for t, m in (("enhance", "Glu"), ("suppress", "Gln"))],
        },
        "loss_parts": {
            "enhance": {"type": "Enhance", "value": -np.log(kept), "weight": 1.0},
            "suppress": {"type": "Suppress", "value": np.log(left), "weight": 0.15},
        },
    }
    found = verdict(metrics)
    assert found["use"] is use
    assert (
        f"Glu keeps {kept:.2f} of its peak" in found["sentence"] and "of the energy of Gln is left" in found["sentence"]
    )


def test_a_wanted_state_has_no_rival_and_says_how_much_was_reached():
    metrics = {
        "name": "citrate",
        "entry": {"kind": "gap", "objectives": [{"type": "target_state", "metabolite": "Cit"}]},
        "loss_parts": {"target_state": {"type": "TargetState", "value": 0.003, "weight": 1.0}},
    }
    found = verdict(metrics)
    assert found["use"] is None and "99.7% of the unitary bound" in found["sentence"]


def test_the_recipe_of_the_docs_is_a_whole_configuration(tmp_path):
    """Pasted into a file as it stands; the rest comes from the defaults."""
    page = (Path(__file__).resolve().parents[1] / "docs/pulse-design.md").read_text()
    (recipe,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "designs:" in block]
    (tmp_path / "recipe.yaml").write_text(recipe)
    settings = read_study([default_config(), tmp_path / "recipe.yaml"])
    for name in yaml.safe_load(recipe)["designs"]:
        assert Design(name, settings.designs[name], settings.basis).targets
