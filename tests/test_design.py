"""Design: objectives mean what they say, gradients are derivatives, runs are reproducible and can be resumed."""

import json
import os
import signal
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from entries import build_sequence, simulate_basis
from spinsculpt.app.cli._design import design_command
from spinsculpt.app.plan import spectra_of
from spinsculpt.basis import averaged_lines, slice_axes
from spinsculpt.compare import Analysis
from spinsculpt.config import Baseline, Basis, DesignEntry, SequenceEntry, TimeRanges, parse, plain
from spinsculpt.core.conventions import larmor_frequency
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_yaml
from spinsculpt.core.spectra import decay
from spinsculpt.core.system import System
from spinsculpt.design import (
    CRLB,
    Acquisition,
    Design,
    Enhance,
    FieldCondition,
    Parametrisation,
    Power,
    Simulation,
    Suppress,
    TargetState,
    Window,
    robust,
    run_design,
)
from spinsculpt.design._conventional import best_press, megapress
from spinsculpt.design._explain import operator_classes, product_operators, spin_signals, weights_along
from spinsculpt.design._metrics import among_real_pulses, splitting_error
from spinsculpt.design._problem import Model, _resolved, parse_operator, times
from spinsculpt.design._run import usable_device
from spinsculpt.fit import FitModel, predict_crlb
from spinsculpt.physics.dynamics import engine, evolve, free_eigensystem, line_list, liouville_evolve
from spinsculpt.physics.pulses import DesignedPulses, Pulse, read_designed, read_json, write_designed
from spinsculpt.physics.sequences import Delay, HardPulse, Sequence, ShapedPulse, Slot, press, pulse_acquire
from spinsculpt.physics.spins import (
    Library,
    Metabolite,
    SpinSystem,
    load_library,
    single_spin,
    total,
    transfer_bound,
    unitary_bound,
)

F0 = larmor_frequency(3.0)
NOMINAL = (FieldCondition(),)
BASIS = Basis(metabolites=["NAA", "Cr", "Glu", "Gln"], macromolecules=["MM20"])
SMALL = {
    "kind": "gap",
    "ideal": True,
    "echo_time": 0.036,
    "duration": 0.008,
    "dwell": 4e-4,
    "metabolites": ["Cr", "Glu", "Gln"],
    "macromolecules": [],
    "starts": 3,
    "iterations": 8,
    "screening": [0.5],
    "checkpoint_every": 2,
}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def library():
    return load_library(field_strength=3.0, heteronuclear=False)


def entry(**changes):
    return parse(DesignEntry, {**SMALL, **changes})


def random_pulse(samples, dwell, amplitude=5.0, seed=0):
    rng = np.random.default_rng(seed)
    return Pulse("random", amplitude * (rng.normal(size=samples) + 1j * rng.normal(size=samples)), dwell)


def simulate(sequence, library, names, pulse=None, conditions=NOMINAL, **options):
    dwell = {slot.name: pulse.dwell for slot in sequence.slots}
    simulation = Simulation(
        sequence, library, names, Acquisition(F0), conditions, dwell, dtype=torch.complex128, **options
    )
    return simulation({slot.name: torch.as_tensor(pulse.b1)[None] for slot in sequence.slots})


# -- simulation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gap", "prep", "excitation"])
def test_signals_are_those_of_the_exact_event_interpreter(library, kind):
    pulse = random_pulse(160, 5e-5)
    slot = Slot(kind, kind, pulse.duration)
    sequence = pulse_acquire(excitation=slot) if kind == "excitation" else press(0.05, **{kind: slot})
    signals = simulate(sequence, library, ["Glu"], pulse, tolerance=1e-4, relaxation=False)
    system = library["Glu"].parts[0]
    acquisition = Acquisition(F0)
    exact = line_list(sequence.fill({kind: pulse}).shots[0].events, system, F0)
    exact = exact.fid(acquisition.points, acquisition.dwell)
    exact *= np.exp(-np.pi * 5.0 * np.arange(acquisition.points) * acquisition.dwell)
    shot = sequence.shots[0].name
    np.testing.assert_allclose(signals.fids[shot][0, 0, 0], exact, atol=2e-3)


def test_b1_scale_of_a_member_scales_the_pulse(library):
    pulse = random_pulse(20, 4e-4)
    sequence = press(0.036, gap=Slot("gap", "gap", pulse.duration))
    both = simulate(sequence, library, ["Glu"], pulse, (FieldCondition(), FieldCondition(0.8)))
    weaker = simulate(sequence, library, ["Glu"], Pulse("weak", 0.8 * pulse.b1, pulse.dwell))
    np.testing.assert_allclose(both.fids["press"][0, 1], weaker.fids["press"][0, 0], atol=1e-9)


def test_an_offset_during_the_pulse_is_a_gradient_at_a_place(library):
    pulse, strength, place = random_pulse(40, 1e-4), 2.0, 0.003  # mT/m, m
    sequence = press(0.036, gap=Slot("gap", "gap", pulse.duration))
    offset = 42577.478518 * strength * place
    signals = simulate(
        sequence, library, ["Glu"], pulse, (FieldCondition(), FieldCondition(pulse_offset_hz=offset)), relaxation=False
    )
    played = ShapedPulse(pulse, gradient=("x", strength))
    events = [played if isinstance(event, Slot) else event for event in sequence.shots[0].events]
    exact = line_list(events, library["Glu"].parts[0], F0, position={"x": place}).fid(1024, 1 / 2000)
    exact *= np.exp(-np.pi * 5.0 * np.arange(1024) / 2000)
    np.testing.assert_allclose(signals.fids["press"][0, 1, 0], exact, atol=5e-3)


def test_a_broadening_of_a_member_is_a_wider_line(library):
    both = simulate(press(0.03), library, ["Cr"], conditions=(FieldCondition(), FieldCondition(broadening_hz=3.0)))
    fids = both.fids["press"][0, :, 0]
    time = np.arange(1024) / 2000
    np.testing.assert_allclose(fids[1], fids[0].numpy() * np.exp(-3 * np.pi * time), atol=1e-12)


def test_a_silent_gap_pulse_leaves_press(library):
    silent = Pulse("silent", np.zeros(20, complex), 4e-4)
    with_gap = simulate(press(0.036, gap=Slot("gap", "gap", silent.duration)), library, ["Glu", "NAA"], silent)
    plain = simulate(press(0.036), library, ["Glu", "NAA"])
    np.testing.assert_allclose(with_gap.fids["press"], plain.fids["press"], atol=5e-3)


