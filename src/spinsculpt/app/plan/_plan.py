"""What a study makes: scans x analyses x engines, and the files of each. Paths begin with Snakemake's <results>."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from spinsculpt.app.plan._check import check_study, settle
from spinsculpt.app.plan._seconds import FIT_SECONDS, design_seconds, noisy_fits
from spinsculpt.app.plan._spectra import spectra_of
from spinsculpt.cest.plan import FingerprintPlan
from spinsculpt.config import AnalysisEntry, Basis, Scanner, Study, can_fit, default_config, lay_over, parse, plain
from spinsculpt.core.gate import read_yaml
from spinsculpt.data.bids import scans_of_dataset
from spinsculpt.data.convert import files_on_disk, named_files
from spinsculpt.data.subjects import Scan, place_of_scans, read_subjects, simulated_cohort

ANSWERS = ("ranking", "errors", "time", "power", "losses", "retest")  # figures of the answer
_LONG = 300  # s, from which on a run says how long its designs will take


@dataclass(frozen=True)
class Plan:
    """A study that has been read and checked, with its scans.

    Attributes:
        study: settled, as real scans or the simulated cohort want it.
        scans: that are fitted.
        nulled: metabolite-nulled scans, by their sequence: they give macromolecules and are not fitted.
        mrf: of the section `mrf`.
        results: what <results> stands for.
        remarks: a sentence on each file that was left out.
        found: what was found where the configuration names no scans, or "".
    """

    study: Study
    scans: tuple[Scan, ...]
    nulled: Mapping[str, Scan]
    mrf: FingerprintPlan
    results: str = "results"
    remarks: tuple[str, ...] = ()
    found: str = ""
    _planned: dict[tuple[str, ...], list] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, content: Mapping, results: str = "results", deploys: bool = False) -> Self:
        """The plan of a configuration, laid over config/config.yaml as Snakemake does unless it uses a module.

        Args:
            content: maps and lists, as parsed from YAML.
            results: what <results> stands for.
            deploys: whether Snakemake makes the environments of the rules; otherwise FSL-MRS must be there already.
        Raises:
            SpinsculptError: a sentence for each mistake in the configuration or the table of scans.
        """
        study = parse(Study, lay_over(read_yaml(default_config()), dict(content)))
        place = place_of_scans(study.subjects)
        found = place if not study.subjects else ""
        study = study.but(subjects=place)
        check_study(study)
        study = settle(study)
        if not deploys:
            _find_engines(study)
        scans, left_out = _scans(study)
        return cls(
            study,
            tuple(scan for scan in scans if not scan.use),
            {scan.sequence: scan for scan in scans if scan.use},
            FingerprintPlan.of(study.mrf, results),
            results,
            tuple(left_out),
            found,
        )

    # --- what is compared ---

    @property
    def analyses(self) -> Mapping[str, AnalysisEntry]:
        return self.study.analyses

    @property
    def compared(self) -> tuple[str, ...]:
        """Analyses that are fitted and compared."""
        return self.study.compare.analyses

    @property
    def ranked(self) -> tuple[str, ...]:
        """Analyses whose bounds are predicted: those compared, and what nobody measures."""
        return tuple(dict.fromkeys([*self.compared, *self.study.compare.rivals]))

    def sequences_of(self, analyses: Sequence[str]) -> list[str]:
        """Sequences of analyses, each once."""
        return list(dict.fromkeys(self.analyses[name].sequence for name in analyses))

    @cached_property
    def compared_scans(self) -> list[Scan]:
        sequences = self.sequences_of(self.compared)
        return [scan for scan in self.scans if scan.sequence in sequences]

    @cached_property
    def names_in_folder(self) -> dict[str, list[str]]:
        """Names of the compared scans of each subject and session."""
        names: dict[str, list[str]] = {}
        for scan in self.compared_scans:
            names.setdefault(scan.folder, []).append(scan.name)
        return names

    @property
    def whole(self) -> list[Scan]:
        """Scans that are converted, cleaned and fitted in one job each."""
        return self.compared_scans if self.study.scan_jobs == "whole" else []

    @property
    def engines(self) -> tuple[str, ...]:
        return self.study.fit.engines

    @property
    def subjects(self) -> list[str]:
        return sorted({scan.subject for scan in self.scans})

    @property
    def minutes(self) -> float:
        """Time of a simulated scan."""
        return self.study.scanner.averages * self.study.scanner.repetition_time / 60

    @property
    def between(self) -> float:
        """Coefficient of variation between simulated subjects in %."""
        return 100 * self.study.scanner.cv

    def entries(self, analyses: Sequence[str]) -> dict[str, Any]:
        """Entries of analyses as parameters of a rule."""
        return {name: plain(self.analyses[name]) for name in analyses}

    @property
    def measured_with(self) -> dict[str, str]:
        """The sequence of each compared analysis."""
        return {name: self.analyses[name].sequence for name in self.compared}

    def slots_of(self, sequence: str) -> list[str]:
        """What fills the slots of a sequence: names of designs, or pulse files."""
        return list(self.study.sequences[sequence].slots.values())

    def designs_of(self, sequence: str) -> list[str]:
        """Names of the designs that fill the slots of a sequence."""
        return [slot for slot in self.slots_of(sequence) if slot in self.study.designs]

    @property
    def drawn_designs(self) -> list[str]:
        """Designs that the compared sequences play, and those that the figures want besides."""
        played = [design for sequence in self.sequences_of(self.compared) for design in self.designs_of(sequence)]
        return list(dict.fromkeys([*played, *self.study.figures.designs]))

    @property
    def style(self) -> dict[str, Any]:
        """The part of the study that gives figures their colours, labels and limits; a design recomputes no figure."""
        held = ("figures", "compare", "analyses", "sequences", "basis")
        return {key: plain(getattr(self.study, key)) for key in held} | {"designs": {}}

    @property
    def scanner_of_each(self) -> Scanner:
        """The section `scanner` of one simulated scan, which depends on its own subject alone."""
        return self.study.scanner.but(subjects=Scanner.subjects)

    @property
    def other_truth(self) -> Basis:
        """What subjects with another truth than the fit believes are simulated from."""
        other = self.study.scanner.other_truth
        return self.study.basis.but(alternatives=other.alternatives, macromolecules=other.macromolecules)

    def expected_time(self, designs: Sequence[str], cores: int, fits: bool = False) -> str:
        """How long designs, and fits of noisy spectra, will take, where that is minutes; nothing else takes as long."""
        names = len(self.study.basis.names)
        each = [design_seconds(self.study.designs[name], names) for name in designs]
        designing = max([sum(each) / max(1, cores), *each])  # side by side, a core each
        count = noisy_fits(self.study.compare.montecarlo, len(self.ranked)) if fits else 0
        if sum(each) + count * FIT_SECONDS < _LONG:
            return ""
        minutes = (designing + count * FIT_SECONDS / max(1, cores)) / 60
        what = [f"{len(designs)} designs"] * bool(designs) + [f"{count:,} fits of noisy spectra"] * bool(count)
        return (
            f"{' and '.join(what)} will take about {minutes:.0f} minutes on these cores, give or take a factor of "
            "two. A run that is stopped goes on where it was."
        )

    # --- raw files ---

    @property
    def is_dataset(self) -> bool:
        """Whether the scans are those of a BIDS folder."""
        return bool(self.study.subjects) and Path(self.study.subjects).is_dir()

    @cached_property
    def raw_folder(self) -> str:
        """Below which folder the raw files of the scans are."""
        if not self.study.subjects:
            return "<results>/scanner"
        return self.study.subjects if self.is_dataset else self.study.data

    def files_of_user(self) -> list[str]:
        """What a study of real scans is made from besides its configuration: the table of scans and raw files."""
        if not self.study.subjects:
            return []
        entries = [entry for scan in [*self.scans, *self.nulled.values()] for entry in (scan.data, scan.water) if entry]
        raw = [str(file) for entry in entries for file in files_on_disk(named_files(self.raw_folder, entry))]
        return [*([] if self.is_dataset else [self.study.subjects]), *raw]

    # --- fits ---

    def planned_fits(self, engines: Sequence[str] | None = None) -> list[tuple[str, Scan, str]]:
        """(engine, scan, analysis) of every fit: all scans, all compared analyses of their sequence."""
        named = tuple(self.engines if engines is None else engines)
        if named not in self._planned:
            self._planned[named] = [
                (engine, scan, analysis)
                for engine in named
                for scan in self.scans
                for analysis in self.compared
                if self.analyses[analysis].sequence == scan.sequence
                if can_fit(engine, self.analyses[analysis].spectra)
            ]
        return self._planned[named]

    def fits(self, filename: str, engines: Sequence[str] | None = None) -> list[str]:
        """Path of one file of every fit."""
        return [
            f"<results>/fit/{engine}/{scan.folder}/{analysis}/{filename}"
            for engine, scan, analysis in self.planned_fits(engines)
        ]

    def fit_labels(self, engines: Sequence[str] | None = None) -> list[dict[str, str]]:
        """What each path of `fits` is of."""
        return [
            {"engine": engine, "subject": scan.subject, "session": scan.session, "sequence": analysis}
            for engine, scan, analysis in self.planned_fits(engines)
        ]

    # --- files of the compared scans ---

    def quality_files(self) -> list[str]:
        """Numbers of the quality control."""
        return [f"<results>/preproc/{scan.folder}/{scan.name}_qc.json" for scan in self.compared_scans]

    def sidecars(self) -> list[str]:
        """BIDS sidecars."""
        return [f"<results>/bids/{scan.folder}/mrs/{scan.name}_svs.json" for scan in self.compared_scans]

    def truths(self) -> list[str]:
        """Concentrations that simulated scans have."""
        return [f"<results>/scanner/{scan.folder}/{scan.sequence}_truth.tsv" for scan in self.compared_scans]

    def scan_pages(self) -> list[str]:
        """One page a scan."""
        return [f"<results>/figures/{scan.folder}/{scan.name}.png" for scan in self.compared_scans]

    def scan_labels(self) -> list[dict[str, str]]:
        """What each of these paths is of."""
        return [
            {"subject": scan.subject, "session": scan.session, "sequence": scan.sequence}
            for scan in self.compared_scans
        ]

    # --- tables, figures, pages ---

    def tables(self) -> list[str]:
        """Tables of this study: always the separation, the others where there is something to tabulate."""
        simulated, fitted = not self.study.subjects, bool(self.planned_fits())
        wanted = {
            "separation": True,
            "montecarlo": simulated,
            "ranking": simulated,
            "retest": simulated,
            "power": True,
            "designs": bool(self.drawn_designs),
            "quality": bool(self.compared_scans),
            "mrsinmrs": fitted,
            "fits": fitted,
            "recovery": fitted and simulated,
            "expected": fitted and bool(self.study.compare.expected),
            "engines": fitted and len(self.engines) > 1,
        }
        return [f"<results>/compare/{name}.tsv" for name, there in wanted.items() if there]

    def figures(self) -> list[str]:
        """Figures of this study, in the order of the report."""
        simulated, fitted = not self.study.subjects, bool(self.planned_fits())
        wanted = dict.fromkeys(ANSWERS, simulated) | {
            "crlb": True,
            "spectra": True,
            "designs": bool(self.drawn_designs),
            "recovery": fitted and simulated,
            "engines": fitted and len(self.engines) > 1,
            "fits": fitted,
            "preprocessing": bool(self.compared_scans),
        }
        names = [name for name, there in wanted.items() if there]
        names += [f"explain_{design}" for design in self.drawn_designs]
        return [f"<results>/figures/{name}.png" for name in names]

    def basis_files(self) -> list[str]:
        """LCModel .basis of every compared sequence, one a shot or combination, and a picture of its basis set."""
        wanted, sequences = [], self.sequences_of(self.compared)
        for sequence in sequences:
            spectra = spectra_of(self.study.sequences[sequence], self.study.designs)
            wanted += [f"{sequence}_{name}" for name in spectra if name != "sum"] or [sequence]
        pictures = [f"<results>/figures/basis_{sequence}.png" for sequence in sequences]
        return [f"<results>/basis/{name}.basis" for name in wanted] + pictures

    def derivatives(self) -> list[str]:
        """What makes BIDS derivatives of the cleaned scans and of the fits of each engine."""
        folders = ["preproc", *(f"fit/{engine}" for engine in self.engines)] if self.planned_fits() else []
        return [f"<results>/{folder}/dataset_description.json" for folder in folders]

    def wanted_files(self) -> list[str]:
        """What a run without a target makes."""
        if self.study.study == "fingerprints":
            return self.mrf.files()
        record = ["<results>/report.html", "<results>/provenance.json", "<results>/bids/dataset_description.json"]
        return [*record, *self.derivatives(), *self.basis_files()]

    def report_what_is_there(self, jobs: Sequence) -> str:
        """Write the report of a run in which jobs failed; returns what to tell the user.

        Args:
            jobs: of `spinsculpt.report.unfinished_jobs`.
        """
        from spinsculpt.report import failures_of, in_words, report_failures

        if self.study.study == "fingerprints":  # whose page is written from whole studies only
            return in_words(failures_of(jobs), "")
        return report_failures(
            f"{self.results}/report.html",
            jobs=jobs,
            tables=self._real(self.tables()),
            figures=self._real(self.figures()),
            quality=(self._real(self.quality_files()), self.scan_labels()),
            fits=(self._real(self.fits("summary.csv")), self.fit_labels()),
            curves=self._real(self.fits("fit.npz")),
            config=self.study,
        )

    def _real(self, paths: Sequence[str]) -> list[str]:
        return [path.replace("<results>", self.results) for path in paths]


def _find_engines(study: Study) -> None:
    """FSL-MRS is there, where it is to fit or to preprocess."""
    if "fsl_mrs" in study.fit.engines:
        from spinsculpt.fit import find_fsl_mrs

        find_fsl_mrs(study.fit.fsl_mrs_command)
    if study.preprocess.engine == "fsl_mrs":
        from spinsculpt.preprocess import find_fsl_mrs_preproc

        find_fsl_mrs_preproc()


def _scans(study: Study) -> tuple[list[Scan], list[str]]:
    """All scans of a study, and a sentence for each that was left out."""
    if study.subjects and Path(study.subjects).is_dir():
        return scans_of_dataset(study.subjects, study.sequences)
    if study.subjects:
        return read_subjects(study.subjects, list(study.sequences)), []
    cohort = [*study.scanner.subjects, *study.scanner.other_truth.subjects]
    measured = sorted({study.analyses[name].sequence for name in study.compare.analyses})
    return simulated_cohort(cohort, measured), []
