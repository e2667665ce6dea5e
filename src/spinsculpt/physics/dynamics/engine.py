r"""Differentiable propagation of many coupled-spin systems through shaped pulses (torch).

One call takes a batch of waveforms (starts x B1 scales x ...) and any number of spin groups and returns the columns
U(waveform) C of each, with exact gradients with respect to the waveform by an adjoint that costs no memory per step.
On the CPU a compiled kernel runs (group, member) pairs over threads; on a GPU the same splitting runs as batched
matrix products. `exact` is the reference: one matrix exponential a sample, differentiated by autograd. What an engine
promises is in `Propagator`.
"""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spinsculpt.core.conventions import WATER_PPM, ppm_to_hz
from spinsculpt.physics.spins import SpinSystem, quantum_numbers, scalar_coupling, single_spin, total

_LANES = 8  # columns are padded to whole vector registers
_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class SpinGroup:
    """Coupled spins as the engine sees them.

    Attributes:
        name: of the spin system, for messages.
        offset: angular frequency of each spin in the rotating frame in rad/s, shape (members or 1, n_spins).
        couplings: (i, j, 2 pi J in rad/s).
        levels: 2 I + 1 of each spin.
        columns: initial columns C, complex, shape (d, columns), d = prod(levels); identity for the propagator itself.
    """

    name: str
    offset: np.ndarray
    couplings: tuple[tuple[int, int, float], ...]
    levels: tuple[int, ...]
    columns: np.ndarray

    @property
    def dimension(self) -> int:
        return prod(self.levels)

    @classmethod
    def from_system(
        cls,
        system: SpinSystem,
        central_frequency: float,
        b0_hz: Sequence[float] = (0.0,),
        receiver_ppm: float = WATER_PPM,
        columns: np.ndarray | None = None,
    ) -> "SpinGroup":
        """Group of one spin system; `b0_hz` gives the offset of the main field of each member of the batch in Hz."""
        shift = np.array(system.shifts)
        nu = ppm_to_hz(shift, central_frequency) - ppm_to_hz(receiver_ppm, central_frequency)
        return cls(
            system.name,
            2 * np.pi * (nu + np.asarray(b0_hz, float)[:, None]),
            tuple((i, j, 2 * np.pi * value) for i, j, value in system.couplings if value),
            system.levels,
            np.eye(system.dimension) if columns is None else columns,
        )

    def member(self, index: int) -> np.ndarray:
        return self.offset[index % len(self.offset)]


def threads() -> int:
    """Threads of the compiled kernel."""
    return _threads


def set_threads(count: int) -> None:
    """Threads of the compiled kernel; all cores of the process unless set. Torch's own threads are set in torch."""
    global _threads
    _threads = max(1, count)


class Propagator(Protocol):
    """The contract of an engine: columns of spin groups after waveforms, with their gradient.

    An engine returns U C, of shape (members, d, columns), for each group, where U solves dU/dt = -i H(t) U over the
    waveform, H = sum_k (w_x I_kx + w_y I_ky + d_k I_kz) + sum_{j<k} 2pi J_jk I_j.I_k. It keeps U unitary; its error
    falls with the square of dwell / substeps, or is none; and `backward` through it gives the exact gradient of its own
    result with respect to `nutation`. The tests hold every engine to `exact`.
    """

    def __call__(
        self, nutation: Tensor, dwell: float, groups: Sequence[SpinGroup], substeps: int, dtype: torch.dtype
    ) -> tuple[Tensor, ...]:
        """Columns of all groups after the waveforms.

        Args:
            nutation: (w_x, w_y) in rad/s, shape (members, samples, 2), real; may require a gradient.
            dwell: duration of one sample in s.
            groups: spin systems; `offset` has one row, or one a member.
            substeps: steps of the splitting in one sample (`choose_substeps`).
            dtype: complex64 or complex128, of the states.
        Returns:
            For each group U C, shape (members, d, columns).
        """


def propagate(
    nutation: Tensor,
    dwell: float,
    groups: Sequence[SpinGroup],
    substeps: int = 1,
    dtype: torch.dtype = torch.complex128,
) -> tuple[Tensor, ...]:
    """By the engine for the device of `nutation`; arguments and result as of `Propagator`."""
    return (batched if nutation.is_cuda else compiled)(nutation, dwell, groups, substeps, dtype)


def compiled(nutation, dwell, groups, substeps, dtype):
    """A `Propagator` for the CPU: the numba kernel over threads, one job a (group, member)."""
    return _CompiledPropagation.apply(nutation, dwell, tuple(groups), substeps, dtype)


def batched(nutation, dwell, groups, substeps, dtype):
    """A `Propagator` for any device: the same splitting as batched matrix products."""
    return tuple(_BatchedPropagation.apply(nutation, dwell, group, substeps, dtype) for group in groups)


def exact(nutation, dwell, groups, substeps=1, dtype=torch.complex128):
    """The `Propagator` that is the reference: one `torch.matrix_exp` a sample, plain autograd, no splitting; slow."""
    return tuple(_exactly(nutation, dwell, group, dtype) for group in groups)


