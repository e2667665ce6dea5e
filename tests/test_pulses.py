"""Shapes, profiles, files of pulses."""

import numpy as np
import pytest

from spinsculpt.errors import SpinsculptError
from spinsculpt.pulses import (
    Pulse,
    bandwidth,
    excitation_profile,
    gaussian,
    hyperbolic_secant,
    read_json,
    read_pulse,
    rectangular,
    refocusing_profile,
    sinc,
    slr,
    spin_rotation,
    write_json,
    write_pulse,
)


@pytest.mark.parametrize("pulse", [gaussian(0.014), sinc(0.005, 180.0, lobes=3), rectangular(0.001, 180.0)])
def test_a_180_degree_pulse_inverts_on_resonance(pulse):
    assert refocusing_profile(pulse, np.zeros(1)) == pytest.approx(1.0, abs=1e-9)


def test_90_degree_pulse_about_x_gives_minus_y():
    assert excitation_profile(sinc(0.003, 90.0), np.zeros(1)) == pytest.approx(-1j, abs=1e-9)


def test_rotation_is_unitary_and_undone_by_the_reversed_pulse():
    rng = np.random.default_rng(0)
    pulse = Pulse("random", rng.normal(size=60) * 5 + 1j * rng.normal(size=60) * 5, 5e-5)
    undo = Pulse("undo", -pulse.b1[::-1], pulse.dwell)
    offset = np.linspace(-500, 500, 7)
    a, b = spin_rotation(pulse, offset)
    assert np.abs(a) ** 2 + np.abs(b) ** 2 == pytest.approx(1.0)
    c, d = spin_rotation(undo, -offset)
    assert np.abs(c * a - np.conj(d) * b) == pytest.approx(1.0)


def test_hyperbolic_secant_inverts_its_band_at_any_b1():
    pulse = hyperbolic_secant(0.010, bandwidth=2000.0, peak_b1=15.0)
    for b1_scale in (0.9, 1.0, 1.5):
        assert refocusing_profile(pulse, np.linspace(-700, 700, 9), b1_scale).min() > 0.9
    assert refocusing_profile(pulse, np.array([-1500.0, 1500.0])).max() < 0.01


def test_bandwidth_scales_with_duration():
    assert bandwidth(gaussian(0.014)) == pytest.approx(86, abs=1)
    assert bandwidth(gaussian(0.020)) * 0.020 == pytest.approx(bandwidth(gaussian(0.014)) * 0.014, rel=1e-3)


def test_slr_pulse_has_the_bandwidth_it_was_designed_for():
    pytest.importorskip("sigpy")
    refocusing, excitation = slr(0.005, 180.0, time_bandwidth=6.0), slr(0.003, 90.0, time_bandwidth=6.0)
    assert refocusing_profile(refocusing, np.zeros(1)) == pytest.approx(1.0, abs=0.03)
    assert bandwidth(refocusing) == pytest.approx(6.0 / 0.005, rel=0.15)
    assert np.abs(excitation_profile(excitation, np.zeros(1))) == pytest.approx(1.0, abs=0.03)


def test_time_bandwidth_product_of_fida_pulse(shared):
    reference = np.load(shared / "reference" / "fida_press" / "refocusing_pulse_100pts.npz")
    waveform = reference["amplitude"] * np.exp(1j * np.deg2rad(reference["phase_deg"]))
    pulse = Pulse("reference", waveform / np.abs(waveform.sum()) * 0.5 / 42.577478518 / 3.5e-5, 3.5e-5)
    assert bandwidth(pulse) * pulse.duration == pytest.approx(float(reference["tbw"]), rel=5e-3)


def test_json_round_trip(tmp_path):
    pulse = Pulse("designed", np.array([1 + 2j, -3.5]), 1e-4)
    write_json(tmp_path / "pulse.json", pulse, kind="gap")
    again = read_json(tmp_path / "pulse.json")
    assert (again.name, again.dwell) == (pulse.name, pulse.dwell)
    assert np.array_equal(again.b1, pulse.b1)


@pytest.mark.parametrize("suffix", [".pta", ".RF", ".exc"])
def test_scanner_formats_round_trip(tmp_path, suffix):
    """The files hold no B1: a flip angle restores it for amplitude-modulated pulses."""
    pulse = sinc(0.004, 180.0, lobes=3)
    write_pulse(tmp_path / f"refocus{suffix}", pulse)
    again = read_pulse(tmp_path / f"refocus{suffix}", duration=0.004, flip_angle=180.0)
    assert again.duration == pytest.approx(pulse.duration)
    assert again.b1 == pytest.approx(pulse.b1, abs=1e-3)


def test_adiabatic_files_are_scaled_to_invert(tmp_path):
    write_pulse(tmp_path / "sech.pta", hyperbolic_secant(0.010, 2000.0, 15.0))
    again = read_pulse(tmp_path / "sech.pta", duration=0.010)
    assert refocusing_profile(again, np.zeros(1))[0] > 0.98


def test_varian_durations_repeat_samples(tmp_path):
    (tmp_path / "hard.RF").write_text("# comment\n0.0 1023.0 3.0\n180.0 511.5 1.0\n")
    pulse = read_pulse(tmp_path / "hard.RF", duration=0.001, flip_angle=90.0)
    assert len(pulse.b1) == 4
    assert pulse.b1[3] / pulse.b1[0] == pytest.approx(-0.5)


def test_bad_files_say_what_to_do(tmp_path):
    write_pulse(tmp_path / "p.pta", gaussian(0.01))
    with pytest.raises(SpinsculptError, match="give its duration"):
        read_pulse(tmp_path / "p.pta")
    with pytest.raises(SpinsculptError, match="no pulse file"):
        read_pulse(tmp_path / "absent.pta", duration=0.01)
    (tmp_path / "bad.exc").write_text("##TITLE= nothing\n")
    with pytest.raises(SpinsculptError, match="XYPOINTS"):
        read_pulse(tmp_path / "bad.exc", duration=0.01)
    (tmp_path / "bad.json").write_text('{"name": "p", "b1_x_uT": [1], "b1_y_uT": [0]}')
    with pytest.raises(SpinsculptError, match="dwell_s"):
        read_pulse(tmp_path / "bad.json")
