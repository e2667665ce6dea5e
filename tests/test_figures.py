"""Every figure is a function of a tidy table, and the table lies beside it."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from spinsculpt.config import Figures
from spinsculpt.core.plotting import house_style, ppm_axis
from spinsculpt.report.figures import Style, draw_engines, draw_recovery, draw_sweep
from spinsculpt.report.figures._engines import _panel, agreement
from spinsculpt.report.figures._explain import written_out
from spinsculpt.report.figures._style import save

STYLE = Style.of_study(Figures(labels={"a": "Sequence A"}), ["a", "b"])


def files(folder, stem: str) -> set[str]:
    return {path.suffix for path in folder.iterdir() if path.stem == stem and path.stat().st_size}


def test_a_figure_comes_as_pdf_and_png_with_its_table(tmp_path):
    table = pd.DataFrame({"x": [1.0, 2.0]})
    save(plt.figure(), tmp_path / "drawn", STYLE, table=table)
    assert files(tmp_path, "drawn") == {".pdf", ".png", ".tsv"}
    assert list(pd.read_csv(tmp_path / "drawn.tsv", sep="\t")["x"]) == [1.0, 2.0]


def test_chemical_shift_runs_from_high_to_low():
    axes = plt.figure().subplots()
    ppm_axis(axes, 4.0, 1.8)
    assert axes.get_xlim() == (4.0, 1.8) and "ppm" in axes.get_xlabel()


def test_a_sequence_keeps_its_colour_and_no_two_share_one():
    again = Style.of_study(Figures(), ["a", "b", "c"])
    assert again.colour("a") == STYLE.colour("a")
    colours = [again.colour(name) for name in "abc"]
    assert len(set(colours)) == 3
    assert STYLE.label("a") == "Sequence A" and STYLE.label("b") == "b"


def test_the_look_does_not_leak():
    before = dict(plt.rcParams)
    with house_style():
        pass
    assert dict(plt.rcParams) == before


def test_limits_of_agreement_hold_95_percent_of_normal_differences():
    difference = pd.Series(np.random.default_rng(1).normal(0.3, 2.0, 20000))
    middle, spread = agreement(difference)
    assert middle == pytest.approx(0.3, abs=0.05)
    assert (abs(difference - middle) < spread).mean() == pytest.approx(0.95, abs=0.01)
    assert np.isnan(agreement(difference[:2])[1])


def test_states_are_written_as_the_field_writes_them():
    assert written_out(["I5x", "I1zI2zI5x"], [0.38, -1.32]) == "0.38 I5x − 1.32 I1zI2zI5x"
    assert written_out(["I1y"], [-0.5]) == "−0.50 I1y"


def test_engines_figure(tmp_path):
    keys = {"first": "builtin", "second": "fsl_mrs", "quantity": "concentration", "unit": "mM", "sd_first": 0.2}
    rows = [
        keys | {"sequence": s, "metabolite": m, "value_first": v, "value_second": v * 1.01, "reliable": "yes"}
        for s, (m, v) in itertools.product("ab", [("Glu", 8.0), ("Gln", 2.0), ("Glu+Gln", 10.0), ("NAA", 12.0)])
    ]
    wild = rows[0] | {"value_second": 5252.0, "reliable": "no"}
    draw_engines(pd.DataFrame([*rows, wild]), tmp_path / "engines", STYLE)
    assert files(tmp_path, "engines") == {".pdf", ".png", ".tsv"}
    assert "5252" in (tmp_path / "engines.tsv").read_text()  # in the table of the figure, marked


def test_what_an_engine_flags_is_counted_and_not_drawn():
    part = pd.DataFrame(
        [
            {"sequence": "a", "value_first": 8.0, "value_second": 8.1, "sd_first": 0.2, "reliable": "yes"},
            {"sequence": "a", "value_first": 8.0, "value_second": 5252.0, "sd_first": 0.2, "reliable": "no"},
        ]
    )
    figure, axes = plt.subplots()
    _panel(axes, part, ["a"], STYLE, bars=True, title="Glu")
    assert axes.get_title(loc="left") == "Glu, 1 not reliable" and axes.get_ylim()[1] < 10
    plt.close(figure)


def test_recovery_figure(tmp_path):
    rows = [
        {
            "sequence": s,
            "metabolite": m,
            "quantity": "concentration",
            "estimate": v,
            "sd": 0.1,
            "truth": v,
            "unit": "mM",
            "verdict": "accept",
        }
        for s, (m, v) in itertools.product("ab", [("Glu", 8.0), ("Glu", 9.0), ("Gln", 2.0), ("MM09", 5.0)])
    ]
    draw_recovery(pd.DataFrame(rows), tmp_path / "recovery", STYLE)
    assert files(tmp_path, "recovery") == {".pdf", ".png", ".tsv"}


def test_sweep_figure(tmp_path):
    rows = [
        {
            "duration_ms": d,
            "b1_limit_uT": b,
            "seed": 1,
            "sequence": "d",
            "metric": "CRLB",
            "metabolite": m,
            "value": 80.0,
            "unit": "% of PRESS",
        }
        for d, b, m in itertools.product([6.0, 10.0], [8.0, 13.5], ["Glu", "Gln"])
    ]
    rows += [
        {"sequence": "press", "metric": "CRLB", "metabolite": m, "value": 100.0, "unit": "% of PRESS"}
        for m in ("Glu", "Gln")
    ]
    draw_sweep(pd.DataFrame(rows), tmp_path / "sweep", STYLE)
    assert files(tmp_path, "sweep") == {".pdf", ".png", ".tsv"}
