r"""Signals of sequences with slice-selective pulses: averages over the voxel, one axis at a time.

The state after a sequence is linear in the state before it. So the average over a grid of positions along one axis can
be taken as soon as the last gradient along that axis has been played, and N x N positions of two slices that do not
interleave cost N + N (the one-dimensional projection of Zhang 2017, doi:10.1002/mp.12375, and MARSS, Landheer 2021,
doi:10.1002/nbm.4129). Axes that do interleave are nested.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spinsculpt.conventions import GAMMA_BAR, ppm_to_hz
from spinsculpt.dynamics import detected_lines, evolve
from spinsculpt.errors import SpinsculptError
from spinsculpt.pulses import Pulse, slice_bandwidth, spin_rotation
from spinsculpt.sequences import Event, Sequence, ShapedPulse
from spinsculpt.spectra import LineList
from spinsculpt.spins import SpinSystem, hamiltonian, rotation, total

_SPLITTING = 0.01  # largest (2 pi)^2 J (nu_j - nu_k) T^2 of a step T of the splitting; keeps spectra right to 1e-4
_GRID_TOLERANCE = 0.01  # of the signal of uncoupled spins, by which the grid may be wrong
_BATCH = 2**21  # matrix elements worked on at a time
_FINE_GRID = 64  # positions that count as exact


@dataclass(frozen=True)
class Axis:
    """Positions along one slice axis in m, shape (points,), and the weight of each (spacing over slice thickness)."""

    positions: np.ndarray
    weight: float


def slice_axes(sequence: Sequence, central_frequency: float, points: int, extent: float) -> dict[str, Axis]:
    """Grid over every slice axis of a sequence, {} without slice-selective pulses.

    Args:
        sequence: whose slice-selective pulses name the axes.
        central_frequency: MHz.
        points: positions along each axis.
        extent: width of the grid in slice thicknesses.
    Raises:
        SpinsculptError: a grid too coarse or too narrow for the slice profiles, with the number that would work.
    """
    thickness: dict[str, float] = {}  # m
    for event in (event for shot in sequence.shots for event in shot.events):
        selective = isinstance(event, ShapedPulse) and event.gradient and event.pulse.peak_b1 > 0
        if selective and event.gradient[0] not in thickness:
            axis, strength = event.gradient
            thickness[axis] = slice_bandwidth(event.pulse) / (GAMMA_BAR * 1e3 * abs(strength))
    if not thickness:
        return {}

    def axes(points: int, extent: float) -> dict[str, Axis]:
        places = (np.arange(points) - (points - 1) / 2) * extent / points
        return {axis: Axis(places * length, extent / points) for axis, length in thickness.items()}

    def signal(points: int, extent: float) -> np.ndarray:
        """Complex amplitudes of uncoupled spins across the spectrum."""
        grid, spins = axes(points, extent), SpinSystem("grid test", tuple("abc"), (1.3, 2.4, 3.9))
        return averaged_lines(sequence.shots[-1].events, spins, central_frequency, grid).amplitude

    fine = max(_FINE_GRID, 2 * points)
    true = signal(fine, extent)

    def error(points: int) -> float:
        amplitude = signal(points, extent)
        return float(np.abs(amplitude - true).max() / np.abs(true).max()) if len(amplitude) == len(true) else 1.0

    if error(points) > _GRID_TOLERANCE:
        enough = next(n for n in range(points + 1, fine + 1) if error(n) <= _GRID_TOLERANCE)
        raise SpinsculptError(
            f"{sequence.name}: basis.grid.points: {points} positions are too few for its slice profiles (the signal "
            f"would be wrong by {error(points):.0%}); {enough} would work."
        )
    whole = np.abs(signal(4 * fine, 4 * extent)).max()
    if np.abs(true).max() < 0.97 * whole:
        spans = (
            span for span in np.arange(extent, 4 * extent, 0.1) if np.abs(signal(fine, span)).max() > 0.975 * whole
        )
        raise SpinsculptError(
            f"{sequence.name}: basis.grid.extent: {extent:g} slice thicknesses cut off the flanks of its slices; "
            f"{next(spans):.1f} would work."
        )
    return axes(points, extent)


def averaged_lines(
    events: tuple[Event, ...],
    system: SpinSystem,
    central_frequency: float,
    axes: Mapping[str, Axis],
    cache: dict | None = None,
) -> LineList:
    """Lines of one spin system after the events, averaged over the grid.

    Args:
        events: of one shot.
        system: the spins.
        central_frequency: MHz.
        axes: grid along each axis that has a gradient.
        cache: propagators of slice-selective pulses of this spin system, to share between shots.
    """
    space = _Space(system, central_frequency, axes, {} if cache is None else cache)
    rho = space.average(events, total(system.levels, "z").astype(complex), {})
    return detected_lines(rho, system, central_frequency)


@dataclass(frozen=True)
class _Space:
    system: SpinSystem
    central_frequency: float
    axes: Mapping[str, Axis]
    cache: dict

    def average(self, events: tuple[Event, ...], rho: np.ndarray, fixed: dict[str, float]) -> np.ndarray:
        """State after the events, averaged over all axes that are not `fixed`."""
        first = next((k for k, event in enumerate(events) if _free_axis(event, fixed)), None)
        if first is None:
            return self.evolve(events, rho, fixed)
        axis = _free_axis(events[first], fixed)
        last = _end_of_segment(events, first, fixed)
        rho = self.evolve(events[:first], rho, fixed)
        segment, grid = events[first : last + 1], self.axes[axis]
        if {_free_axis(event, fixed) for event in segment} <= {axis, None}:
            batches = self.batches(len(grid.positions))
            total_state = sum(self.along(segment, rho, axis, batch, fixed).sum(axis=0) for batch in batches)
        else:
            total_state = sum(self.average(segment, rho, fixed | {axis: float(x)}) for x in grid.positions)
        return self.average(events[last + 1 :], total_state * grid.weight, fixed)

    def along(
        self, events: tuple[Event, ...], rho: np.ndarray, axis: str, batch: np.ndarray, fixed: dict[str, float]
    ) -> np.ndarray:
        """States after the events at some positions of one axis, shape (len(batch), d, d)."""
        for event in events:
            if _free_axis(event, fixed) == axis:
                u = self.propagators(event)[batch]
                rho = u @ rho @ u.conj().transpose(0, 2, 1)
            else:
                rho = self.evolve((event,), rho, fixed)
        return rho

    def batches(self, points: int) -> list[np.ndarray]:
        """Indices of the positions in groups whose matrices fit into a few MB."""
        return np.array_split(np.arange(points), int(np.ceil(points * self.system.dimension**2 / _BATCH)))

    def evolve(self, events: tuple[Event, ...], rho: np.ndarray, fixed: dict[str, float]) -> np.ndarray:
        return evolve(events, self.system, self.central_frequency, position=fixed, start=rho)

    def propagators(self, event: ShapedPulse) -> np.ndarray:
        """Unitaries of a slice-selective pulse at every position of its axis, shape (points, d, d)."""
        axis, strength = event.gradient
        offsets = GAMMA_BAR * 1e3 * strength * self.axes[axis].positions - event.offset
        key = (id(event.pulse), event.phase, event.offset, offsets.tobytes())
        if key not in self.cache:
            self.cache[key] = np.concatenate(
                [
                    slice_propagators(event, self.system, self.central_frequency, offsets[batch])
                    for batch in self.batches(len(offsets))
                ]
            )
        return self.cache[key]


def slice_propagators(
    event: ShapedPulse, system: SpinSystem, central_frequency: float, offsets: np.ndarray
) -> np.ndarray:
    r"""Unitaries of a pulse at many field offsets, complex, shape (offsets, d, d).

    The Hamiltonian is split into what acts on single spins (RF, gradient, chemical shift), whose rotations are exact,
    and the scalar couplings, which commute with rotations of all spins alike. Only the shift differences of coupled
    spins keep the two from commuting, so few symmetric (Strang) steps suffice.

    Args:
        event: the pulse with its phase and offset.
        system: the spins.
        central_frequency: MHz.
        offsets: Hz, of the local field from the frequency of the pulse, shape (offsets,).
    """
    b1, dwell = np.asarray(event.pulse.b1, complex), event.pulse.dwell
    couplings = hamiltonian(replace(system, shifts=(0.0,) * system.n_spins), 0.0)
    quantum_number = np.diag(total(system.levels, "z")).real
    blocks = [np.flatnonzero(quantum_number == m) for m in np.unique(quantum_number)]  # couplings conserve F_z
    levels = [np.linalg.eigh(couplings[np.ix_(block, block)]) for block in blocks]
    shifts = np.array([ppm_to_hz(shift, central_frequency) for shift in system.shifts])
    mixing = max((abs(value * (shifts[i] - shifts[j])) for i, j, value in system.couplings), default=0.0)  # Hz^2
    longest = np.sqrt(_SPLITTING / max(mixing, 1e-9)) / (2 * np.pi)  # s
    if dwell > longest:
        repeats = int(np.ceil(dwell / longest))
        b1, dwell = np.repeat(b1, repeats), dwell / repeats
    steps = np.array_split(b1, max(1, int(np.ceil(len(b1) * dwell / longest))))
    local = np.asarray(offsets)[:, None] + shifts  # (offsets, spins)

    def coupled(duration: float, u: np.ndarray) -> np.ndarray:
        """The couplings alone for a time in s, times u."""
        product = np.empty_like(u)
        for block, (energy, states) in zip(blocks, levels, strict=True):
            product[:, block] = (states * np.exp(-1j * energy * duration)) @ states.T @ u[:, block]
        return product

    phase = np.exp(1j * np.deg2rad(event.phase))
    half = len(steps[0]) * dwell / 2
    u = np.repeat(coupled(half, np.eye(system.dimension, dtype=complex)[None]), len(local), axis=0)
    for k, step in enumerate(steps):
        u = _rotated(system.levels, *spin_rotation(Pulse("step", step * phase, dwell), local), u)
        following = len(steps[k + 1]) * dwell / 2 if k + 1 < len(steps) else 0.0
        u = coupled(len(step) * dwell / 2 + following, u)
    # The frame of the pulse turns at its offset about z; both frames agree in the middle of the pulse.
    turn = np.exp(-1j * np.pi * event.offset * event.pulse.duration * quantum_number)
    return turn[:, None] * u * turn


def _rotated(levels: tuple[int, ...], a: np.ndarray, b: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Rotations of single spins, Cayley-Klein parameters of shape (offsets, spins), times u (offsets, d, d)."""
    rotations = [rotation(count, a[:, spin], b[:, spin]) for spin, count in enumerate(levels)]
    middle = len(levels) // 2
    upper, lower = _kronecker(rotations[:middle], len(a)), _kronecker(rotations[middle:], len(a))
    rows, columns = upper.shape[1], lower.shape[1]
    u = (upper @ u.reshape(len(a), rows, -1)).reshape(len(a), rows, columns, -1)
    return (lower[:, None] @ u).reshape(len(a), rows * columns, -1)


def _kronecker(rotations: list[np.ndarray], count: int) -> np.ndarray:
    """Kronecker product of matrices (count, d_k, d_k), shape (count, d, d); ones without any."""
    product = np.ones((count, 1, 1))
    for single in rotations:
        size = product.shape[1] * single.shape[1]
        product = np.einsum("xij,xkl->xikjl", product, single).reshape(count, size, size)
    return product


def _free_axis(event: Event, fixed: Mapping[str, float]) -> str | None:
    """Axis of the gradient that an event is played under, unless the position along it is fixed."""
    if isinstance(event, ShapedPulse) and event.gradient and event.gradient[0] not in fixed:
        return event.gradient[0]
    return None


def _end_of_segment(events: tuple[Event, ...], first: int, fixed: Mapping[str, float]) -> int:
    """Index of the last event that shares an axis with the segment that begins at `first`."""
    axes = [_free_axis(event, fixed) for event in events]
    last, seen = first, first
    while seen <= last:
        if axes[seen]:
            last = max(last, *(k for k, axis in enumerate(axes) if axis == axes[seen]))
        seen += 1
    return last
