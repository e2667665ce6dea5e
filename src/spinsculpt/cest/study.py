"""The study of fingerprints as the workflow plans it: who is mapped, in which stages, and which files that makes.

It imports nothing of `spinsculpt.cest.modelling`, so that planning a run costs nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from spinsculpt.config import Mrf, MrfDesign, MrfStage, MrfSubject, Phantom, nearest_name, plain, workflow_folder
from spinsculpt.core.errors import SpinsculptError

PUBLISHED = ("mt", "amide", "arginine")  # schedules that come with the package
NETWORKS = ("supervised", "nbmf")  # estimators that train


def map_files(prefix: str, names: Iterable[str], method: str) -> dict[str, str]:
    """File names of the maps of a method by what they show: fs, fs_crlb, fs_sd (of networks), rsquare, flags."""
    files = {}
    for name in names:
        files[name] = f"{prefix}_desc-{method}_{name}map.nii.gz"
        files[f"{name}_crlb"] = f"{prefix}_desc-{method}_stat-crlb_{name}map.nii.gz"
        if method in NETWORKS:
            files[f"{name}_sd"] = f"{prefix}_desc-{method}_stat-sd_{name}map.nii.gz"
    return files | {name: f"{prefix}_desc-{method}_{name}map.nii.gz" for name in ("rsquare", "flags")}


@dataclass(frozen=True)
class Subject:
    """Files of one subject, with their folder.

    Attributes:
        data: stack of each stage.
        mask, regions: "" where there is none.
        maps, reference: by name of the parameter.
        region_names: by number.
        reference_name: what figures call the reference.
        transfer: subject whose networks are applied, or "".
    """

    data: Mapping[str, str]
    mask: str = ""
    maps: Mapping[str, str] = field(default_factory=dict)
    regions: str = ""
    region_names: Mapping[str, str] = field(default_factory=dict)
    reference: Mapping[str, str] = field(default_factory=dict)
    reference_name: str = "published"
    transfer: str = ""

    def files(self, stage: str) -> list[str]:
        """Paths that a fit of a stage reads, without names of variables."""
        named = [self.data[stage], self.mask, *self.maps.values()]
        return [file_of(name) for name in named if name]


def file_of(name: str) -> str:
    """FILE of FILE.mat:VARIABLE."""
    file, _, _ = name.rpartition(":")
    return file if file.lower().endswith(".mat") else name


@dataclass(frozen=True)
class FingerprintStudy:
    """The section `mrf` with its folder, its phantoms and its order.

    Attributes:
        subjects: by label; of a simulated study their files are below `results`.
        stages: in order; protocols with their folder, the noise of simulated scans filled in.
        methods: estimators.
        settings: of each estimator.
        field: T.
        design: how schedules are designed; of `stages` only those that there are.
        simulated: how phantoms are made, or None of real scans.
    """

    subjects: Mapping[str, Subject]
    stages: Mapping[str, MrfStage]
    methods: tuple[str, ...]
    settings: Mapping[str, Mapping]
    field: float
    simulated: Phantom | None
    design: MrfDesign

    @classmethod
    def of(cls, section: Mrf | Mapping, results: str = "results") -> "FingerprintStudy":
        """From the section `mrf`.

        Args:
            section: the section, or what `plain` wrote of it.
            results: where simulated scans go.
        Raises:
            SpinsculptError: a name refers to nothing.
        """
        section = section if isinstance(section, Mrf) else Mrf.of(section)
        folder = Path(section.folder)
        if not folder.is_dir() and not folder.is_absolute() and (workflow_folder() / folder).is_dir():
            folder = workflow_folder() / folder
        simulated = None if section.subjects else section.simulated
        stages = {}
        for name, stage in section.stages.items():
            protocol = stage.protocol if stage.protocol in PUBLISHED else str(folder / stage.protocol)
            noise = stage.noise if simulated is None or stage.noise is not None else simulated.noise or None
            stages[name] = replace(stage, protocol=protocol, noise=noise)
        if simulated is None:
            subjects = {name: _real(entry, folder) for name, entry in section.subjects.items()}
        else:
            subjects = {name: _phantom(name, simulated, list(stages), results) for name in simulated.subjects}
        settings = plain(section.settings)
        study = cls(subjects, stages, section.methods, settings, section.field, simulated, section.design)
        study._check()
        return study

    def _check(self) -> None:
        for name, subject in self.subjects.items():
            for stage in subject.data:
                if stage not in self.stages:
                    raise SpinsculptError(
                        f"mrf.subjects.{name}.data: {nearest_name(stage, list(self.stages), 'stage')}"
                    )
            if (other := subject.transfer) and other not in self.subjects:
                raise SpinsculptError(f"mrf: {nearest_name(other, list(self.subjects), 'subject')}")
            if other and (other == name or self.subjects[other].transfer):
                raise SpinsculptError(f"mrf: {name} takes the networks of {other}, which are not trained there.")
            if other and (untrained := [stage for stage in subject.data if stage not in self.subjects[other].data]):
                raise SpinsculptError(f"mrf: {other} has no data of the stage {untrained[0]}, which {name} needs.")

    def fits(self) -> list[tuple[str, str, str]]:
        """(subject, stage, method) of every fit."""
        return [
            (subject, stage, method)
            for subject, entry in self.subjects.items()
            for stage in self.stages
            if stage in entry.data
            for method in self.methods
        ]

    def names(self, stage: str) -> tuple[str, ...]:
        """Parameters that a stage looks for."""
        return tuple(self.stages[stage].ranges)

    def assumed(self, stage: str) -> dict[str, float]:
        """Tissue of bounds and designs: what earlier stages find, mid-range, and what the stage fixes."""
        before = list(self.stages)[: list(self.stages).index(stage)]
        middle = {name: sum(ends) / 2 for each in before for name, ends in self.stages[each].ranges.items()}
        known = {**middle, **self.stages[stage].fixed}
        return {name: value for name, value in known.items() if name not in self.names(stage)}

    def found_before(self, stage: str, subject: str) -> dict[str, str]:
        """Parameters that earlier stages find and this one needs, with the stage that does."""
        before = list(self.stages)[: list(self.stages).index(stage)]
        return {
            name: earlier
            for earlier in before
            if earlier in self.subjects[subject].data
            for name in self.names(earlier)
            if name not in self.names(stage)
        }


def _real(entry: MrfSubject, folder: Path) -> Subject:
    def placed(name: str) -> str:
        return str(folder / name) if name else ""

    return Subject(
        {stage: placed(name) for stage, name in entry.data.items()},
        placed(entry.mask),
        {name: placed(path) for name, path in entry.maps.items()},
        placed(entry.regions),
        entry.region_names,
        {name: placed(path) for name, path in entry.reference.items()},
        entry.reference_name,
        entry.transfer,
    )


PHANTOM_MAPS = {"brain": ("T1", "T2", "B0", "B1"), "vials": ("B0", "B1")}  # what a scanner would measure beside
PHANTOM_TRUTH = {"brain": ("fss", "kssw", "fs", "ksw"), "vials": ("fs", "ksw")}


def _phantom(name: str, simulated: Phantom, stages: list[str], results: str) -> Subject:
    start, kind = f"{results}/mrf_phantom/sub-{name}/anat/sub-{name}", simulated.phantom
    return Subject(
        data={stage: f"{start}_acq-{stage}_mrf.nii.gz" for stage in stages},
        mask=f"{start}_mask.nii.gz",
        maps={each: f"{start}_{each}map.nii.gz" for each in PHANTOM_MAPS[kind]},
        regions=f"{start}_dseg.nii.gz",
        reference={each: f"{start}_desc-truth_{each}map.nii.gz" for each in PHANTOM_TRUTH[kind]},
        reference_name="truth",
        transfer=simulated.transfer.get(name, ""),
    )
