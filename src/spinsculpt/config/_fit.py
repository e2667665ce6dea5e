"""Section `fit` of the configuration, and the model of a fit that it describes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Annotated, Literal, Self

from msgspec import Meta

from spinsculpt.config._baseline import Baseline
from spinsculpt.config._section import Interval, Names, NonNegative, Positive, Section, default_of, key, mapping, text
from spinsculpt.core.errors import SpinsculptError

RANGE = (0.2, 4.2)  # ppm
LIPIDS = ("Lip09", "Lip13a", "Lip13b", "Lip20")
BROAD = (("MM*", "Mac*", "Lip*"),)  # macromolecules and lipids
# Sets of metabolites with a shift and a width of their own (`lines`: classes). The large signals stand alone; small
# coupled ones share the line of Glu, so that none can widen or wander into baseline and macromolecules; the rest go
# with creatine.
CLASSES = (
    ("NAA", "NAAG"),
    ("GPC", "PCh"),
    ("Ins", "Scyllo", "Gly"),
    ("Glu", "Gln", "GABA", "GSH", "Asp", "Tau"),
)
# How far the lines of classes lie apart: in ppm, half of what ABfit-reg (doi:10.1002/mrm.30462) and LCModel assume of
# single metabolites; in Hz, about the SD of 1 / (pi T2) between them at 3 T (0.4 Hz in the library).
CLASS_SHIFT_SD, CLASS_WIDTH_SD = 0.002, 0.35
# What an average over models is of, besides the stiffness of the spline: the whole range or that without the flanks of
# water and lipids; broad signals that share a width and a shift, or lipids with their own; and those below.
AVERAGE_RANGES = (RANGE, (0.5, 4.0))
AVERAGE_GROUPS = (BROAD, (("MM*", "Mac*"), ("Lip*",)))
LINES = ("voigt", "free")  # Voigt lines, or a line of any shape that all signals share
MACROMOLECULES = ("basis", "birch2017")  # those of the basis, or the lines that another study found
# Soft ratios and macromolecules in turn: any proportion or about LCModel's, of the basis or of the other study, whose
# lines are not those that LCModel's ratios are about.
SHAPES = (("off", "basis"), ("off", "birch2017"), ("lcmodel", "basis"), ("off", "birch2017"))

# The most of total creatine that healthy brain holds of small metabolites, as `max_ratio` says: upper ends of ranges
# over 7.5 mM (Ala 1.6, Asc 1.7, Glc 2, GSH 3, Tau 6 mM), or 1.5 times the median (GABA, Asp, Gly, PE).
MOST_IN_BRAIN = {
    "Ala": 0.21,
    "Asc": 0.23,
    "Asp": 0.46,
    "GABA": 0.31,
    "Glc": 0.27,
    "Gly": 0.25,
    "GSH": 0.4,
    "PE": 0.3,
    "Tau": 0.8,
}


@dataclass(frozen=True, kw_only=True)
class SoftRatio(Section):
    """Gaussian prior on the ratio of a metabolite to a sum of others, as LCModel's CHRATO."""

    metabolite: Annotated[str, key("name of the numerator")]
    reference: Annotated[Names, key("names or patterns of the denominator", min_length=1)]
    ratio: Annotated[NonNegative, key("expected ratio")]
    sd: Annotated[Positive, key("standard deviation of the ratio")]
    weight: Annotated[
        Names,
        key(
            "names or patterns whose sum, added to the denominator, sets how strict the prior is (LCModel's +WT=): "
            "`sd` times that sum is its standard deviation in units of concentration"
        ),
    ] = ()


def _lcmodel(metabolite: str, below: str, ratio: float, sd: float, weight: str) -> SoftRatio:
    return SoftRatio(metabolite=metabolite, reference=(below,), ratio=ratio, sd=sd, weight=(weight,))


# What LCModel 6.3 assumes of macromolecules and lipids unless told otherwise (its manual, section 11.8;
# Provencher 1993, doi:10.1002/mrm.1910300604).
LCMODEL_RATIOS = (
    _lcmodel("Lip09", "Lip13*", 0.267, 0.1, "MM12"),
    _lcmodel("Lip20", "Lip13*", 0.15, 0.07, "MM12"),
    _lcmodel("MM20", "MM09", 1.5, 0.375, "Lip09"),
    _lcmodel("MM12", "MM09", 0.3, 0.1, "Lip09"),
    _lcmodel("MM14", "MM09", 0.75, 0.45, "Lip09"),
    _lcmodel("MM17", "MM09", 0.375, 0.3, "Lip09"),
)


