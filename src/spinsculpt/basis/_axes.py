"""Grids of positions along the slice axes of a sequence."""

import numpy as np

from spinsculpt.basis._isolated import Axis, voxel_signal
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.pulses import slice_bandwidth
from spinsculpt.physics.sequences import Sequence, ShapedPulse

_GRID_TOLERANCE = 0.01  # of the signal of uncoupled spins, by which the grid may be wrong
_FINE_GRID = 64  # positions that count as exact
_ACROSS = np.array([1.3, 2.4, 3.9])  # ppm, shifts that a grid is tested at


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
        """Complex signals of isolated spins across the spectrum."""
        return voxel_signal(sequence, _ACROSS, central_frequency, axes(points, extent))

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