def test_decay_between_stretches_is_that_of_liouville_space(library):
    """Operator-class relaxation in steps against the exponential of the whole superoperator, two coupled spins."""
    pulse = Pulse("steps", np.repeat(random_pulse(40, 5e-4, amplitude=1.0).b1, 4), 1.25e-4)
    system = SpinSystem("AX", ("A", "X"), (2.0, 4.0), ((0, 1, 12.0),))
    t1, t2 = 0.05, 0.02  # s; strong, so that an error would show
    pair = Metabolite("AX", "pair", (system,), t1, t2, 1.0)
    small = Library({"AX": pair}, {})
    sequence = pulse_acquire(excitation=Slot("excitation", "excitation", pulse.duration))
    exact = liouville_evolve(total((2, 2), "z"), pulse, system, t1, t2, F0)
    basis = free_eigensystem(system, F0)[1]
    errors = []
    for interval in (5e-4, 2.5e-4):
        options = {"decay_interval": interval, "keep_states": ["AX"], "tolerance": 1e-5}
        state = next(iter(simulate(sequence, small, ["AX"], pulse, **options).states.values()))[0, 0]
        errors.append(np.abs(basis @ state.numpy() @ basis.T - exact).max())
    assert errors[1] < 2e-3
    assert errors[0] / errors[1] > 3  # second order


def test_a_silent_gap_loses_what_the_echo_time_loses(library):
    """Transverse magnetisation decays with T2 whether its decay is counted in the slot or over the echo time."""
    silent = Pulse("silent", np.zeros(20, complex), 4e-4)
    sequence = press(0.036, gap=Slot("gap", "gap", silent.duration))
    over_echo = simulate(sequence, library, ["Glu", "NAA"], silent)
    in_slot = simulate(sequence, library, ["Glu", "NAA"], silent, decay_interval=2e-3)
    np.testing.assert_allclose(in_slot.fids["press"], over_echo.fids["press"], atol=1e-3)


# -- objectives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", ["poly:2", "spline:6"])
@pytest.mark.parametrize("shots", [1, 2])
def test_crlb_is_the_one_that_the_fit_predicts(baseline, shots):
    config = BASIS.but(points=1024, linewidth=0.0, heteronuclear=False)
    library = load_library(field_strength=3.0, heteronuclear=False)
    names = list(BASIS.names)
    concentrations = {name: library[name].concentration for name in names}
    model, acquisition = FitModel(baseline=baseline, shared=()), Acquisition(F0, 1024, 1 / 2000, 5.0)
    sequences = [press(te, name=f"te{te}") for te in (0.03, 0.07)[:shots]]
    bases = [next(iter(simulate_basis(sequence, config).values())) for sequence in sequences]
    expected = predict_crlb(bases, concentrations, model, [2.0 * np.sqrt(shots)] * shots, 5.0)
    fids = {}
    for sequence in sequences:
        fids |= Simulation(sequence, library, names, acquisition, relaxation=False)({}).fids
    signals = Simulation(sequences[0], library, names, acquisition, relaxation=False)({})
    signals = type(signals)(signals.names, fids, {}, {})
    crlb = CRLB({"Glu": 1, "Gln": 1}, names, concentrations, model, acquisition, tuple(fids), noise_sd=2.0)
    covariance = crlb.covariance(signals)[0, 0]
    np.testing.assert_allclose(covariance, expected.covariance, rtol=1e-5, atol=1e-7 * expected.covariance.max())


def test_the_reference_itself_has_losses_of_zero(library):
    acquisition = Acquisition(F0)
    reference = simulate(press(0.03), library, ["Glu", "Gln"])
    window = Window(acquisition, (2.2, 2.6))
    assert float(Enhance(["Glu"], window, reference)(reference)) == pytest.approx(0.0, abs=1e-12)
    assert float(Suppress(["Gln"], window, reference, 1e-12)(reference)) == pytest.approx(0.0, abs=1e-9)


def test_nothing_at_all_is_no_solution(library):
    """The difference of residue and peak would reward silence; the logarithm of the peak punishes it without bound."""
    acquisition = Acquisition(F0)
    reference = simulate(press(0.03), library, ["Glu", "Gln"])
    window = Window(acquisition, (2.2, 2.6))
    goals = Enhance(["Glu"], window, reference), Suppress(["Gln"], window, reference)
    loss = []
    for scale in (1.0, 1e-2, 1e-4):
        faint = type(reference)(reference.names, {k: scale * v for k, v in reference.fids.items()}, {}, {})
        loss.append(float(goals[0](faint) + 0.3 * goals[1](faint)))
    assert loss[0] < loss[1] < loss[2]


def test_power_of_a_rectangle():
    pulse = torch.full((1, 10), 3.0 + 4.0j, dtype=torch.complex128)
    signals = type("S", (), {"waveforms": {"gap": pulse}})
    assert float(Power({"gap": 1e-3}, 100.0)(signals)) == pytest.approx(25.0 * 10 / 100.0)


def test_robust_losses_lie_between_mean_and_worst():
    loss = torch.tensor([[0.0, 0.1, 0.2, 1.0]])
    assert float(robust(loss, "mean")) == pytest.approx(0.325)
    assert float(robust(loss, "cvar", tail=0.5)) == pytest.approx(0.6)
    assert 0.325 < float(robust(loss, "worst")) <= 1.0


def test_a_ninety_degree_pulse_reaches_the_state_i_x_and_no_more_than_the_bound(library):
    system = library["Glu"].parts[0]
    basis = free_eigensystem(system, F0)[1]
    target = TargetState("Glu", total((2,) * 5, "x"), basis, total((2,) * 5, "z"))
    rho = evolve([HardPulse(90, 90)], system, F0)
    signals = type("S", (), {"states": {("shot", "Glu"): torch.as_tensor(basis.T @ rho @ basis)}})
    assert float(target(signals)) == pytest.approx(0.0, abs=1e-12)


def test_bounds_of_five_spins():
    """Sorensen's bound from F_z onto one spin of five is 1.875, onto two 1.375, onto all 1."""
    assert transfer_bound((2,) * 5, (2,)) == pytest.approx(1.875)
    assert transfer_bound((2,) * 5, (0, 3)) == pytest.approx(1.375)
    assert unitary_bound(total((2,) * 5, "z"), total((2,) * 5, "x")) == pytest.approx(1.0)


# -- gradients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bspline", "samples", "fourier", "phase", "amplitude", "hard"])
def test_loss_gradient_is_the_finite_difference(kind):
    goals = [
        {"type": "crlb", "metabolites": ["Glu"]},
        {"type": "enhance", "metabolites": ["Glu"], "weight": 0.5},
        {"type": "suppress", "metabolites": ["Gln"], "weight": 0.1},
        {"type": "target_spectrum", "metabolite": "Gln"},
        {"type": "target_state", "metabolite": "Glu", "operator": "H2x - 2 H2z H3ay"},
        {"type": "power"},
        {"type": "smooth"},
    ]
    robustness = {"mode": "worst", "b1_scale": [0.9, 1.0], "b0_hz": [0.0, 5.0], "broadening_hz": [0.0, 2.0]}
    design = Design("d", entry(parametrisation=kind, objectives=goals, robustness=robustness), BASIS)
    design.simulation = design.simulate(design.simulation.conditions, torch.complex128)
    x = design.initial(torch.Generator().manual_seed(3), 2)
    _, gradient, parts = design.evaluate(x)
    assert len(parts) == len(goals)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(4), dtype=x.dtype)
    step = 1e-5
    difference = (design.evaluate(x + step * direction)[0] - design.evaluate(x - step * direction)[0]) / (2 * step)
    np.testing.assert_allclose((gradient * direction).sum(1), difference, rtol=1e-5)


