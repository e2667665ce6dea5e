"""Simulate the basis set of a sequence.

What is in a basis FID: the spins, the sequence, and a Lorentzian of the basis linewidth; one proton at full signal = 1.
What is not: T1 saturation and T2 decay. Both depend on the subject and the repetition time, so they belong to the
quantification (and, for simulated data, to the scanner), as in FSL-MRS and LCModel. How long each signal decays with T2
and waits along z stands beside it (`decay_s`), for whoever simulates a measurement.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict

import numpy as np
from threadpoolctl import threadpool_limits

from spinsculpt.basis._axes import slice_axes
from spinsculpt.basis._basisset import BasisSet
from spinsculpt.basis._decay import decay_times
from spinsculpt.basis._isolated import Axis, voxel_signal
from spinsculpt.basis._slices import averaged_lines
from spinsculpt.config import Basis, plain
from spinsculpt.core.conventions import WATER_PPM
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.progress import bar
from spinsculpt.core.provenance import provenance
from spinsculpt.core.spectra import LineList, decay
from spinsculpt.physics.sequences import Sequence, ShapedPulse
from spinsculpt.physics.spins import (
    Library,
    Macromolecule,
    Metabolite,
    load_library,
    read_macromolecule,
    symmetry_sectors,
)

_ALIAS_LIMIT = 1e-3  # a line this strong (protons) outside of the bandwidth is refused


def basis_library(config: Basis) -> Library:
    """The metabolite library that the `basis` section of the configuration asks for, with what was measured."""
    path = {"path": config.library} if config.library else {}
    library = load_library(
        **path,
        field_strength=config.field,
        alternatives=config.alternatives,
        exchangeable=config.exchangeable,
        heteronuclear=config.heteronuclear,
    )
    if config.measured:
        measured = read_macromolecule(config.measured)
        library.macromolecules[measured.name] = measured
    return library


def simulate_basis(
    sequence: Sequence, config: Basis, threads: int = 1, b1_scale: float = 1.0, b0_hz: float = 0.0
) -> dict[str, BasisSet]:
    """Basis sets of every sub-spectrum of a sequence.

    Args:
        sequence: with its slots filled.
        config: the `basis` section of the configuration.
        threads: how many metabolites to simulate at a time.
        b1_scale: factor on the amplitude of shaped pulses.
        b0_hz: offset of the main field in Hz.
    Returns:
        {name of the shot or combination: basis set}, metabolites first, then macromolecules, in the order asked for.
    """
    library = basis_library(config)
    names = config.names
    entries = [library[name] for name in names]
    if len(set(names)) < len(names):
        raise SpinsculptError(f"basis: {next(n for n in names if names.count(n) > 1)} is listed twice; list it once.")
    frequency, points, dwell = config.frequency, config.points, 1 / config.bandwidth
    linewidth = config.linewidth
    axes = slice_axes(sequence, frequency, config.grid.points, config.grid.extent)
    events = (event for shot in sequence.shots for event in shot.events)
    selective = any(isinstance(event, ShapedPulse) and event.gradient is None for event in events)

    def fids_of(entry: Metabolite | Macromolecule) -> np.ndarray:
        """FIDs of every shot, shape (shots, points)."""
        if isinstance(entry, Macromolecule):
            parts = [
                (spin, decay(points, dwell, 0.0, width * frequency)) for spin, width in entry.spins(spread=selective)
            ]
        else:
            lorentzian = decay(points, dwell, linewidth)
            parts = [(sector, lorentzian) for part in entry.parts for sector in symmetry_sectors(part)]
        signal = np.zeros((len(sequence.shots), points), complex)
        for part, envelope in parts:
            for shot, fid in zip(sequence.shots, signal, strict=True):
                lines = averaged_lines(shot.events, part, frequency, axes, b1_scale, b0_hz)
                _refuse_aliasing(entry.name, lines, config.bandwidth, frequency)
                fid += lines.fid(points, dwell) * envelope
        return signal * np.exp(1j * np.deg2rad(sequence.receiver_phase))

    # Many small matrix products: threads of the linear algebra would wait for each other, metabolites do not.
    # The largest goes first, so that nothing waits for it at the end.
    with threadpool_limits(1), ThreadPoolExecutor(max(1, threads)) as pool:
        running = {entry.name: pool.submit(fids_of, entry) for entry in sorted(entries, key=_states, reverse=True)}
        with bar(len(running), f"basis functions of {sequence.name}") as step:
            for _ in as_completed(running.values()):
                step()
        fids = np.stack([running[entry.name].result() for entry in entries], axis=1)
    shots = {shot.name: shot_fids for shot, shot_fids in zip(sequence.shots, fids, strict=True)}
    for name, shot_fids in shots.items():
        if not np.any(np.abs(shot_fids) > 1e-9):
            raise SpinsculptError(f"{sequence.name}: the shot {name!r} leaves no signal; check its pulses and delays.")
    for name, weights in sequence.combinations.items():
        shots[name] = sum(weight * shots[shot] for shot, weight in weights.items())
    water = water_signal(sequence, frequency, axes, b1_scale, b0_hz)
    decays = decay_times(sequence, library, names, frequency, axes)
    of_shot = {shot: {name: asdict(times) for name, times in each.items()} for shot, each in decays.items()}
    of_shot |= {name: of_shot[next(iter(weights))] for name, weights in sequence.combinations.items()}
    meta = {
        "sequence": sequence.name,
        "echo_time_s": sequence.echo_time,
        "macromolecules": list(config.macromolecules),
        "water": [water.real, water.imag],
        "relaxation": {entry.name: [entry.t1, entry.t2] for entry in entries},
        "provenance": provenance(plain(config)),
    }
    return {
        name: BasisSet(
            tuple(names),
            shot_fids,
            dwell,
            frequency,
            linewidth,
            meta | {"subspectrum": name, "decay_s": of_shot[name]},
        )
        for name, shot_fids in shots.items()
    }


def water_signal(
    sequence: Sequence, frequency: float, axes: Mapping[str, Axis], b1_scale: float = 1.0, b0_hz: float = 0.0
) -> complex:
    """What the sequence leaves of a proton of water at the start of the acquisition, without relaxation.

    A designed pulse need not treat water as it treats metabolites; a water reference is played by it, too.

    Args:
        sequence: with its slots filled.
        frequency: MHz.
        axes: of `slice_axes`.
        b1_scale: factor on the amplitude of shaped pulses.
        b0_hz: offset of the main field in Hz.
    Returns:
        Complex amplitude, 1 for all of it, in the unit of the basis.
    """
    (signal,) = voxel_signal(sequence, np.array([WATER_PPM]), frequency, axes, b1_scale, b0_hz)
    return complex(signal * np.exp(1j * np.deg2rad(sequence.receiver_phase)))


def _states(entry: Metabolite | Macromolecule) -> int:
    """States of the largest spin system that is simulated for an entry."""
    parts = entry.parts if isinstance(entry, Metabolite) else ()
    return max((sector.dimension for part in parts for sector in symmetry_sectors(part)), default=0)


def _refuse_aliasing(name: str, lines: LineList, bandwidth: float, frequency: float) -> None:
    outside = np.abs(lines.frequency[np.abs(lines.amplitude) > _ALIAS_LIMIT])
    if outside.size and outside.max() > bandwidth / 2:
        needed = int(np.ceil(2.1 * outside.max() / 100) * 100)
        raise SpinsculptError(
            f"basis.bandwidth: {name} has a line {outside.max():.0f} Hz ({outside.max() / frequency:.2f} ppm) from the "
            f"receiver, which a bandwidth of {bandwidth:g} Hz folds over; {needed} Hz would work."
        )
