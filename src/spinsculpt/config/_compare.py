"""Section `compare` of the configuration."""

from dataclasses import dataclass
from typing import Annotated, Literal

from spinsculpt.config._baseline import OneBaseline
from spinsculpt.config._section import Interval, Names, NonNegative, Positive, Section, key, mapping


@dataclass(frozen=True, kw_only=True)
class NoiseLevel(Section):
    """Noise level of the predicted bounds, the same total scan time for every analysis."""

    reference: Annotated[str | None, key("the analysis whose noise is fixed; null for the first of `analyses`")] = None
    metabolite: Annotated[str, key("metabolite whose highest peak defines the signal-to-noise ratio")] = "NAA"
    snr: Annotated[
        Positive, key("height of that peak over the SD of one real channel of the spectrum, in the reference analysis")
    ] = 100


@dataclass(frozen=True, kw_only=True)
class MonteCarlo(Section):
    """Noisy fits of every ranked sequence that can be played, under matched and mismatched models; their RMSE ranks."""

    repeats: Annotated[
        int, key("fits of each sequence and condition; 1000 give the coverage of a condition to 1 %", ge=5)
    ] = 6
    seed: Annotated[int, key("of the random numbers", ge=0)] = 1
    snr: Annotated[tuple[Positive, ...], key("further signal-to-noise ratios, as compare.noise says them")] = (20, 200)
    linewidth_hz: Annotated[tuple[Positive, ...], key("further linewidths in Hz")] = (3, 10)
    ratio: Annotated[tuple[Positive, ...], key("further ratios of the second to the first of the pair")] = (0.1, 0.6)
    subjects: Annotated[int, key("of the cohort that is measured twice", ge=3)] = 20


@dataclass(frozen=True, kw_only=True)
class Expected(Section):
    """A published or otherwise expected ratio."""

    ratio: Annotated[NonNegative, key("expected ratio to the reference of the fit")]
    crlb: Annotated[NonNegative | None, key("its CRLB in %")] = None
    source: Annotated[str, key("where the number comes from")]


@dataclass(frozen=True, kw_only=True)
class Compare(Section):
    """How sequences are compared, and what the fits are held against."""

    analyses: Annotated[
        Names,
        key(
            "the analyses of this config that are fitted and compared, in the order of the figures",
            min_length=1,
            unique=True,
        ),
    ] = ("press30", "press35", "megapress", "megapressdiff", "gapratio")
    rivals: Annotated[
        Names,
        key(
            "further analyses of this config whose bounds are predicted and ranked, but which nobody measures: "
            "no simulated scans and no fits of them",
            unique=True,
        ),
    ] = ()
    pair: Annotated[tuple[str, str], key("the two metabolites to separate")] = ("Glu", "Gln")
    noise: NoiseLevel = NoiseLevel()
    linewidth_hz: Annotated[Positive, key("Lorentzian full width at half maximum in Hz of the compared spectra")] = 5.0
    windows: Annotated[
        tuple[Interval, ...], key("ppm ranges of the overlaps; peaks and energies are taken in the first", min_length=1)
    ] = ((2.2, 2.6), (0.2, 4.2))
    baselines: Annotated[
        dict[str, OneBaseline | None],
        key(
            "names and forms (as fit.baseline) of the baselines under which bounds are predicted; the first is "
            "the one of the headline; a spline needs its stiffness; null leaves one of the defaults out",
            min_length=1,
        ),
    ] = mapping(quadratic=OneBaseline("poly", 2), flexible=OneBaseline("spline", 7))
    macromolecules: Annotated[
        tuple[Literal["free", "grouped"], ...],
        key(
            "free (each group of macromolecules has an amplitude) or grouped (one amplitude for all), or both",
            min_length=1,
            unique=True,
        ),
    ] = ("free", "grouped")
    t2_scales: Annotated[
        tuple[Positive, ...],
        key(
            "factors on the T2 of every metabolite and macromolecule; 1 is the library's, the others its uncertainty",
            min_length=1,
            unique=True,
        ),
    ] = (0.8, 1.0, 1.2)
    concentrations: Annotated[
        dict[str, Positive], key("concentrations in mM that replace those of the library, by name")
    ] = mapping()
    montecarlo: MonteCarlo = MonteCarlo()
    expected: Annotated[
        dict[str, dict[str, Expected]],
        key(
            "published or otherwise expected ratios to print beside ours, by analysis and name of the row in the "
            "summary, each {ratio, crlb (%), source}"
        ),
    ] = mapping()
