"""Shapes, profiles, files of pulses."""

import numpy as np
import pytest

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.pulses import (
    Pulse,
    bandwidth,
    excitation_profile,
    gaussian,
    goia,
    hyperbolic_secant,
    read_json,
    read_pulse,
    rectangular,
    refocusing_profile,
    sinc,
    slice_bandwidth,
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


def test_goia_inverts_its_slice_and_nothing_else():
    """20 kHz in 3.5 ms with 22 uT: a hyperbolic secant of that band would need three times the amplitude."""
    pulse = goia(0.0035, bandwidth=20000.0, peak_b1=22.0)
    assert slice_bandwidth(pulse) == pytest.approx(20000.0, rel=0.02)
    assert refocusing_profile(pulse, np.zeros(1), place=np.linspace(-8500, 8500, 35)).min() > 0.97
    assert refocusing_profile(pulse, np.zeros(1), place=np.array([-12000.0, 12000.0])).max() < 0.02
    secant = hyperbolic_secant(0.0035, 20000.0, 22.0)
    assert refocusing_profile(secant, np.linspace(-8500, 8500, 35)).max() < 0.7


def test_a_constant_gradient_adds_to_the_offset():
    pulse, changing = gaussian(0.005), goia(0.005)
    assert spin_rotation(pulse, 10.0, place=300.0) == pytest.approx(spin_rotation(pulse, 310.0))
    (a, b), (c, d) = (spin_rotation(part.finer(3), 10.0, place=3e3) for part in (changing[:150], changing[150:]))
    whole = spin_rotation(changing, 10.0, place=3e3)
    assert (c * a - np.conj(d) * b, d * a + np.conj(c) * b) == pytest.approx(whole)
    with pytest.raises(SpinsculptError, match="400 samples of B1 but 3 of its gradient"):
        Pulse("cut", changing.b1, changing.dwell, changing.gradient[:3])


def test_bandwidth_scales_with_duration():
    assert bandwidth(gaussian(0.014)) == pytest.approx(86, abs=1)
    assert bandwidth(gaussian(0.020)) * 0.020 == pytest.approx(bandwidth(gaussian(0.014)) * 0.014, rel=1e-3)


def test_slr_pulse_has_the_bandwidth_it_was_designed_for():
    refocusing, excitation = slr(0.005, 180.0, time_bandwidth=6.0), slr(0.003, 90.0, time_bandwidth=6.0)
    assert refocusing_profile(refocusing, np.zeros(1)) == pytest.approx(1.0, abs=0.03)
    assert bandwidth(refocusing) == pytest.approx(6.0 / 0.005, rel=0.15)
    assert np.abs(excitation_profile(excitation, np.zeros(1))) == pytest.approx(1.0, abs=0.03)


def test_time_bandwidth_product_of_fida_pulse(evidence):
    reference = np.load(evidence / "results" / "fida_press" / "refocusing_pulse_100pts.npz")
    waveform = reference["amplitude"] * np.exp(1j * np.deg2rad(reference["phase_deg"]))
    pulse = Pulse("reference", waveform / np.abs(waveform.sum()) * 0.5 / 42.577478518 / 3.5e-5, 3.5e-5)
    assert bandwidth(pulse) * pulse.duration == pytest.approx(float(reference["tbw"]), rel=5e-3)


def test_json_round_trip(tmp_path):
    pulse = Pulse("designed", np.array([1 + 2j, -3.5]), 1e-4)
    write_json(tmp_path / "pulse.json", pulse, kind="gap")
    again = read_json(tmp_path / "pulse.json")
    assert (again.name, again.dwell) == (pulse.name, pulse.dwell)
    assert np.array_equal(again.b1, pulse.b1)


def test_changing_gradients_are_kept_or_refused(tmp_path):
    pulse = goia(0.0035)
    write_json(tmp_path / "goia.json", pulse)
    assert read_json(tmp_path / "goia.json").gradient == pytest.approx(pulse.gradient)
    write_pulse(tmp_path / "goia.txt", pulse)
    again = read_pulse(tmp_path / "goia.txt", duration=0.0035)
    assert again.gradient == pytest.approx(pulse.gradient, abs=1e-4)
    assert np.angle(again.b1 / pulse.b1) == pytest.approx(0.0, abs=1e-4)
    assert refocusing_profile(again, np.zeros(1), place=np.array([-5000.0, 0.0, 5000.0])).min() > 0.9
    with pytest.raises(SpinsculptError, match=r"gradient changes during pulse 'goia'.*write \.txt"):
        write_pulse(tmp_path / "goia.pta", pulse)


def test_text_files_of_fida_may_hold_steps_and_gradients(tmp_path):
    """Columns: amplitude, phase in degrees, time step, gradient in G/cm."""
    (tmp_path / "p.txt").write_text("1.0 0.0 2.0 2.8\n0.5 180.0 1.0 1.4\n")
    pulse = read_pulse(tmp_path / "p.txt", duration=0.003, flip_angle=90.0)
    assert pulse.b1 / pulse.b1[0] == pytest.approx([1, 1, -0.5])
    assert pulse.gradient == pytest.approx([1, 1, 0.5])
    (tmp_path / "p.txt").write_text("1.0 0.0\n0.5 180.0\n")
    assert read_pulse(tmp_path / "p.txt", duration=0.003, flip_angle=90.0).gradient is None
    (tmp_path / "p.txt").write_text("1.0 0.0 2.0\n0.5 180.0 1.3\n")
    with pytest.raises(SpinsculptError, match=r"no text file of FID-A.*multiples of the shortest"):
        read_pulse(tmp_path / "p.txt", duration=0.003)


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


@pytest.mark.parametrize("suffix", [".seq", ".json", ".GOIA", ".mat"])
def test_a_pulse_is_written_under_no_name_of_another_format(tmp_path, suffix):
    with pytest.raises(SpinsculptError, match=r"\.pta.*\.exc.*\.seq"):
        write_pulse(tmp_path / f"p{suffix}", gaussian(0.01))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".philips.txt", ".ge.txt", ".pta"])
def test_a_file_for_a_scanner_comes_back_and_says_how_to_play_it(tmp_path, suffix):
    """The waveform within the step of whole numbers; duration, B1 and offset in words."""
    pulse = hyperbolic_secant(0.010, 2000.0, 15.0)
    write_pulse(tmp_path / f"p{suffix}", pulse, offset=-210.0)
    text = (tmp_path / f"p{suffix}").read_text()
    assert f"duration 10.0000 ms, {len(pulse.b1)} samples of" in text and "transmit offset -210.00 Hz" in text
    assert f"peak B1 {pulse.peak_b1:.4f} uT" in text
    again = read_pulse(tmp_path / f"p{suffix}", duration=0.010)
    assert np.abs(again.b1 / again.peak_b1 - pulse.b1 / pulse.peak_b1).max() < 2e-4
    if suffix == ".ge.txt":
        rows = np.loadtxt(tmp_path / "p.ge.txt")
        assert (rows % 2 == 0).all() and np.abs(rows).max() <= 32766
