"""Section `quality` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from spinsculpt.config._section import Section, key


@dataclass(frozen=True, kw_only=True)
class Limit(Section):
    """Bounds of a number; none where there is no limit."""

    OPEN = True

    min: Annotated[float | None, key("smallest value that is accepted")] = None
    max: Annotated[float | None, key("largest value that is accepted")] = None


@dataclass(frozen=True, kw_only=True)
class Limits(Section):
    """Range {min, max} of each number of the quality control outside which a scan is rejected; {} for no limit."""

    snr: Annotated[
        Limit,
        key(
            "height of NAA over the SD of one real channel of the spectrum (ours: at 10, Glu of PRESS TE 30 has "
            "a CRLB of 18 % with a quadratic baseline and of 35 % with a flexible one)"
        ),
    ] = Limit(min=10)
    snr_creatine: Annotated[Limit, key("height of creatine, likewise")] = Limit()
    linewidth_ppm: Annotated[
        Limit, key("width of NAA at half its height in ppm (Öz et al. 2014, doi:10.1148/radiol.13130531)")
    ] = Limit(max=0.1)
    linewidth_hz: Annotated[Limit, key("the same in Hz")] = Limit()
    linewidth_creatine_hz: Annotated[Limit, key("width of creatine in Hz")] = Limit()
    drift_hz: Annotated[
        Limit,
        key("range of the frequency over the averages in Hz; it is corrected for, so there is no limit by default"),
    ] = Limit()
    rejected_fraction: Annotated[
        Limit, key("share of the averages that were left out (ours: with more, the rest is suspect)")
    ] = Limit(max=0.3)
    residual_water_ratio: Annotated[
        Limit, key("what water suppression left, in heights of NAA; it is removed, so there is no limit by default")
    ] = Limit()
    removed_water_ratio: Annotated[
        Limit, key("largest signal in the range of water after its removal, in heights of NAA (ours)")
    ] = Limit(max=2)
    lipid_ratio: Annotated[
        Limit,
        key(
            "largest signal in 1.0-1.6 ppm in heights of NAA, for lipids from outside the voxel; above 1 the "
            "largest line is not NAA, the criterion of PMC6202049"
        ),
    ] = Limit(max=1)
    outside_ratio: Annotated[
        Limit,
        key(
            "largest signal outside -0.5-5.5 ppm in heights of NAA: spurious echoes, folded lines, interference (ours)"
        ),
    ] = Limit(max=0.3)
    subtraction_artefact: Annotated[
        Limit,
        key(
            "edited scans: choline in (ON - OFF)/2 as a share of its line in OFF (measured as in PMC5876096; the "
            "bound is ours)"
        ),
    ] = Limit(max=0.1)
    singlets: Annotated[
        Limit,
        key("correlation (0-1) of the data with NAA, creatine and choline (ours: as preprocess.reference.at_least)"),
    ] = Limit(min=0.4)

    def of_measure(self, name: str) -> Limit:
        """The limit of a measure; none of one that has none here."""
        return getattr(self, name, Limit())


@dataclass(frozen=True, kw_only=True)
class Quality(Section):
    """When a scan is rejected.

    What to measure follows Wilson et al. 2019 (doi:10.1002/mrm.27742) and Near et al. 2021 (doi:10.1002/nbm.4257), who
    give few bounds; the source of each default stands beside it, "ours" where there is none.
    """

    count_rejected: Annotated[
        bool,
        key(
            "whether rejected scans count in means and SDs over the cohort; in every table and figure they stay, "
            "marked, either way"
        ),
    ] = False
    limits: Limits = Limits()
