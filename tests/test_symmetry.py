"""Equivalent spins as total spins: the sectors give the signal of the whole, whatever acts on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spinsculpt.basis import Axis, averaged_lines
from spinsculpt.core.spectra import merge_lines
from spinsculpt.design import Acquisition, FieldCondition, Simulation
from spinsculpt.physics.dynamics import evolve, line_list
from spinsculpt.physics.dynamics.engine import SpinGroup, propagate
from spinsculpt.physics.pulses import Pulse, gaussian, sinc
from spinsculpt.physics.sequences import (
    CoherenceFilter,
    Delay,
    HardPulse,
    ShapedPulse,
    SlicePulse,
    Slot,
    megapress,
    press,
    steam,
)
from spinsculpt.physics.spins import (
    SpinSystem,
    equivalent_spins,
    hamiltonian,
    load_library,
    raising,
    single_spin,
    symmetry_sectors,
    total,
)

F0 = 127.728
SMALL = ("Lac", "Thr", "EtOH", "bHB")


@pytest.fixture(scope="module")
def library():
    return load_library()


def random_pulse(seed, samples=30, dwell=2e-4, amplitude=4.0):
    rng = np.random.default_rng(seed)
    return Pulse("random", amplitude * (rng.normal(size=samples) + 1j * rng.normal(size=samples)), dwell)


EVENTS = (
    HardPulse(90, 30),
    Delay(0.011),
    CoherenceFilter((-1, 0)),
    ShapedPulse(random_pulse(0), offset=120.0, phase=40.0),
    CoherenceFilter((1, 2)),
    Delay(0.007),
    HardPulse(140, 75),
    ShapedPulse(random_pulse(1)),
)


def signal(systems, events=EVENTS, **conditions):
    """(4 w / d) Tr[rho F_+] of all systems together at some times after the events."""
    moments = [Delay(time) for time in (0.0, 0.004, 0.05, 0.3)]
    seen = np.zeros(len(moments), complex)
    for system in systems:
        rho = evolve(events, system, F0, **conditions)
        later = [evolve([moment], system, F0, start=rho) for moment in moments]
        seen += 4 * system.weight / system.dimension * np.array([np.trace(raising(system.levels) @ r) for r in later])
    return seen


def assert_same(parts, whole, tolerance=1e-10):
    assert np.abs(whole).max() > 1e-2
    np.testing.assert_allclose(parts, whole, rtol=0, atol=tolerance * np.abs(whole).max())


def commutator_vanishes(a, b):
    return np.abs(a @ b - b @ a).max() < 1e-9 * np.abs(a).max()


@pytest.mark.parametrize("levels", [(2,), (3,), (4,), (2, 4), (3, 2, 5)])
def test_operators_of_any_spin_are_angular_momenta(levels):
    x, y, z = (total(levels, axis) for axis in "xyz")
    np.testing.assert_allclose(x @ y - y @ x, 1j * z, atol=1e-12)
    for spin, count in enumerate(levels):
        square = sum(single_spin(levels, spin, axis) @ single_spin(levels, spin, axis) for axis in "xyz")
        np.testing.assert_allclose(square, (count**2 - 1) / 4 * np.eye(len(x)), atol=1e-12)  # I (I + 1)


def test_hamiltonian_of_total_spins_is_rotationally_invariant_but_for_the_shifts():
    """Scalar couplings commute with F; between total spins, too."""
    system = SpinSystem(
        "total spins", ("a", "b", "c"), (0.0,) * 3, ((0, 1, 7.0), (0, 2, -3.0), (1, 2, 5.0)), 1.0, (2, 4, 3)
    )
    h = hamiltonian(system, 0.0)
    assert all(commutator_vanishes(h, total(system.levels, axis)) for axis in "xyz")
    expected = (
        2
        * np.pi
        * sum(
            value * single_spin(system.levels, i, axis) @ single_spin(system.levels, j, axis)
            for i, j, value in system.couplings
            for axis in "xyz"
        )
    )
    np.testing.assert_allclose(h, expected, atol=1e-12)


def test_sectors_are_those_of_the_textbook(library):
    sizes = {
        "Lac": [8, 4],
        "Thr": [16, 8],
        "Val": [64, 32, 32, 16],
        "EtOH": [12, 4, 6, 2],
        "Glu": [32],
        "Tau": [16],  # its CH2 protons are equivalent chemically, but not magnetically
    }
    for name, expected in sizes.items():
        assert [sector.dimension for sector in symmetry_sectors(library[name].parts[0])] == expected
    assert symmetry_sectors(library["Glu"].parts[0]) == library["Glu"].parts


def test_sectors_hold_all_states_and_all_protons_of_every_metabolite(library):
    for metabolite in library.metabolites.values():
        for part in metabolite.parts:
            sectors = symmetry_sectors(part)
            assert sum(sector.protons for sector in sectors) == pytest.approx(part.protons, abs=1e-12)
            assert sum(sector.weight for sector in sectors) <= part.weight * (1 + 1e-12)


def test_equivalence_needs_the_same_coupling_to_everybody_outside():
    shifts, names = (4.1, 1.3, 1.3, 1.3), ("H2", "H3a", "H3b", "H3c")
    methyl = SpinSystem("methyl", names, shifts, ((0, 1, 7.0), (0, 2, 7.0), (0, 3, 7.0), (1, 2, -12.0)))
    assert equivalent_spins(methyl) == [(0,), (1, 2, 3)]  # couplings inside the group do not matter
    pair = replace(methyl, couplings=((0, 1, 7.0), (0, 2, 7.0), (0, 3, 6.9)))
    assert equivalent_spins(pair) == [(0,), (1, 2), (3,)]
    assert equivalent_spins(replace(methyl, shifts=(4.1, 1.3, 1.3, 1.31))) == [(0,), (1, 2), (3,)]
    crossed = SpinSystem(
        "AA'XX'", tuple("abxy"), (1.0, 1.0, 2.0, 2.0), ((0, 2, 5.0), (0, 3, 6.0), (1, 2, 6.0), (1, 3, 5.0))
    )
    assert equivalent_spins(crossed) == [(0,), (1,), (2,), (3,)]


def test_equilibrium_gives_every_proton_its_signal(library):
    for name in (*SMALL, "Val"):
        (part, *_) = library[name].parts
        lines = [line_list([HardPulse(90, 90)], sector, F0) for sector in symmetry_sectors(part)]
        assert merge_lines(lines).amplitude.sum() == pytest.approx(part.protons, abs=1e-6)


@pytest.mark.parametrize("name", SMALL)
def test_signals_of_sectors_add_up_to_that_of_the_whole(library, name):
    (part, *_) = library[name].parts
    conditions = {"b1_scale": 0.8, "b0_hz": 7.0}
    assert_same(signal(symmetry_sectors(part), **conditions), signal([part], **conditions))


def test_signals_of_valine_with_its_256_states_are_those_of_sectors_of_64_at_most(library):
    events = (HardPulse(90, 0), Delay(0.02), HardPulse(70, 50), CoherenceFilter((1,)), ShapedPulse(random_pulse(2, 4)))
    (valine,) = library["Val"].parts
    assert_same(signal(symmetry_sectors(valine), events), signal([valine], events))


@pytest.mark.parametrize("name", ["Lac", "Thr", "EtOH"])
def test_slice_selective_sequences_see_no_difference(library, name):
    """Shaped refocusing over positions with editing pulses, and STEAM, whose filters pass order 0."""
    refocusing = SlicePulse(sinc(0.005, 180.0, lobes=3), 0.02, 2.3)
    excitation = SlicePulse(sinc(0.003, 90.0, lobes=5), 0.02, 2.3)
    axes = {axis: Axis(np.linspace(-0.012, 0.015, 5), 0.2) for axis in "xyz"}
    (part, *_) = library[name].parts
    for sequence in (
        megapress(gaussian(0.014), refocusing=refocusing, central_frequency=F0),
        steam(0.020, excitation=excitation, central_frequency=F0),
    ):
        events = sequence.shots[0].events
        whole = averaged_lines(events, part, F0, axes).fid(256, 1e-3)
        parts = merge_lines([averaged_lines(events, sector, F0, axes) for sector in symmetry_sectors(part)])
        assert_same(parts.fid(256, 1e-3), whole, 1e-5)  # slices are simulated in single precision


@pytest.mark.parametrize("name", ["Lac", "Thr", "Val", "EtOH"])
def test_the_fast_engine_takes_sectors(library, name):
    """Within the error of its splitting, which falls with the square of the step."""
    pulse, (part, *_) = random_pulse(3, 12), library[name].parts
    nutation = torch.view_as_real(torch.as_tensor(pulse.nutation))[None]
    exact = signal([part], [ShapedPulse(pulse)])[0]

    def error(substeps):
        seen = 0.0
        for sector in symmetry_sectors(part):
            (u,) = propagate(nutation, pulse.dwell, [SpinGroup.from_system(sector, F0)], substeps)[0].numpy()
            rho = u @ total(sector.levels, "z") @ u.conj().T
            seen += 4 * sector.weight / sector.dimension * np.trace(raising(sector.levels) @ rho)
        return abs(seen - exact) / abs(exact)

    assert error(4) < 1e-4
    assert error(4) / error(8) == pytest.approx(4, rel=0.2)


def test_a_design_sees_the_signals_of_the_whole(library):
    """Sectors within the splitting error; whole where states are kept."""
    pulse = random_pulse(4, 80, 1e-4)
    sequence = press(0.040, gap=Slot("gap", "gap", pulse.duration))
    waveform = {"gap": torch.as_tensor(pulse.b1)[None]}

    def simulation(**options):
        members, dwell = (FieldCondition(), FieldCondition(0.9, 5.0)), {"gap": pulse.dwell}
        options |= {"b1_limit": {"gap": 8.0}, "tolerance": 1e-5, "dtype": torch.complex128}
        return Simulation(sequence, library, ("Thr", "Lac"), Acquisition(F0), members, dwell, **options)

    reduced, whole = simulation(), simulation(keep_states=("Thr", "Lac"))
    for each in (reduced, simulation(decay_interval=2e-3)):
        assert [part.system.dimension for part in each.parts] == [16, 8, 8, 4]
    assert [part.system.dimension for part in whole.parts] == [32, 16]
    fids, expected = (one(waveform).fids["press"].numpy() for one in (reduced, whole))
    np.testing.assert_allclose(fids, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


size, ppm, hertz = st.integers(1, 3), st.floats(-1, 6), st.floats(-20, 20)


@settings(max_examples=25, deadline=None)
@given(st.tuples(size, size), st.tuples(ppm, ppm), st.tuples(hertz, hertz), st.integers(0, 2**32 - 1))
def test_a_group_of_n_and_a_group_of_m_spins_act_as_total_spins(sizes, shifts, strengths, seed):
    (n, m), (between, within) = sizes, strengths
    spins = tuple(f"A{k}" for k in range(n)) + tuple(f"B{k}" for k in range(m))
    couplings = [(i, j, between) for i in range(n) for j in range(n, n + m)]
    couplings += [(i, j, within) for i in range(n) for j in range(i + 1, n)]
    system = SpinSystem("A(n)B(m)", spins, (shifts[0],) * n + (shifts[1],) * m, tuple(couplings))
    pulse = random_pulse(seed, 8)
    events = (HardPulse(90, 10), Delay(0.013), CoherenceFilter((-1, 0)), ShapedPulse(pulse), HardPulse(60, 80))
    parts, whole = signal(symmetry_sectors(system), events), signal([system], events)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-10)
