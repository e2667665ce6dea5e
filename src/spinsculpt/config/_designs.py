"""Entries of the section `designs` of the configuration."""

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from msgspec import Meta

from spinsculpt.config._baseline import OneBaseline
from spinsculpt.config._fit import BROAD, RANGE
from spinsculpt.config._section import Interval, Names, NonNegative, Positive, Section, key, text
from spinsculpt.config._sequences import IDEAL_TE1


@dataclass(frozen=True, kw_only=True)
class TimeRanges(Section):
    """Times that are variables, too, each as [shortest, longest] in s.

    te1 and te2 are the echo times, in place of echo_time and te1; each of several shots (gap, refocus) has its own.
    """

    OPEN = True

    te1: Annotated[tuple[Positive, Positive] | None, key("first echo time")] = None
    te2: Annotated[tuple[Positive, Positive] | None, key("second echo time")] = None
    gap_shift: Annotated[Interval | None, key("place of the gap pulse")] = None

    def given(self) -> dict[str, Interval]:
        """The ranges that there are."""
        return {each.name: found for each in fields(self) if (found := getattr(self, each.name)) is not None}


@dataclass(frozen=True, kw_only=True)
class ObjectiveEntry(Section):
    """One term of the loss."""

    OPEN = True

    type: Annotated[
        Literal["crlb", "ratio", "enhance", "suppress", "target_spectrum", "target_state", "power", "smooth"],
        key("kind of objective"),
    ]
    weight: Annotated[float, key("factor in the loss")] = 1.0
    metabolites: Annotated[
        Names | dict[str, float],
        key("metabolites that count, as a list or as {name: weight} (crlb, enhance, suppress); the two of a ratio"),
    ] = ()
    metabolite: Annotated[str | None, key("metabolite (target_spectrum, target_state)")] = None
    like: Annotated[str | None, key("metabolite whose spectrum in the reference is the target (target_spectrum)")] = (
        None
    )
    operator: Annotated[str | None, key("wanted state, e.g. '0.5 H4ax - 2 H3az H4ax' (target_state)")] = None
    window: Annotated[Interval, key("chemical shifts [low, high] in ppm (enhance, suppress, target_spectrum)")] = (
        2.2,
        2.6,
    )
    floor: Annotated[Positive, key("energy relative to the reference below which suppression is not rewarded")] = 1e-4
    reference: Annotated[Positive, key("energy in uT^2 ms that counts as 1 (power); by default that of PRESS")] = 850.0
    bandwidth: Annotated[Positive, key("bandwidth in Hz that counts as 1 (smooth)")] = 500.0

    @property
    def weights(self) -> dict[str, float]:
        """The metabolites that count, with their weights."""
        return dict.fromkeys(self.metabolites, 1.0) if isinstance(self.metabolites, tuple) else self.metabolites

    @property
    def named(self) -> Names:
        """All metabolites that the objective is about."""
        return (*self.weights, *((self.metabolite,) if self.metabolite else ()))


@dataclass(frozen=True, kw_only=True)
class ReferencePress(Section):
    """The PRESS that objectives refer to."""

    echo_time: Annotated[Positive, key("echo time in s")] = 0.03
    te1: Annotated[Positive, key("first echo time in s")] = IDEAL_TE1["press"]


@dataclass(frozen=True, kw_only=True)
class Robustness(Section):
    """Conditions over which the objectives are taken."""

    mode: Annotated[Literal["mean", "worst", "cvar"], key("mean, worst (soft maximum) or cvar (mean of the worst)")] = (
        "mean"
    )
    b1_scale: Annotated[tuple[NonNegative, ...], key("factors on B1", min_length=1)] = (1.0,)
    b0_hz: Annotated[tuple[float, ...], key("offsets of the main field in Hz", min_length=1)] = (0.0,)
    broadening_hz: Annotated[tuple[NonNegative, ...], key("linewidths on top of `linewidth` in Hz", min_length=1)] = (
        0.0,
    )
    pulse_offset_hz: Annotated[
        tuple[float, ...],
        key("offsets in Hz during the designed pulse alone: a gradient of G mT/m at x m gives 42577 G x", min_length=1),
    ] = (0.0,)
    tail: Annotated[float, key("fraction of the conditions that cvar takes", le=1, gt=0)] = 0.3

    @property
    def axes(self) -> tuple[tuple[float, ...], ...]:
        """What is varied: factors on B1, offsets of the field, broadening, offsets during the designed pulse (Hz)."""
        return self.b1_scale, self.b0_hz, self.broadening_hz, self.pulse_offset_hz


