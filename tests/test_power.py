"""Power and wrong models: known sample sizes, and biases that must or must not be there."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from spinsculpt.basis import basis_library, simulate_basis
from spinsculpt.cli import app
from spinsculpt.compare import Analysis, error_ranking, model_error_table, power_table, subjects_needed
from spinsculpt.config import load_schema, validate
from spinsculpt.dynamics import line_list
from spinsculpt.errors import SpinsculptError
from spinsculpt.fit import FitModel
from spinsculpt.sequences import build_sequence, idealised, press
from spinsculpt.spins import load_library

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


def test_biases_come_from_wrong_models_only():
    """None from the right one; a drift harms a difference of shots, but no single shot; RMSE counts bias and SD."""
    settings = validate({"designs": {}, "sequences": {"p": {"type": "press"}}, "analyses": {}}, load_schema())[
        "compare"
    ]
    settings |= {"macromolecules": ["free"]}
    library, analyses, sets, ideal = basis_library(BASIS), [], {}, {}
    for name, labels in (("press", ()), ("special", ("diff",))):
        sequence = build_sequence(name, {"type": name, "echo_time": 0.03})
        sets[name], alike = simulate_basis(sequence, BASIS), simulate_basis(idealised(sequence), BASIS)
        labels = labels or tuple(sets[name])
        analyses.append(Analysis(name, sequence, {label: sets[name][label] for label in labels}))
        ideal[name] = {label: alike[label] for label in labels}
    table = model_error_table(analyses, sets, ideal, library, FitModel(groups=(("MM*",),)), settings)
    bias = table.set_index(["sequence", "condition", "metabolite"])["bias"]
    assert table["rmse"].to_numpy() == pytest.approx(np.hypot(table["bias"], table["sd"]))
    for name in ("press", "special"):
        assert bias[name, "right model", "Gln/Glu"] == pytest.approx(0.0, abs=0.2)
        assert abs(bias[name, "unknown signal", "Gln"]) > 0.3
        assert abs(bias[name, "T2 x 0.8", "Glu"]) > 2.0  # all of it too small, so the ratio hardly changes
        assert abs(bias[name, "T2 x 0.8", "Gln/Glu"]) < 2.0
    assert bias["press", "drift between shots", "Gln"] == pytest.approx(0.0, abs=0.2)
    assert bias["special", "drift between shots", "Gln"] != pytest.approx(0.0, abs=1e-3)
    assert abs(bias["press", "basis of ideal pulses", "Gln/Glu"]) > 0.3
    counts = table.groupby(["sequence"])["condition"].nunique()
    assert counts.nunique() == 1  # the ranking is over the same conditions for all
    assert list(error_ranking(table, "Gln/Glu")) == sorted(error_ranking(table, "Gln/Glu"))
