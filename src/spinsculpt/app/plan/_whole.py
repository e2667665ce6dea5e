"""Scans in one job each, from raw files to fits (`scan_jobs: whole`): for cohorts, whose plans and starts take long."""

from dataclasses import asdict, dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from spinsculpt.app.plan._jobs import Jobs

ENGINE = "builtin"  # that fits in these jobs; others have jobs of their own


@dataclass(frozen=True)
class WholeScans:
    """Scans whose jobs make the same files, so that one rule makes them.

    Attributes:
        jobs: of the stages, whose inputs and parameters a whole job has together.
        sequence: of the scans.
        session: whether they have one.
        water: whether they have a water reference.
    """

    jobs: Jobs
    sequence: str
    session: bool
    water: bool

    @property
    def name(self) -> str:
        """Of the rule."""
        return "_".join(["analyse", self.sequence, *["session"] * self.session, *["water"] * self.water])

    @property
    def folder(self) -> str:
        """Pattern of the folder of a scan."""
        return "sub-{subject}/ses-{session}" if self.session else "sub-{subject}"

    @property
    def scan(self) -> str:
        """Pattern of the name of a scan."""
        return f"{self.folder.replace('/', '_')}_acq-{self.sequence}"

    @property
    def converted(self) -> str:
        return f"<results>/bids/{self.folder}/mrs/{self.scan}"

    @property
    def cleaned(self) -> str:
        return f"<results>/preproc/{self.folder}/{self.scan}"

    def water_files(self) -> dict[str, str]:
        """Water reference, converted and cleaned, where there is one."""
        names = {"water": f"{self.converted}_mrsref.nii.gz", "water_sidecar": f"{self.converted}_mrsref.json"}
        return names | {"clean_water": f"{self.cleaned}_mrsref.nii.gz"} if self.water else {}

    @cached_property
    def analyses(self) -> list[str]:
        """What is fitted to these scans."""
        return self.jobs.fitted_to(self.sequence, ENGINE)

    def fit_files(self) -> dict[str, str]:
        """Files of the fits but their pictures."""
        files = {"summary": ".csv", "covariance": ".csv", "parameters": ".csv", "qc": ".json", "fit": ".npz"}
        return {
            f"{analysis}_{what}": f"<results>/fit/{ENGINE}/{self.folder}/{analysis}/{what}{suffix}"
            for analysis in self.analyses
            for what, suffix in files.items()
        }

    # --- inputs and parameters, from the wildcards of a job: one function each, since Snakemake inspects every one ---

    def _stage(self, wildcards, **more: str) -> Any:
        """The wildcards of a job of one stage."""
        folder, scan = (pattern.format(**wildcards) for pattern in (self.folder, self.scan))
        return SimpleNamespace(folder=folder, scan=scan, **more)

    def inputs(self, wildcards) -> dict[str, Any]:
        """Raw files of the scan and of its water reference, and the list of its basis."""
        roles = {"raw": "svs", "raw_water": "mrsref"} if self.water else {"raw": "svs"}
        raw = {name: self.jobs.raw_files(self._stage(wildcards, suffix=suffix)) for name, suffix in roles.items()}
        return raw | {"basis": self.jobs.basis_of_scan(self.jobs.scan(self._stage(wildcards)))}

    def work(self, wildcards) -> dict[str, Any]:
        """What is particular to this scan: see the parameters of the rules of the stages."""
        stage, jobs, analyses = self._stage(wildcards), self.jobs, self.analyses
        water = self._stage(wildcards, suffix="mrsref")
        return {
            "raw": jobs.raw(self._stage(wildcards, suffix="svs")),
            "raw_water": jobs.raw(water) if self.water else {},
            "scan": asdict(jobs.scan(stage)),
            "sequence": jobs.claimed_sequence(stage),
            "conditions": jobs.conditions(stage),
            "plays_designs": bool(jobs.plan.slots_of(self.sequence)),
            "fits": {name: jobs.fit_section(self._stage(wildcards, analysis=name)) for name in analyses},
            "spectra": {name: list(jobs.plan.analyses[name].spectra) for name in analyses},
        }
