"""Sequences as data, and what they do to spins."""

from dataclasses import replace

import numpy as np
import pytest

from entries import build_sequence
from spinsculpt.config import SystemEntry
from spinsculpt.core.conventions import larmor_frequency
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.system import CONDUCTIVITY, DENSITY, HEAD_RADIUS, PRESETS, System, head_sar
from spinsculpt.physics.dynamics import line_list
from spinsculpt.physics.pulses import DesignedPulses, Pulse, gaussian, refocusing_profile, sinc, write_pulse
from spinsculpt.physics.sequences import (
    CoherenceFilter,
    Delay,
    Sequence,
    ShapedPulse,
    SlicePulse,
    Slot,
    megapress,
    press,
    pulse_acquire,
    slaser,
    spin_echo,
    steam,
)
from spinsculpt.physics.spins import SpinSystem, load_library

F0 = larmor_frequency(3.0)
UNCOUPLED = SpinSystem("one", ("H",), (2.7,))
ECHOES = [spin_echo(0.05), press(0.03), press(0.1, te1=0.04), megapress(gaussian(0.014)), slaser(0.035)]


def signal(sequence, system, shot=0):
    return line_list(sequence.shots[shot].events, system, F0)


@pytest.mark.parametrize("sequence", ECHOES, ids=lambda s: s.name)
def test_uncoupled_spins_come_back_in_phase_at_any_echo_time(sequence):
    """Every refocusing sequence with ideal pulses equals pulse-acquire for spins without couplings."""
    lines, reference = signal(sequence, UNCOUPLED, -1), signal(pulse_acquire(), UNCOUPLED)
    assert lines.frequency == pytest.approx(reference.frequency)
    assert lines.amplitude == pytest.approx(
        reference.amplitude, abs=5e-3
    )  # the OFF pulse at 7.46 ppm is not quite silent
    assert reference.amplitude == pytest.approx(1.0)


def test_steam_keeps_half_of_the_signal():
    assert signal(steam(0.02), UNCOUPLED).amplitude == pytest.approx(0.5)


def test_press_of_lactate_inverts_its_doublet_after_one_over_j():
    lactate = load_library()["Lac"].parts[0]
    methyl = {}
    for echo_time in (1 / 6.933, 2 / 6.933):
        lines = signal(press(echo_time), lactate)
        methyl[echo_time] = lines.amplitude[lines.frequency < -400].sum().real
    inverted, upright = methyl.values()
    assert inverted == pytest.approx(-3, abs=0.1)
    assert upright == pytest.approx(3, abs=0.15)


def test_editing_on_the_coupling_partner_refocuses_gaba():
    """At TE 68 ms the outer lines of the triplet at 3 ppm are inverted, unless the spins at 1.9 ppm are, on the way."""
    gaba = load_library()["GABA"].parts[0]
    sequence = megapress(gaussian(0.014))
    area = []
    for shot in (0, 1):
        lines = signal(sequence, gaba, shot)
        outer = np.abs(lines.frequency - (3.013 - 4.65) * F0)
        area.append(lines.amplitude[(outer > 4) & (outer < 12)].sum().real)
    on, off = area
    assert off < -0.5 < 0.5 < on
    ppm = [event.offset / F0 + 4.65 for event in sequence.shots[0].events if isinstance(event, ShapedPulse)]
    assert ppm == pytest.approx([1.9, 1.9])


def test_megapress_timing_is_that_of_the_field():
    """TE 68, TE1 10 ms: 5, 17, 17, 17, 12 ms between the centres of the pulses."""
    delays = [event.duration for event in megapress(gaussian(0.014)).shots[0].events if isinstance(event, Delay)]
    assert delays == pytest.approx([0.005, 0.010, 0.010, 0.010, 0.005])


def test_gap_slot_stands_between_filters_of_order_one():
    sequence = press(0.048, gap=Slot("gap", "gap", 0.020))
    events = sequence.shots[0].events
    place = events.index(sequence.slots[0])
    assert {events[place - 1], events[place + 1]} == {CoherenceFilter((1,))}
    assert sequence.shots[0].duration == pytest.approx(0.048)