@pytest.mark.parametrize("kind", ["bspline", "samples", "fourier", "phase", "amplitude", "hard"])
def test_b1_never_exceeds_its_limit(kind):
    form = Parametrisation(kind, 0.01, 1e-4, 7.0, carrier_hz=-200.0)
    x = form.initial(torch.Generator().manual_seed(0), 4, 50.0)
    b1 = form.waveform()(x)
    assert b1.shape == (4, 100)
    assert float(b1.abs().max()) <= 7.0 + 1e-9


# -- running -----------------------------------------------------------------------------------------------------------


def test_a_run_improves_on_its_start_and_writes_all_its_files(tmp_path):
    metrics = run_design("one", entry(), BASIS, tmp_path, progress=False)
    pulse = read_json(tmp_path / "pulse.json")
    assert pulse.name == "one"
    assert pulse.duration == pytest.approx(0.008)
    assert pulse.peak_b1 <= 13.5
    history = np.genfromtxt(tmp_path / "history.tsv", names=True)
    assert {"start", "step", "loss", "crlb", "power"} <= set(history.dtype.names)
    assert metrics["loss"] == pytest.approx(history["loss"].min(), abs=1e-5)
    assert metrics["loss"] < history["loss"][history["step"] == 0].min()
    assert json.loads((tmp_path / "metrics.json").read_text())["rf"]["peak_b1_uT"] == pytest.approx(pulse.peak_b1)
    assert (tmp_path / "state.tsv").read_text().startswith("metabolite\tpart\tshot\tterm\tcoefficient\tshare\n")
    assert metrics["splitting_error"] < 0.05
    for spins in metrics["unitary_bound"].values():
        assert all(0 <= spin["fraction"] <= 1 + 1e-9 for spin in spins.values())
    nominal = metrics["separation"]["peak_ratio_2.2-2.6ppm"]["Glu/Gln"]
    assert metrics["robustness"]["worst_peak_ratio_2.2-2.6ppm"]["Glu/Gln"] == pytest.approx(nominal, rel=0.02)
    assert not (tmp_path / "checkpoint.npz").exists()


def test_screening_waits_for_the_first_step(tmp_path):
    before = torch.get_num_threads(), engine.threads(), torch.get_default_device()
    metrics = run_design("short", entry(iterations=2, starts=2, screening=[0.1]), BASIS, tmp_path, False, False, 1)
    assert (torch.get_num_threads(), engine.threads(), torch.get_default_device()) == before, (
        "what a design leaves behind"
    )
    assert [each["last_step"] for each in metrics["optimisation"]["landscape"]].count(2) == 1


@pytest.mark.parametrize("kind", ["prep", "prep_gap", "gap_pair", "excitation"])
def test_every_kind_of_sequence_can_be_designed(tmp_path, kind):
    metrics = run_design("one", entry(kind=kind, iterations=2, starts=1), BASIS, tmp_path, progress=False)
    assert np.isfinite(metrics["loss"])
    assert metrics["splitting_error"] < 0.05
    designed = read_designed(tmp_path / "pulse.json")
    assert len(designed.pulses) == (2 if kind in ("prep_gap", "gap_pair") else 1)
    slots = {"excitation": {"excitation": "one"}, "prep_gap": {"prep": "one", "gap": "one"}}
    place = slots.get(kind, {kind.removesuffix("_pair"): "one"})
    played = build_sequence(
        "played",
        {"type": "pulse_acquire" if kind == "excitation" else "press", "ideal": True, **place},
        {"one": designed},
    )
    assert [shot.name for shot in played.shots] == (["a", "b"] if kind == "gap_pair" else ["played"])
    design = Design("one", entry(kind=kind), BASIS)
    assert played.echo_time == pytest.approx(design.sequence.echo_time)
    filled = design.sequence.fill(designed.pulses)
    assert [shot.events for shot in played.shots] == [shot.events for shot in filled.shots]


def test_two_equal_shots_know_what_one_knows():
    """At equal scan time, a pair of one pulse, nothing but concentrations in common, is that pulse alone."""
    one, pair = Design("one", entry(), BASIS), Design("pair", entry(kind="gap_pair"), BASIS)
    pair.model = replace(pair.model, shared=())
    x = one.initial(torch.Generator().manual_seed(0), 1)
    alone = one.crlb({"Glu": 1, "Gln": 1}).sd(one.signals(x))
    both = pair.crlb({"Glu": 1, "Gln": 1}).sd(pair.signals(torch.cat([x, x], 1)))
    np.testing.assert_allclose(both, alone, rtol=1e-3)


RANGES = {"te1": [0.010, 0.016], "te2": [0.024, 0.040], "gap_shift": [-0.001, 0.001]}


@pytest.mark.parametrize("kind", ["gap", "gap_pair", "prep"])
def test_times_have_exact_gradients(kind):
    """Central differences of the loss by every time agree, T2 decay over the echo time included."""
    ranges = {name: RANGES[name] for name in RANGES if kind != "prep" or name != "gap_shift"}
    design = Design("timed", entry(kind=kind, duration=0.008, times=ranges), BASIS)
    design.simulation = design.simulate((FieldCondition(), FieldCondition(1.1, 5.0)), torch.complex128)
    x = design.initial(torch.Generator().manual_seed(0), 2)
    _, gradient, _ = design.evaluate(x)
    for k in range(1, len(ranges) + 1):
        moved = torch.zeros_like(x)
        moved[:, -k] = 1e-4
        slope = (design.evaluate(x + moved)[0] - design.evaluate(x - moved)[0]) / 2e-4
        np.testing.assert_allclose(gradient[:, -k], slope, rtol=1e-5, atol=1e-8)


def test_a_moved_sequence_is_the_one_that_is_built_with_these_times():
    """The linear rule for delays gives the FIDs of the exact interpreter for the sequence with the times found."""
    design = Design("timed", entry(duration=0.008, times=RANGES), BASIS)
    x = design.initial(torch.Generator().manual_seed(3), 1)[0]
    found = design.times.values(design.of_times(x))
    assert all(low < found[name] < high for name, (low, high) in RANGES.items())
    played = design.played(x)
    assert played.echo_time == pytest.approx(found["te1"] + found["te2"])
    assert splitting_error(design, played, x) < 1e-3


