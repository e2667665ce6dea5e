r"""Signals of sequences with slice-selective pulses: averages over the voxel, one axis at a time.

The state after a sequence is linear in the state before it. So the average over a grid of positions along one axis can
be taken as soon as the last gradient along that axis has been played, and N x N positions of two slices that do not
interleave cost N + N (the one-dimensional projection of Zhang 2017, doi:10.1002/mp.12375, and MARSS, Landheer 2021,
doi:10.1002/nbm.4129). Axes that do interleave are nested.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spinsculpt.basis._isolated import Axis
from spinsculpt.basis._propagators import conjugated, slice_propagators, sorted_by_order, unsorted
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.remembered import remembered
from spinsculpt.core.spectra import LineList
from spinsculpt.physics.dynamics import detected_lines, evolve
from spinsculpt.physics.sequences import CoherenceFilter, Delay, Event, ShapedPulse
from spinsculpt.physics.spins import SpinSystem, total

_EXACT = 64  # states up to which pulses at a single position are simulated sample by sample
_BATCH = 2**21  # matrix elements worked on at a time


def averaged_lines(
    events: tuple[Event, ...],
    system: SpinSystem,
    central_frequency: float,
    axes: Mapping[str, Axis],
    b1_scale: float = 1.0,
    b0_hz: float = 0.0,
) -> LineList:
    """Lines of one spin system after the events, averaged over the grid.

    Args:
        events: of one shot.
        system: the spins.
        central_frequency: MHz.
        axes: grid along each axis that has a gradient.
        b1_scale: factor on the amplitude of shaped pulses.
        b0_hz: offset of the main field in Hz.
    """
    space = VoxelSpace(system, central_frequency, axes, b1_scale, b0_hz)
    rho = space.average(events, total(system.levels, "z").astype(complex), {})
    return detected_lines(rho, system, central_frequency, b0_hz)


@dataclass(frozen=True)
class VoxelSpace:
    """One spin system at the positions of a voxel; arguments are those of `averaged_lines`."""

    system: SpinSystem
    central_frequency: float
    axes: Mapping[str, Axis]
    b1_scale: float = 1.0
    b0_hz: float = 0.0

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
            steps = _steps(segment, events[last + 1 :], axis)
            batches = _batches(self.system, len(grid.positions))
            total_state = sum(self.along(steps, rho, grid.positions, batch, fixed) for batch in batches)
        else:
            total_state = sum(self.average(segment, rho, fixed | {axis: float(x)}) for x in grid.positions)
        return self.average(events[last + 1 :], total_state * grid.weight, fixed)

    def along(
        self, steps: "list[Event | _Pulses]", rho: np.ndarray, positions: np.ndarray, batch: slice, fixed: dict
    ) -> np.ndarray:
        """State after the steps, summed over some of the positions along their axis, shape (d, d)."""
        last = max(k for k, step in enumerate(steps) if isinstance(step, _Pulses))
        for k, step in enumerate(steps):
            if isinstance(step, _Pulses):
                u = self._sorted(step.events, positions)
                rho = conjugated(u[batch], rho, self.system.levels, step.kept, summed=k == last)
            else:
                rho = self.evolve((step,), rho, fixed)
        return rho

    def evolve(self, events: tuple[Event, ...], rho: np.ndarray, fixed: dict[str, float]) -> np.ndarray:
        """State after events at one position: exact, but for shaped pulses on many spins."""
        for event in events:
            if isinstance(event, ShapedPulse) and self.system.dimension > _EXACT:
                position = fixed.get(event.gradient[0], 0.0) if event.gradient else 0.0
                u = self._sorted((event,), np.array([position]))
                rho = conjugated(u, rho, self.system.levels).reshape(rho.shape)
            else:
                frame = (self.central_frequency, self.b1_scale, self.b0_hz)
                rho = evolve((event,), self.system, *frame, position=fixed, start=rho)
        return rho

    def propagators(self, event: ShapedPulse, positions: np.ndarray) -> np.ndarray:
        """Unitaries of a pulse at positions along its axis in m, shape (points, d, d)."""
        return unsorted(self._sorted((event,), positions), self.system.levels)

    def _sorted(self, events: tuple[ShapedPulse, ...], positions: np.ndarray) -> np.ndarray:
        """Unitaries of pulses one after the other as `conjugated` takes them."""
        played = []
        for event in events:
            strength = event.gradient[1] if event.gradient else 0.0
            pulse = event.pulse if self.b1_scale == 1.0 else replace(event.pulse, b1=self.b1_scale * event.pulse.b1)
            played.append(replace(event, pulse=pulse, gradient=("", strength)))  # alike along any axis
        return _propagators(tuple(played), positions.tobytes(), self.system, self.central_frequency, self.b0_hz)


@dataclass(frozen=True)
class _Pulses:
    """Pulses along one axis that follow each other at once, and the orders that a filter keeps of what they make."""

    events: tuple[ShapedPulse, ...]
    kept: tuple[int, ...] | None


def _steps(segment: tuple[Event, ...], following: tuple[Event, ...], axis: str) -> "list[Event | _Pulses]":
    """The events of a segment with the pulses along its axis taken together; free precession changes no order."""
    steps: list[Event | _Pulses] = []
    for k, event in enumerate(segment):
        if isinstance(event, ShapedPulse) and event.gradient and event.gradient[0] == axis:
            before = steps.pop().events if steps and isinstance(steps[-1], _Pulses) else ()
            after = next((one for one in (*segment[k + 1 :], *following) if not isinstance(one, Delay)), None)
            steps.append(_Pulses((*before, event), after.orders if isinstance(after, CoherenceFilter) else None))
        else:
            steps.append(event)
    return steps


@remembered(megabytes=256)  # the same pulses come back: in other shots, on other axes, and when only delays change
def _propagators(
    events: tuple[ShapedPulse, ...], positions: bytes, system: SpinSystem, central_frequency: float, b0_hz: float
) -> np.ndarray:
    """Unitaries of pulses one after the other, as `conjugated` takes them."""
    whole = None
    for event in events:
        places = GAMMA_BAR * 1e3 * event.gradient[1] * np.frombuffer(positions)
        batches = [places[batch] for batch in _batches(system, len(places))]
        u = np.concatenate([slice_propagators(event, system, central_frequency, some, b0_hz) for some in batches])
        whole = u if whole is None else u @ whole
    return sorted_by_order(whole, system.levels)


def _batches(system: SpinSystem, points: int) -> list[slice]:
    """The positions in groups whose matrices fit into a few MB."""
    many = max(1, _BATCH // system.dimension**2)
    return [slice(first, first + many) for first in range(0, points, many)]


def _free_axis(event: Event, fixed: Mapping[str, float]) -> str | None:
    """Axis of the gradient that an event is played under, unless the position along it is fixed."""
    if isinstance(event, ShapedPulse) and event.gradient and event.gradient[0] not in fixed:
        return event.gradient[0]
    return None


def _end_of_segment(events: tuple[Event, ...], first: int, fixed: Mapping[str, float]) -> int:
    """Index of the last event that shares an axis with the segment that begins at `first`, or the filter after it."""
    axes = [_free_axis(event, fixed) for event in events]
    last, seen = first, first
    while seen <= last:
        if axes[seen]:
            last = max(last, *(k for k, axis in enumerate(axes) if axis == axes[seen]))
        seen += 1
    return last + (last + 1 < len(events) and isinstance(events[last + 1], CoherenceFilter))