def test_a_silent_gap_pulse_leaves_press_as_it_is():
    glu = load_library()["Glu"].parts[0]
    filled = press(0.048, gap=Slot("gap", "gap", 0.020)).fill({"gap": Pulse("silent", np.zeros(100), 2e-4)})
    assert signal(filled, glu).amplitude == pytest.approx(signal(press(0.048), glu).amplitude)


def test_fill_refuses_what_does_not_fit():
    sequence = press(0.048, gap=Slot("gap", "gap", 0.020))
    with pytest.raises(SpinsculptError, match=r"lasts 10\.000 ms but slot 'gap' 20\.000 ms"):
        sequence.fill({"gap": Pulse("short", np.zeros(100), 1e-4)})
    with pytest.raises(SpinsculptError, match="no slot 'prep'; it has gap"):
        sequence.fill({"prep": Pulse("p", np.zeros(100), 2e-4)})


@pytest.mark.parametrize(
    "sequence",
    [megapress(gaussian(0.014)), press(0.035, refocusing=SlicePulse(sinc(0.005, 180, 3), 0.02), gap=None), steam(0.02)],
    ids=lambda s: s.name,
)
def test_json_round_trip(tmp_path, sequence):
    sequence.write(tmp_path / "sequence.json")
    again = Sequence.read(tmp_path / "sequence.json")
    assert (again.name, again.subspectra, again.combinations) == (
        sequence.name,
        sequence.subspectra,
        sequence.combinations,
    )
    again.write(tmp_path / "again.json")
    assert signal(again, UNCOUPLED).amplitude == pytest.approx(signal(sequence, UNCOUPLED).amplitude)


def test_short_echo_time_names_the_one_that_works():
    refocusing = SlicePulse(sinc(0.007, 180, 3), 0.02)
    with pytest.raises(SpinsculptError, match=r"10 ms is shorter.*19 ms or more"):
        press(0.010, refocusing=refocusing)
    press(0.019, refocusing=refocusing)
    with pytest.raises(SpinsculptError, match="or more would work"):
        megapress(gaussian(0.040))


def test_a_press_without_echo_time_takes_that_of_its_design():
    pulse = Pulse("gap", np.ones(50), 1e-4)
    design = DesignedPulses("gap", {"gap": pulse}, {"te1": 0.011, "te2": 0.025, "gap_shift": 0.001})
    taken = build_sequence("p", {"type": "press", "gap": "d"}, {"d": design})
    given = {"type": "press", "gap": "d", "echo_time": 0.036, "te1": 0.011, "gap_shift": 0.001}
    assert taken.echo_time == pytest.approx(0.036)
    assert [e.duration for e in taken.shots[0].events] == pytest.approx(
        [e.duration for e in build_sequence("p", given, {"d": design}).shots[0].events]
    )


def test_a_designed_pair_fits_its_own_places_only():
    pulses = {slot: Pulse(slot, np.ones(50), 1e-4) for slot in ("gap_a", "gap_b")}
    design = DesignedPulses("gap_pair", pulses, {"te1": 0.012, "te2": 0.018, "gap_shift": 0.0})
    pair = build_sequence("p", {"type": "press", "gap": "d"}, {"d": design})
    assert pair.subspectra == ("a", "b")
    with pytest.raises(SpinsculptError, match="a gap_pair, whose pulses belong to gap_a"):
        build_sequence("p", {"type": "press", "echo_time": 0.03, "prep": "d"}, {"d": design})


def shaped(sequence, shot=0):
    """Events of a shot that are waveforms with B1."""
    events = sequence.shots[shot].events
    return [event for event in events if isinstance(event, ShapedPulse) and event.pulse.peak_b1 > 0]


