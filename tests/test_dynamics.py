"""Exact evolution: truths that hold for any implementation."""

import subprocess
import sys

import numpy as np
import pytest

from spinsculpt.core.conventions import larmor_frequency
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.dynamics import evolve, line_list, propagator
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.sequences import CoherenceFilter, Delay, HardPulse, ShapedPulse, Slot
from spinsculpt.physics.spins import SpinSystem, single_spin, total

F0 = larmor_frequency(3.0)
GLU = SpinSystem(
    "Glu",
    ("H2", "H3a", "H3b", "H4a", "H4b"),
    (3.7433, 2.0375, 2.12, 2.3378, 2.352),
    (
        (0, 1, 7.331),
        (0, 2, 4.651),
        (1, 2, -14.849),
        (1, 3, 6.413),
        (1, 4, 8.406),
        (2, 3, 8.478),
        (2, 4, 6.875),
        (3, 4, -15.915),
    ),
)
SINGLE = SpinSystem("single", ("H",), (3.0,))
AX = SpinSystem("AX", ("A", "X"), (1.0, 5.0), ((0, 1, 7.0),))
ON_RESONANCE = SpinSystem("H", ("H",), (4.65,))


def press(te1, te2):
    keep = CoherenceFilter((-1, 1))
    half = (Delay(te1 / 2), HardPulse(180, 90), Delay(te1 / 2))
    return (HardPulse(90, 0), *half, keep, Delay(te2 / 2), HardPulse(180, 90), Delay(te2 / 2))


def test_ninety_degrees_about_x_turns_iz_into_minus_iy():
    rho = evolve([HardPulse(90, 0)], ON_RESONANCE, F0)
    np.testing.assert_allclose(rho, -single_spin((2,), 0, "y"), atol=1e-12)


def test_shaped_rectangle_is_a_hard_pulse():
    b1 = 5.0
    duration = 1 / (4 * 42.577478518 * b1)  # a quarter turn
    rectangle = Pulse("rectangle", np.full(10, b1), duration / 10)
    rho = evolve([ShapedPulse(rectangle)], ON_RESONANCE, F0)
    np.testing.assert_allclose(rho, -single_spin((2,), 0, "y"), atol=1e-12)


def test_half_over_two_j_makes_antiphase():
    frame = {"central_frequency": 1e6, "receiver_ppm": 1.0}  # weak coupling; spin A on resonance
    rho = evolve([HardPulse(90, 90), Delay(1 / (2 * 7.0))], AX, **frame)
    antiphase = 2 * single_spin((2, 2), 0, "y") @ single_spin((2, 2), 1, "z")
    in_phase = single_spin((2, 2), 0, "x")
    assert np.trace(rho @ antiphase).real == pytest.approx(1.0, abs=1e-6)
    assert abs(np.trace(rho @ in_phase)) < 1e-6


def test_press_of_uncoupled_spins_is_pulse_acquire_at_any_echo_time():
    direct = line_list([HardPulse(90, 0)], SINGLE, F0)
    echo = line_list(press(0.017, 0.093), SINGLE, F0, b0_hz=0.0)
    np.testing.assert_allclose(echo.frequency, direct.frequency, atol=1e-9)
    assert abs(echo.amplitude[0]) == pytest.approx(abs(direct.amplitude[0]), abs=1e-12)


def test_signal_of_one_proton_is_one_and_sits_at_its_shift():
    lines = line_list([HardPulse(90, 90)], SINGLE, F0, b0_hz=2.0)
    np.testing.assert_allclose(lines.amplitude, [1.0], atol=1e-12)
    np.testing.assert_allclose(lines.frequency, [(3.0 - 4.65) * F0 + 2.0], atol=1e-9)


def test_lines_of_glutamate_count_its_five_protons():
    lines = line_list([HardPulse(90, 90)], GLU, F0)
    assert lines.amplitude.sum() == pytest.approx(5.0, abs=1e-7)
    assert np.all(np.diff(lines.frequency) > 0)


def test_weak_coupling_gives_a_doublet_split_by_j():
    lines = line_list([HardPulse(90, 90)], AX, 1e4, receiver_ppm=1.0)
    strong = lines.frequency[np.argsort(-abs(lines.amplitude))[:4]]
    near = np.sort(strong)[:2] if abs(strong).min() < 100 else None
    assert near[1] - near[0] == pytest.approx(7.0, abs=1e-2)


