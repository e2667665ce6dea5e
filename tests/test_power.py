"""Power and wrong models: known sample sizes, and biases that must or must not be there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from entries import basis_library, build_sequence, simulate_basis
from spinsculpt.app.cli import app
from spinsculpt.compare import Analysis, monte_carlo_study, power_table, retest_table, separation_table, subjects_needed
from spinsculpt.config import Compare, MonteCarlo
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.fit import FitModel
from spinsculpt.physics.dynamics import line_list
from spinsculpt.physics.sequences import idealised, press
from spinsculpt.physics.spins import load_library

BASIS = {
    "field": 3.0,
    "points": 1024,
    "bandwidth": 2000.0,
    "linewidth": 1.0,
    "metabolites": ["NAA", "Cr", "Glu", "Gln"],
}
BASIS |= {"macromolecules": ["MM09", "MM12", "MM20"], "grid": {"points": 32, "extent": 2.0}}


@pytest.mark.parametrize(
    ("effect", "groups", "count"),
    [(0.5, False, 34), (0.5, True, 64), (0.8, True, 26), (0.2, True, 394), (1.0, False, 10)],
)
def test_sample_sizes_are_those_of_the_textbook(effect, groups, count):
    """Cohen 1988 (table 2.4.1) and G*Power: two-sided, power 0.8, alpha 0.05."""
    assert subjects_needed(effect, 1.0, groups) == count


def bounds(values):
    shared = {"baseline": "quadratic", "macromolecules": "free", "t2_scale": 1.0, "unit": "%"}
    rows = [
        {"sequence": name, "metric": "ratio SD" if "/" in m else "CRLB", "metabolite": m, "value": value, **shared}
        for name, triple in values.items()
        for m, value in zip(("Glu", "Gln", "Gln/Glu"), triple, strict=True)
    ]
    rows.append({"sequence": "a", "metric": "reference SNR", "metabolite": "NAA", "value": 100.0, "unit": "1"})
    rows.append({"sequence": "c", "metric": "playable", "metabolite": "", "value": 0.0, "unit": "1 = yes"})
    return pd.DataFrame(rows)


TABLE = bounds({"a": (2.0, 8.0, 8.0), "b": (1.0, 4.0, 4.0), "c": (0.5, 1.0, 1.0)})


def test_half_the_noise_takes_a_quarter_of_the_time_and_ideal_sequences_are_left_out():
    table = power_table(TABLE, minutes=4.0).set_index(["sequence", "metabolite"])
    assert set(table.index.get_level_values(0)) == {"a", "b"}
    assert table.loc[("a", "Gln"), "minutes"] == pytest.approx(4 * table.loc[("b", "Gln"), "minutes"])
    assert table.loc[("a", "Gln"), "paired"] > table.loc[("b", "Gln"), "paired"]
    better = power_table(TABLE, ["a"], snr=200.0).set_index("metabolite")
    assert better.loc["Gln", "sd"] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sequences": ["aa"]}, "unknown sequence 'aa'"),
        ({"effect": 0.0}, "effect is 0; it must be above 0"),
        ({"snr": float("nan")}, "snr is nan"),
        ({"between": -1.0}, "between is -1; it must be at least 0"),
        ({"power": 1.0}, "power 1 and alpha 0.05 must be below 1"),
    ],
)
def test_senseless_questions_are_refused_in_a_sentence(change, message):
    with pytest.raises(SpinsculptError, match=message):
        power_table(TABLE, **change)


def test_the_command_prints_a_table(tmp_path):
    TABLE.to_csv(tmp_path / "separation.tsv", sep="\t", index=False)
    result = CliRunner().invoke(app, ["power", str(tmp_path / "separation.tsv"), "--sequence", "a,b", "--effect", "20"])
    assert result.exit_code == 0, result.output
    assert "subjects, paired" in result.output and result.output.count("Gln/Glu") == 2


def test_an_idealised_sequence_is_the_ideal_one_at_the_same_times():
    real = build_sequence("p", {"type": "press", "echo_time": 0.03, "te1": 0.012})
    glu = load_library()["Glu"].parts[0]
    ours, ideal = (line_list(s.shots[0].events, glu, 127.732) for s in (idealised(real), press(0.03, 0.012)))
    assert ours.fid(256, 5e-4) == pytest.approx(ideal.fid(256, 5e-4), abs=1e-9)


@pytest.fixture(scope="module")
def study():
    """A Monte Carlo study of PRESS and SPECIAL, with its settings and analyses."""
    wanted = MonteCarlo(repeats=24, snr=[50], linewidth_hz=[10], ratio=[0.5], subjects=12)
    settings = Compare(macromolecules=["free"], t2_scales=[1.0], montecarlo=wanted)
    library, analyses, ideal = basis_library(BASIS), [], {}
    for name, labels in (("press", ()), ("special", ("diff",))):
        sequence = build_sequence(name, {"type": name, "echo_time": 0.03})
        sets, alike = simulate_basis(sequence, BASIS), simulate_basis(idealised(sequence), BASIS)
        labels = labels or tuple(sets)
        shots = {shot.name: sets[shot.name] for shot in sequence.shots}
        analyses.append(Analysis(name, sequence, {label: sets[label] for label in labels}, shots))
        ideal[name] = {label: alike[label] for label in labels}
    model = FitModel(groups=(("MM*",),))
    found = monte_carlo_study(analyses, ideal, library, model, settings, processes=2)
    return found, analyses, library, model, settings


def test_biases_come_from_wrong_models_only(study):
    """None from the right one; drift and motion harm a difference of shots, but no single shot."""
    table = study[0].errors
    bias = table.set_index(["sequence", "condition", "metabolite"])["bias"]
    error = (table.set_index(["sequence", "condition", "metabolite"])["sd"]) / np.sqrt(24)
    squares = table["bias"] ** 2 + table["sd"] ** 2 * 23 / 24
    assert table["rmse"].to_numpy() == pytest.approx(np.sqrt(squares))
    for name in ("press", "special"):
        for measure in ("Glu", "Gln", "Gln/Glu"):
            assert abs(bias[name, "right model", measure]) < 4 * error[name, "right model", measure] + 0.3
        assert abs(bias[name, "T2 x 0.8", "Glu"]) > 2.0  # all of it too small, so the ratio hardly changes
        assert abs(bias[name, "T2 x 0.8", "Gln/Glu"]) < 2.0 + 4 * error[name, "T2 x 0.8", "Gln/Glu"]
        hump = [
            abs(bias[name, "hump of the baseline", m] / error[name, "hump of the baseline", m]) for m in ("Glu", "Gln")
        ]
        assert max(hump) > 4
    assert abs(bias["press", "motion of one shot", "Glu"]) < 4 * error["press", "motion of one shot", "Glu"] + 0.3
    counts = table.groupby(["sequence"])["condition"].nunique()
    assert counts.nunique() == 1  # the ranking is over the same conditions for all


def test_the_spread_of_fits_is_their_bound_and_the_bound_holds_the_truth(study):
    """Right model: SD of 24 fits within four standard errors of the bound, and 95 % coverage."""
    table = study[0].errors
    right = table[(table["condition"] == "right model") | (table["axis"] == "snr")]
    assert np.all(np.abs(right["sd"] / right["bound"] - 1) < 4 / np.sqrt(48))
    assert right["coverage"].mean() == pytest.approx(95, abs=6)
    bounds = right.set_index(["sequence", "condition", "metabolite"])["bound"]
    assert bounds["press", "snr 50", "Glu"] == pytest.approx(2 * bounds["press", "right model", "Glu"], rel=1e-6)


def test_the_ranking_is_by_rmse_with_an_interval_around_it(study):
    ranking = study[0].ranking
    assert np.all((ranking["low"] <= ranking["rmse"]) & (ranking["rmse"] <= ranking["high"]))
    for _, part in ranking.groupby("metabolite"):
        assert list(part["rmse"]) == sorted(part["rmse"])
        assert part["best"].sum() == pytest.approx(1.0)


def test_numbers_depend_neither_on_the_processes_nor_on_the_rivals(study):
    found, (press, _), library, model, settings = study
    alone = monte_carlo_study([press], {"press": press.bases}, library, model, settings)
    for table, whole in ((alone.errors, found.errors), (alone.retest, found.retest)):
        same = whole[whole["sequence"] == "press"].reset_index(drop=True)
        if "condition" in same:
            table, same = (t[t["condition"] != "basis of ideal pulses"] for t in (table, same))
        pd.testing.assert_frame_equal(table, same)


def test_what_one_shot_loses_the_difference_loses_by_half(study):
    _, (_, special), library, _, _ = study
    whole = special.measured(library)["diff"].fids
    without = special.measured(library, change=lambda name, b: replace(b, fids=b.fids * (name == "on")))["diff"].fids
    on = replace(special, bases={"on": special.shots["on"]}).measured(library)["on"].fids
    assert without == pytest.approx(on / 2)
    assert np.abs(whole - without).max() > 0


def test_a_cohort_measured_twice_repeats_as_its_noise_lets_it(study):
    """CV within subjects = the bound; the ICC is what remains of the variation between subjects."""
    table = retest_table(study[0].retest).set_index(["sequence", "metabolite"])
    errors = study[0].errors.set_index(["sequence", "condition", "metabolite"])
    for name in ("press", "special"):
        row, bound = table.loc[(name, "Glu")], errors.loc[(name, "right model", "Glu"), "bound"]
        assert row["cv_low"] * 0.8 < bound < row["cv_high"] * 1.25
        assert 0.0 < row["icc"] <= 1.0
        assert row["lower_limit"] < row["difference"] < row["upper_limit"]


def test_repeatability_by_hand():
    """Two subjects, 10 and 12, then 20 and 18: within variance 2, between 2 x 12.5 x ... by one-way ANOVA."""
    given = {"sequence": "a", "metabolite": "x", "truth": 0.0, "unit": "1"}
    rows = [given | {"subject": s, "first": a, "second": b} for s, a, b in (("1", 10.0, 12.0), ("2", 20.0, 18.0))]
    row = retest_table(pd.DataFrame(rows)).iloc[0]
    within, among = 2.0, 2 * np.var([11.0, 19.0], ddof=1)
    assert row["cv"] == pytest.approx(100 * np.sqrt(within) / 15)
    assert row["icc"] == pytest.approx((among - within) / (among + within))
    assert row["difference"] == pytest.approx(0.0)


def test_unknowns_only_add_to_the_bound(study):
    """Every step of the losses takes signal away or adds an unknown: no bound falls, and the last is the bound."""
    _, analyses, library, model, settings = study
    table = separation_table(analyses, library, model, settings)
    for name in ("press", "special"):
        part = table[table["sequence"] == name]
        steps = part.loc[part["metric"] == "stepwise SD", "value"].to_numpy()
        assert len(steps) == 7 and np.all(np.diff(steps) >= -1e-3 * steps[1:])
        quadratic = part[(part["metric"] == "ratio SD") & (part["baseline"] == "quadratic")]["value"].iloc[0]
        assert steps[-1] == pytest.approx(quadratic, rel=1e-6)


def test_a_study_of_ideal_sequences_alone_is_judged_as_it_is(study):
    _, (press, _), library, model, settings = study
    alike = replace(press, sequence=idealised(press.sequence))
    few = settings.but(montecarlo=settings.montecarlo.but(repeats=5, snr=[], linewidth_hz=[], ratio=[]))
    assert not alike.sequence.playable
    assert set(monte_carlo_study([alike], {}, library, model, few).ranking["sequence"]) == {"press"}
