"""Files that a study of fingerprints makes and reads, as rules name them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from spinsculpt.cest.study import (
    NETWORKS,
    PHANTOM_MAPS,
    PHANTOM_TRUTH,
    PUBLISHED,
    FingerprintStudy,
    Subject,
    file_of,
    map_files,
)
from spinsculpt.config import Mrf


@dataclass(frozen=True)
class FingerprintPlan:
    """The study of the section `mrf` and its folder of results; methods with `wildcards` take those of a job."""

    study: FingerprintStudy
    results: str

    @classmethod
    def of(cls, section: Mrf, results: str) -> Self:
        return cls(FingerprintStudy.of(section, results), results)

    @property
    def is_simulated(self) -> bool:
        return self.study.simulated is not None

    def results_folder(self, wildcards) -> str:
        """Where results are, for what scripts look up by subject, stage and method."""
        return self.results

    def root(self, wildcards) -> str:
        """The BIDS derivative of the maps."""
        return f"{self.results}/mrf"

    @cached_property
    def subject_pattern(self) -> str:
        return "|".join(self.study.subjects)

    @cached_property
    def stage_pattern(self) -> str:
        return "|".join(self.study.stages)

    def outputs(self, subject: str, stage: str, method: str) -> dict[str, str]:
        """Maps with their sidecars, summary, and of networks the training, by what they are."""
        folder, prefix = f"<results>/mrf/sub-{subject}/anat", f"sub-{subject}_acq-{stage}"
        maps = {key: f"{folder}/{name}" for key, name in map_files(prefix, self.study.names(stage), method).items()}
        sidecars = {f"{key}_json": path.replace(".nii.gz", ".json") for key, path in maps.items()}
        trained = f"{folder}/{prefix}_desc-{method}_reconstructor.pt"
        return {"summary": f"{folder}/{prefix}_desc-{method}_fit.json", **maps, **sidecars} | (
            {"reconstructor": trained} if method in NETWORKS else {}
        )

    def inputs(self, stage: str, wildcards) -> list[str]:
        """Files that a fit reads. A missing one fails its own job with a sentence; those of phantoms are made."""
        named = [*self.study.subjects[wildcards.subject].files(stage), *self._protocol(stage)]
        return named if self.is_simulated else [path for path in named if Path(path).exists()]

    def protocol_files(self, wildcards) -> list[str]:
        """The file of a protocol; none of published schedules and of what is missing, which its job says."""
        return self._protocol(wildcards.stage)

    def _protocol(self, stage: str) -> list[str]:
        name = self.study.stages[stage].protocol
        return [name] if name not in PUBLISHED and Path(name).exists() else []

    def _found_before(self, stage: str, method: str, subject: str) -> dict[str, str]:
        """Maps of earlier stages that a stage needs, by parameter."""
        found = self.study.found_before(stage, subject)
        return {name: self.outputs(subject, earlier, method)[name] for name, earlier in found.items()}

    def maps_before(self, stage: str, method: str, wildcards) -> list[str]:
        return list(self._found_before(stage, method, wildcards.subject).values())

    def scan(self, stage: str, method: str, wildcards) -> dict[str, Any]:
        """Files of a scan by what they are, those of earlier stages among the maps."""
        subject, found = self.study.subjects[wildcards.subject], self._found_before(stage, method, wildcards.subject)
        maps = {**subject.maps, **{name: path.replace("<results>", self.results) for name, path in found.items()}}
        return {"data": subject.data[stage], "mask": subject.mask or None, "maps": maps}

    def reconstructor(self, stage: str, method: str, wildcards) -> str | list:
        """The network of the subject whose networks this one gets; none where it is trained."""
        teacher = self.study.subjects[wildcards.subject].transfer
        return self.outputs(teacher, stage, method)["reconstructor"] if teacher and method in NETWORKS else []

    def summaries(self) -> list[str]:
        """Summary of every fit."""
        return [self.outputs(*fit)["summary"] for fit in self.study.fits()]

    def references(self) -> list[str]:
        """Files that results are held against, and regions; those that are there or will be made."""
        return [path for subject in self.study.subjects.values() for path in self._references(subject)]

    def _references(self, subject: Subject) -> list[str]:
        named = [file_of(path) for path in [*subject.reference.values(), subject.regions] if path]
        return named if self.is_simulated else [path for path in dict.fromkeys(named) if Path(path).exists()]

    def phantom_files(self, subject: str) -> list[str]:
        """What the simulated scan of a subject consists of."""
        start, kind = f"<results>/mrf_phantom/sub-{subject}/anat/sub-{subject}", self.study.simulated.phantom
        names = [f"acq-{stage}_mrf" for stage in self.study.stages] + ["mask", "dseg"]
        names += [f"{name}map" for name in PHANTOM_MAPS[kind]]
        names += [f"desc-truth_{name}map" for name in PHANTOM_TRUTH[kind]]
        return [f"{start}_{name}{ending}" for name in names for ending in (".nii.gz", ".json")]

    def phantom_prefix(self, wildcards) -> str:
        """Path and first part of the names of a simulated scan."""
        return f"{self.results}/mrf_phantom/sub-{wildcards.subject}/anat/sub-{wildcards.subject}"

    def phantom_number(self, wildcards) -> int:
        """Which of the subjects a simulated one is, from 0."""
        return list(self.study.subjects).index(wildcards.subject)

    def pictures(self) -> list[str]:
        """Figures of maps: of each subject and stage, and of the trainings."""
        pairs = dict.fromkeys((subject, stage) for subject, stage, _ in self.study.fits())
        names = [f"mrf_{kind}_{subject}_{stage}" for subject, stage in pairs for kind in ("maps", "regions")]
        names += [
            f"mrf_scatter_{subject}_{stage}"
            for subject, stage in pairs
            if set(self.study.names(stage)) & set(self.study.subjects[subject].reference)
        ]
        names += ["mrf_training"] if set(self.study.methods) & set(NETWORKS) else []
        return [f"<results>/figures/{name}.png" for name in names]

    def figures(self) -> list[str]:
        """Figures of the page, in its order."""
        kinds = [(kind, stage) for stage in self.study.stages for kind in ("protocol", "bounds")]
        return [*self.pictures(), *(f"<results>/figures/mrf_{kind}_{stage}.png" for kind, stage in kinds)]

    def files(self) -> list[str]:
        """What the study of fingerprints makes."""
        return ["<results>/mrf.html", "<results>/mrf/dataset_description.json"]

    def designed_files(self) -> list[str]:
        """Designed schedules of the stages that are to have one, with their figures."""
        named = [stage for stage in self.study.design.stages if stage in self.study.stages]
        both = ("<results>/mrf_design/{}.yaml", "<results>/figures/mrf_design_{}.png")
        return [path.format(stage) for stage in named for path in both]