def _exactly(nutation: Tensor, dwell: float, group: SpinGroup, dtype: torch.dtype) -> Tensor:
    free = torch.as_tensor(_free_hamiltonians(group), dtype=dtype, device=nutation.device)
    fx, fy = (torch.as_tensor(np.array(total(group.levels, a)), dtype=dtype, device=nutation.device) for a in "xy")
    state = torch.as_tensor(group.columns, dtype=dtype, device=nutation.device)
    state = state.expand(len(nutation), *state.shape)
    for sample in range(nutation.shape[1]):
        w = nutation[:, sample, :, None, None].to(dtype)
        state = torch.matrix_exp(-1j * dwell * (free + w[:, 0] * fx + w[:, 1] * fy)) @ state
    return state


ENGINES: dict[str, Propagator] = {"compiled": compiled, "batched": batched, "exact": exact}


def splitting_error(nutation: Tensor, dwell: float, groups: Sequence[SpinGroup], substeps: int) -> float:
    """Estimate of the largest error of any element of U: Richardson's, 4/3 of the change on halving the step."""
    with torch.no_grad():
        coarse = propagate(nutation, dwell, groups, substeps)
        fine = propagate(nutation, dwell, groups, 2 * substeps)
    return 4 / 3 * max(float((a - b).abs().max()) for a, b in zip(coarse, fine, strict=True))


def choose_substeps(
    nutation: Tensor, dwell: float, groups: Sequence[SpinGroup], tolerance: float, limit: int = 64
) -> int:
    """Fewest substeps whose estimated error is below `tolerance`; warns if `limit` does not suffice.

    The splitting is of second order, so one estimate predicts the number, which a second one confirms.
    """
    substeps = 1
    while (error := splitting_error(nutation, dwell, groups, substeps)) > tolerance:
        if substeps == limit:
            warnings.warn(
                f"Splitting error {error:.1e} exceeds the tolerance {tolerance:.1e} at {limit} substeps of "
                f"{dwell / limit * 1e6:.3g} us; use a shorter dwell time or a larger tolerance.",
                stacklevel=2,
            )
            break
        substeps = min(limit, max(substeps + 1, int(np.ceil(substeps * np.sqrt(error / tolerance)))))
    return substeps


def _free_hamiltonians(group: SpinGroup) -> np.ndarray:
    """Chemical shift and couplings in rad/s, shape (members or 1, d, d)."""
    shift = group.offset @ quantum_numbers(group.levels)
    return scalar_coupling(group.levels, group.couplings) + np.stack([np.diag(energies) for energies in shift])


