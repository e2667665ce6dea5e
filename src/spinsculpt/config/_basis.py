"""Section `basis` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from spinsculpt.config._fit import LIPIDS
from spinsculpt.config._section import Names, NonNegative, Positive, Section, key, mapping

METABOLITES = (
    *("NAA", "NAAG", "Cr", "PCr", "GPC", "PCh", "Glu", "Gln", "GABA", "GSH"),
    *("Ins", "Scyllo", "Tau", "Asp", "Lac", "Ala", "Asc", "Glc", "PE", "Gly"),
)


@dataclass(frozen=True, kw_only=True)
class Nulled(Section):
    """Metabolite-nulled scan that the rule fit_macromolecules turns into <results>/macromolecules/MMexp.json."""

    data: Annotated[str, key("path of the scan as NIfTI-MRS, or empty")] = ""
    water: Annotated[str, key("path of its water reference as NIfTI-MRS, or empty")] = ""


@dataclass(frozen=True, kw_only=True)
class Grid(Section):
    """Spatial grid over the slices of slice-selective pulses."""

    points: Annotated[int, key("positions along each slice axis", ge=1)] = 32
    extent: Annotated[
        float, key("width of the grid in slice thicknesses; the flanks of the profile must fit in", ge=1)
    ] = 2.0


@dataclass(frozen=True, kw_only=True)
class Basis(Section):
    """Simulated basis sets; what is in them and on which axis."""

    field: Annotated[
        float,
        key("static field in T; chooses the relaxation times and, unless given, the central frequency", le=24, gt=0),
    ] = 3.0
    central_frequency: Annotated[
        Positive | None, key("spectrometer frequency in MHz, or null for that of the field; must be that of the data")
    ] = None
    points: Annotated[int, key("number of complex samples of a basis FID", ge=64)] = 2048
    bandwidth: Annotated[Positive, key("spectral width in Hz (1 / dwell time)")] = 2000
    linewidth: Annotated[
        NonNegative,
        key("Lorentzian full width at half maximum in Hz of the metabolites in the basis; the fit can only add to it"),
    ] = 1.0
    metabolites: Annotated[
        Names, key("names of metabolites of the library, in the order of the basis", min_length=1, unique=True)
    ] = METABOLITES
    macromolecules: Annotated[
        Names, key("names of macromolecules and lipids of the library that are part of the basis", unique=True)
    ] = ("MM09", "MM12", "MM14", "MM17", "MM20", "MM37", "MM39")
    lipids: Annotated[
        Names,
        key(
            "added to the macromolecules where real scans are analysed, because the skull or a tumour may send "
            "them; the simulated cohort has none"
        ),
    ] = LIPIDS
    alternatives: Annotated[
        dict[str, str],
        key("published spin systems to use in place of the default ones, by metabolite, e.g. {GABA: govindaraju2000}"),
    ] = mapping()
    exchangeable: Annotated[bool, key("keep the NH protons that exchange with water (6.6-8.3 ppm)")] = False
    heteronuclear: Annotated[
        bool, key("split the protons of GPC, PCh, Cho and PE by their couplings to 14N and 31P")
    ] = True
    library: Annotated[
        str | None,
        key(
            "path of a YAML file with metabolites or macromolecules of your own, written like metabolites.yaml; "
            "they are added to the built-in ones and replace those of the same name"
        ),
    ] = None
    measured: Annotated[
        str | None,
        key(
            "path of a measured macromolecule function (JSON), which adds its name (MMexp) to those that "
            "`macromolecules` may list, or null"
        ),
    ] = None
    nulled: Nulled = Nulled()
    grid: Grid = Grid()

    @property
    def names(self) -> Names:
        """Metabolites, then macromolecules."""
        return (*self.metabolites, *self.macromolecules)

    @property
    def frequency(self) -> float:
        """Spectrometer frequency in MHz: as given, or that of the field."""
        from spinsculpt.core.conventions import larmor_frequency  # numpy, which settings alone do not need

        return self.central_frequency or larmor_frequency(self.field)