def test_configuration_builds_what_it_names():
    editing = {"ppm": {"on": 4.18, "off": 7.5}, "shape": "gaussian", "duration": 0.02}
    sequence = build_sequence("lac", {"type": "megapress", "echo_time": 0.14, "te1": 0.01, "editing": editing})
    assert sequence.subspectra == ("on", "off", "diff", "sum")
    pulse = Pulse("selective", np.ones(100), 1e-4)
    design = DesignedPulses("excitation", {"excitation": pulse}, {"te1": 0.012, "te2": 0.018, "gap_shift": 0.0})
    free = build_sequence("free", {"type": "pulse_acquire", "excitation": "selective"}, {"selective": design})
    assert free.shots[0].events[0].pulse is pulse
    selective = {"shape": "sinc", "duration": 0.003, "slice_thickness": 20}
    voxel = build_sequence("s", {"type": "steam", "echo_time": 0.02, "selective_excitation": selective})
    assert [e.gradient[0] for e in voxel.shots[0].events if isinstance(e, ShapedPulse)] == list("zzxxyy")
    adiabatic = {"type": "slaser", "echo_time": 0.05, "refocusing": {"shape": "goia", "slice_thickness": 20}}
    goia = next(e for e in shaped(build_sequence("g", adiabatic)) if e.pulse.name == "goia")
    assert goia.gradient[1] * goia.pulse.gradient.min() < 0.2 * goia.gradient[1]
    with pytest.raises(SpinsculptError, match="goia pulse refocuses"):
        build_sequence("e", adiabatic | {"selective_excitation": {"shape": "goia"}})
    with pytest.raises(SpinsculptError, match=r"sequences\.free\.gap.*no pulse"):
        build_sequence("free", {"type": "press", "echo_time": 0.03, "gap": "absent"})
    with pytest.raises(SpinsculptError, match="steam has no 'gap' slot"):
        build_sequence("s", {"type": "steam", "echo_time": 0.03, "gap": "selective"}, {"selective": design})
    with pytest.raises(SpinsculptError, match="needs an echo_time"):
        build_sequence("p", {"type": "press"})


def test_a_pulse_file_needs_its_duration(tmp_path):
    write_pulse(tmp_path / "p.pta", gaussian(0.010))
    refocusing = {"shape": str(tmp_path / "p.pta"), "slice_thickness": 20}
    with pytest.raises(SpinsculptError, match=r"p\.pta does not say how long .* give its duration"):
        build_sequence("p", {"type": "press", "echo_time": 0.03, "refocusing": refocusing})
    sequence = build_sequence("p", {"type": "press", "echo_time": 0.04, "refocusing": refocusing | {"duration": 0.01}})
    assert next(e for e in shaped(sequence) if e.pulse.name == "p").duration == pytest.approx(0.01)


def test_editing_with_a_hyperbolic_secant_inverts_its_band_only():
    editing = {"ppm": {"on": 1.9, "off": 7.46}, "shape": "sech"}
    sequence = build_sequence("mega", {"type": "megapress", "echo_time": 0.068, "editing": editing})
    pulse = next(event.pulse for event in shaped(sequence) if event.pulse.name == "sech")
    centre, creatine = refocusing_profile(pulse, np.array([0.0, 1.1 * 127.7]))
    assert centre > 0.99
    assert creatine < 0.15


EDITED = {"echo_time": 0.070, "editing": {"ppm": {"on": 1.9, "off": 7.46}}}
REAL = {
    "press": {"type": "press", "echo_time": None},
    "steam": {"type": "steam", "echo_time": None},
    "slaser": {"type": "slaser", "echo_time": None},
    "special": {"type": "special", "echo_time": None},
    "spin_echo": {"type": "spin_echo", "echo_time": None},
    "megapress": {"type": "megapress", **EDITED},
    "megaslaser": {"type": "megaslaser", **EDITED},
}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", REAL)
def test_what_is_built_stays_within_its_system(name, preset):
    """Real pulses below the peak B1, slices below the largest gradient, spoilers and ramps between the pulses."""
    system = SystemEntry(preset=preset).limits()
    sequence = build_sequence(name, REAL[name], system=system)
    assert sequence.playable
    for shot in sequence.shots:
        gaps, now, last = [], 0.0, None
        for event in shot.events:
            if isinstance(event, ShapedPulse) and event.pulse.peak_b1 > 0:
                assert event.pulse.peak_b1 <= system.b1 * 1.001
                assert event.gradient is None or abs(event.gradient[1]) <= system.gradient
                gaps += [] if last is None else [now - last]
                last = now + event.duration
            now += event.duration
        # Between two pulses stands a spoiler, and after the last one; SPECIAL's inversion has its own.
        assert min([*gaps, now - last]) >= system.spoiler_time - 1e-9


