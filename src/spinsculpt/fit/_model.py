"""What is fitted: the choices of the user, checked."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from itertools import pairwise

from spinsculpt.errors import SpinsculptError

RANGE = (0.2, 4.2)  # ppm
BROAD = (("MM*", "Mac*", "Lip*"),)  # macromolecules and lipids
# What an average over models is of, besides the stiffness of the spline: the whole range or that without the flanks of
# water and lipids; broad signals that share a width and a shift, or lipids with their own.
AVERAGE_RANGES = ((0.2, 4.2), (0.5, 4.0))
AVERAGE_GROUPS = (BROAD, (("MM*", "Mac*"), ("Lip*",)))
# What the section `fit` leaves open (null): for the simulated cohort, and for real scans (docs/fitting.md says why).
LIPIDS = ("Lip09", "Lip13a", "Lip13b", "Lip20")
SIMULATED = {"baseline": "poly:2", "noise": "noise", "add": []}
MEASURED = {"baseline": "average", "noise": "residual"}
LINESHAPES = ("voigt", "lorentz", "gauss", "free")
SHAREABLE = ("width", "shift", "phase")


@dataclass(frozen=True)
class SoftRatio:
    """Gaussian prior on the ratio of a metabolite to a sum of others, as LCModel's CHRATO.

    Attributes:
        metabolite: name.
        reference: names or patterns of the sum below.
        ratio, sd: expected ratio and its standard deviation.
        weight: names or patterns whose sum, added to the reference, sets how strict the prior is (LCModel's +WT=):
            `sd` times that sum is the standard deviation in units of concentration.
    """

    metabolite: str
    reference: tuple[str, ...]
    ratio: float
    sd: float
    weight: tuple[str, ...] = ()


# What LCModel 6.3 assumes of macromolecules and lipids unless told otherwise (its manual, section 11.8;
# Provencher 1993, doi:10.1002/mrm.1910300604).
LCMODEL_RATIOS = (
    SoftRatio("Lip09", ("Lip13*",), 0.267, 0.1, ("MM12",)),
    SoftRatio("Lip20", ("Lip13*",), 0.15, 0.07, ("MM12",)),
    SoftRatio("MM20", ("MM09",), 1.5, 0.375, ("Lip09",)),
    SoftRatio("MM12", ("MM09",), 0.3, 0.1, ("Lip09",)),
    SoftRatio("MM14", ("MM09",), 0.75, 0.45, ("Lip09",)),
    SoftRatio("MM17", ("MM09",), 0.375, 0.3, ("Lip09",)),
)


@dataclass(frozen=True)
class FitModel:
    """The model of a fit.

    Attributes:
        ppm: fit range in ppm, (low, high), or several such ranges that leave gaps; None: RANGE, of an average each of
            AVERAGE_RANGES.
        baseline: "off", "poly:N" (complex polynomial of order N), "spline" (penalised, automatic stiffness),
            "spline:D" (penalised, D effective degrees of freedom per ppm) or "average" (many models: splines of six
            stiffnesses, in each of the ranges and groups that are left open).
        lineshape: "voigt", "lorentz", "gauss" or "free" (a Voigt line and a regularised line that all signals share).
        groups: sets of names or patterns (`MM*`) with a shift and a width of their own; all others are group 0. None:
            BROAD, of an average each of AVERAGE_GROUPS.
        noise: where the noise of the CRLBs comes from: "noise" (signal-free points) or "residual" (as FSL-MRS).
        shared: what several spectra of a joint fit have in common besides the concentrations: any of "width", "shift",
            "phase".
        metabolites: names to use; empty for all of the basis.
        exclude: names or patterns to leave out.
        reference: the sum that ratios refer to.
        combine: sums to report besides the single metabolites.
        soft_ratios: priors on ratios of concentrations.
        group_shift_sd: SD in ppm of a Gaussian prior that ties the shifts of further groups to group 0; None: free.
        group_width_sd: SD in Hz of the same for the Lorentzian and the Gaussian width.
        max_shift: largest shift in ppm.
        max_width: largest additional width in Hz (full width at half maximum; Lorentzian and Gaussian part each).
        max_crlb: largest CRLB in per cent at which an estimate is called reliable.
        starts: number of starting points that are followed to their minimum.
    """

    ppm: tuple | None = None
    baseline: str = "poly:2"
    lineshape: str = "voigt"
    groups: tuple[tuple[str, ...], ...] | None = None
    noise: str = "noise"
    shared: tuple[str, ...] = ("width",)
    metabolites: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    reference: tuple[str, ...] = ("Cr", "PCr")
    combine: tuple[tuple[str, ...], ...] = (("Cr", "PCr"), ("GPC", "PCh"), ("NAA", "NAAG"), ("Glu", "Gln"))
    soft_ratios: tuple[SoftRatio, ...] = ()
    group_shift_sd: float | None = None
    group_width_sd: float | None = None
    max_shift: float = 0.15
    max_width: float = 30.0
    max_crlb: float = 50.0
    starts: int = 3

    def __post_init__(self):
        ranges = self.ranges
        if not ranges or any(low >= high for low, high in ranges):
            raise SpinsculptError(
                f"fit: ppm must be [low, high] with low < high, or a list of such pairs, not {self.ppm}."
            )
        if any(a[1] > b[0] for a, b in pairwise(ranges)):
            raise SpinsculptError(f"fit: the ranges of ppm overlap: {self.ppm}; give them apart.")
        _one_of("lineshape", self.lineshape, LINESHAPES)
        _one_of("noise", self.noise, ("noise", "residual"))
        for item in self.shared:
            _one_of("shared", item, SHAREABLE)
        _ = self.baseline_kind
        if self.starts < 1:
            raise SpinsculptError(f"fit: starts must be at least 1, not {self.starts}.")

    @classmethod
    def from_config(cls, section: dict) -> "FitModel":
        """The model of the config section `fit`; keys that belong to other parts of the fit are left aside."""
        known = {field.name for field in fields(cls)}
        values = {key: _frozen(value) for key, value in section.items() if key in known and value is not None}
        soft = section.get("soft_ratios")
        if soft is not None:
            values["soft_ratios"] = _soft_ratios(soft)
        return cls(**values)

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """The fit range as pairs (low, high) in ppm, ascending."""
        ppm = RANGE if self.ppm is None else self.ppm
        pairs = ppm if isinstance(ppm[0], (tuple, list)) else (ppm,)
        return tuple(sorted((float(low), float(high)) for low, high in pairs))

    @property
    def grouping(self) -> tuple[tuple[str, ...], ...]:
        """The groups beside the metabolites."""
        return BROAD if self.groups is None else self.groups

    @property
    def baseline_kind(self) -> tuple[str, float | None]:
        """("off", None), ("average", None), ("poly", order) or ("spline", degrees of freedom per ppm or None)."""
        kind, _, number = self.baseline.partition(":")
        try:
            if kind in ("off", "average") and not number:
                return kind, None
            if kind == "poly" and int(number) >= 0:
                return "poly", int(number)
            if kind == "spline" and (not number or float(number) > 0.0):
                return "spline", float(number) if number else None
        except ValueError:
            pass
        raise SpinsculptError(
            f"fit: baseline must be average, off, poly:ORDER, spline or spline:STIFFNESS, not {self.baseline!r}."
        )

    def selection(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names of the basis that are fitted, in the order of the basis."""
        unknown = [name for name in self.metabolites if name not in names]
        if unknown:
            raise SpinsculptError(f"fit: metabolites names {unknown[0]!r}, but the basis has only {', '.join(names)}.")
        chosen = [name for name in names if not self.metabolites or name in self.metabolites]
        return tuple(name for name in chosen if not matches(name, self.exclude))

    def group_of(self, names: Sequence[str]) -> tuple[int, ...]:
        """Group of each name: 0, or 1 + its place among those of `groups` that occur, so that no group is empty."""
        placed = [next((k for k, group in enumerate(self.grouping, 1) if matches(name, group)), 0) for name in names]
        order = {group: position for position, group in enumerate(sorted(set(placed)))}
        return tuple(order[group] for group in placed)


def _one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise SpinsculptError(f"fit: {key} must be one of {', '.join(allowed)}, not {value!r}.")


def matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _frozen(value: object) -> object:
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value


def _soft_ratios(section: str | list) -> tuple[SoftRatio, ...]:
    if section == "off":
        return ()
    if section == "lcmodel":
        return LCMODEL_RATIOS
    return tuple(SoftRatio(**{key: _frozen(value) for key, value in entry.items()}) for entry in section)
