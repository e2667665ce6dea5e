"""Spoil a clean spectrum in a known way: the number for it says how much, and the verdict says so in words."""

import numpy as np
import pytest

from spinsculpt.conventions import FID, ppm_to_hz
from spinsculpt.preprocess import failures, in_words
from spinsculpt.preprocess._quality import MEASURES, measure, subtraction

POINTS, DWELL, CENTRAL = 2048, 1 / 2000, 127.732
TIME = np.arange(POINTS) * DWELL


def line(ppm: float, height: float = 1.0, width: float = 5.0) -> np.ndarray:
    """A Lorentzian line of `height` times that of NAA in `brain`, `width` Hz wide."""
    return height * width * np.exp((2j * np.pi * ppm_to_hz(ppm, CENTRAL) - np.pi * width) * TIME)


def brain(*more: np.ndarray, sd: float = 0.02, width: float = 5.0) -> FID:
    """NAA, creatine and choline with noise of `sd` a sample and channel."""
    generator = np.random.default_rng(1)
    noise = sd * (generator.standard_normal(POINTS) + 1j * generator.standard_normal(POINTS))
    samples = line(2.008, 1.0, width) + line(3.027, 0.7, width) + line(3.2, 0.5, width) + sum(more, 0.0 * TIME)
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
    on = off - 0.08 * line(3.2, 0.5)
    assert subtraction(np.stack([on, off], axis=1), DWELL, CENTRAL)["subtraction_artefact"] == pytest.approx(
        0.04, rel=0.1
    )


def test_the_verdict_names_each_number_that_fails_in_words():
    found = failures({"snr": 8.23, "linewidth_ppm": 0.05, "lipid_ratio": 1.4}, LIMITS)
    assert found == {
        "snr": "SNR of NAA 8.23, below 10",
        "lipid_ratio": "signal at 1.0-1.6 ppm 1.4 × NAA, above 1 × NAA",
    }


LIMITS = {"snr": {"min": 10}, "linewidth_ppm": {"max": 0.1}, "lipid_ratio": {"max": 1}, "drift_hz": {}}


def test_what_was_not_measured_is_not_judged_and_what_is_no_number_fails():
    assert failures({"snr": 20.0}, LIMITS) == {}
    assert "SNR of NAA nan" in failures({"snr": float("nan")}, LIMITS)["snr"]


def test_limits_of_the_config_are_numbers_that_are_measured(quality_limits):
    assert set(quality_limits) == set(MEASURES)


@pytest.fixture
def quality_limits() -> dict:
    from pathlib import Path

    from spinsculpt.config import read_yaml, validate

    schema = Path(__file__).resolve().parents[1] / "workflow/schemas/quality.schema.yaml"
    return validate({}, read_yaml(schema))["limits"]


def test_numbers_carry_their_unit():
    assert (in_words(7.123, "Hz"), in_words(0.5, "NAA"), in_words(68.0, "1")) == ("7.12 Hz", "0.5 × NAA", "68")
