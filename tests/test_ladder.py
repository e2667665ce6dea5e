"""The ladder of designs: its tables say what the files of the designs say, and its figures are drawn."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spinsculpt.compare import best_histories, bounds_table, frontier_table, spectra_before_after, windows
from spinsculpt.config import Basis, DesignEntry, Study, parse
from spinsculpt.design import run_design
from spinsculpt.report.figures import plot_ladder

BASIS = Basis(metabolites=["NAA", "Cr", "Glu", "Gln"], macromolecules=[])
SHORT = {"duration": 0.008, "dwell": 4e-4, "starts": 2, "iterations": 3, "screening": [0.5], "macromolecules": []}
SELECT = [{"type": "enhance", "metabolites": ["Glu"]}, {"type": "suppress", "metabolites": ["Gln"], "weight": 0.1}]
STUDY = Study.of({"designs": {}, "sequences": {"p": {"type": "press"}}, "analyses": {}, "figures": {"dpi": 60}})
ENTRIES = {
    "state": {
        "kind": "excitation",
        "metabolites": ["Glu"],
        "objectives": [{"type": "target_state", "metabolite": "Glu", "operator": "H2x"}],
    },
    "select": {"kind": "excitation", "metabolites": ["Glu", "Gln"], "objectives": SELECT, "relaxation": False},
    "lossy": {"kind": "excitation", "metabolites": ["Glu", "Gln"], "objectives": SELECT, "decay_interval": 0.004},
    "bound": {
        "kind": "gap",
        "ideal": True,
        "echo_time": 0.024,
        "objectives": [{"type": "crlb", "metabolites": {"Glu": 1, "Gln": 1}}],
    },
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("ladder")
    entries = {name: parse(DesignEntry, SHORT | entry) for name, entry in ENTRIES.items()}
    for name, entry in entries.items():
        run_design(name, entry, BASIS, root / name, progress=False)
    return {name: root / name for name in entries}


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_the_history_shown_is_that_of_the_start_that_was_kept(folders):
    table = best_histories(folders)
    for name, folder in folders.items():
        assert table[table["design"] == name]["loss"].min() == pytest.approx(metrics(folder)["loss"], abs=1e-4)


def test_spectra_are_upright_and_as_large_as_the_metrics_say(folders):
    chosen = {"select": folders["select"]}
    table = spectra_before_after(chosen, "press")
    assert set(table["shot"]) == {"press", "select"} and list(table["metabolite"].unique()) == ["Glu", "Gln"]
    raw = pd.read_csv(folders["select"] / "spectra.tsv", sep="\t")
    inside = raw[raw["ppm"].between(2.2, 2.6) & (raw["metabolite"] == "Glu")]
    height = np.hypot(inside["real"], inside["imag"]).groupby(inside["shot"]).max()
    gains = metrics(folders["select"])["separation"]
    assert height["select"] / height["press"] == pytest.approx(gains["peak_over_reference"]["Glu"], rel=0.05)
    assert height["select"] / height["pulse_acquire"] == pytest.approx(
        gains["peak_over_pulse_acquire"]["Glu"], rel=0.05
    )
    for shot in ("press", "select"):
        glu = table[(table["shot"] == shot) & (table["metabolite"] == "Glu")]["value"]
        assert glu.max() > abs(glu.min())
    assert windows(chosen) == {"select": (2.2, 2.6)}


def test_a_state_asked_for_keeps_its_phase(folders):
    raw = pd.read_csv(folders["state"] / "spectra.tsv", sep="\t")
    shown = spectra_before_after({"state": folders["state"]}, "pulse_acquire")
    np.testing.assert_allclose(shown[shown["shot"] == "state"]["value"], raw[raw["shot"] == "state"]["real"], rtol=1e-9)


def test_the_frontier_tells_decay_apart(folders):
    table = frontier_table({name: folders[name] for name in ("select", "lossy")}).set_index("design")
    assert table["decay"].to_dict() == {"select": False, "lossy": True}
    assert set(table["wanted"]) == {"Glu"} and (table["duration_ms"] == 8).all()
    assert table.loc["select", "ratio"] == pytest.approx(
        metrics(folders["select"])["separation"]["peak_ratio_2.2-2.6ppm"]["Glu/Gln"]
    )


def test_bounds_hold_every_rival_once_and_say_what_is_true_of_them(folders):
    """DIFF alone never knows more than ON and OFF together; the best PRESS is no worse than TE 30."""
    table = bounds_table({"bound": folders["bound"], "again": folders["bound"]})
    assert table.groupby(["name", "metabolite"]).size().max() == 1
    value = table.set_index(["name", "metabolite"])["value"]
    for metabolite in ("Glu", "Gln"):
        assert value["megapress_diff", metabolite] > value["megapress", metabolite]
    assert np.log(value["te_optimised_press"]).mean() <= 1e-3
    assert (table["worst"] >= table["value"] - 1e-9).all()


@pytest.mark.parametrize(
    ("rung", "designs"),
    [("states", ["state"]), ("selectivity", ["select"]), ("frontier", ["select", "lossy"]), ("bounds", ["bound"])],
)
def test_every_rung_is_drawn(tmp_path, folders, rung, designs):
    plot_ladder(rung, [folders[name] / "metrics.json" for name in designs], tmp_path / f"ladder_{rung}.png", STUDY)
    for ending in ("png", "pdf", "tsv"):
        assert (tmp_path / f"ladder_{rung}.{ending}").stat().st_size > 50
