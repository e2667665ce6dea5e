"""What a fair comparison must satisfy."""

import numpy as np
import pandas as pd
import pytest

from spinsculpt.basis import BasisSet
from spinsculpt.compare import (
    Analysis,
    engines_table,
    expected_table,
    recovery_table,
    separation_table,
    sweep_table,
)
from spinsculpt.compare._analysis import as_measured, broadened, grouped
from spinsculpt.config import Compare, Expected, NoiseLevel
from spinsculpt.core.conventions import larmor_frequency, ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.provenance import write_json
from spinsculpt.fit import FitModel
from spinsculpt.physics.sequences import HardPulse, Sequence, Shot
from spinsculpt.physics.spins import load_library

LIBRARY = load_library()
FREQUENCY, POINTS, DWELL = larmor_frequency(3.0), 1024, 1 / 2000
SETTINGS = Compare(
    noise=NoiseLevel(reference="one"), baselines={"quadratic": "poly:2"}, macromolecules=["free"], t2_scales=[1.0]
)


def line(ppm: float, protons: float = 1.0) -> np.ndarray:
    return protons * np.exp(2j * np.pi * ppm_to_hz(ppm, FREQUENCY) * np.arange(POINTS) * DWELL)


def basis(gln: float = 2.45, names=("NAA", "Cr", "Glu", "Gln", "MM09", "MM20")) -> BasisSet:
    signals = {"NAA": line(2.008, 3), "Cr": line(3.027, 3), "Glu": line(2.35, 2), "Gln": line(gln, 2)}
    decay = np.exp(-np.pi * 18 * np.arange(POINTS) * DWELL)
    signals |= {"MM09": line(0.9, 3) * decay, "MM20": line(2.08, 2) * decay}
    return BasisSet(names, np.array([signals[name] for name in names]), DWELL, FREQUENCY)


def one_shot(name: str, content: BasisSet, echo_time: float = 0.03) -> Analysis:
    return Analysis(name, Sequence(name, echo_time, (Shot(name, (HardPulse(90),)),), {}), {name: content})


def two_shots(name: str, on: BasisSet, off: BasisSet, spectra: tuple[str, ...]) -> Analysis:
    shots = (Shot("on", (HardPulse(90),)), Shot("off", (HardPulse(90),)))
    sequence = Sequence(name, 0.03, shots, {"diff": {"on": 0.5, "off": -0.5}})
    contents = {"on": on, "off": off, "diff": BasisSet(on.names, 0.5 * (on.fids - off.fids), DWELL, FREQUENCY)}
    return Analysis(name, sequence, {spectrum: contents[spectrum] for spectrum in spectra})


def bound(table: pd.DataFrame, sequence: str, metabolite: str, metric: str = "CRLB") -> float:
    rows = table[(table["sequence"] == sequence) & (table["metric"] == metric) & (table["metabolite"] == metabolite)]
    return float(rows["value"].iloc[0])


def test_two_identical_shots_are_worth_as_much_as_one_of_the_same_scan_time():
    analyses = [one_shot("one", basis()), two_shots("two", basis(), basis(), ("on", "off"))]
    table = separation_table(analyses, LIBRARY, FitModel(), SETTINGS)
    for metabolite in ("Glu", "Gln"):
        assert bound(table, "two", metabolite) == pytest.approx(bound(table, "one", metabolite), rel=1e-3)


def test_a_difference_has_the_noise_of_one_spectrum_of_all_averages():
    assert two_shots("two", basis(), basis(), ("diff",)).noise_factors == pytest.approx((1.0,))
    assert two_shots("two", basis(), basis(), ("on", "off")).noise_factors == pytest.approx((2**0.5, 2**0.5))


def test_closer_lines_have_larger_bounds_and_no_bound_is_below_its_floor():
    analyses = [one_shot("one", basis(2.55)), one_shot("close", basis(2.38))]
    table = separation_table(analyses, LIBRARY, FitModel(), SETTINGS)
    assert bound(table, "close", "Gln") > 1.2 * bound(table, "one", "Gln")
    for name in ("one", "close"):
        assert bound(table, name, "Gln") > bound(table, name, "Gln", "CRLB floor")


def test_the_ratio_takes_the_correlation_into_account():
    table = separation_table([one_shot("one", basis())], LIBRARY, FitModel(), SETTINGS)
    glu, gln = bound(table, "one", "Glu"), bound(table, "one", "Gln")
    rho = bound(table, "one", "Glu-Gln", "correlation")
    expected = np.sqrt(glu**2 + gln**2 - 2 * rho * glu * gln)
    assert bound(table, "one", "Gln/Glu", "ratio SD") == pytest.approx(expected)


