"""The whole configuration."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from msgspec import Meta

from spinsculpt.config._basis import Basis
from spinsculpt.config._checklist import Checklist
from spinsculpt.config._compare import Compare
from spinsculpt.config._convert import Convert
from spinsculpt.config._designs import DesignEntry
from spinsculpt.config._figures import Figures
from spinsculpt.config._fit import Fit
from spinsculpt.config._mrf import Mrf
from spinsculpt.config._preprocess import Preprocess
from spinsculpt.config._quality import Quality
from spinsculpt.config._scanner import Scanner
from spinsculpt.config._section import Names, Positive, Section, key, mapping, text
from spinsculpt.config._sequences import SequenceEntry
from spinsculpt.config._system import SystemEntry


@dataclass(frozen=True, kw_only=True)
class AnalysisEntry(Section):
    """What is fitted: a sequence, and of an edited one which sub-spectra."""

    sequence: Annotated[str, key("name of a sequence of this config")]
    spectra: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z][a-z0-9]*$")], ...],
        key(
            "sub-spectra of a sequence of several shots, e.g. [on, off] (joint fit), [diff], or [a, b] of a "
            "designed pair; empty for one-shot sequences"
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class Ladder(Section):
    """Designs that the figures of the rule ladder show, one list a figure."""

    states: Annotated[Names, key("designs for a target_state", unique=True)] = ()
    selectivity: Annotated[Names, key("designs that enhance and suppress", unique=True)] = ()
    frontier: Annotated[Names, key("designs that enhance and suppress; drawn against the duration", unique=True)] = ()
    bounds: Annotated[Names, key("designs for a crlb", unique=True)] = ()


@dataclass(frozen=True, kw_only=True)
class SweepGrid(Section):
    """Values of each varied key of the design."""

    OPEN = True

    duration: Annotated[tuple[Positive, ...] | None, key("durations of the pulse in s")] = None
    b1_limit: Annotated[tuple[Positive, ...] | None, key("B1 limits in uT")] = None
    seed: Annotated[tuple[int, ...] | None, key("seeds")] = None

    def given(self) -> dict[str, tuple[float, ...]]:
        """The keys that are varied."""
        return {each.name: found for each in fields(self) if (found := getattr(self, each.name)) is not None}


@dataclass(frozen=True, kw_only=True)
class Sweep(Section):
    """Grid of small designs (rule sweep)."""

    design: Annotated[str, key("name of the design that is varied")] = "gap_crlb"
    grid: SweepGrid = SweepGrid(duration=(0.014,), b1_limit=(13.5,), seed=(1,))
    override: Annotated[
        dict[str, Any], key("keys of the design that are replaced for every point, e.g. a smaller number of iterations")
    ] = mapping()


@dataclass(frozen=True, kw_only=True)
class Study(Section):
    """Configuration of spinsculpt."""

    run: Annotated[
        str,
        key(
            "name of this study; its results go to results/NAME, or straight to results/ when empty",
            pattern="^[A-Za-z0-9_-]*$",
        ),
    ] = ""
    study: Annotated[
        Literal["spectroscopy", "fingerprints"],
        key(
            "what a run without a target makes: spectroscopy (the report of sequences and scans) or fingerprints "
            "(the section mrf)"
        ),
    ] = "spectroscopy"
    data: Annotated[str, key("folder of the raw files that the table of scans names")] = "data"
    subjects: Annotated[
        str,
        key(
            "path of the table of scans or of a BIDS folder with spectroscopy; empty is subjects.tsv in the "
            "folder of the run, if it is there, else the simulated cohort; simulated is the cohort in any case"
        ),
    ] = ""
    example_data: Annotated[str, key("folder that the rule fetch_example_data fills with public example data")] = (
        "data/example"
    )
    scan_jobs: Annotated[
        Literal["stages", "whole"],
        key(
            "how the work on a scan is split: stages (conversion, preprocessing and each fit are jobs, and only what a "
            "change concerns is done again) or whole (one job a scan, for large cohorts: half the planning and fewer "
            "starts, but a change of any stage does all three again)"
        ),
    ] = "stages"
    pathvars: Annotated[dict[str, Any], key("overrides of <results>, <logs>, <benchmarks> (Snakemake's own key)")] = (
        mapping()
    )
    designs: Annotated[
        dict[Annotated[str, Meta(pattern="^[A-Za-z0-9_]+$")], DesignEntry], key("RF pulses to design, by name")
    ]
    system: SystemEntry = SystemEntry()
    sequences: Annotated[
        dict[Annotated[str, Meta(pattern="^[A-Za-z0-9]+$")], SequenceEntry],
        key(
            "pulse sequences by name; the name is also the BIDS acq label of their scans, so letters and digits only",
            min_length=1,
        ),
    ]
    basis: Basis = Basis()
    analyses: Annotated[
        dict[str, AnalysisEntry],
        key("what is fitted; a sequence, and for edited sequences which sub-spectra (several are fitted jointly)"),
    ]
    scanner: Scanner = Scanner()
    convert: Convert = Convert()
    preprocess: Preprocess = Preprocess()
    quality: Quality = Quality()
    fit: Fit = text(Fit())
    compare: Compare = text(Compare())
    figures: Figures = Figures()
    checklist: Checklist = Checklist()
    ladder: Ladder = Ladder()
    sweep: Sweep = Sweep()
    mrf: Mrf = text(Mrf())
