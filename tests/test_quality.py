"""Spoil a clean spectrum in a known way: the number for it says how much, and the verdict says so in words."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from spinsculpt.compare import quality_table, verdicts, with_verdict
from spinsculpt.config import Figures, Limit, Limits, plain
from spinsculpt.core.conventions import FID, ppm_to_hz
from spinsculpt.data.nifti import MRSData
from spinsculpt.preprocess import Drift, failures, in_words
from spinsculpt.preprocess._picture import Trace, draw_page
from spinsculpt.preprocess._quality import MEASURES, measure, subtraction
from spinsculpt.report.figures import Style, draw_fits, draw_preprocessing, draw_recovery

POINTS, DWELL, CENTRAL = 2048, 1 / 2000, 127.732
TIME = np.arange(POINTS) * DWELL


def line(ppm: float, height: float = 1.0, width: float = 5.0) -> np.ndarray:
    """A Lorentzian line of `height` times that of NAA in `brain`, `width` Hz wide."""
    return height * width * np.exp((2j * np.pi * ppm_to_hz(ppm, CENTRAL) - np.pi * width) * TIME)


def brain(*more: np.ndarray, sd: float = 0.02, width: float = 5.0) -> FID:
    """NAA, creatine and choline with noise of `sd` a sample and channel."""
    generator = np.random.default_rng(1)
    noise = sd * (generator.standard_normal(POINTS) + 1j * generator.standard_normal(POINTS))
    samples = line(2.008, 1.0, width) + line(3.027, 0.7, width) + line(3.21, 0.5, width) + sum(more, 0.0 * TIME)
    return FID(samples + noise, DWELL, CENTRAL)


def echo(ppm: float, size: float, at: float = 0.15, duration: float = 0.02) -> np.ndarray:
    """A spurious echo: a signal that comes up at `at` s and is gone again, `size` times the first sample of NAA."""
    return size * 5.0 * np.exp(2j * np.pi * ppm_to_hz(ppm, CENTRAL) * TIME - 0.5 * ((TIME - at) / duration) ** 2)


def test_width_and_snr_are_those_put_in():
    numbers = measure(brain(sd=0.1))
    height = np.abs(np.fft.fft(line(2.008))).max()
    assert numbers["snr"] == pytest.approx(height / (0.1 * np.sqrt(POINTS)), rel=0.05)
    assert numbers["linewidth_hz"] == pytest.approx(5.0, rel=0.05)
    assert numbers["linewidth_ppm"] == pytest.approx(5.0 / CENTRAL, rel=0.05)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_lipids_count_whatever_their_phase(sign):
    assert measure(brain(line(1.3, 1.5 * sign, width=5.0)))["lipid_ratio"] == pytest.approx(1.5, rel=0.05)


def test_a_spurious_echo_is_seen_and_noise_is_not():
    assert measure(brain())["outside_ratio"] < 0.02
    assert measure(brain(sd=0.5))["outside_ratio"] < 0.1, "noise alone looks like an artefact"
    assert measure(brain(echo(7.0, 0.5)))["outside_ratio"] > 0.3
    assert measure(brain(line(-2.0, 0.4)))["outside_ratio"] == pytest.approx(0.4, rel=0.15)


def test_the_tail_of_water_is_no_artefact():
    assert measure(brain(line(4.65, 30.0, width=8.0)))["outside_ratio"] < 0.05


def test_choline_left_in_the_difference_is_the_share_left():
    off = brain(sd=0.0).samples
    on = off - 0.08 * line(3.21, 0.5)
    assert subtraction(np.stack([on, off], axis=1), DWELL, CENTRAL)["subtraction_artefact"] == pytest.approx(
        0.04, rel=0.1
    )


def test_noise_is_no_subtraction_artefact():
    generator = np.random.default_rng(2)
    noise = generator.standard_normal((POINTS, 2)) + 1j * generator.standard_normal((POINTS, 2))
    assert subtraction(brain(sd=0.0).samples[:, None] + 0.2 * noise, DWELL, CENTRAL)["subtraction_artefact"] < 0.02


def test_the_verdict_names_each_number_that_fails_in_words():
    found = failures({"snr": 8.23, "linewidth_ppm": 0.05, "lipid_ratio": 1.4}, LIMITS)
    assert found == {
        "snr": "SNR of NAA 8.23, below 10",
        "lipid_ratio": "signal at 1.0-1.6 ppm 1.4 × NAA, above 1 × NAA",
    }


NONE = dict.fromkeys(MEASURES, Limit())
LIMITS = Limits(**NONE | {"snr": Limit(min=10), "linewidth_ppm": Limit(max=0.1), "lipid_ratio": Limit(max=1)})


def test_what_was_not_measured_is_not_judged_and_what_is_no_number_fails():
    assert failures({"snr": 20.0}, LIMITS) == {}
    assert "SNR of NAA nan" in failures({"snr": float("nan")}, LIMITS)["snr"]


def test_limits_of_the_config_are_numbers_that_are_measured():
    assert set(plain(Limits())) == set(MEASURES)


def test_numbers_carry_their_unit():
    assert (in_words(7.123, "Hz"), in_words(0.5, "NAA"), in_words(68.0, "1")) == ("7.12 Hz", "0.5 × NAA", "68")


@pytest.fixture
def cohort(tmp_path) -> pd.DataFrame:
    """Quality of three scans, the third with a line that is too broad."""
    paths, labels = [], []
    for subject, width in (("01", 0.05), ("02", 0.06), ("03", 0.12)):
        paths.append(tmp_path / f"{subject}_qc.json")
        paths[-1].write_text(json.dumps({"snr": 80.0, "linewidth_ppm": width, "drift": {"": {}}, "steps": []}))
        labels.append({"subject": subject, "session": "", "sequence": "press"})
    return quality_table(paths, labels, LIMITS)


def test_the_table_has_one_row_a_number_and_the_verdict_of_its_scan(cohort):
    assert len(cohort) == 6
    broad = cohort[(cohort["subject"] == "03") & (cohort["measure"] == "linewidth_ppm")].iloc[0]
    assert (broad["value"], broad["unit"], broad["max"]) == (0.12, "ppm", 0.1)
    found = verdicts(cohort).set_index("subject")
    assert list(found["verdict"]) == ["accept", "accept", "reject"]
    assert found.loc["03", "reasons"] == "linewidth of NAA 0.12 ppm, above 0.1 ppm" and found.loc["01", "reasons"] == ""


def fits(subjects: tuple[str, ...]) -> pd.DataFrame:
    given = {"session": "", "engine": "builtin", "sequence": "fitted", "quantity": "concentration", "unit": "mM"}
    rows = [
        given | {"subject": s, "metabolite": m, "value": 8.0, "sd": 0.4} for s, m in itertools.product(subjects, "ab")
    ]
    return pd.DataFrame(rows)


def test_fits_of_a_rejected_scan_stay_and_say_so(cohort):
    table = with_verdict(fits(("01", "03")), cohort, {"fitted": "press"})
    assert list(table["verdict"]) == ["accept", "accept", "reject", "reject"]


def drawn(monkeypatch, draw, *arguments, **options) -> plt.Figure:
    """The figure that a function draws, before it is closed."""
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    draw(*arguments, **options)
    return kept[0]


def texts(figure: plt.Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_rejected_scans_are_open_points_and_the_legend_says_so(cohort, tmp_path, monkeypatch):
    style = Style.of_study(Figures(), ["press"])
    figure = drawn(monkeypatch, draw_preprocessing, cohort, tmp_path / "all", style)
    assert "rejected scan" in texts(figure)
    faces = [line.get_markerfacecolor() for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert faces.count("white") == 1
    sound = drawn(monkeypatch, draw_preprocessing, cohort.assign(verdict="accept"), tmp_path / "sound", style)
    assert "rejected scan" not in texts(sound)


def page(monkeypatch, tmp_path, reasons: dict | None) -> Figure:
    """The page of a scan with a drift, a fit and a verdict, before it is written."""
    kept = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: kept.append(self) or Path(path).write_bytes(b"x"))
    clean = brain()
    scan = MRSData(clean.samples, DWELL, CENTRAL)
    drift = Drift(np.linspace(-2, 2, 8), np.zeros(8), np.arange(8) == 3)
    ppm = np.linspace(0.5, 4.0, 200)
    trace = Trace("fitted", ppm, 2.0 + np.sin(9 * ppm), 2.0 + np.sin(9 * ppm) - 0.1 * ppm, 0.0 * ppm)
    draw_page(tmp_path / "p.png", scan, [""], {"": clean.samples}, measure(clean), {"": drift}, "t", reasons, [trace])
    return kept[0]


def test_the_page_has_verdict_drift_and_the_residual_of_the_fit(monkeypatch, tmp_path):
    figure = page(monkeypatch, tmp_path, {"snr": "SNR of NAA 5, below 10"})
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "REJECTED" in words and "SNR of NAA 5, below 10" in words
    shifts = [line.get_ydata() for axes in figure.axes if axes.get_ylabel() == "shift (Hz)" for line in axes.lines]
    assert [len(points) for points in shifts] == [8, 1], "an average that was left out is not crossed"
    residual = next(line for line in figure.axes[-1].lines if line.get_label() == "residual")
    assert residual.get_ydata() - residual.get_ydata()[0] == pytest.approx(0.1 * (residual.get_xdata() - 0.5))
    shown = [axes for axes in figure.axes if "ppm" in axes.get_xlabel()]
    assert len(shown) == 3 and all(axes.get_xlim()[0] > axes.get_xlim()[1] for axes in shown)


def test_an_accepted_scan_is_called_so_and_without_limits_there_is_no_verdict(monkeypatch, tmp_path):
    accepted, plain = (page(monkeypatch, tmp_path, reasons) for reasons in ({}, None))
    assert "ACCEPTED" in [text.get_text() for axes in accepted.axes for text in axes.texts]
    assert not {"ACCEPTED", "REJECTED"} & {text.get_text() for axes in plain.axes for text in axes.texts}


def test_of_a_large_cohort_the_rejected_scans_are_drawn_first(tmp_path, monkeypatch):
    given = {"session": "", "sequence": "press", "spectrum": "spectrum", "data": 1.0, "fit": 1.0, "baseline": 0.0}
    rows = [
        given | {"subject": f"{subject:03d}", "ppm": ppm, "verdict": "reject" if subject == 90 else "accept"}
        for subject, ppm in itertools.product(range(100), (1.0, 2.0))
    ]
    figure = drawn(monkeypatch, draw_fits, pd.DataFrame(rows), tmp_path / "fits", Style.of_study(Figures(), ["press"]))
    assert len(figure.axes) == 24 and "24 of 100" in figure.get_suptitle()
    assert [axes.get_ylabel() for axes in figure.axes].count("sub-090") == 1


@pytest.mark.parametrize("counted", [False, True])
def test_a_rejected_scan_moves_the_mean_only_when_the_config_counts_it(cohort, tmp_path, monkeypatch, counted):
    table = with_verdict(fits(("01", "02", "03")), cohort, {"fitted": "press"})
    table["truth"], table["estimate"] = 10.0, [10.0, 10.0, 11.0, 11.0, 19.0, 19.0]
    style = Style.of_study(Figures(), ["fitted"])
    figure = drawn(monkeypatch, draw_recovery, table, tmp_path / "r", style, ("a",), count_rejected=counted)
    bars = [path.vertices[0, 1] for collection in figure.axes[-1].collections for path in collection.get_paths()]
    assert bars == pytest.approx([100 / 3 if counted else 5.0] * 2)
    points = [y for line in figure.axes[-1].lines if line.get_marker() == "o" for y in line.get_ydata()]
    assert len(points) == 6, "a rejected scan has vanished from the figure"