def test_relaxation_weighs_each_signal_by_its_own_t2():
    relaxed = as_measured(basis(), LIBRARY, 0.03)
    assert np.abs(relaxed["Glu"][0]) == pytest.approx(2 * np.exp(-0.03 / LIBRARY["Glu"].t2))
    assert np.abs(relaxed["MM20"][0]) == pytest.approx(2 * np.exp(-0.03 / LIBRARY["MM20"].t2))


def test_broadening_never_narrows():
    assert broadened(basis(), 5.0).linewidth == 5.0
    assert broadened(broadened(basis(), 5.0), 3.0).linewidth == 5.0


def test_grouped_macromolecules_are_one_function_of_their_sum():
    content, amounts = basis(), {"MM09": 2.0, "MM20": 3.0}
    together = grouped(content, LIBRARY, amounts)
    assert together.names[-1] == "MM" and len(together.names) == 5
    assert np.allclose(together["MM"], 2 * content["MM09"] + 3 * content["MM20"])


def test_an_unknown_reference_is_a_sentence():
    with pytest.raises(SpinsculptError, match=r"compare\.noise\.reference is 'none'"):
        wrong = SETTINGS.but(noise=NoiseLevel(reference="none"))
        separation_table([one_shot("one", basis())], LIBRARY, FitModel(), wrong)


def fits(engine: str = "builtin", scale: float = 1.0) -> pd.DataFrame:
    given = {
        "engine": engine,
        "subject": "01",
        "session": "",
        "sequence": "one",
        "crlb": 5.0,
        "flag": "",
        "reliable": "yes",
        "verdict": "accept",
    }
    rows = [("Glu", "concentration", 8.0, "mM"), ("Glu", "ratio", 0.9, "/Cr"), ("Cr", "concentration", 9.0, "mM")]
    return pd.DataFrame(
        [given | {"metabolite": m, "quantity": q, "value": v * scale, "sd": 0.4, "unit": u} for m, q, v, u in rows]
    )


def test_recovery_is_the_relative_error_against_the_truth():
    given = {"subject": "01", "sequence": "press", "unit": ""}
    truth = pd.DataFrame(
        given | {"metabolite": m, "quantity": q, "value": v}
        for m, q, v in [
            ("Glu", "concentration", 10.0),
            ("Cr", "concentration", 10.0),
            ("Glu", "relaxation_weight", 0.5),
            ("Cr", "relaxation_weight", 0.6),
        ]
    )
    table = recovery_table(fits(), truth, {"one": "press"}, ("Cr",)).set_index(["metabolite", "quantity"])
    assert table.loc[("Glu", "concentration"), "error"] == pytest.approx(-20)
    assert table.loc[("Glu", "ratio"), "error"] == pytest.approx(-10)
    assert table.loc[("Glu", "signal ratio"), "truth"] == pytest.approx(5 / 6)


def test_expected_values_stand_beside_ours_and_a_missing_one_is_a_sentence():
    row = expected_table(fits(), {"one": {"Glu": Expected(ratio=1.0, source="x")}}).iloc[0]
    assert row["ours"] == 0.9 and row["difference"] == pytest.approx(-10)
    with pytest.raises(SpinsculptError, match=r"compare\.expected\.one\.Gln"):
        expected_table(fits(), {"one": {"Gln": Expected(ratio=1.0, source="x")}})


def test_engines_differ_by_what_they_differ():
    both = pd.concat([fits(), fits("fsl_mrs", 1.1)], ignore_index=True)
    row = engines_table(both, ["builtin", "fsl_mrs"]).iloc[0]
    assert row["difference"] == pytest.approx(10) and row["deviation"] == pytest.approx(0.8 / 0.4)


def test_sweep_is_tidy_and_relative_to_press(tmp_path):
    content = {
        "name": "d",
        "entry": {"kind": "gap", "duration": 0.01, "b1_limit": 8.0, "seed": 1},
        "separation": {"crlb_over_reference": {"Glu": 0.9, "Gln": 0.8}},
        "rf": {"energy_uT2_ms": 300.0},
        "loss": -0.2,
    }
    write_json(tmp_path / "metrics.json", content)
    table = sweep_table([tmp_path / "metrics.json"])
    bounds = table[table["metric"] == "CRLB"].set_index(["sequence", "metabolite"])["value"]
    assert bounds["d", "Gln"] == pytest.approx(80) and bounds["press", "Gln"] == 100
