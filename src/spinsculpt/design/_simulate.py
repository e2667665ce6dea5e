r"""From waveforms to signals, differentiably: the sequence around the slots is constant and worked out once.

Every shot becomes a chain of constant unitaries, coherence masks and slots,

    rho <- V rho V',    rho <- mask * rho,    rho <- U(waveform) rho U(waveform)',
    rho <- D(t) rho D(t)'  (delays that are variables),
    rho <- sum_x V_x rho V_x' / n  (slice-selective pulses: the mean over the positions along their axis),

and ends in the eigenbasis of the free Hamiltonian, where the detected transitions are lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from spinsculpt.basis import Axis, DecayTimes, VoxelSpace, decay_times
from spinsculpt.config import PER_SHOT
from spinsculpt.core.conventions import GAMMA_BAR, WATER_PPM, time_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.spectra import decay
from spinsculpt.design._times import Timing
from spinsculpt.physics.dynamics import class_decay, evolve, free_eigensystem, propagator
from spinsculpt.physics.dynamics.engine import SpinGroup, choose_substeps, propagate
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.sequences import CoherenceFilter, Delay, Event, ShapedPulse, Shot, Slot
from spinsculpt.physics.sequences import Sequence as PulseSequence
from spinsculpt.physics.spins import (
    Library,
    Macromolecule,
    SpinSystem,
    coherence_order,
    raising,
    symmetry_sectors,
    total,
)

_VISIBLE = 1e-6  # transitions whose element of F_+ is smaller than this carry no signal


@dataclass(frozen=True)
class FieldCondition:
    """One condition of the ensemble over which a design shall hold.

    Attributes:
        b1_scale: factor on B1.
        b0_hz: offset of the main field in Hz.
        broadening_hz: Lorentzian width on top of that of the acquisition in Hz.
        pulse_offset_hz: offset during the designed pulses alone, as a gradient gives it: 42577 Hz/mT * (mT/m) * m.
    """

    b1_scale: float = 1.0
    b0_hz: float = 0.0
    broadening_hz: float = 0.0
    pulse_offset_hz: float = 0.0


@dataclass(frozen=True)
class Acquisition:
    """How signals are looked at: field in MHz, receiver in ppm, sampling, and Lorentzian width (FWHM, Hz)."""

    central_frequency: float
    points: int = 1024
    dwell: float = 1 / 2000
    linewidth: float = 5.0
    receiver_ppm: float = WATER_PPM


@dataclass(frozen=True)
class _Part:
    """One spin system of one metabolite: what it adds to the signal of that metabolite."""

    metabolite: int
    system: SpinSystem
    t1: float
    t2: float
    decay: Tensor  # envelope of the FID besides `Acquisition.linewidth`, shape (points,)


@dataclass(frozen=True)
class Signals:
    """What the sequence gives for a batch of designs.

    Attributes:
        names: metabolites and macromolecules, L of them.
        fids: FID of each shot, damped by the linewidth and by T2 over TE, complex, (starts, conditions, L, points).
        states: density operator of each metabolite's first part at the first sample of each shot, in the eigenbasis
            of the free Hamiltonian, shape (starts, conditions, d, d); for the metabolites asked for.
        waveforms: B1x + i B1y of each slot in uT, shape (starts, samples).
        shares: of the averages of each spectrum, shape (starts, spectra); None where all are alike.
        decayed: s over which the signals of each spectrum decayed with T2, shape (starts or 1, L).
    """

    names: tuple[str, ...]
    fids: dict[str, Tensor]
    states: dict[tuple[str, str], Tensor]
    waveforms: dict[str, Tensor]
    shares: Tensor | None = None
    decayed: dict[str, Tensor] = field(default_factory=dict)


class Simulation:
    """A sequence with slots, applied to metabolites under an ensemble of conditions.

    Magnetically equivalent protons act as total spins (`spins.symmetry_sectors`), which is exact, but for metabolites
    whose states are kept. With `decay_interval` the populations that decay with T1 are those of total spins.

    Args:
        sequence: with slots for the pulses, or without any.
        library: metabolites and macromolecules at the field of `acquisition`.
        names: those to simulate.
        acquisition: field and sampling.
        conditions: of B1, B0 and width; the first is the nominal one.
        dwell: of the waveform of each slot in s.
        b1_limit: largest B1 in uT of each slot, to choose the steps of the splitting.
        tolerance: largest error of an element of a propagator.
        keep_states: metabolites whose final density operators objectives look at.
        relaxation: weight signals by their decay outside of the designed pulses (`basis.decay_times`).
        decay_interval: s between instants of T1 and T2 decay during the designed pulses (`dynamics.class_decay`); 0
            counts what they last as time in the plane.
        dtype: precision of the states, complex64 or complex128.
        timing: delays that follow variables; none when None.
        axes: grid along each slice axis of the sequence (`basis.slice_axes`); signals are means over the voxel.
    """

    def __init__(
        self,
        sequence: PulseSequence,
        library: Library,
        names: Sequence[str],
        acquisition: Acquisition,
        conditions: Sequence[FieldCondition] = (FieldCondition(),),
        dwell: Mapping[str, float] | None = None,
        b1_limit: Mapping[str, float] | None = None,
        tolerance: float = 1e-3,
        keep_states: Sequence[str] = (),
        relaxation: bool = True,
        decay_interval: float = 0.0,
        dtype: torch.dtype = torch.complex64,
        timing: Timing | None = None,
        axes: Mapping[str, Axis] | None = None,
    ):
        self.timing, self._relaxing, self._axes, self._library = timing or Timing(), relaxation, axes or {}, library
        self.sequence, self.acquisition, self.conditions = sequence, acquisition, tuple(conditions)
        self.names, self.dtype, self.keep_states = tuple(names), dtype, tuple(keep_states)
        self.dwell = dict(dwell or {})
        samples = {slot.name: round(slot.duration / self.dwell[slot.name]) for slot in sequence.slots}
        self._chunks = {
            name: _divisor(count, count * self.dwell[name] / decay_interval) if decay_interval else 1
            for name, count in samples.items()
        }
        self._decaying = decay_interval > 0
        self._decays = self._decay_of_spectra() if relaxation else {}
        self.parts = tuple(_parts(library, self.names, acquisition, keep_states))
        b0 = [condition.b0_hz + condition.pulse_offset_hz for condition in self.conditions]
        self._scale = torch.tensor([condition.b1_scale for condition in self.conditions], dtype=torch.float64)
        self.groups = tuple(
            SpinGroup.from_system(part.system, acquisition.central_frequency, b0, acquisition.receiver_ppm)
            for part in self.parts
        )
        self._chains = {
            name: tuple(self._combined_chain(shots, part.system) for part in self.parts)
            for name, shots in sequence.measured.items()
        }
        self._detection = tuple(self._detector(part) for part in self.parts)
        self._losses = {
            name: tuple(self._class_decays(part, count * self.dwell[name] / self._chunks[name]) for part in self.parts)
            for name, count in samples.items()
            if self._decaying
        }
        self.substeps = {
            name: self._steps(name, count, (b1_limit or {}).get(name, 0.0), tolerance)
            for name, count in samples.items()
        }

    def _decay_of_spectra(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Times in s that the signals of each spectrum spend in the plane and along z, each of shape (L,).

        Those of the sequence with silent pulses in its slots, less what its designed pulses last if they decay by
        themselves.
        """
        silent = {s.name: Pulse("silent", np.zeros(1, complex), s.duration) for s in self.sequence.slots}
        filled = self.sequence.fill(silent)
        known = decay_times(filled, self._library, self.names, self.acquisition.central_frequency, self._axes)
        found = {}
        for name, ((_, shot), *_) in self.sequence.measured.items():
            slots = [slot.duration for slot in shot.slots if slot.kind in PER_SHOT]
            own = sum(slots) if self._decaying else 0.0
            times = [known[shot.name][each] for each in self.names]
            if not self._axes:  # of ideal pulses it is the echo time, whatever the phases of the filters
                times = [DecayTimes(shot.echo_time or self.sequence.echo_time)] * len(self.names)
            plane, along = np.array([(each.transverse - own, each.along_z) for each in times]).T
            found[name] = plane, along
        return found

    def weight(self, spectrum: str, name: str) -> float:
        """What T2, and T1 along z, leave of a signal outside of the designed pulses; 1 without relaxation."""
        if not self._decays:
            return 1.0
        (plane, along), k = self._decays[spectrum], self.names.index(name)
        entry = self._library[name]
        return float(np.exp(-plane[k] / entry.t2 - along[k] / entry.t1))

    def _steps(self, name: str, count: int, b1_limit: float, tolerance: float) -> int:
        """Substeps for a slot, from a random waveform of half the largest amplitude."""
        generator = torch.Generator("cpu").manual_seed(0)
        amplitude = 2 * np.pi * GAMMA_BAR * b1_limit / 2
        trial = amplitude * (2 * torch.rand(1, count, 2, generator=generator, dtype=torch.float64, device="cpu") - 1)
        groups = [replace(g, offset=g.offset[:1]) for g in self.groups if g.couplings and g.dimension <= 32]
        return choose_substeps(trial, self.dwell[name], groups, tolerance) if groups else 1

    def __call__(self, waveforms: Mapping[str, Tensor], changes: Tensor | None = None) -> Signals:
        """Signals of a batch of designs.

        Args:
            waveforms: B1x + i B1y in uT of each slot, complex128, shape (starts, samples).
            changes: of the variables of `timing` from the times in the sequence in s, shape (starts, variables).
        """
        starts = max([1, *map(len, waveforms.values()), 0 if changes is None else len(changes)])
        conditions = len(self.conditions)
        propagators = {}
        for name, b1 in waveforms.items():
            nutation = 2 * np.pi * GAMMA_BAR * torch.view_as_real(b1)
            nutation = nutation.unflatten(1, (self._chunks[name], -1))[:, :, None] * self._scale[:, None, None]
            nutation = nutation.flatten(0, 2)  # (starts, chunks, conditions), conditions fastest as in the groups
            propagators[name] = propagate(nutation, self.dwell[name], self.groups, self.substeps[name], self.dtype)
        time = time_axis(self.acquisition.points, self.acquisition.dwell)
        broadening = np.exp(-np.pi * np.outer([condition.broadening_hz for condition in self.conditions], time))
        envelope = torch.as_tensor(broadening[:, None])
        fids, states = {}, {}
        for shot, chains in self._chains.items():
            total_fid = [0.0] * len(self.names)
            for k, (part, chain) in enumerate(zip(self.parts, chains, strict=True)):
                rho = self._run(chain, {name: u[k] for name, u in propagators.items()}, k, starts, changes)
                rows, columns, table = self._detection[k]
                fid = (rho[..., rows, columns].unsqueeze(-2) @ table).squeeze(-2)
                if self._relaxing and changes is not None:
                    later = changes @ torch.as_tensor(self.timing.echo_time[shot])
                    fid = fid * torch.exp(-later / part.t2)[:, None, None]
                fid = fid * self.weight(shot, self.names[part.metabolite])
                total_fid[part.metabolite] = total_fid[part.metabolite] + fid
                name = self.names[part.metabolite]
                if name in self.keep_states:
                    states.setdefault((shot, name), rho)
            shape = (starts, conditions, self.acquisition.points)
            fids[shot] = torch.stack([fid.expand(shape) for fid in total_fid], -2) * envelope
        decayed = {shot: torch.as_tensor(plane)[None] for shot, (plane, _) in self._decays.items()}
        if changes is not None:
            slopes = self.timing.echo_time
            decayed = {shot: s + (changes @ torch.as_tensor(slopes[shot]))[:, None] for shot, s in decayed.items()}
        return Signals(self.names, fids, states, dict(waveforms), decayed=decayed)

    def _run(self, chain, propagators: Mapping[str, Tensor], part: int, starts: int, changes: Tensor | None) -> Tensor:
        """Density operator at the end of a chain, shape (starts or 1, conditions, d, d)."""
        rho = None
        for kind, content in chain:
            if kind == "state":
                rho = content
            elif kind == "unitary":
                rho = content @ rho @ content.mH
            elif kind == "mask":
                rho = rho * content
            elif kind == "voxel":
                matrices, rows, columns, to_rows, to_columns = content
                moved = (matrices @ rho[..., rows, columns].unsqueeze(-1)).squeeze(-1)
                rho = _scattered(rho, moved, to_rows, to_columns)
            elif kind == "delay":
                duration, slope, energy, basis = content
                if changes is not None:
                    duration = duration + changes @ slope
                turn = torch.exp(-1j * energy * duration.expand(starts)[:, None, None])
                rho = basis @ (turn[..., None] * (basis.mT @ rho @ basis) * turn[..., None, :].conj()) @ basis.mT
            else:
                shape = (starts, self._chunks[content], len(self.conditions))
                for u in propagators[content].unflatten(0, shape).to(torch.complex128).unbind(1):
                    if not self._decaying:
                        rho = u @ rho @ u.mH
                        continue
                    factor, addition = self._losses[content][part]
                    rho = u @ (factor * rho + addition) @ u.mH
                    rho = factor * rho + addition
        return rho

    @staticmethod
    def _class_decays(part: _Part, interval: float) -> tuple[Tensor, Tensor]:
        """Half an interval of decay, as it stands on both sides of each stretch of the pulse."""
        return tuple(map(torch.as_tensor, class_decay(part.system.levels, part.t1, part.t2, interval / 2)))

    def _combined_chain(self, shots: Sequence[tuple[float, Shot]], system: SpinSystem) -> list[tuple[str, object]]:
        """The chain of a weighted sum of shots that differ before their first slots alone: a sum of states."""
        chains = [self._chain(shot, system) for _, shot in shots]
        state = sum(weight * chain[0][1] for (weight, _), chain in zip(shots, chains, strict=True))
        return [("state", state), *chains[0][1:]]

    def _chain(self, shot: Shot, system: SpinSystem) -> list[tuple[str, object]]:
        """The shot as ("state" | "unitary" | "mask" | "slot" | "delay", content), tensors of (conditions, ...)."""

        def under_conditions(function, events: tuple[Event, ...]) -> Tensor:
            frame = (system, self.acquisition.central_frequency)
            conditions = [(m.b1_scale, m.b0_hz, self.acquisition.receiver_ppm) for m in self.conditions]
            return torch.as_tensor(np.stack([function(events, *frame, *condition) for condition in conditions]))

        if self._axes:
            return self._voxel_chain(shot, system)
        moving = self.timing.delays.get(shot.name, {})
        varied = [k for k, event in enumerate(shot.events) if isinstance(event, Slot) or k in moving]
        first = min(varied, default=len(shot.events))
        chain, stretch = [("state", under_conditions(evolve, shot.events[:first]))], []
        for k, event in enumerate((*shot.events[first:], None), start=first):
            if event is not None and k not in moving and not isinstance(event, Slot | CoherenceFilter):
                stretch.append(event)
                continue
            if stretch:
                chain.append(("unitary", under_conditions(propagator, tuple(stretch))))
                stretch = []
            if k in moving:
                chain.append(("delay", self._moving_delay(event, moving[k], system)))
            elif isinstance(event, Slot):
                chain.append(("slot", event.name))
            elif event is not None:
                kept = np.isin(coherence_order(system.levels), event.orders)
                chain.append(("mask", torch.as_tensor(kept)))
        chain.append(("unitary", torch.as_tensor(self._eigensystem(system)[1].T.astype(complex))))
        return chain

    def _voxel_chain(self, shot: Shot, system: SpinSystem) -> list[tuple[str, object]]:
        """The chain of a shot with slice-selective pulses: means over the voxel before, between and after its slots."""
        acquisition, moving = self.acquisition, self.timing.delays.get(shot.name, {})
        varied = [k for k, event in enumerate(shot.events) if isinstance(event, Slot) or k in moving]
        spaces = [
            VoxelSpace(system, acquisition.central_frequency, self._axes, condition.b1_scale, condition.b0_hz)
            for condition in self.conditions
        ]
        first = min(varied, default=len(shot.events))
        start = total(system.levels, "z").astype(complex)
        states = [space.average(shot.events[:first], start, {}) for space in spaces]
        chain: list[tuple[str, object]] = [("state", torch.as_tensor(np.stack(states).astype(complex)))]
        order, kept, stretch = coherence_order(system.levels), None, []
        events = list(enumerate(shot.events))[first:]
        while events:
            k, event = events.pop(0)
            if isinstance(event, Slot):
                chain.append(("slot", event.name))
                kept, stretch = None, []
                continue
            if k in moving:
                if stretch:
                    chain.append(("unitary", self._constant(stretch, system)))
                    kept, stretch = None, []
                chain.append(("delay", self._moving_delay(event, moving[k], system)))  # keeps the order
                continue
            if isinstance(event, ShapedPulse) and event.gradient:  # to the filter behind the last pulse on its axis
                last = max(n for n, e in [(k, event), *events] if _along(e) == event.gradient[0])
                while events and (k < last or not isinstance(event, CoherenceFilter)):
                    if k in moving:
                        raise SpinsculptError(
                            f"{self.sequence.name}: times cannot be variables between pulses of one slice; fix them."
                        )
                    stretch.append(event)
                    k, event = events.pop(0)
                if not isinstance(event, CoherenceFilter):
                    raise SpinsculptError(
                        f"{self.sequence.name}: a slice-selective pulse behind a designed one needs a spoiler."
                    )
                passed = np.isin(order, event.orders)
                source, target = np.nonzero(np.ones_like(passed) if kept is None else kept), np.nonzero(passed)
                maps = np.stack([_voxel_map(space, stretch, source, target) for space in spaces])
                places = [torch.as_tensor(index) for index in (*source, *target)]
                chain.append(("voxel", (torch.as_tensor(maps), *places)))
                kept, stretch = passed, []
                continue
            if isinstance(event, CoherenceFilter):
                passed = np.isin(order, event.orders)
                chain += [("unitary", self._constant(stretch, system))] if stretch else []
                chain.append(("mask", torch.as_tensor(passed)))
                kept, stretch = passed if kept is None or stretch else kept & passed, []
                continue
            stretch.append(event)
            if not events or isinstance(events[0][1], Slot):
                chain.append(("unitary", self._constant(stretch, system)))
                kept, stretch = None, []
        chain.append(("unitary", torch.as_tensor(self._eigensystem(system)[1].T.astype(complex))))
        return chain

    def _constant(self, events: Sequence[Event], system: SpinSystem) -> Tensor:
        """Unitary of events at the centre of the voxel under each condition, (conditions, d, d)."""
        if any(isinstance(event, ShapedPulse) and event.gradient for event in events):
            raise SpinsculptError(
                f"{self.sequence.name}: a slice-selective pulse beside a designed one needs a spoiler between the two."
            )
        frame = (system, self.acquisition.central_frequency)
        conditions = [(m.b1_scale, m.b0_hz, self.acquisition.receiver_ppm) for m in self.conditions]
        return torch.as_tensor(np.stack([propagator(events, *frame, *condition) for condition in conditions]))

    def _moving_delay(self, delay: Delay, slope: np.ndarray, system: SpinSystem) -> tuple[Tensor, ...]:
        """Duration in s, its slope, energies of each condition in rad/s (conditions, d) and eigenvectors, complex."""
        frame = (system, self.acquisition.central_frequency)
        systems = [
            free_eigensystem(*frame, condition.b0_hz, self.acquisition.receiver_ppm) for condition in self.conditions
        ]
        energy, basis = np.stack([each[0] for each in systems]), np.stack([each[1] for each in systems])
        return tuple(map(torch.as_tensor, (np.array([delay.duration]), slope, energy, basis.astype(complex))))

    def _eigensystem(self, system: SpinSystem) -> tuple[np.ndarray, np.ndarray]:
        return free_eigensystem(system, self.acquisition.central_frequency, 0.0, self.acquisition.receiver_ppm)

    def _detector(self, part: _Part) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions (rows, columns of rho in the eigenbasis) and the FID that one unit of each gives."""
        system, acq = part.system, self.acquisition
        energy, basis = self._eigensystem(system)
        detected = (basis.T @ raising(system.levels).real @ basis).T
        rows, columns = np.nonzero(np.abs(detected) > _VISIBLE)
        frequency = (energy[columns] - energy[rows]) / (2 * np.pi)
        amplitude = detected[rows, columns] * 4 * system.weight / system.dimension
        time = time_axis(acq.points, acq.dwell)
        table = amplitude[:, None] * np.exp(2j * np.pi * np.outer(frequency, time)) * part.decay.cpu().numpy()
        return torch.as_tensor(rows), torch.as_tensor(columns), torch.as_tensor(table)


def _scattered(like: Tensor, values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Matrices of the size of `like` that hold values (..., n) at n places and zero elsewhere."""
    size = like.shape[-1]
    flat = torch.zeros(*values.shape[:-1], size * size, dtype=values.dtype)
    return flat.index_copy(-1, rows * size + columns, values).unflatten(-1, (size, size))