@dataclass(frozen=True, kw_only=True)
class Tissue(Section):
    """Volume fractions of a voxel."""

    gm: Annotated[float, key("grey matter", ge=0, le=1)]
    wm: Annotated[float, key("white matter", ge=0, le=1)]
    csf: Annotated[float, key("cerebrospinal fluid", ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class RelaxationSD(Section):
    """SDs in % of the T1 and T2 of metabolites, which make the columns "relaxation SD" of mM and mmol/kg."""

    # About the scatter of the literature at 3 T: T2 of Glu 122-201 ms, of Gln 99-168 ms in different studies; T1 of Glu
    # 1.23 +- 0.08 s (Choi 2006, ISMRM 3064).

    t1: Annotated[float, key("of T1", ge=0, le=100)] = 8
    t2: Annotated[float, key("of T2", ge=0, le=100)] = 15


@dataclass(frozen=True, kw_only=True)
class WaterReference(Section):
    """How the water reference turns signals into mM and mmol/kg."""

    echo_time: Annotated[Positive | None, key("echo time in s; null for that of the header of the data")] = None
    repetition_time: Annotated[
        Positive | None, key("repetition time in s; null for that of the header of the data")
    ] = None
    tissue: Annotated[
        Tissue | str | None,
        key(
            "volume fractions of the voxel, or a table with the columns subject, gm, wm, csf (and session) whose "
            "cells hold fractions or names of partial-volume images (NIfTI); null for pure water that relaxes "
            "like the mean of grey and white matter"
        ),
    ] = None
    t1: Annotated[
        dict[str, Positive],
        key(
            "T1 in s that replaces the value at 3 T, of gm, wm, csf (water), metabolite (all of them) and of single "
            "metabolites and macromolecules by name; what is not named is that of the library (basis.library)"
        ),
    ] = mapping()
    t2: Annotated[dict[str, Positive], key("T2 in s, in the same way")] = mapping()
    relaxation_sd: RelaxationSD = RelaxationSD()


@dataclass(frozen=True, kw_only=True)
class FitModel(Section):
    """The model of a fit."""

    ppm: Annotated[
        tuple[float | Interval, ...] | None,
        key(
            f"fit range in ppm, [low, high], or a list of such ranges that leave gaps; null for {list(RANGE)}, and for "
            f"that beside {list(AVERAGE_RANGES[1])} in an average"
        ),
    ] = None
    baseline: Annotated[Baseline, key("see the section fit")] = text(Baseline("poly", 2))
    groups: Annotated[
        tuple[Annotated[Names, Meta(min_length=1)], ...] | None,
        key(
            "sets of names or patterns with a shift and a width of their own; all other metabolites share one of "
            'each; null for [["MM*", "Mac*", "Lip*"]], and for that beside [["MM*", "Mac*"], ["Lip*"]] in an average'
        ),
    ] = None
    noise: Annotated[Literal["noise", "residual"], key("see the section fit")] = "noise"
    lineshape: Annotated[
        Literal["voigt", "lorentz", "gauss", "free"] | None,
        key(
            "shape that is added to the lines of the basis; free: Voigt, and a regularised line that all signals "
            "share; null for voigt, and for that beside free in an average"
        ),
    ] = None
    lines: Annotated[
        Literal["one", "classes"],
        key(
            "shifts and widths of metabolites: one of each for all that no group names, or classes (NAA with NAAG, "
            "choline, Ins with Scyllo and Gly, Glu with Gln, GABA, GSH, Asp and Tau, beside the others), which priors "
            "tie to each other (group_shift_sd, group_width_sd)"
        ),
    ] = "one"
    line_t2: Annotated[
        Literal["off", "library"],
        key(
            "lines of the metabolites before the width that all share: off (those of the basis alone) or library (each "
            "basis function times exp(-t / T2), its T2 at the field that of the library, basis.library; macromolecules "
            "and lipids keep their widths)"
        ),
    ] = "off"
    shared: Annotated[
        tuple[Literal["width", "shift", "phase"], ...],
        key("what the spectra of a joint fit have in common besides the concentrations", unique=True),
    ] = ("width",)
    metabolites: Annotated[Names, key("names to fit; empty for all that the basis holds")] = ()
    exclude: Annotated[Names, key("names or patterns of the basis to leave out")] = ()
    reference: Annotated[Names, key("metabolites whose sum the ratios refer to", min_length=1)] = ("Cr", "PCr")
    combine: Annotated[
        tuple[Annotated[Names, Meta(min_length=2)], ...], key("sums to report besides the single metabolites")
    ] = (("Cr", "PCr"), ("GPC", "PCh"), ("NAA", "NAAG"), ("Glu", "Gln"))
    soft_ratios: Annotated[
        Literal["off", "lcmodel"] | tuple[SoftRatio, ...] | None,
        key(
            "priors on ratios of concentrations; off, lcmodel (LCModel's for macromolecules and lipids) or a "
            "list of {metabolite, reference, ratio, sd, weight}; null for off, and for that beside lcmodel in an "
            "average"
        ),
    ] = None
    macromolecules: Annotated[
        Literal["basis", "birch2017"] | None,
        key(
            "lines of MM09 to MM20: those of the basis (LCModel's), or of Birch 2017 (doi:10.1002/mrm.26083) where "
            "the sequence leaves all of them alike (not where it edits); null for basis, and for that beside birch2017 "
            "in an average"
        ),
    ] = None
    group_shift_sd: Annotated[
        Positive | None,
        key(
            "SD in ppm of a Gaussian prior that ties the shift of further groups of metabolites to that of the first; "
            f"null for none, and with lines: classes for {CLASS_SHIFT_SD}"
        ),
    ] = None
    group_width_sd: Annotated[
        Positive | None,
        key(
            "SD in Hz of a Gaussian prior that ties the widths of further groups of metabolites to those of the first; "
            f"null for none, and with lines: classes for {CLASS_WIDTH_SD}"
        ),
    ] = None
    max_shift: Annotated[Positive, key("largest shift in ppm")] = 0.15
    max_width: Annotated[
        Positive, key("largest width in Hz added to the lines of the basis (Lorentzian and Gaussian part each)")
    ] = 30
    max_crlb: Annotated[Positive, key("CRLB in % above which an estimate is not called reliable")] = 50
    max_ratio: Annotated[
        dict[str, Positive],
        key(
            "ratio to the reference above which an estimate is not called reliable, by metabolite: the most that "
            "healthy brain is said to hold (de Graaf 2019, In Vivo NMR Spectroscopy) over the least creatine there "
            "(7.5 mM), or 1.5 times its median (Gudmundson 2023, doi:10.1016/j.ab.2023.115227; Govindaraju 2000, "
            "doi:10.1002/1099-1492(200005)13:3<129::AID-NBM619>3.0.CO;2-V) where that is more; of those small "
            "metabolites that a wrong baseline or macromolecules pretend. Empty for none, as in tumours"
        ),
    ] = mapping(**MOST_IN_BRAIN)
    starts: Annotated[
        int, key("number of starting points that are followed to their minimum; the lowest minimum is the result", ge=1)
    ] = 3

    def __post_init__(self):
        super().__post_init__()
        ranges = self.ranges
        if not ranges or any(low >= high for low, high in ranges):
            raise SpinsculptError(
                f"fit: ppm must be [low, high] with low < high, or a list of such pairs, not {self.ppm}."
            )
        if any(a[1] > b[0] for a, b in pairwise(ranges)):
            raise SpinsculptError(f"fit: the ranges of ppm overlap: {self.ppm}; give them apart.")

    @property
    def ranges(self) -> tuple[Interval, ...]:
        """The fit range as pairs (low, high) in ppm, ascending.

        >>> FitModel(ppm=(0.5, 4)).ranges
        ((0.5, 4.0),)
        """
        ppm = RANGE if self.ppm is None else self.ppm
        if len(ppm) == 2 and not any(isinstance(each, tuple) for each in ppm):
            return (ppm,)
        return tuple(sorted(each for each in ppm)) if all(isinstance(each, tuple) for each in ppm) else ()

    @property
    def grouping(self) -> tuple[Names, ...]:
        """The groups beside the metabolites, with the classes of these where they have lines of their own."""
        named = BROAD if self.groups is None else self.groups
        return (*named, *CLASSES) if self.lines == "classes" else named

    @property
    def line_sds(self) -> tuple[float | None, float | None]:
        """SDs of the priors on shifts (ppm) and widths (Hz) of groups of metabolites; None for no prior."""
        typical = (CLASS_SHIFT_SD, CLASS_WIDTH_SD) if self.lines == "classes" else (None, None)
        named = (self.group_shift_sd, self.group_width_sd)
        return tuple(own if own is not None else usual for own, usual in zip(named, typical, strict=True))

    @property
    def priors(self) -> tuple[SoftRatio, ...]:
        """The soft ratios, those of LCModel written out."""
        return {None: (), "off": (), "lcmodel": LCMODEL_RATIOS}.get(self.soft_ratios, self.soft_ratios)

    @property
    def line(self) -> str:
        """The line shape."""
        return self.lineshape or LINES[0]

    def selection(self, names: Sequence[str]) -> Names:
        """The names of the basis that are fitted, in the order of the basis."""
        unknown = [name for name in self.metabolites if name not in names]
        if unknown:
            raise SpinsculptError(f"fit: metabolites names {unknown[0]!r}, but the basis has only {', '.join(names)}.")
        chosen = [name for name in names if not self.metabolites or name in self.metabolites]
        return tuple(name for name in chosen if not matches(name, self.exclude))

    def group_of(self, names: Sequence[str]) -> tuple[int, ...]:
        """Group of each name: 0, or 1 + its place among those of `groups` that occur, so that no group is empty.

        >>> FitModel().group_of(["Glu", "MM09", "Gln"])
        (0, 1, 0)
        """
        placed = [next((k for k, group in enumerate(self.grouping, 1) if matches(name, group)), 0) for name in names]
        order = {group: position for position, group in enumerate(sorted(set(placed)))}
        return tuple(order[group] for group in placed)


@dataclass(frozen=True, kw_only=True)
class Fit(FitModel):
    """Linear-combination fits."""

    baseline: Annotated[
        Baseline | None,
        key(
            "average (mean over 24 models, whose spread is part of the SD), off, poly:ORDER (complex "
            "polynomial), spline (penalised, stiffness chosen by Akaike's criterion) or spline:STIFFNESS "
            "(degrees of freedom per ppm); null for poly:2 of the simulated cohort and average of real scans"
        ),
    ] = None
    noise: Annotated[
        Literal["noise", "residual"] | None,
        key(
            "where the noise of the CRLBs comes from; noise (signal-free points of the spectrum) or residual (of "
            "the fit, as FSL-MRS, so that misfit makes them larger); null for noise of the simulated cohort and "
            "residual of real scans"
        ),
    ] = None
    engines: Annotated[
        tuple[Literal["builtin", "fsl_mrs"], ...],
        key(
            "the programs that fit: builtin, fsl_mrs (the FSL-MRS command, which is installed separately), or both",
            min_length=1,
            unique=True,
        ),
    ] = ("builtin",)
    add: Annotated[
        Names | None,
        key(
            "macromolecules and lipids of the library that are added to the basis where it lacks them; null for "
            f"{', '.join(LIPIDS)} where a real scan is fitted with the basis of another program that has no lipids"
        ),
    ] = None
    resample: Annotated[
        Literal["off", "noise", "bootstrap", "posterior"],
        key(
            "besides the CRLBs, SDs and intervals in resampled.csv, from repeated fits with new noise, from a "
            "bootstrap of the residuals, or from the posterior (needs the package emcee)"
        ),
    ] = "off"
    repeats: Annotated[int, key("number of repeated fits, or of draws from the posterior", ge=20)] = 500
    bootstrap: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        key(
            "number of fits of resampled averages, where preprocessing kept single averages: their SD takes the place "
            "of the CRLB where it is larger; 0 for none; null for 50 of real scans and none of the simulated cohort"
        ),
    ] = None
    seed: Annotated[int, key("seed of their random numbers", ge=0)] = 1
    water: WaterReference = WaterReference()
    fsl_mrs_command: Annotated[str, key("name or path of the FSL-MRS command")] = "fsl_mrs"

    def settled(self, measured: bool) -> Self:
        """What the section leaves open (null), decided: for real scans, or for simulated spectra."""
        return self.but(**{name: value for name, value in LEFT_OPEN[measured].items() if getattr(self, name) is None})

    def model(self, measured: bool) -> FitModel:
        """The model of the fit, of real scans or of simulated spectra."""
        settled = self.settled(measured)
        return FitModel(**{each.name: getattr(settled, each.name) for each in fields(FitModel)})


# What is decided where the section leaves it open, for simulated spectra (False) and real scans (True).
LEFT_OPEN = {
    False: {"baseline": default_of(FitModel, "baseline"), "noise": FitModel.noise, "add": (), "bootstrap": 0},
    True: {"baseline": Baseline("average"), "noise": "residual", "bootstrap": 50},
}


JOINT = {"builtin": True, "fsl_mrs": False}  # engines, and whether they fit several spectra jointly


def can_fit(engine: str, spectra: Sequence[str]) -> bool:
    """Whether an engine fits these sub-spectra: FSL-MRS fits one at a time.

    >>> can_fit("fsl_mrs", ["on", "off"]), can_fit("fsl_mrs", ["diff"])
    (False, True)
    """
    return JOINT[engine] or len(spectra) < 2


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name is one of the names, or fits one of the patterns.

    >>> matches("MM09", ["Lip*", "MM*"])
    True
    """
    return any(fnmatchcase(name, pattern) for pattern in patterns)