def test_parameters_of_times_come_back():
    design = Design("timed", entry(duration=0.008, times=RANGES), BASIS)
    wanted = torch.tensor([[0.011, 0.030, 0.0005]])
    found = design.times.values(design.times.parameters(wanted)[0])
    assert [found[name] for name in RANGES] == pytest.approx(wanted[0].tolist())


def test_the_best_press_is_at_least_as_good_as_a_search_by_hand():
    """Echo times by gradient against the loss on a grid of echo times."""
    design = Design("gap", entry(), BASIS)
    found = best_press(design, {"Glu": 1, "Gln": 1})
    best = np.log(list(found["crlb_over_reference"].values())).mean()
    objective = design.crlb({"Glu": 1, "Gln": 1}, ("grid",))
    reference = design.crlb({"Glu": 1, "Gln": 1}, tuple(design.reference.fids)).log_mean(design.reference)
    for te1, te2 in product((0.010, 0.018, 0.032), (0.010, 0.018, 0.050)):
        simulation = Simulation(press(te1 + te2, te1, "grid"), design.library, design.names, design.acquisition)
        assert best <= float(objective.log_mean(simulation({})) - reference) + 2e-3


def test_hard_pulses_keep_limit_flip_angles_and_order():
    """Rectangles between delays: the integral of each is amplitude times duration wherever the samples begin."""
    form = Parametrisation("hard", 0.010, 1e-4, 12.0, hard_pulses=3, hard_duration=5e-4)
    x = form.initial(torch.Generator().manual_seed(0), 20, 0.5)
    b1 = form.waveform()(x)
    assert b1.shape == (20, 100)
    assert b1.abs().max() <= 12.0
    r = (x[:, :3] ** 2 + x[:, 3:6] ** 2).sqrt()
    area = 12.0 * torch.complex(x[:, :3], x[:, 3:6]) * (torch.tanh(r) / r) * 5e-4
    np.testing.assert_allclose(b1.sum(1) * 1e-4, area.sum(1), rtol=1e-12)


@pytest.mark.parametrize("operator", ["Hax + Hbx", "2 Hax Hbz - 2 Haz Hbx", "Hax Hbx + Hay Hby"])
def test_citrate_at_high_field_reaches_the_unitary_bound(tmp_path, operator):
    """A pair of strongly coupled spins can be steered to any state that unitary evolution allows, within 400 steps."""
    goals = [{"type": "target_state", "metabolite": "Cit", "operator": operator}]
    limits = {"duration": 0.04, "dwell": 4e-4, "b1_limit": 10.0, "carrier_ppm": 2.6}
    citrate = entry(
        kind="excitation", field=11.7, metabolites=["Cit"], objectives=goals, starts=2, iterations=60, **limits
    )
    metrics = run_design("citrate", citrate, BASIS, tmp_path, progress=False)
    assert -1e-4 < metrics["loss"] < 1e-3


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_a_killed_run_resumes_to_the_identical_result(tmp_path, monkeypatch, optimiser):
    small = entry(optimiser=optimiser)
    run_design("one", small, BASIS, tmp_path / "whole", progress=False)
    monkeypatch.setattr(Design, "evaluate", killed_after(Design.evaluate, 9 if optimiser == "lbfgs" else 6))
    with pytest.raises(KeyboardInterrupt):
        run_design("one", small, BASIS, tmp_path / "killed", progress=False)
    monkeypatch.undo()
    assert (tmp_path / "killed" / "checkpoint.npz").exists()
    assert not (tmp_path / "killed" / "pulse.json").exists()
    run_design("one", small, BASIS, tmp_path / "killed", progress=False)
    for name in ("history.tsv", "state.tsv"):
        assert (tmp_path / "killed" / name).read_text() == (tmp_path / "whole" / name).read_text()
    whole, resumed = (read_json(tmp_path / run / "pulse.json").b1 for run in ("whole", "killed"))
    np.testing.assert_array_equal(whole, resumed)


def test_a_run_that_is_asked_to_end_saves_its_last_step(tmp_path):
    small = entry(checkpoint_every=1000)
    run_design("one", small, BASIS, tmp_path / "whole", progress=False)

    def preempted(rows):
        if rows[-1]["step"] == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return True

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SpinsculptError, match=r"asked to end .* after step 4 of"):
        run_design("one", small, BASIS, tmp_path / "ended", progress=False, watch=preempted)
    assert signal.getsignal(signal.SIGTERM) is before
    assert (tmp_path / "ended/checkpoint.npz").exists()
    run_design("one", small, BASIS, tmp_path / "ended", progress=False)
    assert (tmp_path / "ended/history.tsv").read_text() == (tmp_path / "whole/history.tsv").read_text()


def killed_after(evaluate, calls):
    count = 0

    def interrupted(self, x):
        nonlocal count
        count += 1
        if count > calls:
            raise KeyboardInterrupt
        return evaluate(self, x)

    return interrupted


def test_the_rival_press_is_no_worse_than_the_reference():
    design = Design("one", entry(reference={"echo_time": 0.05, "te1": 0.014}), BASIS)
    rival = best_press(design, {"Glu": 1.0, "Gln": 1.0})
    assert np.mean(np.log(list(rival["crlb_over_reference"].values()))) <= 0
    assert min(rival["te1_s"], rival["te2_s"]) >= 0.010


def test_megapress_as_a_rival_edits_the_partner_of_the_line_that_is_seen():
    """Lactate edited where GABA is would leave nothing in DIFF."""
    names = ["Cr", "GABA", "Lac"]
    given = entry(metabolites=names, objectives=[{"type": "crlb", "metabolites": {"Lac": 1.0}}])
    design = Design("one", given, BASIS.but(metabolites=names))
    lactate, gaba = megapress(design, {"Lac": 1.0, "GABA": 0.5}), megapress(design, {"Lac": 0.5, "GABA": 1.0})
    assert [found["megapress"]["editing_ppm"] for found in (lactate, gaba)] == [4.10, 1.9]
    for name, ours, theirs in (("Lac", lactate, gaba), ("GABA", gaba, lactate)):
        bounds = [found["megapress_diff"]["crlb_over_reference"][name] for found in (ours, theirs)]
        assert bounds[0] < bounds[1] / 3