def _along(event: Event) -> str | None:
    """The slice axis of an event."""
    return event.gradient[0] if isinstance(event, ShapedPulse) and event.gradient else None


def _voxel_map(
    space: VoxelSpace, events: Sequence[Event], source: tuple[np.ndarray, ...], target: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Mean over the positions of one axis of rho -> U rho U', between some elements, (len(target), len(source)).

    Args:
        space: one spin system under one condition.
        events: slice-selective along one axis, coherence filters between its pulses.
        source, target: (rows, columns) of the elements that come in and that the following filter keeps.
    """
    (axis,) = axes if len(axes := {_along(event) for event in events} - {None}) == 1 else ("",)
    if not axis:
        raise SpinsculptError("Pulses of two slice axes need a spoiler between them.")
    grid, order = space.axes[axis], coherence_order(space.system.levels)
    one = np.eye(space.system.dimension, dtype=complex)[None]
    steps, u, wanted = [], one, None  # [(u, elements that come out)]; free precession keeps the order of a filter
    for event in events:
        if isinstance(event, CoherenceFilter):
            if wanted is not None and wanted == event.orders:
                continue
            steps.append((u, np.nonzero(np.isin(order, event.orders))))
            u, wanted = one, event.orders
        elif _along(event):
            u, wanted = space.propagators(event, grid.positions) @ u, None
        else:
            u = propagator((event,), space.system, space.central_frequency, space.b1_scale, space.b0_hz) @ u
    steps.append((u, target))
    found = np.zeros((len(target[0]), len(source[0])), complex)
    for place in range(len(grid.positions)):
        whole, (rows, columns) = None, source
        for unitary, (to_rows, to_columns) in steps:
            each = unitary[place if len(unitary) > 1 else 0].astype(np.complex64)
            step = each[to_rows[:, None], rows] * each[to_columns[:, None], columns].conj()
            whole, rows, columns = step if whole is None else step @ whole, to_rows, to_columns
        found += whole
    return found * grid.weight


def _divisor(count: int, wanted: float) -> int:
    """Number of equal stretches of whole samples nearest to `wanted`."""
    return min((d for d in range(1, count + 1) if count % d == 0), key=lambda d: abs(d - wanted))


def _parts(library: Library, names: Sequence[str], acquisition: Acquisition, whole: Sequence[str]) -> Iterator[_Part]:
    """Spin systems of all names, in sectors unless named in `whole`; a peak of a macromolecule is one spin.

    The linewidth is that of the measurement, T2 included, as in spinsculpt.compare; what T2 adds is the loss before.
    """
    time = time_axis(acquisition.points, acquisition.dwell)
    lorentz = np.exp(-np.pi * acquisition.linewidth * time)
    for index, name in enumerate(names):
        entry = library[name]
        if isinstance(entry, Macromolecule):
            for ppm, protons, width in entry.peaks:
                envelope = decay(acquisition.points, acquisition.dwell, 0.0, width * acquisition.central_frequency)
                one = SpinSystem(name, (name,), (ppm,), weight=protons)
                yield _Part(index, one, entry.t1, entry.t2, torch.as_tensor(lorentz * envelope))
        else:
            for part in entry.parts:
                for system in (part,) if name in whole else symmetry_sectors(part):
                    yield _Part(index, system, entry.t1, entry.t2, torch.as_tensor(lorentz))