@pytest.mark.parametrize("name", ["press", "steam", "slaser", "special"])
def test_the_shortest_echo_time_is_the_one_that_a_shorter_is_refused_with(name):
    shortest = build_sequence(name, REAL[name]).echo_time
    build_sequence(name, REAL[name] | {"echo_time": shortest})
    with pytest.raises(SpinsculptError, match=rf"{shortest * 1e3:g} ms or more would work"):
        build_sequence(name, REAL[name] | {"echo_time": shortest - 1e-4})


def test_a_weaker_system_needs_a_longer_echo_time():
    times = [build_sequence("p", REAL["press"], system=PRESETS[p]).echo_time for p in ("prisma-like", "philips-like")]
    assert times[0] < 0.017 < 0.020 < times[1]
    crushed = replace(System(), spoiler_area=100.0)
    assert build_sequence("p", REAL["press"], system=crushed).echo_time > build_sequence("p", REAL["press"]).echo_time


def test_what_a_system_cannot_play_is_refused_with_what_would_work(tmp_path):
    entry = {"type": "press", "echo_time": 0.03, "refocusing": {"shape": "slr", "duration": 0.003}}
    with pytest.raises(SpinsculptError, match=r"3\.00 ms needs a B1 of 3.* uT.*gives 20 uT; make it 4\.6"):
        build_sequence("p", entry)
    with pytest.raises(SpinsculptError, match=r"slice gradient .* gives 40 mT/m; choose slices"):
        build_sequence("p", {"type": "slaser", "echo_time": 0.05, "refocusing": {"slice_thickness": 5}})
    with pytest.raises(SpinsculptError, match="one sech refocusing pulse leaves a phase"):
        build_sequence("p", {"type": "press", "echo_time": 0.03, "refocusing": {"shape": "sech"}})
    with pytest.raises(SpinsculptError, match="ideal pulses have no shortest echo time"):
        build_sequence("p", {"type": "press", "echo_time": None, "ideal": True})
    assert not build_sequence("p", {"type": "press", "echo_time": 0.03, "ideal": True}).playable


def test_a_spoiler_is_the_shortest_trapezoid_of_its_area():
    system = System(gradient=40.0, slew=150.0)
    for area in (0.5, 5.0, 10.0, 40.0):  # mT/m ms
        length = system.lobe(area) * 1e3  # ms
        ramp = min(length / 2, 40 / 150)
        assert ramp * 150 * (length - ramp) == pytest.approx(area, rel=0.15)  # what fits into that time
        assert ramp * 150 * (length - ramp) >= area * 0.999


def test_the_sphere_heats_as_the_eddy_currents_of_its_shells_do():
    """P = integral of sigma E^2 / 2 with E = omega B r sin(theta) / 2, twice: a circular field is two linear ones."""
    omega, b1, radius = 2e6 * np.pi * 127.7, 1.5e-6, HEAD_RADIUS
    r, theta = np.linspace(0, radius, 400), np.linspace(0, np.pi, 400)
    field = omega * b1 * r[:, None] * np.sin(theta) / 2
    density = CONDUCTIVITY * field**2 / 2 * 2 * np.pi * r[:, None] ** 2 * np.sin(theta)
    power = 2 * np.trapezoid(np.trapezoid(density, theta), r)
    assert head_sar(1.5, 127.7) == pytest.approx(power / (4 / 3 * np.pi * radius**3 * DENSITY), rel=1e-3)