class _CompiledPropagation(torch.autograd.Function):
    """The numba kernel over threads, one job a (group, member)."""

    @staticmethod
    def forward(ctx, nutation, dwell, groups, substeps, dtype):
        from spinsculpt.physics.dynamics import _kernel

        waveforms = nutation.detach().to(torch.float64).contiguous().numpy()
        real = np.float32 if dtype == torch.complex64 else np.float64
        states = []
        for group in groups:
            dim, used = group.columns.shape
            width = -(-used // _LANES) * _LANES
            state = np.zeros((len(waveforms), 2, dim, width), real)
            state[:, 0, :, :used], state[:, 1, :, :used] = group.columns.real, group.columns.imag
            states.append(state)

        def work(job):
            g, member = job
            system = _kernel.tables(groups[g].levels, groups[g].couplings, states[g].shape[-1])
            re, im = states[g][member].reshape(2, -1)
            _kernel.forward(re, im, waveforms[member], system, groups[g].member(member), dwell, substeps)

        _over_threads(work, _jobs(groups, len(waveforms)))
        ctx.save_for_backward(nutation)
        ctx.rest = (dwell, groups, substeps, states)
        return tuple(
            torch.complex(*(torch.from_numpy(state[:, part, :, : group.columns.shape[1]]) for part in (0, 1)))
            for state, group in zip(states, groups, strict=True)
        )

    @staticmethod
    def backward(ctx, *costates):
        from spinsculpt.physics.dynamics import _kernel

        (nutation,) = ctx.saved_tensors
        dwell, groups, substeps, states = ctx.rest
        waveforms = nutation.detach().to(torch.float64).contiguous().numpy()
        wanted = [g for g, costate in enumerate(costates) if costate is not None]
        gradient = np.zeros((len(groups), *waveforms.shape))

        def work(job):
            g, member = job
            state, incoming = states[g][member].copy(), costates[g][member].resolve_conj().numpy()
            costate, used = np.zeros_like(state), incoming.shape[1]
            costate[0, :, :used], costate[1, :, :used] = incoming.real, incoming.imag
            flat = state.reshape(2, -1), costate.reshape(2, -1), waveforms[member]
            system = _kernel.tables(groups[g].levels, groups[g].couplings, state.shape[-1])
            _kernel.backward(*flat, system, groups[g].member(member), dwell, substeps, gradient[g, member])

        _over_threads(work, [job for job in _jobs(groups, len(waveforms)) if job[0] in wanted])
        return torch.from_numpy(gradient.sum(0)).to(nutation.dtype), None, None, None, None


class _BatchedPropagation(torch.autograd.Function):
    """The same splitting as batched matrix products on any device, one group at a time.

    Each step multiplies by kron_k R_k and then by exp(-i H_J dt); the couplings are not split among themselves.
    """

    @staticmethod
    def forward(ctx, nutation, dwell, group, substeps, dtype):
        tools = _BatchedTools(nutation, dwell, group, substeps, dtype)
        state = torch.as_tensor(group.columns, dtype=dtype, device=nutation.device)
        state = tools.half @ state.expand(len(nutation), *state.shape)
        for sample in range(nutation.shape[1]):
            rotation = tools.rotation(sample)
            for _ in range(substeps):
                state = tools.whole @ (rotation @ state)
        state = tools.half.mH @ state
        ctx.save_for_backward(nutation, state)
        ctx.rest = (dwell, group, substeps, dtype)
        return state

    @staticmethod
    def backward(ctx, costate):
        nutation, state = ctx.saved_tensors
        tools = _BatchedTools(nutation, *ctx.rest)
        substeps = ctx.rest[2]
        gradient = torch.zeros_like(nutation)
        both = tools.half @ torch.cat([state, costate.to(state.dtype)], -1)
        width = state.shape[-1]
        for sample in range(nutation.shape[1] - 1, -1, -1):
            rotation = tools.rotation(sample)
            for _ in range(substeps):
                both = tools.whole.mH @ both
                overlap = both[..., :width] @ both[..., width:].mH  # state times costate'
                derivative = torch.einsum("mab,kcba->mkc", overlap, tools.spin).imag  # Re(-i Tr[costate' I state])
                gradient[:, sample] += tools.waveform_derivative(sample, derivative.to(nutation.dtype))
                both = rotation.mH @ both
        return gradient, None, None, None, None


class _BatchedTools:
    """Matrices of the steps of `_BatchedPropagation`."""

    def __init__(self, nutation, dwell, group, substeps, dtype):
        self.levels, device = group.levels, nutation.device
        n = len(self.levels)
        self.dt = dwell / substeps
        offset = torch.as_tensor(group.offset, dtype=nutation.dtype, device=device).expand(len(nutation), n)
        transverse = nutation[:, :, None, :].expand(-1, -1, n, -1)
        self.theta = self.dt * torch.cat([transverse, offset[:, None, :, None].expand(*transverse.shape[:3], 1)], -1)
        energy, states = np.linalg.eigh(scalar_coupling(group.levels, group.couplings))
        self.half, self.whole = (
            torch.as_tensor((states * np.exp(-1j * energy * dt)) @ states.T, dtype=dtype, device=device)
            for dt in (self.dt / 2, self.dt)
        )

        def operators(levels: tuple[int, ...], spin: int) -> Tensor:
            return torch.as_tensor(np.stack([single_spin(levels, spin, a) for a in "xyz"]), dtype=dtype, device=device)

        self.spin = torch.stack([operators(self.levels, k) for k in range(n)])
        self.alone = {count: operators((count,), 0) for count in set(self.levels)}

    def rotation(self, sample: int) -> Tensor:
        """Kronecker product of the single-spin rotations of one sample, shape (members, d, d)."""
        theta = self.theta[:, sample].to(self.half.dtype)
        single = {
            count: torch.matrix_exp(-1j * torch.einsum("mkc,cab->mkab", theta, operators))
            for count, operators in self.alone.items()
        }
        product = single[self.levels[0]][:, 0]
        for k, count in enumerate(self.levels[1:], 1):
            size = product.shape[-1] * count
            product = torch.einsum("mab,mcd->macbd", product, single[count][:, k]).reshape(len(product), size, size)
        return product

    def waveform_derivative(self, sample: int, by_rotation: Tensor) -> Tensor:
        """Left Jacobian of the rotations, as in the compiled kernel; (members, n, 3) -> (members, 2)."""
        theta = self.theta[:, sample]
        square = (theta**2).sum(-1, keepdim=True)
        t = square.sqrt().clamp_min(1e-12)
        small = square < 1e-4
        a = torch.where(small, 1 - square / 6, torch.sin(t) / t)
        b = torch.where(small, 1 / 6 - square / 120, (1 - a) / square.clamp_min(1e-24))
        c = torch.where(small, 0.5 - square / 24, (1 - torch.cos(t)) / square.clamp_min(1e-24))
        along = (theta * by_rotation).sum(-1, keepdim=True)
        full = a * by_rotation + b * along * theta + c * torch.linalg.cross(by_rotation, theta)
        return self.dt * full.sum(1)[:, :2]


def _jobs(groups: Sequence[SpinGroup], members: int) -> list[tuple[int, int]]:
    """Largest systems first, so that threads end together."""
    order = sorted(range(len(groups)), key=lambda g: -groups[g].dimension)
    return [(g, member) for g in order for member in range(members)]


def _over_threads(work, jobs) -> None:
    workers = min(_threads, len(jobs))
    if workers <= 1:
        for job in jobs:
            work(job)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, jobs))