def test_not_a_number_is_caught_with_the_part_that_caused_it(tmp_path, monkeypatch):
    monkeypatch.setattr(Power, "__call__", lambda self, signals: torch.full((3, 1), torch.nan, dtype=torch.float64))
    with pytest.raises(SpinsculptError, match="power is not a finite number"):
        run_design("one", entry(), BASIS, tmp_path, progress=False)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"duration": 1e-4}, "shorter than one sample"),
        ({"dwell": 1e-7}, "below the RF raster"),
        ({"duration": 0.0081}, "not a whole number of samples"),
        ({"b1_limit": 0.0}, "b1_limit is 0"),
        ({"metabolites": ["Glu", "Glx"]}, "no 'Glx'"),
        ({"objectives": []}, "is empty"),
        ({"objectives": [{"type": "crlb", "metabolites": ["GABA"]}]}, "'GABA' is not among"),
        (
            {"objectives": [{"type": "enhance", "metabolites": ["Glu"]}, {"type": "suppress", "metabolites": ["Glu"]}]},
            "at once",
        ),
        ({"objectives": [{"type": "target_state", "metabolite": "Glu", "operator": "H9x"}]}, "'H9x' is neither"),
        ({"echo_time": 0.012}, "echo time"),
        ({"baseline": "cubic"}, "poly:ORDER"),
        ({"shots": 2, "kind": "prep"}, "only gap, refocus and edit have shots"),
        ({"shots": 2, "echo_times": [0.03]}, "1 echo times for 2 shots"),
        ({"sequence": "special"}, "a gap has no place in special; choose press or slaser"),
        ({"starts_from": ["a.json", "b.json", "c.json"]}, "4 or more are needed"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(changes, sentence):
    with pytest.raises(SpinsculptError, match=sentence):
        Design("d", entry(**changes), BASIS)


def test_the_ladder_of_the_paper_is_valid():
    content = read_yaml(Path(__file__).resolve().parent.parent / "config" / "paper.yaml")
    for name, design in content["designs"].items():
        design = parse(DesignEntry, design, "paper.yaml")
        system = None if design.ideal or design.kind == "excitation" else System()
        assert times(name, _resolved(name, design, System(), system), system).sequence.slots
        assert design.objectives


# -- explanation -------------------------------------------------------------------------------------------------------


def test_product_operators_come_back_as_they_were_put_in():
    spins = ("I1", "I2", "I3")
    rho = parse_operator("0.38 I3x - 1.32 I1z I2z I3x + 0.5 I2y", spins)
    terms = {term: (coefficient, share) for term, coefficient, share in product_operators(rho, spins, leading=4)}
    assert terms["I3x"][0] == pytest.approx(0.38)
    assert terms["I1z I2z I3x"][0] == pytest.approx(-1.32)
    assert terms["I2y"][0] == pytest.approx(0.5)
    assert sum(share for _, share in terms.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("I1z", "longitudinal"),
        ("I1z I3z", "z_order"),
        ("I2x", "in_phase"),
        ("I1z I2z I3y", "antiphase"),
        ("I1x I2y", "multi_spin"),
    ],
)
def test_each_product_operator_has_one_class(operator, expected):
    shares = operator_classes(parse_operator(operator, ("I1", "I2", "I3")))
    assert shares[expected] == pytest.approx(1.0) and sum(shares.values()) == pytest.approx(1.0)


def test_scalar_coupling_alone_turns_in_phase_into_antiphase_magnetisation():
    system = SpinSystem("AX", ("A", "X"), (1.0, 4.0), ((0, 1, 8.0),))
    moment = 1 / (4 * 8.0)  # weakly coupled: cos^2(pi J t) stays in phase
    shares = operator_classes(evolve([HardPulse(90, 90), Delay(moment)], system, 400.0))
    assert shares["in_phase"] == pytest.approx(0.5, abs=0.01)
    assert shares["antiphase"] == pytest.approx(0.5, abs=0.01)


def test_a_ninety_degree_pulse_moves_order_zero_to_order_one(library):
    samples = 50
    nutation = 1 / (4 * 42.577478518 * samples * 1e-6)
    hard = Pulse("hard", np.full(samples, nutation, complex), 1e-6)
    along = weights_along((), hard, library["Glu"].parts[0], F0)
    assert along[0][1][0] == pytest.approx(1.0)
    assert along[-1][1][1] == pytest.approx(1.0, abs=0.02)
    assert along[0][2]["longitudinal"] == pytest.approx(1.0)
    assert along[-1][2]["in_phase"] == pytest.approx(1.0, abs=0.02)


def test_the_device_is_the_one_that_is_there(monkeypatch):
    for there, auto in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert usable_device("auto") == auto
        assert usable_device("cpu") == "cpu"
    with pytest.raises(SpinsculptError, match="no CUDA device"):
        usable_device("cuda")


def test_each_spin_carries_one_proton_after_a_ninety_degree_pulse(library):
    system = library["Glu"].parts[0]
    found = spin_signals(evolve([HardPulse(90, 90)], system, F0), system.spins)
    for spin in found.values():
        assert spin["reached"] == pytest.approx(1.0)
        assert spin["fraction"] == pytest.approx(1 / 1.875)


def test_operators_are_read_with_signs_and_factors():
    spins, two = ("A", "B"), (2, 2)
    read = parse_operator("-Ax + 2 Az Bx - 0.5 By", spins)
    expected = (
        -single_spin(two, 0, "x")
        + 2 * single_spin(two, 0, "z") @ single_spin(two, 1, "x")
        - 0.5 * single_spin(two, 1, "y")
    )
    np.testing.assert_allclose(read, expected)


# -- command line ------------------------------------------------------------------------------------------------------


def test_command_designs_what_the_file_asks_for(tmp_path):
    app = typer.Typer()
    app.command()(design_command)
    content = {"designs": {"one": {**SMALL, "iterations": 2}}, "basis": plain(BASIS)}
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(content))
    options = ["--out", str(tmp_path / "out")]
    run = CliRunner().invoke(app, [str(config), *options], catch_exceptions=False)
    assert "one: loss" in run.stdout
    assert json.loads((tmp_path / "out/one/metrics.json").read_text())["verdict"]["sentence"] in run.stdout
    assert (tmp_path / "out" / "one" / "pulse.json").is_file()
    with pytest.raises(SpinsculptError, match="did you mean 'one'"):
        CliRunner().invoke(app, [str(config), "--name", "onee", *options], catch_exceptions=False)
    if not torch.cuda.is_available():
        with pytest.raises(SpinsculptError, match="no CUDA device"):
            CliRunner().invoke(app, [str(config), "--device", "cuda", *options], catch_exceptions=False)


REAL = {"ideal": False, "echo_time": 0.030, "te1": 0.012, "duration": "fit", "dwell": 0.0005, "b1_limit": 20.0}


def test_the_pulses_around_a_designed_one_are_averaged_over_the_voxel_exactly():
    """Constant maps before and after the slot against the voxel simulated position by position, any B1 and B0."""
    design = Design("real", entry(**REAL, relaxation=False), BASIS)
    x = design.initial(torch.Generator().manual_seed(3), 1)
    assert splitting_error(design, design.played(x[0]), x[0]) < 2e-3
    member = FieldCondition(0.85, 7.0)
    with torch.no_grad():
        fids = design.signals(x, design.simulate((FieldCondition(), member), torch.complex128)).fids["real"]
    sequence, part = design.played(x[0]), design.library["Glu"].parts[0]
    frame = (design.acquisition.central_frequency, design.axes(sequence))
    lines = averaged_lines(sequence.shots[0].events, part, *frame, b1_scale=0.85, b0_hz=7.0)
    acquisition = design.acquisition
    ours = fids[0, 1, design.names.index("Glu")].numpy()
    exact = lines.fid(acquisition.points, acquisition.dwell)
    exact = exact * decay(acquisition.points, acquisition.dwell, acquisition.linewidth)
    exact = exact * np.exp(-2j * np.pi * 7.0 * np.arange(acquisition.points) * acquisition.dwell)  # the shift is fitted
    assert np.abs(ours - exact).max() < 5e-3 * np.abs(exact).max()


