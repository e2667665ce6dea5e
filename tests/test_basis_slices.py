"""Slice-selective pulses over a spatial grid: the short cuts are exact, the results those of others."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from entries import build_sequence, simulate_basis
from spinsculpt.basis import Axis, _propagators, _slices, averaged_lines, read_lcmodel, slice_axes
from spinsculpt.basis._isolated import isolated_signal
from spinsculpt.basis._propagators import conjugated, slice_propagators, sorted_by_order
from spinsculpt.core.conventions import GAMMA_BAR, time_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.spectra import decay, merge_lines
from spinsculpt.physics.dynamics import line_list, propagator
from spinsculpt.physics.pulses import Pulse, excitation_profile, gaussian, goia, hyperbolic_secant, scaled, sinc
from spinsculpt.physics.sequences import (
    CoherenceFilter,
    Delay,
    HardPulse,
    ShapedPulse,
    Shot,
    SlicePulse,
    megapress,
    press,
    slaser,
    spin_echo,
    steam,
)
from spinsculpt.physics.spins import SpinSystem, coherence_order, load_library

F0 = 127.728
REFOCUSING = SlicePulse(sinc(0.005, 180.0, lobes=3), 0.02, 2.3)
AXES = {
    "x": Axis(np.linspace(-0.012, 0.015, 4), 0.25),
    "y": Axis(np.linspace(-0.01, 0.02, 3), 1 / 3),
}


@pytest.fixture(scope="module")
def library():
    return load_library()


def brute_force(events, system, axes):
    """One simulation for each position, with the exact interpreter."""
    lists, weight = [], np.prod([axis.weight for axis in axes.values()])
    for place in product(*(axis.positions for axis in axes.values())):
        position = dict(zip(axes, map(float, place), strict=True))
        lists.append(line_list(events, system, F0, position=position).scaled(weight))
    return merge_lines(lists).fid(256, 5e-4)


SEQUENCES = {
    "press": press(0.030, refocusing=REFOCUSING, central_frequency=F0),
    "megapress": megapress(gaussian(0.014), refocusing=REFOCUSING, central_frequency=F0),
    "slaser": slaser(0.040, refocusing=SlicePulse(hyperbolic_secant(0.004, 4000.0, 25.0), 0.02), central_frequency=F0),
    "goia": slaser(0.040, refocusing=SlicePulse(goia(0.0035, samples=100), 0.02, 2.3), central_frequency=F0),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_averaging_axis_by_axis_equals_every_position(library, name):
    events, system = SEQUENCES[name].shots[0].events, library["Asp"].parts[0]
    averaged = averaged_lines(events, system, F0, AXES).fid(256, 5e-4)
    full = brute_force(events, system, AXES)
    assert np.abs(averaged - full).max() < 1e-3 * np.abs(full).max()


def test_editing_pulses_may_be_split_too(library, monkeypatch):
    """As is done with many spins, whose states would take long sample by sample."""
    events, system = SEQUENCES["megapress"].shots[0].events, library["Asp"].parts[0]
    exact, split = [], []
    for states, found in ((64, exact), (1, split)):
        monkeypatch.setattr(_slices, "_EXACT", states)
        found.append(averaged_lines(events, system, F0, AXES).fid(256, 5e-4))
    assert 1e-7 < np.abs(split[0] - exact[0]).max() / np.abs(exact[0]).max() < 1e-3


def test_interleaved_slices_are_nested(library):
    """x and y pulses that alternate cannot be averaged one after the other."""
    x, y = (REFOCUSING.event(axis, F0) for axis in "xy")
    events = [HardPulse(90, 90), CoherenceFilter((-1,))]
    for k, pulse in enumerate((x, y, x, y)):
        events += [Delay(0.002), pulse, CoherenceFilter((1 if k % 2 == 0 else -1,)), Delay(0.002)]
    system = library["Cit"].parts[0]
    averaged = averaged_lines(tuple(events), system, F0, AXES).fid(256, 5e-4)
    full = brute_force(events, system, AXES)
    assert np.abs(averaged - full).max() < 1e-3 * np.abs(full).max()
    spin = SpinSystem("one", ("a",), (2.1,))
    isolated = isolated_signal(Shot("interleaved", tuple(events)), (2.1,), F0, AXES)
    assert isolated[0, 0] == pytest.approx(averaged_lines(tuple(events), spin, F0, AXES).amplitude.sum(), abs=2e-3)


def test_what_is_remembered_of_pulses_goes_by_their_content(library):
    """A copy of a pulse is the same pulse; another B1 or field is not, nor one whose samples were changed since."""
    events, system = SEQUENCES["press"].shots[0].events, library["Asp"].parts[0]

    def fid(factor=1.0, **how):
        played = []
        for event in events:
            if isinstance(event, ShapedPulse):
                event = replace(event, pulse=replace(event.pulse, b1=event.pulse.b1.copy()))
                event.pulse.b1[:] *= factor
            played.append(event)
        return averaged_lines(tuple(played), system, F0, AXES, **how).fid(64, 5e-4)

    first, weaker = fid(), fid(b1_scale=0.8)
    assert np.array_equal(fid(), first)
    assert fid(factor=0.8) == pytest.approx(weaker, abs=1e-6)
    assert np.abs(weaker - first).max() > 0.01 < np.abs(fid(b0_hz=20.0) - first).max()


@pytest.mark.parametrize("name", ["Glu", "GABA", "Lac", "Cit"])
@pytest.mark.parametrize("pulse", [sinc(0.005, 180.0, lobes=3), goia(0.0035, samples=100)], ids=["sinc", "goia"])
@pytest.mark.parametrize("whole", [64, 4], ids=["whole", "in groups"])
def test_split_propagators_are_those_of_the_exact_interpreter(monkeypatch, library, name, pulse, whole):
    """Also where the gradient changes during the pulse, and where the spins are cut in weakly coupled groups."""
    monkeypatch.setattr(_propagators, "_WHOLE", whole)
    system, event = library[name].parts[0], ShapedPulse(pulse, -200.0, 30.0, ("x", 1.5))
    places = np.array([-300.0, 0.0, 700.0])  # Hz
    split = slice_propagators(event, system, F0, places)
    for u, place in zip(split, places, strict=True):
        exact = propagator([event], system, F0, position={"x": place / (GAMMA_BAR * 1e3 * 1.5)})
        assert np.abs(u @ u.conj().T - np.eye(len(u))).max() < 1e-5
        assert np.abs(u - exact).max() < 1e-3


@pytest.mark.parametrize("kept", [None, (1,), (0, -1)])
@pytest.mark.parametrize("orders", [(-1,), (0,), (-2, 1)])
def test_only_blocks_that_hold_and_keep_something_are_multiplied(kept, orders):
    """What is left out is zero, or will be dropped by the filter that follows."""
    rng = np.random.default_rng(0)
    system = SpinSystem("CH-CH3", tuple("ab"), (1.0, 2.0), levels=(2, 4))
    order = coherence_order(system.levels)
    rho = rng.normal(size=(8, 8)) * np.isin(order, orders)
    u = rng.normal(size=(3, 8, 8)) + 1j * rng.normal(size=(3, 8, 8))
    whole = u @ rho @ u.conj().swapaxes(1, 2)
    whole = whole if kept is None else whole * np.isin(order, kept)
    u = sorted_by_order(u, system.levels)
    assert conjugated(u, rho, system.levels, kept) == pytest.approx(whole)
    assert conjugated(u, np.stack([rho] * 3), system.levels, kept) == pytest.approx(whole)
    alike = conjugated(u[:1], np.stack([rho] * 3), system.levels, kept)  # a pulse along another axis
    assert alike == pytest.approx(np.stack([whole[0]] * 3))
    assert conjugated(u, rho, system.levels, kept, summed=True) == pytest.approx(whole.sum(axis=0))


def test_voxel_of_uncoupled_spins_has_the_volume_of_its_slices():
    sequence = press(0.030, refocusing=REFOCUSING, central_frequency=F0)
    axes = slice_axes(sequence, F0, 32, 2.0)
    on_carrier = SpinSystem("water", ("H",), (2.3,))
    signal = averaged_lines(sequence.shots[0].events, on_carrier, F0, axes).amplitude.sum()
    assert signal.real == pytest.approx(1.0, abs=0.1)
    assert abs(signal.imag) < 0.01


SELECTIVE = SlicePulse(sinc(0.003, 90.0, lobes=5), 0.02, 2.3)


def slowed(pulse):
    """The pulse with its outer halves played at half of the gradient and of B1, for twice as long (VERSE)."""
    speed = np.where(np.abs(np.arange(len(pulse.b1)) - len(pulse.b1) / 2 + 0.5) < len(pulse.b1) / 4, 1.0, 0.5)
    repeats = (1 / speed).astype(int)
    return Pulse("verse", np.repeat(pulse.b1 * speed, repeats), pulse.dwell, np.repeat(speed, repeats))


VERSE = SlicePulse(slowed(SELECTIVE.pulse), 0.02, 2.3)


def test_slowing_a_pulse_with_its_gradient_leaves_the_slice_as_it_is():
    places = np.linspace(-3000, 3000, 13)
    slices = [excitation_profile(pulse, 0.0, place=places) for pulse in (SELECTIVE.pulse, VERSE.pulse)]
    assert slices[1] == pytest.approx(slices[0])
    assert VERSE.gradient == pytest.approx(SELECTIVE.gradient, rel=1e-3)


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (press(0.030, excitation=SELECTIVE, refocusing=REFOCUSING, central_frequency=F0), 1.0),
        (spin_echo(0.030, excitation=SELECTIVE, refocusing=REFOCUSING, central_frequency=F0), 1.0),
        (steam(0.020, excitation=SELECTIVE, central_frequency=F0), 0.5),
        (press(0.040, 0.020, excitation=VERSE, refocusing=REFOCUSING, central_frequency=F0), 1.0),
    ],
    ids=["press", "spin echo", "steam", "changing gradient"],
)
def test_selective_excitation_is_rephased(sequence, expected):
    """With all slices shaped, the voxel gives its signal in phase (the slices are a little rounder than boxes)."""
    assert sequence.shots[0].duration == pytest.approx(
        sequence.echo_time + sequence.shots[0].events[0].duration / 2 + (0.010 if sequence.name == "steam" else 0.0)
    )
    axes = slice_axes(sequence, F0, 32, 2.5)
    amplitude = averaged_lines(sequence.shots[0].events, SpinSystem("s", ("H",), (2.3,)), F0, axes).amplitude.sum()
    assert abs(amplitude) == pytest.approx(expected, rel=0.25)
    assert np.angle(amplitude, deg=True) == pytest.approx(0.0, abs=6)


def test_chemical_shift_displacement_moves_the_voxel():
    """Off the carrier the slice is displaced, not lost: a wide enough grid sees all of it."""
    sequence = press(0.030, refocusing=REFOCUSING, central_frequency=F0)
    axes = slice_axes(sequence, F0, 64, 4.0)
    amplitude = [
        averaged_lines(sequence.shots[0].events, SpinSystem("s", ("H",), (ppm,)), F0, axes).amplitude.sum()
        for ppm in (1.3, 2.3, 4.1)
    ]
    assert np.abs(amplitude) == pytest.approx(np.abs(amplitude[1]), rel=0.02)


def test_shaped_press_agrees_with_fida(evidence):
    """FID-A, shaped refocusing over 32 x 32 positions: to 5e-3 of the peak."""
    folder = evidence / "results" / "fida_press"
    shape = np.load(folder / "refocusing_pulse_100pts.npz")
    pulse = scaled("refocusing", shape["amplitude"] * np.exp(1j * np.deg2rad(shape["phase_deg"])), 0.0035, 180.0)
    sequence = press(0.016, te1=0.008, refocusing=SlicePulse(pulse, 0.0166, 2.3), central_frequency=F0)
    grid = Axis(np.linspace(-0.02, 0.02, 32), 0.04 / 32 / 0.0166)
    glu = load_library()["Glu"].parts[0]
    lines = averaged_lines(sequence.shots[0].events, glu, F0, {"x": grid, "y": grid})
    fid = lines.fid(2048, 5e-4) * decay(2048, 5e-4, linewidth=2.0)
    reference = np.load(folder / "shaped_Glu.npz")["fid"].astype(complex)
    reference = reference * np.exp(2j * np.pi * (2.3 - 4.65) * F0 * time_axis(2048, 5e-4))  # its receiver is at 2.3 ppm
    ours, theirs = to_spectrum(fid), to_spectrum(reference)
    assert np.abs(ours - theirs).max() < 5e-3 * np.abs(theirs).max()


def test_philips_press35_basis_of_osprey(evidence, capsys):
    """Correlation with the Philips PRESS 35 basis of Osprey, 0.2-4.2 ppm, for every metabolite.

    Its pulse (gtst1203, 7 ms) and TE1 are not in the file: a sinc of the same length and TE1 14.5 ms stand for them.
    Its receiver lies 0.03 ppm (3.8 Hz) higher, and the first sample is halved.
    """
    theirs = read_lcmodel(evidence / "results" / "osprey_basis" / "3T_PRESS_Philips_35ms_noMM.BASIS")
    frequency = theirs.central_frequency
    refocusing = SlicePulse(sinc(0.007, 180.0, lobes=5), 0.02, 3.0)
    config = {
        "field": 3.0,
        "central_frequency": frequency,
        "points": theirs.points,
        "bandwidth": 1 / theirs.dwell,
        "linewidth": theirs.linewidth,
        "metabolites": list(theirs.names),
        "alternatives": {"Asc": "fida"},
    }
    shaped = press(0.035, te1=0.0145, refocusing=refocusing, central_frequency=frequency)
    ours = simulate_basis(shaped, config)["press"]
    shift = np.exp(2j * np.pi * 3.8 * time_axis(theirs.points, theirs.dwell))
    window = np.abs(ours.ppm - 2.2) < 2.0
    correlation = {}
    for name in theirs.names:
        fid = theirs[name] * shift
        fid[0] *= 2
        a, b = to_spectrum(ours[name])[window], to_spectrum(fid)[window]
        correlation[name] = np.abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b)
    with capsys.disabled():
        print("\ncorrelation with Osprey's Philips PRESS 35: ", end="")
        print(", ".join(f"{name} {value:.3f}" for name, value in correlation.items()))
    assert min(correlation.values()) > 0.92
    assert min(correlation[name] for name in ("Glu", "Gln", "GABA", "Ins", "NAA", "GSH")) > 0.985


def test_halving_the_spacing_changes_glutamine_by_less_than_half_a_percent():
    config = {"field": 3.0, "points": 1024, "bandwidth": 2000.0, "linewidth": 2.0, "metabolites": ["Gln"]}
    coarse, fine = (
        simulate_basis(SEQUENCES["press"], config | {"grid": {"points": points, "extent": 2.5}})["press"].spectra
        for points in (32, 64)
    )
    assert np.abs(coarse - fine).max() < 5e-3 * np.abs(fine).max()


def test_unsuitable_grids_name_one_that_works():
    sequence = SEQUENCES["press"]
    with pytest.raises(SpinsculptError, match=r"grid\.points: 4 positions are too few.* would work") as error:
        slice_axes(sequence, F0, 4, 2.0)
    slice_axes(sequence, F0, int(str(error.value).split()[-3]), 2.0)
    with pytest.raises(SpinsculptError, match=r"grid\.extent: 1 slice.*would work") as error:
        slice_axes(sequence, F0, 32, 1.0)
    slice_axes(sequence, F0, 32, float(str(error.value).split()[-3]))


def test_special_is_the_voxel_that_press_selects(library):
    """DIFF of SPECIAL, one slice inverted, two in an echo: a voxel of the size of PRESS, in phase."""
    for name in ("special", "slaser", "press"):
        sequence = build_sequence(name, {"type": name, "echo_time": 0.03})
        axes = slice_axes(sequence, F0, 32, 2.0)
        spins, found = SpinSystem("s", ("H",), (3.0,)), 0.0
        for shot, weight in sequence.combinations.get("diff", {sequence.shots[0].name: 1.0}).items():
            events = sequence.shot(shot).events
            found = found + weight * averaged_lines(events, spins, F0, axes).amplitude.sum()
        assert abs(found) == pytest.approx(0.93, abs=0.1), name
        assert np.angle(found, deg=True) == pytest.approx(0.0, abs=8), name


def test_partners_outside_the_slice_take_signal_from_coupled_spins(library):
    """The four-compartment effect: where the slice of its partner is displaced, the doublet is not refocused.

    At TE = 1/J the CH3 doublet is inverted where both spins are refocused, and upright where the partner at 4.1 ppm,
    which lies beside its slice, is not: a narrow bandwidth loses signal of coupled spins that one spin alone keeps.
    """
    lost = []
    for bandwidth in (1000.0, 10000.0):
        pulse = sinc(5.0 / bandwidth, 180.0, lobes=5)
        sequence = press(1 / 6.93, te1=0.03, refocusing=SlicePulse(pulse, 0.02, 1.31), central_frequency=F0)
        axes = slice_axes(sequence, F0, 32, 2.0)
        kept = []
        for system in (library["Lac"].parts[0], SpinSystem("CH3", ("H",), (1.31,), weight=3.0)):
            lines = averaged_lines(sequence.shots[0].events, system, F0, axes)
            kept.append(np.abs(lines.amplitude[np.abs(lines.frequency - (1.31 - 4.65) * F0) < 20].sum()))
        lost.append(1 - kept[0] / kept[1])
    assert lost[0] > 0.8 and lost[1] < lost[0] / 2