def test_reversing_a_pulse_undoes_it():
    rng = np.random.default_rng(1)
    pulse = Pulse("random", rng.normal(size=40) + 1j * rng.normal(size=40), 1e-4)
    u = propagator([ShapedPulse(pulse)], GLU, F0)
    np.testing.assert_allclose(u @ u.conj().T, np.eye(32), atol=1e-11)
    # Time reversal: H(t) -> -H(T - t). For uncoupled spins on resonance that is the waveform backwards and negated.
    back = Pulse("back", -pulse.b1[::-1], pulse.dwell)
    u, v = propagator([ShapedPulse(pulse)], ON_RESONANCE, F0), propagator([ShapedPulse(back)], ON_RESONANCE, F0)
    np.testing.assert_allclose(v @ u, np.eye(2), atol=1e-12)


def test_offset_pulse_inverts_its_own_frequency_only():
    t = (np.arange(400) + 0.5) / 400 - 0.5
    envelope = np.exp(-((t * 6) ** 2) / 2)
    pulse = Pulse("gauss", envelope * (0.5 / (envelope.sum() * 20e-3 / 400 * 42.577478518)), 20e-3 / 400)
    offset = (1.9 - 4.65) * F0
    for ppm, expected in ((1.9, -0.5), (4.65, 0.5), (7.4, 0.5)):
        rho = evolve([ShapedPulse(pulse, offset=offset)], SpinSystem("H", ("H",), (ppm,)), F0)
        assert rho[0, 0].real == pytest.approx(expected, abs=1e-3)


def test_offset_pulse_equals_its_phase_ramp():
    rng = np.random.default_rng(2)
    fine = Pulse("fine", np.repeat(rng.normal(size=20) * 3, 200), 2e-6)
    time = (np.arange(4000) + 0.5) * 2e-6 - 4e-3
    ramp = Pulse("ramp", fine.b1 * np.exp(2j * np.pi * 250.0 * time), 2e-6)
    a = evolve([ShapedPulse(fine, offset=250.0, phase=30.0)], AX, F0)
    b = evolve([ShapedPulse(ramp, phase=30.0)], AX, F0)
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_gradient_shifts_the_frequency_with_the_place():
    b1 = 1 / (2 * 42.577478518 * 4e-3)
    pulse = Pulse("block", np.full(4, b1), 1e-3)
    event = ShapedPulse(pulse, gradient=("z", 10.0))
    assert evolve([event], ON_RESONANCE, F0)[0, 0].real == pytest.approx(-0.5, abs=1e-9)
    outside = evolve([event], ON_RESONANCE, F0, position={"z": 0.02})
    assert outside[0, 0].real == pytest.approx(0.5, abs=5e-3)
    shift = 42577.478518 * 10.0 * 0.02
    np.testing.assert_allclose(outside, evolve([ShapedPulse(pulse)], ON_RESONANCE, F0, b0_hz=shift), atol=1e-9)


def test_filter_keeps_its_orders():
    rho = evolve([HardPulse(37, 0), CoherenceFilter((0,))], AX, F0)
    np.testing.assert_allclose(rho, np.cos(np.deg2rad(37)) * total((2, 2), "z"), atol=1e-12)


def test_an_empty_slot_and_a_negative_delay_are_refused_in_a_sentence():
    with pytest.raises(SpinsculptError, match=r"Slot 'edit' is empty"):
        line_list([Slot("edit", "gap", 0.02)], SINGLE, F0)
    with pytest.raises(SpinsculptError, match="negative"):
        line_list([Delay(-1e-3)], SINGLE, F0)


def test_import_needs_neither_torch_nor_numba():
    code = (
        "import sys, spinsculpt.physics.dynamics; print([m for m in ('torch', 'numba', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_press_of_glutamate_agrees_with_fida(evidence):
    """FID-A: PRESS 12/18 ms, ideal pulses, 2 Hz Lorentzian; a mirrored frequency axis would overlap by 0.05 only."""
    reference = np.load(evidence / "results" / "fida_press" / "ideal_Glu.npz")
    lines = line_list(press(0.012, 0.018), GLU, 42.577 * 3)
    time = np.arange(2048) / 2000
    fid = np.exp(2j * np.pi * np.outer(time, lines.frequency)) @ lines.amplitude * np.exp(-2 * np.pi * time)
    overlap = abs(np.vdot(fid, reference["fid"])) / np.linalg.norm(fid) / np.linalg.norm(reference["fid"])
    assert overlap > 1 - 1e-5
