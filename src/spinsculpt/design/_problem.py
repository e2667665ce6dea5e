"""A design entry of the configuration as something that can be minimised."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
import torch
from torch import Tensor

from spinsculpt.basis import Axis, slice_axes
from spinsculpt.config import PER_SHOT, SLOTS, Basis, DesignEntry, ObjectiveEntry, Robustness, choices_of
from spinsculpt.core.conventions import ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.system import System
from spinsculpt.design._objectives import (
    CRLB,
    Enhance,
    Objective,
    Power,
    Ratio,
    Smooth,
    Suppress,
    TargetSpectrum,
    TargetState,
    UnderModels,
    Window,
    robust,
)
from spinsculpt.design._parametrise import Parametrisation, Waveform
from spinsculpt.design._simulate import Acquisition, FieldCondition, Signals, Simulation
from spinsculpt.design._times import Times
from spinsculpt.fit import FitModel
from spinsculpt.physics.dynamics import free_eigensystem
from spinsculpt.physics.pulses import DesignedPulses, Pulse, read_designed
from spinsculpt.physics.sequences import (
    Sequence,
    Slot,
    joined,
    megapress,
    press,
    pulse_acquire,
    shot_names,
    slaser,
    slot_kind,
    special,
    voxel_pulses,
    with_shares,
)
from spinsculpt.physics.spins import Library, load_library, single_spin, total

MIN_DWELL = 1e-6  # s, the RF raster of clinical scanners
FIXED_TIMES = ("te1", "te2", "gap_shift")


@dataclass(frozen=True)
class Goal:
    """One objective with its weight and its name in the history."""

    name: str
    weight: float
    objective: Objective

    @property
    def bound(self) -> CRLB | None:
        """The Cramer-Rao bound that is asked for, under the first model; None if it is something else."""
        first = self.objective.bounds[0] if isinstance(self.objective, UnderModels) else self.objective
        return first if isinstance(first, CRLB) else None


@dataclass(frozen=True)
class Model:
    """What the fit may be like: baseline, macromolecules "free" or "grouped", and a factor on every T2."""

    baseline: str
    macromolecules: str = "free"
    t2_scale: float = 1.0


class Design:
    """What one entry of `designs` asks for.

    Args:
        name: of the entry.
        entry: what to design.
        basis: field, and the metabolites and macromolecules that the entry does not name itself.
        system: whose real pulses stand around the designed one, unless the entry is ideal; the clinical one when None.
    """

    def __init__(self, name: str, entry: DesignEntry, basis: Basis, system: System | None = None):
        self.system = None if entry.ideal or entry.kind == "excitation" else system or System()
        entry = _resolved(name, entry, system or System(), self.system)
        _check(name, entry)
        self.name, self.entry, self.basis, self.limits = name, entry, basis, system or System()
        if entry.field:
            basis = basis.but(field=entry.field, central_frequency=None)
        frequency = basis.frequency
        self.acquisition = sampled(frequency, entry.linewidth)
        self.library = library(basis)
        self.names = _names(entry, basis)
        for known in self.names:
            _ = self.library[known]  # an unknown name is an error that lists the nearest ones
        self.form = Parametrisation(
            entry.parametrisation,
            entry.duration,
            entry.dwell,
            entry.b1_limit,
            entry.knot_spacing,
            entry.bandwidth,
            float(ppm_to_hz(entry.carrier_ppm, frequency)),
            entry.hard_pulses,
            entry.hard_duration,
        )
        self.times = times(name, entry, self.system)
        self.sequence = self.times.sequence
        self.slots = tuple(dict.fromkeys(slot.name for slot in self.sequence.slots))
        self.spectra = tuple(self.sequence.measured)
        self.free_shares = entry.shares == "free" and len(self.spectra) > 1
        self._waveform: Waveform = self.form.waveform()
        self.models = _models(entry)
        self.model = FitModel(baseline=entry.baseline, ppm=entry.fit_ppm, groups=entry.fit_groups)
        self.simulation = self.simulate(conditions_of(entry.robustness))
        reference = entry.reference
        self.reference = self.measured(self.press(reference.echo_time, reference.te1, "reference"))
        self.goals = tuple(self._goal(number, goal) for number, goal in enumerate(entry.objectives))

    def press(self, echo_time: float | None, te1: float | None, name: str) -> Sequence:
        """A PRESS of the same kind of pulses as those around the designed one; None: the shortest time."""
        frequency = self.acquisition.central_frequency
        pulses = voxel_pulses(self.system)
        return press(echo_time, te1, name, central_frequency=frequency, system=self.system, **pulses)

    def axes(self, sequence: Sequence) -> dict[str, Axis]:
        """Grid over the slices of a sequence, its slots silent."""
        silent = {s.name: Pulse("silent", np.zeros(1, complex), s.duration) for s in sequence.slots}
        grid = self.basis.grid
        return slice_axes(sequence.fill(silent), self.acquisition.central_frequency, grid.points, grid.extent)

    @property
    def bound(self) -> str:
        """Which bound the design is for: "ratio", or else "crlb"."""
        return "ratio" if any(goal.type == "ratio" for goal in self.entry.objectives) else "crlb"

    @property
    def targets(self) -> tuple[str, ...]:
        """Metabolites that the objectives name, in their order."""
        return tuple(dict.fromkeys(name for goal in self.entry.objectives for name in goal.named))

    @property
    def concentrations(self) -> dict[str, float]:
        """Typical concentration in mM of every name."""
        return {name: self.library[name].concentration for name in self.names}

    def initial(self, generator: torch.Generator, starts: int) -> Tensor:
        """Random parameters of all pulses, then of the times, shape (starts, n)."""
        amplitude = self.entry.initial_amplitude
        size, known = self.form.size, self.entry.starts_from
        drawn = self.form.initial(generator, starts, amplitude, len(self.slots), self.entry.sampling)
        pulses = list(drawn.split(size, 1))
        if starts > 1:  # one start is nearly silent: the plain sequence is what a design has to beat
            pulses = [torch.cat([0.05 * pulse[:1], pulse[1:]]) for pulse in pulses]
        for row, path in enumerate(known, start=starts - len(known)):
            for k, parameters in enumerate(self._known(path)):
                pulses[k][row] = parameters
        shares = torch.zeros(starts, len(self.spectra) if self.free_shares else 0, dtype=torch.float64)
        return torch.cat([*pulses, shares, self.times.initial(generator, starts)], 1)

    def _known(self, path: str) -> list[Tensor]:
        """Parameters of the pulses of a file for each slot, as near to them as this waveform can be."""
        pulses = list(read_designed(path).pulses.values())
        return [torch.as_tensor(self.form.parameters(pulses[k % len(pulses)])) for k in range(len(self.slots))]

    def shares(self, x: Tensor) -> Tensor | None:
        """Share of the averages of each spectrum, shape (..., spectra); None where all are alike.

        At least a tenth of an equal share, so that no spectrum is without noise to speak of.
        """
        if not self.free_shares:
            return None
        begin, count = self.form.size * len(self.slots), len(self.spectra)
        return 0.1 / count + 0.9 * torch.softmax(x[..., begin : begin + count], -1)

    def waveforms(self, x: Tensor) -> dict[str, Tensor]:
        """B1x + i B1y in uT of each slot, shape (starts, samples)."""
        size, limit = self.form.size, self.entry.energy_limit
        waves = {slot: self._waveform(x[:, k * size : (k + 1) * size]) for k, slot in enumerate(self.slots)}
        if limit is None:
            return waves
        factor = (limit / self.energy(waves, self.shares(x)).clamp_min(1e-12)).sqrt().clamp_max(1.0)
        return {slot: wave * factor[:, None] for slot, wave in waves.items()}

    def energy(self, waves: Mapping[str, Tensor], shares: Tensor | None) -> Tensor:
        """Energy of the designed pulses in uT^2 ms, the mean over the averages of all shots, shape (starts,)."""
        found = 0.0
        for k, measured in enumerate(self.sequence.measured.values()):
            share = 1 / len(self.spectra) if shares is None else shares[..., k]
            for slot in (slot for _, shot in measured for slot in shot.slots):
                one = (waves[slot.name].abs() ** 2).sum(-1) * self.form.dwell * 1e3
                found = found + share / len(measured) * one
        return found

    def of_times(self, x: Tensor) -> Tensor:
        """The parameters of the times, the last of all, shape (..., times.count)."""
        return x[..., x.shape[-1] - self.times.count :]

    def signals(self, x: Tensor, simulation: Simulation | None = None) -> Signals:
        """What parameters of shape (starts, n) give, under the conditions of the design or of another simulation."""
        found = (simulation or self.simulation)(self.waveforms(x), self.times.changes(self.of_times(x)))
        return replace(found, shares=self.shares(x))

    def played(self, x: Tensor) -> Sequence:
        """The sequence with the times, the shares and the pulses of one start, shape (n,)."""
        sequence = self.times.sequence_at(self.of_times(x)).fill(self.pulses(x))
        shares = self.shares(x)
        if shares is None:
            return sequence
        given = dict(zip(self.spectra, shares.tolist(), strict=True))
        return with_shares(sequence, given)

    def designed(self, x: Tensor) -> DesignedPulses:
        """All that one start found, shape (n,), for the sequence that plays it."""
        times = self.times.values(self.of_times(x))
        if self.entry.echo_shift:
            times["echo_shift"] = self.entry.echo_shift
        if self.entry.echo_times or len(times) > len(FIXED_TIMES) + bool(self.entry.echo_shift):
            measured = self.times.sequence_at(self.of_times(x)).measured
            times |= {f"te_{spectrum}": shots[0][1].echo_time for spectrum, shots in measured.items()}
        shares = self.shares(x)
        found = {} if shares is None else dict(zip(self.spectra, shares.tolist(), strict=True))
        return DesignedPulses(self.entry.kind, self.pulses(x), times, found)

    def pulses(self, x: Tensor) -> dict[str, Pulse]:
        """The pulse of each slot from the parameters of one start; the only one bears the name of the design."""
        names = [self.name] if len(self.slots) == 1 else [f"{self.name}_{slot}" for slot in self.slots]
        waves = self.waveforms(x[None]).values()
        return {
            slot: Pulse(name, wave[0].cpu().numpy(), self.form.dwell)
            for slot, name, wave in zip(self.slots, names, waves, strict=True)
        }

    def simulate(
        self, conditions: tuple[FieldCondition, ...], dtype: torch.dtype = torch.complex64, lossy: bool = True
    ) -> Simulation:
        """The sequence of this design under other conditions, or without the decay during its pulses."""
        states = [goal.metabolite for goal in self.entry.objectives if goal.type == "target_state"]
        return Simulation(
            self.sequence,
            self.library,
            self.names,
            self.acquisition,
            conditions,
            dict.fromkeys(self.slots, self.form.dwell),
            dict.fromkeys(self.slots, self.form.b1_limit),
            self.entry.tolerance,
            states,
            self.entry.relaxation,
            self.entry.decay_interval if lossy else 0.0,
            dtype,
            self.times.timing,
            self.axes(self.sequence),
        )

    def measured(self, sequence: Sequence, conditions: tuple[FieldCondition, ...] = (FieldCondition(),)) -> Signals:
        """Signals of another sequence, without slots, as this design sees them, under some conditions."""
        frame = (self.library, self.names, self.acquisition, conditions)
        return Simulation(sequence, *frame, relaxation=self.entry.relaxation, axes=self.axes(sequence))({})

    @cached_property
    def nominal(self) -> Simulation:
        """The sequence of this design under the nominal condition, in double precision."""
        return self.simulate((FieldCondition(),), torch.complex128)

    @cached_property
    def pulse_acquire(self) -> Signals:
        """Signals of an ideal excitation and nothing else."""
        return self.measured(pulse_acquire())

    def losses(self, signals: Signals) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted sum and its parts before weighting, each of shape (starts,)."""
        mode, tail = self.entry.robustness.mode, self.entry.robustness.tail
        parts = {goal.name: robust(goal.objective(signals), mode, tail) for goal in self.goals}
        return sum(goal.weight * parts[goal.name] for goal in self.goals), parts

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Loss, gradient and loss parts of parameters of shape (starts, n)."""
        x = x.detach().requires_grad_()
        loss, parts = self.losses(self.signals(x))
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        return loss.detach(), gradient, {name: part.detach() for name, part in parts.items()}

    def crlb(self, metabolites: Mapping[str, float], shots: tuple[str, ...] = (), **more) -> CRLB:
        """CRLB objective, under the nominal model unless `model` is another, of the own spectra unless `shots` are."""
        return self._bound(CRLB, metabolites, shots, **more)

    def ratio(self, metabolites: Mapping[str, float], shots: tuple[str, ...] = (), **more) -> Ratio:
        """Ratio objective of two metabolites; arguments are those of `crlb`."""
        return self._bound(Ratio, metabolites, shots, **more)

    def _bound(self, kind, metabolites, shots=(), reference: float = 0.0, model: Model | None = None):
        model = model or Model(self.entry.baseline)
        t2 = np.array([self.library[name].t2 for name in self.names])
        grouped = [name for name in self.names if name in self.library.macromolecules]
        return kind(
            metabolites,
            self.names,
            self.concentrations,
            replace(self.model, baseline=model.baseline),
            self.acquisition,
            shots or self.spectra,
            reference=reference,
            longer=None if model.t2_scale == 1.0 or not self.entry.relaxation else (model.t2_scale, t2),
            grouped=grouped if model.macromolecules == "grouped" else (),
        )

    def _relative(self, kind, metabolites: Mapping[str, float]) -> Objective:
        """A bound relative to that of the reference, under every model of the design."""
        bounds = []
        for model in self.models:
            there = self._bound(kind, metabolites, tuple(self.reference.fids), model=model)
            reference = float(there.log_mean(self.reference)[0, 0])
            bounds.append(self._bound(kind, metabolites, reference=reference, model=model))
        return bounds[0] if len(bounds) == 1 else UnderModels(bounds)

    def _goal(self, number: int, goal: ObjectiveEntry) -> Goal:
        where = f"designs.{self.name}.objectives[{number}]"
        kind, wanted = goal.type, goal.weights
        unknown = [name for name in goal.named if name not in self.names]
        if unknown:
            raise SpinsculptError(f"{where}: {unknown[0]!r} is not among the metabolites of the design; add it there.")
        window = Window(self.acquisition, goal.window)
        dwell = dict.fromkeys(self.slots, self.form.dwell)
        match kind:
            case "crlb":
                objective = self._relative(CRLB, wanted)
            case "ratio":
                if len(wanted) != 2:
                    raise SpinsculptError(f"{where}: a ratio is of two metabolites, not of {len(wanted)}.")
                objective = self._relative(Ratio, wanted)
            case "enhance":
                objective = Enhance(tuple(wanted), window, self.reference)
            case "suppress":
                objective = Suppress(tuple(wanted), window, self.reference, goal.floor)
            case "target_spectrum":
                metabolite = goal.metabolite
                target = window(self.reference, [goal.like or metabolite])[0, 0, 0]
                objective = TargetSpectrum(metabolite, target.cpu().numpy(), window)
            case "target_state":
                objective = self._target_state(where, goal)
            case "power":
                first = [slot.name for slot in self.sequence.shots[0].slots]
                played = {slot: time * max(first.count(slot), 1) for slot, time in dwell.items()}
                objective = Power(played, goal.reference)
            case "smooth":
                objective = Smooth(dwell, goal.bandwidth)
        name = kind if sum(other.type == kind for other in self.entry.objectives) == 1 else f"{kind}_{number}"
        return Goal(name, goal.weight, objective)

    def _target_state(self, where: str, goal: ObjectiveEntry) -> TargetState:
        system = self.library[goal.metabolite].parts[0]
        operator = parse_operator(goal.operator, system.spins, where)
        basis = free_eigensystem(system, self.acquisition.central_frequency)[1]
        return TargetState(goal.metabolite, operator, basis, total(system.levels, "z"))


def sampled(central_frequency: float, linewidth: float) -> Acquisition:
    """Half a second of signal over the range of chemical shifts that 2 kHz cover at 3 T, at any field (MHz)."""
    fold = int(np.ceil(central_frequency / 128))
    return Acquisition(central_frequency, 1024 * fold, 1 / (2000 * fold), linewidth)


def library(basis: Basis) -> Library:
    """The library of the basis section, without couplings to 14N and 31P: a design need not pay for them."""
    path = {"path": basis.library} if basis.library else {}
    return load_library(**path, field_strength=basis.field, alternatives=basis.alternatives, heteronuclear=False)


def _resolved(name: str, entry: DesignEntry, limits: System, system: System | None) -> DesignEntry:
    """The entry with the numbers that its system decides: the peak B1, and the duration that fits its place."""
    entry = entry.but(b1_limit=limits.b1 if entry.b1_limit is None else entry.b1_limit)
    if entry.decay_interval is None:
        steered = all(goal.type in ("target_state", "power", "smooth") for goal in entry.objectives)
        # The bound of a target state is of unitary steps.
        entry = entry.but(decay_interval=0.002 if entry.relaxation and not steered else 0.0)
    if system and entry.b1_limit > system.b1:
        raise SpinsculptError(
            f"designs.{name}.b1_limit: {entry.b1_limit:g} uT is above the {system.b1:g} uT of the system "
            f"{system.name}; set it to {system.b1:g} or less, or choose another system."
        )
    if entry.duration != "fit":
        return entry
    if entry.kind.removesuffix("_pair") not in PER_SHOT:
        raise SpinsculptError(f"designs.{name}.duration: only gap, refocus and edit have a room to fit; give s.")
    if entry.times.given():
        raise SpinsculptError(f"designs.{name}.duration: the room changes with `times`; give s.")
    if system is None:
        raise SpinsculptError(f"designs.{name}.duration: ideal pulses leave no room to compute; give s.")
    given = {"te1": entry.te1, "te2": entry.echo_time - entry.te1, "gap_shift": entry.gap_shift}

    def fits(samples: int) -> bool:
        try:
            template(name, entry.but(duration=samples * entry.dwell), given, system)
        except SpinsculptError:
            return False
        return True

    low, high = 0, int(entry.echo_time / entry.dwell)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    if low < 2:
        template(name, entry.but(duration=2 * entry.dwell), given, system)  # says which echo time would work
    return entry.but(duration=low * entry.dwell)


def times(name: str, entry: DesignEntry, system: System | None = None) -> Times:
    """The times of an entry, those under its key `times` as variables."""
    given = entry.times.given()
    if given and entry.kind == "excitation":
        raise SpinsculptError(f"designs.{name}.times: an excitation has no echo times; remove the key.")
    for key, (shortest, longest) in given.items():
        if not shortest < longest:
            raise SpinsculptError(f"designs.{name}.times.{key}: {shortest:g} to {longest:g} s is no range.")
    if entry.echo_times and given:
        raise SpinsculptError(f"designs.{name}: echo_times are fixed or variables under `times`; keep one of the two.")
    fixed = {"te1": entry.te1, "te2": entry.echo_time - entry.te1, "gap_shift": entry.gap_shift}
    shots = shots_of_design(entry)
    if len(shots) > 1 and not entry.kind.startswith("edit"):
        given = {f"{key}_{shot}": bounds for key, bounds in given.items() for shot in shots}
    return Times(lambda values: template(name, entry, values, system), fixed, given)


def template(name: str, entry: DesignEntry, values: Mapping[str, float], system: System | None = None) -> Sequence:
    """The sequence of an entry with its times (te1, te2, gap_shift in s), its slots still empty.

    "gap": a slot between the refocusing pulses of PRESS, or between the two pairs of semi-LASER. "refocus": one after
    the last refocusing pulse of PRESS, SPECIAL or semi-LASER. "edit": both editing pulses of
    MEGA-PRESS are the same slot. "prep": PRESS after a slot and a spoiler; "prep_gap": both. "excitation": the slot,
    and acquisition at once. "press": no slot, its times are all there is to choose. Several shots have a pulse each
    ("gap_pair", "edit_pair": two) and may have an echo time each. With a system all other pulses are its real ones.
    """
    kind, te1, te2, shift = entry.kind, values["te1"], values["te2"], values["gap_shift"]
    shots = shots_of_design(entry)
    place = kind.removesuffix("_pair")

    def slot(place: str) -> Slot:
        return Slot(place, slot_kind(place), entry.duration)

    def around(shot: str, echo_time: float | None, **slots: Slot) -> Sequence:
        given = {"system": system, **voxel_pulses(system, entry.sequence)}
        if slots:
            given |= {"echo_shift": entry.echo_shift, **slots}
        match entry.sequence:
            case "special":
                return special(echo_time, shot, **given)
            case "slaser":
                return slaser(echo_time, shot, **given)
        first = values.get(f"te1_{shot}", te1) if slots or echo_time else None
        return press(echo_time, first, shot, gap_shift=values.get(f"gap_shift_{shot}", shift), **given)

    match kind:
        case "excitation":
            return pulse_acquire(name, excitation=slot("excitation"))
        case "press":
            return around(name, te1 + te2)
        case "prep_gap":
            return around(name, te1 + te2, prep=slot("prep"), gap=slot("gap"))
        case "edit" | "edit_pair":
            slots = {shot: slot(f"edit_{shot}") for shot in shots} if len(shots) > 1 else {name: slot("edit")}
            return megapress(slots, te1 + te2, te1, name=name, system=system, **voxel_pulses(system))
    if len(shots) == 1:
        return around(name, te1 + te2, **{place: slot(place)})
    played = []
    for k, shot in enumerate(shots):
        if shot not in pulsed_shots(entry):
            played.append(around(shot, None))
            continue
        own = values.get(f"te1_{shot}", te1) + values.get(f"te2_{shot}", te2)
        time = entry.echo_times[k] if entry.echo_times else own
        played.append(around(shot, time, **{place: slot(f"{place}_{shot}")}))
    return joined(name, played)


def shots_of_design(entry: DesignEntry) -> tuple[str, ...]:
    """Names of the shots of an entry that have a pulse of their own; one without a name to speak of, if one."""
    count = 2 if entry.kind.endswith("_pair") else entry.shots
    return shot_names(count) if count > 1 else ("",)


def pulsed_shots(entry: DesignEntry) -> tuple[str, ...]:
    """Those of `shots_of_design` that have a pulse; an echo time of None is a plain shot."""
    shots = shots_of_design(entry)
    return tuple(shot for shot, time in zip(shots, entry.echo_times or shots, strict=True) if time is not None)


def _models(entry: DesignEntry) -> tuple[Model, ...]:
    """Models of the fit under which bounds are taken, that of the entry first."""
    given = entry.models
    found = [
        Model(*each) for each in product(given.baselines or [entry.baseline], given.macromolecules, given.t2_scales)
    ]
    return tuple(sorted(found, key=lambda model: model != Model(entry.baseline)))


def conditions_of(robustness: Robustness) -> tuple[FieldCondition, ...]:
    """Grid of all conditions, the nominal one first."""
    grid = [FieldCondition(*condition) for condition in product(*robustness.axes)]
    return tuple(sorted(grid, key=lambda condition: condition != FieldCondition()))


def parse_operator(text: str, spins: tuple[str, ...], where: str = "operator") -> np.ndarray:
    """Hermitian operator from e.g. "0.5 H2x - 2 H2z H3ax": spins of the library followed by x, y or z."""
    n, operator = len(spins), 0
    for term in text.replace("-", "+ -").split("+"):
        factor, operators = 1.0, None
        for word in term.replace("- ", "-").split():
            sign, bare = (-1.0, word[1:]) if word.startswith("-") else (1.0, word)
            factor *= sign
            if bare[:-1] in spins and bare[-1] in "xyz":
                single = single_spin((2,) * n, spins.index(bare[:-1]), bare[-1])
                operators = single if operators is None else operators @ single
                continue
            try:
                factor *= float(bare)
            except ValueError:
                raise SpinsculptError(
                    f"{where}: {word!r} is neither a number nor one of the spins {', '.join(spins)} with x, y or z."
                ) from None
        if operators is not None:
            operator = operator + factor * operators
    if not np.any(operator):
        raise SpinsculptError(f"{where}: {text!r} names no operator; write for example '{spins[0]}x'.")
    if not np.allclose(operator, operator.conj().T):
        raise SpinsculptError(f"{where}: {text!r} is not Hermitian; a spin may occur once in a product.")
    return operator


def _names(entry: DesignEntry, basis: Basis) -> tuple[str, ...]:
    metabolites = entry.metabolites or basis.metabolites
    macromolecules = basis.macromolecules if entry.macromolecules is None else entry.macromolecules
    return tuple(dict.fromkeys([*metabolites, *macromolecules]))


def _check(name: str, entry: DesignEntry) -> None:
    where = f"designs.{name}"
    if entry.dwell < MIN_DWELL:
        raise SpinsculptError(f"{where}.dwell: {entry.dwell * 1e6:g} us is below the RF raster of 1 us; lengthen it.")
    if entry.duration < entry.dwell:
        raise SpinsculptError(
            f"{where}.duration: {entry.duration * 1e6:g} us is shorter than one sample, {entry.dwell * 1e6:g} us."
        )
    if not entry.objectives:
        raise SpinsculptError(f"{where}.objectives is empty: say what the pulse is for, e.g. [{{type: crlb, ...}}].")
    by_kind = {kind: set() for kind in ("enhance", "suppress")}
    for goal in entry.objectives:
        if goal.type in by_kind and goal.weight > 0:
            by_kind[goal.type] |= {(m, goal.window) for m in goal.metabolites}
    if len(entry.starts_from) >= entry.starts > 0 and entry.starts_from:
        count = len(entry.starts_from)
        raise SpinsculptError(f"{where}.starts: {count} starts are known pulses, so {count + 1} or more are needed.")
    if None in entry.echo_times and (entry.ideal or not any(entry.echo_times)):
        raise SpinsculptError(
            f"designs.{name}.echo_times: null is a shot without a pulse at the shortest echo time, which ideal pulses "
            "do not have, and one shot needs a pulse; give an echo time in s."
        )
    if entry.echo_times and len(entry.echo_times) != entry.shots:
        raise SpinsculptError(
            f"{where}.echo_times: {len(entry.echo_times)} echo times for {entry.shots} shots; give one a shot."
        )
    if entry.shots > 1 and entry.kind not in PER_SHOT:
        raise SpinsculptError(f"{where}.shots: only gap, refocus and edit have shots of their own; set it to 1.")
    places = SLOTS[entry.kind].sequences if entry.kind in PER_SHOT else ()
    fitting = [each for each in choices_of(DesignEntry, "sequence") if each in places] or ["press"]
    if entry.sequence not in fitting:
        raise SpinsculptError(
            f"{where}.sequence: a {entry.kind} has no place in {entry.sequence}; choose {' or '.join(fitting)}."
        )
    both = by_kind["enhance"] & by_kind["suppress"]
    if both:
        raise SpinsculptError(
            f"{where}.objectives enhance and suppress {sorted(both)[0][0]} at once; drop one of the two."
        )
