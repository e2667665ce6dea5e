"""The fast engine: as exact as asked for, with gradients that are derivatives."""

import numpy as np
import pytest
import torch

from spinsculpt.physics.dynamics import propagator
from spinsculpt.physics.dynamics.engine import ENGINES, SpinGroup, choose_substeps, exact, propagate, splitting_error
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.sequences import ShapedPulse
from spinsculpt.physics.spins import SpinSystem
from test_dynamics import AX, F0, GLU, SINGLE

DWELL = 2e-4
LARGE = SpinSystem(
    "spins above 1/2", ("a", "b", "c"), (3.0, 2.0, 1.5), ((0, 1, 7.0), (1, 2, 9.0), (0, 2, -14.0)), levels=(2, 4, 3)
)


@pytest.fixture
def waveforms():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 30, 2, generator=generator, dtype=torch.float64) * 800.0


@pytest.fixture(params=["compiled", "batched"])
def method(request):
    """An engine, for one group in double precision."""
    engine = ENGINES[request.param]
    return lambda nutation, dwell, groups, substeps: engine(nutation, dwell, groups, substeps, torch.complex128)[0]


def exactly(nutation, group):
    """What every engine is held to."""
    return exact(nutation, DWELL, [group])[0]


def fidelity(propagator):
    """A loss that feels every element: overlap with a fixed random matrix and its quartic."""
    target = torch.randn(*propagator.shape, generator=torch.Generator().manual_seed(1), dtype=propagator.dtype)
    return (target.conj() * propagator).real.sum() + (propagator.abs() ** 4).sum()


def test_single_spins_are_exact_in_one_step(waveforms):
    group = SpinGroup.from_system(SINGLE, F0)
    (fast,) = propagate(waveforms, DWELL, [group])
    np.testing.assert_allclose(fast, exactly(waveforms, group), atol=1e-12)


@pytest.mark.parametrize("system", [GLU, LARGE], ids=lambda system: system.name)
def test_error_falls_with_the_square_of_the_step(waveforms, method, system):
    group = SpinGroup.from_system(system, F0, receiver_ppm=2.5)
    true = exactly(waveforms, group)
    error = [float((method(waveforms, DWELL, [group], m) - true).abs().max()) for m in (2, 4, 8)]
    assert error[0] < 1e-4
    assert error[0] / error[1] == pytest.approx(4, rel=0.2)
    assert error[1] / error[2] == pytest.approx(4, rel=0.2)


def test_engine_agrees_with_the_exact_event_interpreter(waveforms):
    nutation = waveforms[0].numpy() @ [1, 1j]
    pulse = Pulse("random", nutation / (2 * np.pi * 42.577478518), DWELL)
    (fast,) = propagate(waveforms[:1], DWELL, [SpinGroup.from_system(GLU, F0, [7.0], 2.0)], 16)
    np.testing.assert_allclose(
        fast[0], propagator([ShapedPulse(pulse)], GLU, F0, b0_hz=7.0, receiver_ppm=2.0), atol=1e-5
    )


@pytest.mark.parametrize("substeps", [1, 3])
@pytest.mark.parametrize("system", [GLU, LARGE], ids=lambda system: system.name)
def test_gradient_is_the_finite_difference(waveforms, method, substeps, system):
    group = SpinGroup.from_system(system, F0, (0.0, 5.0, -8.0), 2.5)
    loss = lambda w: fidelity(method(w, DWELL, [group], substeps))  # noqa: E731
    (gradient,) = torch.autograd.grad(loss(waveforms.requires_grad_()), waveforms)
    scale, step = gradient.abs().max().item(), 1e-2
    for index in [(0, 0, 0), (0, 29, 1), (1, 14, 0), (2, 15, 1)]:
        change = torch.zeros_like(waveforms)
        change[index] = step
        with torch.no_grad():
            difference = (loss(waveforms + change) - loss(waveforms - change)).item() / (2 * step)
        assert gradient[index].item() == pytest.approx(difference, abs=1e-6 * scale)


@pytest.mark.parametrize("system", [AX, LARGE], ids=lambda system: system.name)
def test_gradient_equals_autograd_through_the_exact_propagators(waveforms, system):
    group = SpinGroup.from_system(system, F0, receiver_ppm=2.5)
    (gradient,) = torch.autograd.grad(fidelity(propagate(waveforms.requires_grad_(), DWELL, [group], 32)[0]), waveforms)
    (true,) = torch.autograd.grad(fidelity(exactly(waveforms, group)), waveforms)
    assert float((gradient - true).abs().max() / true.abs().max()) < 1e-5


def test_silence_is_free_evolution_and_its_gradient_is_finite():
    """Zero amplitude is where polar coordinates of the waveform are singular; the gradient must not be."""
    silent = torch.zeros(1, 10, 2, dtype=torch.float64, requires_grad=True)
    on_resonance = SpinGroup.from_system(SINGLE, F0, receiver_ppm=3.0)
    (u,) = propagate(silent, DWELL, [on_resonance])
    np.testing.assert_allclose(u[0].detach(), np.eye(2), atol=1e-14)
    (gradient,) = torch.autograd.grad(u[0, 1, 0].imag, silent)
    np.testing.assert_allclose(gradient[0, :, 0], -DWELL / 2, rtol=1e-12)  # U = 1 - i I_x w_x dt: a small flip


def test_single_precision_and_columns_alone_do_the_same(waveforms):
    columns = np.eye(32)[:, 3:8]
    group = SpinGroup.from_system(GLU, F0, receiver_ppm=2.5)
    few = SpinGroup.from_system(GLU, F0, receiver_ppm=2.5, columns=columns)
    (whole,), (part,) = propagate(waveforms, DWELL, [group]), propagate(waveforms, DWELL, [few], 1, torch.complex64)
    assert part.shape == (3, 32, 5)
    np.testing.assert_allclose(part, whole[..., 3:8], atol=2e-5)


def test_many_groups_add_their_gradients(waveforms):
    groups = [SpinGroup.from_system(s, F0, receiver_ppm=2.5) for s in (GLU, AX, SINGLE)]
    waveforms.requires_grad_()
    together = sum(fidelity(u) for u in propagate(waveforms, DWELL, groups))
    apart = sum(fidelity(propagate(waveforms, DWELL, [g])[0]) for g in groups)
    (a,), (b,) = torch.autograd.grad(together, waveforms), torch.autograd.grad(apart, waveforms)
    np.testing.assert_allclose(a, b, atol=1e-12 * float(b.abs().max()))


def test_tolerance_chooses_the_steps_and_a_hopeless_one_warns(waveforms):
    group = SpinGroup.from_system(GLU, F0, receiver_ppm=2.5)
    substeps = choose_substeps(waveforms, DWELL, [group], 1e-5)
    true = float((propagate(waveforms, DWELL, [group], substeps)[0] - exactly(waveforms, group)).abs().max())
    assert true < 1.2e-5
    assert splitting_error(waveforms, DWELL, [group], substeps) <= 1e-5
    with pytest.warns(UserWarning, match="exceeds the tolerance"):
        choose_substeps(waveforms, DWELL, [group], 1e-9, limit=2)