@dataclass(frozen=True, kw_only=True)
class AssumedModels(Section):
    """Models of the fit under which bounds are taken beside each other, as the conditions of `robustness`.

    Mode worst makes one pulse that is good under all of them.
    """

    baselines: Annotated[tuple[OneBaseline, ...], key("forms of the baseline; empty for `baseline` alone")] = ()
    macromolecules: Annotated[
        tuple[Literal["free", "grouped"], ...],
        key("free, grouped (one amplitude for all), or both", min_length=1),
    ] = ("free",)
    t2_scales: Annotated[tuple[Positive, ...], key("factors on every T2", min_length=1)] = (1.0,)


@dataclass(frozen=True, kw_only=True)
class DesignEntry(Section):
    """One RF pulse, or a pair, to design."""

    kind: Annotated[
        Literal["gap", "prep", "excitation", "gap_pair", "prep_gap", "edit", "edit_pair", "refocus"],
        key(
            "where the pulse sits: gap (between the refocusing pulses of PRESS), prep (before PRESS, followed by "
            "a spoiler), prep_gap (one in each place), gap_pair (two shots of PRESS, each with a gap pulse of "
            "its own), edit (in both places of the editing pulses of a MEGA-PRESS), edit_pair (two shots of it, "
            "each with a pulse of its own), refocus (after the last refocusing pulse, between spoilers) or excitation "
            "(the pulse, then acquisition)"
        ),
    ]
    sequence: Annotated[
        Literal["press", "special", "slaser"],
        key("what stands around a gap (press, slaser) or a refocus (press, special, slaser)"),
    ] = "press"
    shots: Annotated[int, key("shots with a pulse each (gap, refocus, edit), fitted jointly", ge=1, le=8)] = 1
    shares: Annotated[
        Literal["equal", "free"], key("averages of the shots: equal, or free (their shares are variables, too)")
    ] = "equal"
    echo_times: Annotated[
        tuple[Positive | None, ...],
        key(
            "echo time of each shot in s (gap, refocus), null for a shot without a pulse at the shortest that the "
            "system plays; empty: all have echo_time"
        ),
    ] = ()
    echo_shift: Annotated[
        float,
        key("time in s by which the first sample lies behind the last echo (gap, refocus)"),
    ] = 0.0
    field: Annotated[float | None, key("static field in T; null for that of the basis section")] = None
    echo_time: Annotated[Positive, key("echo time of the PRESS around the pulse in s (gap, prep)")] = 0.048
    te1: Annotated[Positive, key("first echo time of that PRESS in s")] = IDEAL_TE1["press"]
    gap_shift: Annotated[
        float,
        key("of the middle of the pulse from the middle between the refocusing pulses in s (gap, gap_pair, prep_gap)"),
    ] = 0.0
    times: TimeRanges = TimeRanges()
    ideal: Annotated[
        bool,
        key(
            "true: infinitely short ideal pulses stand around the designed one; false: the real pulses of the "
            "section system, averaged over the voxel"
        ),
    ] = False
    duration: Annotated[
        float | Literal["fit"],
        key(
            "duration of the pulse in s, or fit: as long as the place between the refocusing pulses and their "
            "spoilers allows (gap, gap_pair)"
        ),
    ] = 0.02
    dwell: Annotated[Positive, key("duration of one sample in s")] = 0.0002
    b1_limit: Annotated[float | None, key("largest B1 amplitude in uT; null for that of the system")] = 13.5
    energy_limit: Annotated[
        Positive | None,
        key(
            "largest energy of the designed pulses in uT^2 ms, the mean over all averages, which limits their SAR: "
            "B1+rms^2 x TR in uT^2 ms, less what the other pulses need; null for none"
        ),
    ] = None
    carrier_ppm: Annotated[float, key("chemical shift around which the waveform is written in ppm")] = 3.0
    parametrisation: Annotated[
        Literal["bspline", "samples", "fourier", "phase", "amplitude", "hard"],
        key(
            "how the waveform is written: bspline (band-limited by knot_spacing), samples, fourier (limited by "
            "bandwidth), phase (constant amplitude), amplitude (constant phase) or hard (rectangles, and delays "
            "that are variables)"
        ),
    ] = "bspline"
    knot_spacing: Annotated[Positive, key("distance of the B-spline knots in s")] = 0.001
    bandwidth: Annotated[Positive, key("full bandwidth of the fourier parametrisation in Hz")] = 1000
    hard_pulses: Annotated[int, key("number of rectangles of the hard parametrisation", ge=1)] = 8
    hard_duration: Annotated[Positive, key("duration of each rectangle of the hard parametrisation in s")] = 0.0005
    metabolites: Annotated[
        Names, key("metabolites of the design, wanted and nuisance; empty for all of the basis section")
    ] = ()
    macromolecules: Annotated[
        Names | None, key("macromolecules of the design; null for those of the basis section")
    ] = None
    objectives: Annotated[tuple[ObjectiveEntry, ...], key("what the pulse is for; the loss is their weighted sum")] = (
        ObjectiveEntry(type="crlb", metabolites={"Glu": 1.0, "Gln": 1.0}),
        ObjectiveEntry(type="power", weight=0.02),
    )
    baseline: Annotated[
        OneBaseline, key("baseline of the fit that the crlb objective assumes: off, poly:ORDER or spline:STIFFNESS")
    ] = text(OneBaseline("poly", 2))
    models: AssumedModels = AssumedModels()
    fit_ppm: Annotated[Interval, key("fit range in ppm that the crlb objective assumes")] = RANGE
    fit_groups: Annotated[
        tuple[Names, ...],
        key("metabolites or patterns with a shift and a width of their own in the fit that crlb assumes"),
    ] = BROAD
    linewidth: Annotated[NonNegative, key("Lorentzian linewidth of the spectra in Hz (full width at half maximum)")] = (
        5.0
    )
    relaxation: Annotated[bool, key("weight signals by exp(-TE / T2)")] = True
    decay_interval: Annotated[
        NonNegative | None,
        key(
            "s between instants of T1 and T2 decay during the designed pulse; null: 0.002 with relaxation, else 0; "
            "also 0 where target_state is all that is asked of the spins, because its bound is unitary; 0 "
            "counts all of the pulse as time in the plane"
        ),
    ] = None
    reference: ReferencePress = ReferencePress()
    robustness: Robustness = Robustness()
    optimiser: Annotated[Literal["lbfgs", "adam"], key("lbfgs or adam")] = "lbfgs"
    starts: Annotated[int, key("starts of the search; of several, one is nearly silent", ge=1)] = 6
    sampling: Annotated[Literal["sobol", "random"], key("sobol (evenly spread) or random starts")] = "sobol"
    starts_from: Annotated[
        Names, key("pulse files (pulse.json of a design) that the last of the starts begin with")
    ] = ()
    polish: Annotated[int, key("further steps for the best start alone", ge=0)] = 0
    screening: Annotated[
        tuple[Annotated[float, Meta(le=1, gt=0)], ...],
        key("fractions of the iterations at which the worse half of the starts is dropped"),
    ] = (0.15, 0.3)
    iterations: Annotated[int, key("steps of the optimiser", ge=1)] = 80
    step: Annotated[Positive, key("step of adam, or largest first change of a parameter by lbfgs")] = 0.05
    initial_amplitude: Annotated[Positive, key("SD of each component of the starting B1 relative to the limit")] = 0.3
    seed: Annotated[int, key("of the random starts", ge=0)] = 1
    tolerance: Annotated[Positive, key("largest error of an element of a propagator by splitting")] = 0.002
    checkpoint_every: Annotated[int, key("steps between checkpoints", ge=1)] = 20
