r"""Signals of sequences with slice-selective pulses: averages over the voxel, one axis at a time.

The state after a sequence is linear in the state before it. So the average over a grid of positions along one axis can
be taken as soon as the last gradient along that axis has been played, and N x N positions of two slices that do not
interleave cost N + N (the one-dimensional projection of Zhang 2017, doi:10.1002/mp.12375, and MARSS, Landheer 2021,
doi:10.1002/nbm.4129). Axes that do interleave are nested.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spinsculpt.basis._propagators import conjugated, slice_propagators
from spinsculpt.conventions import GAMMA_BAR, ppm_to_hz
from spinsculpt.dynamics import detected_lines, evolve
from spinsculpt.errors import SpinsculptError
from spinsculpt.pulses import slice_bandwidth
from spinsculpt.sequences import CoherenceFilter, Event, Sequence, ShapedPulse
from spinsculpt.spectra import LineList
from spinsculpt.spins import SpinSystem, total

_GRID_TOLERANCE = 0.01  # of the signal of uncoupled spins, by which the grid may be wrong
_EXACT = 64  # states up to which pulses at a single position are simulated sample by sample
_BATCH = 2**21  # matrix elements worked on at a time
_FINE_GRID = 64  # positions that count as exact


@dataclass(frozen=True)
class Axis:
    """Positions along one slice axis in m, shape (points,), and the weight of each (spacing over slice thickness)."""

    positions: np.ndarray
    weight: float


def localised(sequence: Sequence) -> dict[str, float]:
    """Weights of the shots whose sum comes from the voxel alone: the last one, or DIFF where shots select a slice."""
    return {shot.name: weight for weight, shot in list(sequence.measured.values())[-1]}


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

    spins = SpinSystem("grid test", tuple("abc"), (1.3, 2.4, 3.9))
    places = ppm_to_hz(np.array(spins.shifts), central_frequency)
    weights = localised(sequence)

    def signal(points: int, extent: float) -> np.ndarray:
        """Complex amplitudes of uncoupled spins across the spectrum."""
        grid, found = axes(points, extent), np.zeros(len(places), complex)
        for shot, weight in weights.items():
            lines = averaged_lines(sequence.shot(shot).events, spins, central_frequency, grid)
            found += weight * ((np.abs(lines.frequency - places[:, None]) < 1.0) @ lines.amplitude)
        return found

    fine = max(_FINE_GRID, 2 * points)
    true = signal(fine, extent)

    def error(points: int) -> float:
        return float(np.abs(signal(points, extent) - true).max() / np.abs(true).max())

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
    b1_scale: float = 1.0,
    b0_hz: float = 0.0,
) -> LineList:
    """Lines of one spin system after the events, averaged over the grid.

    Args:
        events: of one shot.
        system: the spins.
        central_frequency: MHz.
        axes: grid along each axis that has a gradient.
        cache: propagators of slice-selective pulses of this spin system, to share between shots.
        b1_scale: factor on the amplitude of shaped pulses.
        b0_hz: offset of the main field in Hz.
    """
    space = VoxelSpace(system, central_frequency, axes, {} if cache is None else cache, b1_scale, b0_hz)
    rho = space.average(events, total(system.levels, "z").astype(complex), {})
    return detected_lines(rho, system, central_frequency, b0_hz)


@dataclass(frozen=True)
class VoxelSpace:
    """One spin system at the positions of a voxel; arguments are those of `averaged_lines`."""

    system: SpinSystem
    central_frequency: float
    axes: Mapping[str, Axis]
    cache: dict
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
            batches = self.batches(len(grid.positions))
            total_state = sum(self.along(segment, rho, axis, batch, fixed).sum(axis=0) for batch in batches)
        else:
            total_state = sum(self.average(segment, rho, fixed | {axis: float(x)}) for x in grid.positions)
        return self.average(events[last + 1 :], total_state * grid.weight, fixed)

    def along(
        self, events: tuple[Event, ...], rho: np.ndarray, axis: str, batch: np.ndarray, fixed: dict[str, float]
    ) -> np.ndarray:
        """States after the events at some positions of one axis, shape (len(batch), d, d)."""
        for event, following in zip(events, (*events[1:], None), strict=True):
            if _free_axis(event, fixed) == axis:
                kept = following.orders if isinstance(following, CoherenceFilter) else None
                u = self.propagators(event, self.axes[axis].positions)
                rho = conjugated(u[batch], rho, self.system.levels, kept)
            else:
                rho = self.evolve((event,), rho, fixed)
        return rho

    def batches(self, points: int) -> list[np.ndarray]:
        """Indices of the positions in groups whose matrices fit into a few MB."""
        return np.array_split(np.arange(points), int(np.ceil(points * self.system.dimension**2 / _BATCH)))

    def evolve(self, events: tuple[Event, ...], rho: np.ndarray, fixed: dict[str, float]) -> np.ndarray:
        """State after events at one position: exact, but for shaped pulses on many spins."""
        for event in events:
            if isinstance(event, ShapedPulse) and self.system.dimension > _EXACT:
                position = fixed.get(event.gradient[0], 0.0) if event.gradient else 0.0
                u = self.propagators(event, np.array([position]))
                rho = conjugated(u, rho, self.system.levels).reshape(rho.shape)
            else:
                frame = (self.central_frequency, self.b1_scale, self.b0_hz)
                rho = evolve((event,), self.system, *frame, position=fixed, start=rho)
        return rho

    def propagators(self, event: ShapedPulse, positions: np.ndarray) -> np.ndarray:
        """Unitaries of a pulse at positions along its axis in m, shape (points, d, d)."""
        _, strength = event.gradient or ("", 0.0)
        places = GAMMA_BAR * 1e3 * strength * positions
        key = (id(event.pulse), event.phase, event.offset, places.tobytes(), self.b1_scale, self.b0_hz)
        if self.b1_scale != 1.0:
            event = replace(event, pulse=replace(event.pulse, b1=self.b1_scale * event.pulse.b1))
        if key not in self.cache:
            self.cache[key] = np.concatenate(
                [
                    slice_propagators(event, self.system, self.central_frequency, places[batch], self.b0_hz)
                    for batch in self.batches(len(places))
                ]
            )
        return self.cache[key]


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