def test_echo_times_are_variables_among_real_pulses_too():
    """The moved sequence is simulated exactly, and the gradient by the times is a derivative."""
    ranges = {"te1": [0.0096, 0.014], "te2": [0.018, 0.026]}
    given = entry(**REAL | {"duration": 0.003, "times": ranges, "metabolites": ["Cr", "Gln", "Glu"]})
    design = Design("moved", given, BASIS)
    x = design.initial(torch.Generator().manual_seed(5), 2)
    assert splitting_error(design, design.played(x[1]), x[1]) < 3e-3
    _, gradient, _ = design.evaluate(x)
    step = torch.zeros_like(x)
    step[:, -1] = 1e-3
    ahead, behind = (design.losses(design.signals(x + sign * step))[0] for sign in (1, -1))
    assert gradient[:, -1].numpy() == pytest.approx(((ahead - behind) / 2e-3).detach().numpy(), rel=0.03, abs=1e-4)


def test_the_gradient_of_a_design_among_real_pulses_is_a_derivative():
    design = Design("real", entry(**REAL), BASIS)
    x = design.initial(torch.Generator().manual_seed(1), 1)
    _, gradient, _ = design.evaluate(x)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    step = 1e-3
    ahead, behind = (design.evaluate(x + sign * step * direction)[0] for sign in (1, -1))
    assert float((ahead - behind) / (2 * step)) == pytest.approx(float((gradient * direction).sum()), rel=0.03)


def test_a_pulse_that_fits_leaves_room_for_spoilers_and_no_more():
    design = Design("real", entry(**REAL), BASIS)
    duration = design.entry.duration
    assert 0.006 < duration < 0.009
    with pytest.raises(SpinsculptError, match="or more would work"):
        Design("long", entry(**REAL | {"duration": duration + 0.0005}), BASIS)
    with pytest.raises(SpinsculptError, match="or more would work"):
        Design("short", entry(**REAL | {"echo_time": 0.016, "te1": 0.0095}), BASIS)
    with pytest.raises(SpinsculptError, match=r"b1_limit: 25 uT is above the 20 uT of the system clinical"):
        Design("strong", entry(**REAL | {"b1_limit": 25.0}), BASIS)
    with pytest.raises(SpinsculptError, match="ideal pulses leave no room"):
        Design("ideal", entry(**REAL | {"ideal": True}), BASIS)


def test_a_design_for_a_ratio_minimises_its_sd():
    """The objective is the log of the SD of log(a / b) by its covariance, relative to the reference PRESS."""
    wanted = [{"type": "ratio", "metabolites": ["Gln", "Glu"]}]
    design = Design("ratio", entry(objectives=wanted), BASIS)
    x = design.initial(torch.Generator().manual_seed(1), 1)
    with torch.no_grad():
        signals = design.signals(x)
        covariance = design.crlb({"Gln": 1.0, "Glu": 1.0}).covariance(signals)[0, 0]
        reference = design.crlb({"Gln": 1.0}, ("reference",)).covariance(design.reference)[0, 0]
    sd = []
    for each in (covariance, reference):
        rows = [design.names.index(name) for name in ("Gln", "Glu")]
        gradient = torch.tensor([1 / design.concentrations["Gln"], -1 / design.concentrations["Glu"]])
        gradient = gradient.to(each.dtype)
        sd.append(float((gradient @ each[rows][:, rows] @ gradient).sqrt()))
    assert float(design.goals[0].objective(signals)[0, 0]) == pytest.approx(np.log(sd[0] / sd[1]), rel=1e-4)
    with pytest.raises(SpinsculptError, match="a ratio is of two metabolites, not of 1"):
        Design("one", entry(objectives=[{"type": "ratio", "metabolites": ["Glu"]}]), BASIS)


def test_a_designed_editing_pulse_stands_in_both_places_of_megapress(tmp_path):
    """The gradient holds where one pulse is played twice; the sequence that plays the design is the designed one."""
    design = Design("one", entry(kind="edit", ideal=True, echo_time=0.068, te1=0.010, duration=0.012), BASIS)
    assert [slot.name for slot in design.sequence.slots] == ["edit", "edit"]
    x = design.initial(torch.Generator().manual_seed(1), 1)
    _, gradient, _ = design.evaluate(x)
    step = torch.zeros_like(x)
    step[0, 3] = 1e-3
    up, down = (float(design.losses(design.signals(x + sign * step))[0]) for sign in (1, -1))
    assert float(gradient[0, 3]) == pytest.approx((up - down) / 2e-3, rel=0.02, abs=1e-4)
    made = DesignedPulses("edit", design.pulses(x[0]), design.times.values(design.of_times(x[0])))
    given = {"type": "megapress", "edit": "one", "ideal": True}
    sequence = build_sequence("drop", given, {"one": made}, design.acquisition.central_frequency)
    played = design.played(x[0])
    assert [type(e) for e in sequence.shots[0].events] == [type(e) for e in played.shots[0].events]
    assert [e.duration for e in sequence.shots[0].events] == pytest.approx([e.duration for e in played.shots[0].events])
    assert sum(isinstance(event, ShapedPulse) for event in sequence.shots[0].events) == 2


def test_a_pair_of_editing_pulses_gives_two_shots():
    design = Design("two", entry(kind="edit_pair", ideal=True, echo_time=0.068, te1=0.010, duration=0.012), BASIS)
    assert design.slots == ("edit_a", "edit_b") and [shot.name for shot in design.sequence.shots] == ["a", "b"]
    made = DesignedPulses("edit_pair", design.pulses(design.initial(torch.Generator().manual_seed(1), 1)[0]), {})
    given = {"type": "megapress", "echo_time": 0.068, "te1": 0.010, "edit": "two", "ideal": True}
    assert [shot.name for shot in build_sequence("drop", given, {"two": made}).shots] == ["a", "b"]
    with pytest.raises(SpinsculptError, match=r"a press has no 'edit' slot; .* choose megapress, megaslaser"):
        build_sequence("drop", {**given, "type": "press"}, {"two": made})


