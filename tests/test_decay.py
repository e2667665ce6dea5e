"""The time that signals decay with T2 in a sequence, and with T1 while pulses hold them along z."""

import numpy as np
import pytest

from entries import build_sequence, simulate_basis
from spinsculpt.basis import averaged_lines, decay_times, slice_axes
from spinsculpt.basis._decay import _signals, _times
from spinsculpt.basis._isolated import isolated_signal
from spinsculpt.core.conventions import larmor_frequency, ppm_to_hz
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.sequences import CoherenceFilter, Delay, HardPulse, Sequence, ShapedPulse, Shot, press
from spinsculpt.physics.spins import SpinSystem, load_library

F0 = larmor_frequency(3.0)
EDITING = {"ppm": {"on": 1.9, "off": 7.46}, "duration": 0.014}


@pytest.fixture(scope="module")
def library():
    return load_library(field_strength=3.0, heteronuclear=False)


def played(kind, **more):
    entry = {"type": kind, "echo_time": None, **more}
    sequence = build_sequence("one", entry, central_frequency=F0)
    return sequence, slice_axes(sequence, F0, 32, 2.0)


def test_ideal_pulses_leave_all_of_the_echo_time_in_the_plane(library):
    times = decay_times(press(0.030), library, ["Glu", "MM20"], F0, {})["press"]
    for each in times.values():
        assert each.transverse == pytest.approx(0.030, rel=1e-3)
        assert each.along_z == pytest.approx(0.0, abs=1e-6) and each.in_pulses == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("kind", "shot"), [("press", "one"), ("steam", "one"), ("special", "on"), ("megapress", "on")])
def test_signals_without_decay_are_those_of_the_interpreter(kind, shot):
    """Isolated spins over the voxel, amplitude and phase: the same pulses, filters, gradients and offsets."""
    more = {"editing": EDITING, "echo_time": 0.068} if kind == "megapress" else {}
    sequence, axes = played(kind, **more)
    shifts, off = (1.4, 2.0, 3.0), {"b1_scale": 0.9, "b0_hz": 5.0}
    for more in ({}, off):
        ours = isolated_signal(sequence.shot(shot), shifts, F0, axes, **more)[0]
        for shift, signal in zip(shifts, ours, strict=True):
            spin = SpinSystem("one", ("a",), (shift,))
            lines = averaged_lines(sequence.shot(shot).events, spin, F0, axes, **more)
            assert signal == pytest.approx(lines.amplitude.sum(), abs=2e-3)


def test_a_spin_locked_along_z_decays_with_t1_alone(library):
    """90, store, wait, recall: the wait counts as time along z, and nothing else does."""
    wait = 0.020
    events = (HardPulse(90, 90), HardPulse(90, -90), Delay(wait), HardPulse(90, 90), Delay(0.004))
    sequence = Sequence("stored", 0.004, (Shot("stored", events),), {})
    found = decay_times(sequence, library, ["Cr"], F0, {})["stored"]["Cr"]
    assert found.along_z == pytest.approx(0.0, abs=1e-6)  # the last pulse makes what is detected: equilibrium waits
    assert found.transverse == pytest.approx(0.004, rel=1e-2)


def test_real_pulses_hold_part_of_the_signal_along_z(library):
    """The excitation's second half counts, the middle of refocusing pulses less; STEAM stores for TM."""
    sequence, axes = played("press")
    found = decay_times(sequence, library, ["Glu"], F0, axes)["one"]["Glu"]
    assert 0.80 * sequence.echo_time < found.transverse < 0.97 * sequence.echo_time
    assert found.along_z > 0.0005 and found.in_pulses < found.transverse
    stored, axes = played("steam")
    assert decay_times(stored, library, ["Glu"], F0, axes)["one"]["Glu"].along_z == pytest.approx(0.010, rel=0.02)


def test_both_shots_of_special_decay_alike(library):
    sequence, axes = played("special")
    found = decay_times(sequence, library, ["Glu", "MM20"], F0, axes)
    for name in ("Glu", "MM20"):
        assert found["off"][name].transverse == pytest.approx(found["on"][name].transverse, rel=0.02)


def test_an_inversion_on_resonance_holds_a_quarter_of_the_pathway_along_z():
    """Order +1 to -1: of the two components one is locked, the other turns through z; sin^2/2 has the mean 1/4."""
    duration = 0.040
    pulse = Pulse("slow", np.full(200, 180 / 360 / 42.577478518 / duration, complex), duration / 200)
    offset = float(ppm_to_hz(0.95, F0))
    events = (HardPulse(90, 90), CoherenceFilter((1,)), ShapedPulse(pulse, offset), CoherenceFilter((-1,)))
    found = _signals(Shot("slow", events), np.array([0.95]), F0, {})
    assert abs(found[0, 0]) == pytest.approx(1.0, abs=0.01)
    transverse, along_z, in_pulses = _times(found)[:, 0]
    assert along_z == pytest.approx(duration / 4, rel=0.02)
    assert transverse == pytest.approx(3 * duration / 4, rel=0.03) and in_pulses == pytest.approx(transverse)


def test_a_basis_knows_its_times_and_weighs_by_them(library):
    config = {"field": 3.0, "points": 256, "bandwidth": 2000, "metabolites": ["Cr"], "macromolecules": ["MM20"]}
    sequence, _ = played("press")
    basis = simulate_basis(sequence, config)["one"]
    times, cr = basis.meta["decay_s"]["Cr"], library["Cr"]
    expected = np.exp(-times["transverse"] / cr.t2 - times["along_z"] / cr.t1)
    assert basis.decay("Cr", cr.t1, cr.t2, sequence.echo_time) == pytest.approx(expected)
    assert basis.decay("Cr", cr.t1, cr.t2, sequence.echo_time) > np.exp(-sequence.echo_time / cr.t2)
    locked = basis.decay("Cr", cr.t1, cr.t2, sequence.echo_time, locked=2.0)
    assert locked / expected == pytest.approx(np.exp(times["in_pulses"] / 2 / cr.t2))
