"""The surface for notebooks: light to import, in the field's words, and objects that show themselves."""

import subprocess
import sys

import numpy as np
import pytest

import spinsculpt as ss
from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import SpinsculptError

SMALL = {"metabolites": ["NAA", "Cr", "Glu", "Gln"], "macromolecules": [], "points": 1024}


@pytest.fixture(scope="module")
def basis():
    return ss.simulate_basis(ss.press(te=30, ideal=True), **SMALL)


def test_import_brings_none_of_the_packages_below():
    code = "import sys, spinsculpt; print([m for m in ('numpy', 'scipy', 'torch', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_every_name_is_there_and_documented():
    for name in ss.__all__[1:]:
        assert getattr(ss, name).__doc__.strip(), name
    with pytest.raises(AttributeError, match="it has press"):
        ss.presss  # noqa: B018


def test_sequences_have_the_times_that_were_asked_for_in_ms():
    assert ss.press(te=35).echo_time == pytest.approx(0.035) and "TE 35 ms, real pulses" in repr(ss.press(te=35))
    assert [shot.name for shot in ss.megapress(ideal=True).shots] == ["on", "off"]
    assert 0 < ss.slaser().echo_time < 0.05  # the shortest
    with pytest.raises(SpinsculptError, match="press1: "):
        ss.press(te=1)


def test_a_known_spectrum_comes_back_from_the_fit(basis):
    truth = {"NAA": 10.0, "Cr": 8.0, "Glu": 9.0, "Gln": 3.0}
    one = basis.sets["press30"]
    noise = np.random.default_rng(1).normal(size=(2, one.points))
    decay = np.exp(-np.pi * 4 * one.dwell * np.arange(one.points))
    samples = sum(value * basis[name] for name, value in truth.items()) * decay + 0.05 * (noise[0] + 1j * noise[1])
    result = ss.fit_spectrum(FID(samples, one.dwell, one.central_frequency), basis, reference=["Cr"], baseline="poly:2")
    for name, value in truth.items():
        k = result.names.index(name)
        assert abs(result.concentrations.values[k] - value) < 4 * result.concentrations.sd[k]
    assert "4 of 4 estimates are reliable" in repr(result) and "<table" in result._repr_html_()
    assert result.plot().axes and list(result.frame()["Metab"])[:4] == list(result.names)


def test_a_basis_shows_itself(basis):
    assert "4 functions, 1024 points" in repr(basis) and "<img" in basis._repr_html_()
    picture = basis.plot(["Glu"])
    assert len(picture.axes[0].lines) == 1 and picture._repr_png_().startswith(b"\x89PNG")


def test_bounds_have_a_row_a_sequence_and_the_best_ratio_first(basis):
    late = ss.simulate_basis(ss.press(te=144, ideal=True), **SMALL)
    table = ss.crlb([basis, late])
    assert list(table.columns) == ["sequence", "Glu (%)", "Gln (%)", "Gln/Glu (%)", "correlation"]
    assert set(table["sequence"]) == {"press30", "press144"} and table["Gln/Glu (%)"].is_monotonic_increasing
    assert (table["Glu (%)"] < table["Gln (%)"]).all()  # there is three times as much of it


def test_a_real_scan_is_read_cleaned_and_fitted(evidence):
    raw = evidence / "data/philips_press35"
    scan = ss.read_scan(raw / "sub-01_press_act_noID.sdat", water=raw / "sub-01_press_ref_noID.sdat")
    assert "TE 35 ms" in repr(scan) and "with water" in repr(scan) and "<img" in scan._repr_html_()
    basis = ss.simulate_basis(
        ss.press(te=35, ideal=True),
        ["NAA", "Cr", "PCr", "GPC", "Glu", "Ins"],
        central_frequency=scan.data.central_frequency,
    )
    result = ss.fit_spectrum(scan, basis, baseline="spline:5")
    assert result.water is not None and np.isfinite(result.frame()["mM"]).all()


def test_a_design_says_its_verdict_and_plays_in_its_sequence(tmp_path):
    entry = {"duration": 0.01, "echo_time": 0.036, "metabolites": ["NAA", "Glu", "Gln"], "macromolecules": []}
    result = ss.design_pulse("tiny", starts=1, iterations=2, ideal=True, out=tmp_path / "tiny", **entry)
    assert result.verdict in repr(result) and "<img" in result._repr_html_()
    assert (tmp_path / "tiny/pulse.json").is_file()
    assert any(getattr(event, "pulse", None) is not None for event in result.sequence().shots[0].events)