def test_a_limit_of_energy_holds_whatever_the_parameters():
    free, limited = (Design("one", entry(energy_limit=limit), BASIS) for limit in (None, 20.0))
    x = 3 * free.initial(torch.Generator().manual_seed(1), 3)[1:]  # the first is nearly silent
    energies = [[d.pulses(row)["gap"].energy for row in x] for d in (free, limited)]
    assert min(energies[0]) > 20.0
    assert energies[1] == pytest.approx([20.0, 20.0])
    assert torch.isfinite(limited.evaluate(x)[1]).all()


def test_a_limit_of_energy_counts_each_shot_by_its_share_of_the_averages():
    given = {"shots": 2, "shares": "free", "energy_limit": 20.0}
    design = Design("two", entry(**given), BASIS)
    x = 3 * design.initial(torch.Generator().manual_seed(1), 2)[1]
    x[2 * design.form.size :] = torch.tensor([1.5, -1.0])
    share, other = design.shares(x).tolist()
    assert share > 2 * other
    a, b = (pulse.energy for pulse in design.pulses(x).values())
    assert share * a + other * b == pytest.approx(20.0)
    assert share * a + other * b == pytest.approx(design.played(x).energy)  # which SAR is worked out from


# -- a pulse after the last refocusing pulse, several shots, several models --------------------------------------------

LATE = {"kind": "refocus", "ideal": False, "dwell": 0.0005, "duration": "fit", "b1_limit": 20.0, "te1": 0.0095}
INVERSION = DesignedPulses(
    "refocus", {"refocus": Pulse("inversion", np.full(20, 180 / 360 / 42.577478518 / 0.003, complex), 1.5e-4)}, {}
)
PLACES = {"special": 0.0180, "press": 0.0250, "slaser": 0.0500}


@pytest.mark.parametrize("place", PLACES)
def test_a_silent_pulse_after_the_last_refocusing_pulse_leaves_the_sequence_as_it_is(place):
    """Its signals are those of the plain sequence of that echo time; what the design plays is simulated exactly."""
    design = Design(
        "late", entry(**LATE, sequence=place, echo_time=PLACES[place], metabolites=["Cr", "Gln", "Glu"]), BASIS
    )
    assert design.spectra == (("diff",) if place == "special" else ("late",))
    given = {"type": place, "echo_time": PLACES[place]} | ({"te1": 0.0095} if place == "press" else {})
    plain = design.measured(build_sequence("plain", given, central_frequency=design.acquisition.central_frequency))
    with torch.no_grad():
        silent = design.signals(torch.zeros(1, design.form.size, dtype=torch.float64))
    ours, theirs = (next(iter(signals.fids.values()))[0, 0, 2] for signals in (silent, plain))
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < 2e-3
    x = design.initial(torch.Generator().manual_seed(3), 2)[1]
    assert splitting_error(design, design.played(x), x) < 3e-3


def test_a_pulse_after_the_last_refocusing_pulse_lets_nothing_in_from_outside_of_the_voxel():
    """A designed inversion: the signal on a grid of four slices is the one on a grid of two."""
    sequence = build_sequence(
        "late", {"type": "special", "refocus": "pulse", "echo_time": 0.0180}, {"pulse": INVERSION}
    )
    spin = SpinSystem("one", ("a",), (3.0,))
    signal = []
    for points, extent in ((32, 2.0), (64, 4.0)):
        axes = slice_axes(sequence, F0, points, extent)
        lines = [averaged_lines(shot.events, spin, F0, axes).amplitude.sum() for shot in sequence.shots]
        signal.append(abs(lines[0] - lines[1]) / 2)
    assert signal[1] == pytest.approx(signal[0], abs=0.02)


def test_both_pulses_of_an_adiabatic_pair_see_one_place():
    """A pulse between the pairs of semi-LASER: the phase of one across the slice, the next takes back."""
    given = entry(**LATE | {"kind": "gap"}, sequence="slaser", echo_time=0.0370, metabolites=["Cr", "Gln", "Glu"])
    design = Design("between", given, BASIS)
    x = design.initial(torch.Generator().manual_seed(3), 2)[1]
    assert splitting_error(design, design.played(x), x) < 3e-3


def test_an_earlier_echo_makes_room_for_a_pulse_in_the_same_echo_time():
    early = entry(**LATE, sequence="special", echo_time=0.0180, echo_shift=0.005)
    late = entry(**LATE, sequence="special", echo_time=0.0180)
    rooms = [_resolved("room", each, System(), System()).duration for each in (late, early)]
    assert rooms[1] == pytest.approx(rooms[0] + 0.0025, abs=6e-4)


def test_shots_have_pulses_and_shares_of_their_own(tmp_path):
    """The loss follows the shares; the sequence that plays the design has its shots, shares and noise."""
    many = {"shots": 2, "shares": "free", "sequence": "special", "echo_time": 0.0180}
    design = Design("two", entry(**LATE | many, objectives=[{"type": "ratio", "metabolites": ["Gln", "Glu"]}]), BASIS)
    assert design.slots == ("refocus_a", "refocus_b") and design.spectra == ("a", "b")
    x = design.initial(torch.Generator().manual_seed(1), 2)
    x[:, 2 * design.form.size] = 0.7
    _, gradient, _ = design.evaluate(x)
    step = torch.zeros_like(x)
    step[1, 2 * design.form.size] = 1e-3
    up, down = (design.losses(design.signals(x + sign * step))[0][1] for sign in (1, -1))
    assert float(gradient[1, 2 * design.form.size]) == pytest.approx(float(up - down) / 2e-3, rel=0.02, abs=1e-5)
    write_designed(tmp_path / "pulse.json", design.designed(x[1]))
    made = read_designed(tmp_path / "pulse.json")
    sequence = build_sequence("twice", {"type": "special", "refocus": "two"}, {"two": made})
    assert [shot.name for shot in sequence.shots] == ["aon", "aoff", "bon", "boff"] and set(sequence.measured) == {
        "a",
        "b",
    }
    shares = design.shares(x[1]).tolist()
    assert sequence.shares["aon"] + sequence.shares["aoff"] == pytest.approx(shares[0])
    sequence.write(tmp_path / "s.json")
    assert Sequence.read(tmp_path / "s.json").shares == pytest.approx(sequence.shares)
    played = Analysis("twice", sequence, dict.fromkeys("ab"))
    assert played.noise_factors == pytest.approx([share**-0.5 for share in shares]) and not played.correlated
    config = parse(SequenceEntry, {"type": "special", "refocus": "two"}, "sequences.twice")
    assert spectra_of(config, {"two": design.entry}) == ("aon", "aoff", "bon", "boff", "a", "b")


def played_again(design, x, path, entry):
    """The sequence of an entry of the configuration that plays what a design found, by way of its file."""
    write_designed(path, design.designed(x))
    return build_sequence("again", entry, {"made": read_designed(path)})


def assert_alike(sequence, other):
    for shot, again in zip(sequence.shots, other.shots, strict=True):
        assert shot.name == again.name
        assert [e.duration for e in shot.events] == pytest.approx([e.duration for e in again.events], abs=1e-9)


def test_each_shot_has_echo_times_that_are_variables_of_its_own(tmp_path):
    """Its signals follow them and decay by them; the sequence that plays the design has them."""
    ranges = {"te1": [0.0180, 0.0200], "te2": [0.018, 0.040]}
    design = Design("own", entry(kind="gap", shots=2, shares="free", times=ranges), BASIS)
    assert design.times.count == 4
    x = design.initial(torch.Generator().manual_seed(2), 2)
    x[:, -4:] = torch.tensor([-2.0, 1.0, -2.0, 2.0])  # te1_a, te1_b, te2_a, te2_b
    assert splitting_error(design, design.played(x[1]), x[1]) < 3e-3
    sequence = design.played(x[1])
    early, late = (shot.echo_time for shot in sequence.shots)
    assert late > early + 0.01
    decayed = design.signals(x).decayed
    assert [float(decayed[shot][1, 0]) for shot in "ab"] == pytest.approx([early - 0.008, late - 0.008], abs=1e-6)
    _, gradient, _ = design.evaluate(x)
    step = torch.zeros_like(x)
    step[:, -1] = 1e-3
    ahead, behind = (design.losses(design.signals(x + sign * step))[0] for sign in (1, -1))
    assert gradient[:, -1].numpy() == pytest.approx(((ahead - behind) / 2e-3).detach().numpy(), rel=0.03, abs=1e-4)
    played = {"type": "press", "gap": "made", "ideal": True}
    assert_alike(sequence, played_again(design, x[1], tmp_path / "pulse.json", played))


def test_a_shot_without_a_pulse_is_the_shortest_plain_sequence(tmp_path):
    given = entry(**REAL | {"shots": 2, "shares": "free", "echo_times": [None, 0.030], "duration": "fit"})
    design = Design("one", given, BASIS)
    assert design.slots == ("gap_b",) and design.spectra == ("a", "b")
    x = design.initial(torch.Generator().manual_seed(1), 2)
    sequence = design.played(x[1])
    assert sequence.shots[0].echo_time == design.press(None, None, "p").echo_time < 0.018
    played = played_again(design, x[1], tmp_path / "pulse.json", {"type": "press", "gap": "made"})
    assert_alike(sequence, played)
    assert played.shares == pytest.approx(sequence.shares)
    with pytest.raises(SpinsculptError, match="leave out echo_time"):
        played_again(design, x[1], tmp_path / "pulse.json", {"type": "press", "gap": "made", "echo_time": 0.040})
    with pytest.raises(SpinsculptError, match="which ideal pulses do not have"):
        Design("one", given.but(ideal=True, duration=0.004), BASIS)


def test_what_was_made_with_ideal_pulses_is_played_with_real_ones_too():
    """A silent pulse among real ones is the PRESS of real pulses; where they have no room, the sentence says so."""
    ideal = entry(echo_time=0.030, te1=0.012, duration=0.002, times={"te2": [0.0179, 0.0181]})
    design = Design("silent", ideal, BASIS)
    x = torch.cat([torch.zeros(design.form.size, dtype=torch.float64), design.times.initial(torch.Generator(), 1)[0]])
    assert list(among_real_pulses(design, x)["crlb_over_reference"].values()) == pytest.approx([1.0, 1.0], rel=0.01)
    long = Design("long", ideal.but(duration=0.014, times=TimeRanges()), BASIS)
    assert "would work" in among_real_pulses(long, torch.zeros(long.form.size, dtype=torch.float64))["refused"]


def test_a_design_of_several_shots_is_held_against_its_rivals(tmp_path):
    """Pulse, shares and verdict; the rivals are plain sequences whatever the design asks for."""
    many = {"kind": "refocus", "shots": 2, "shares": "free", "sequence": "special", "duration": 0.004}
    models = {"baselines": ["poly:2", "spline:7"], "t2_scales": [0.8, 1.2]}
    given = entry(**many, models=models, robustness={"mode": "worst"}, iterations=2, starts=2)
    metrics = run_design("one", given, BASIS, tmp_path, progress=False)
    assert set(metrics["rivals"]) == {"te_optimised_press", "megapress", "megapress_diff"}
    assert metrics["verdict"]["use"] is not None and np.isfinite(metrics["loss"])
    assert sum(read_designed(tmp_path / "pulse.json").shares.values()) == pytest.approx(1.0)


def test_worst_over_models_is_the_bound_under_the_worst_of_them():
    models = {"baselines": ["poly:2", "spline:7"], "macromolecules": ["free", "grouped"], "t2_scales": [0.8, 1.0]}
    goal = [{"type": "ratio", "metabolites": ["Gln", "Glu"]}]
    given = entry(models=models, objectives=goal, robustness={"mode": "worst"}, macromolecules=["MM20", "MM37"])
    design = Design("all", given, BASIS)
    x = design.initial(torch.Generator().manual_seed(1), 2)
    with torch.no_grad():
        signals = design.signals(x)
        side_by_side = design.goals[0].objective(signals)
        loss, _ = design.losses(signals)
        alone = [
            Design(
                "all",
                entry(baseline=form, macromolecules=["MM20", "MM37"], objectives=goal),
                BASIS,
            )
            .goals[0]
            .objective(signals)
            for form in models["baselines"]
        ]
    assert side_by_side.shape == (2, 8)
    places = [design.models.index(Model(Baseline.of(form))) for form in models["baselines"]]
    for place, each in zip(places, alone, strict=True):
        assert side_by_side[:, place].numpy() == pytest.approx(each[:, 0].numpy(), abs=1e-6)
    assert (loss <= side_by_side.amax(1)).all() and (loss > side_by_side.mean(1)).all()


def test_starts_are_spread_evenly_and_may_begin_with_known_pulses(tmp_path):
    design = Design("one", entry(), BASIS)
    x = design.initial(torch.Generator().manual_seed(1), 64)
    assert float(x[1:].mean(0).abs().max()) < 0.35 * float(x[1:].std())  # of random numbers three times as much
    made = design.designed(x[5])
    write_designed(tmp_path / "known.json", made)
    again = Design("two", entry(starts_from=[str(tmp_path / "known.json")]), BASIS)
    start = again.initial(torch.Generator().manual_seed(1), 3)
    ours, theirs = again.pulses(start[2])["gap"].b1, made.pulses["gap"].b1
    assert np.abs(ours - theirs).max() < 0.02 * np.abs(theirs).max()


def test_the_last_steps_are_for_the_best_start_alone(tmp_path):
    metrics = run_design("one", entry(polish=3), BASIS, tmp_path, progress=False)
    rows = [line.split("\t") for line in (tmp_path / "history.tsv").read_text().splitlines()[1:]]
    assert metrics["optimisation"]["iterations"] == 11
    assert len({row[0] for row in rows if int(row[1]) >= 8}) == 1
