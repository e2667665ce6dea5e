"""What a job of each rule takes, from the wildcards of the rule: input files and parameters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spinsculpt.app.plan._plan import Plan
from spinsculpt.app.plan._scanners import as_measured_at, measured_name, with_measured
from spinsculpt.app.plan._spectra import shots_of, spectra_of
from spinsculpt.config import DesignEntry, Study, Tissue, can_fit, nearest_name, parse, plain
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.convert import files_on_disk, named_files, scanner_of
from spinsculpt.data.subjects import Scan

ANY_SCAN = r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?_acq-[A-Za-z0-9]+"
NOTHING = "(?!)"  # a pattern that matches no name


@dataclass(frozen=True)
class Jobs:
    """Inputs and parameters of the jobs of a plan; each method takes the wildcards of a job.

    A parameter is the part of the study that a job depends on, so that nothing else recomputes it.
    """

    plan: Plan
    _scan_of_name: dict[tuple[str, str], Scan] = field(init=False, repr=False)
    _scan_of_sequence: dict[tuple[str, str], Scan] = field(init=False, repr=False)
    _bases: dict[Scan, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        scans = self.plan.scans
        by_name = {(scan.folder, scan.name): scan for scan in [*scans, *self.plan.nulled.values()]}
        object.__setattr__(self, "_scan_of_name", by_name)
        object.__setattr__(self, "_scan_of_sequence", {(scan.folder, scan.sequence): scan for scan in scans})

    @property
    def study(self) -> Study:
        return self.plan.study

    # --- designs and sequences ---

    def design_entry(self, wildcards) -> dict:
        if wildcards.design not in self.study.designs:
            raise SpinsculptError(nearest_name(wildcards.design, list(self.study.designs), "design"))
        return plain(self.study.designs[wildcards.design])

    def sweep_entry(self, wildcards) -> dict:
        """The design of one point: the named design, what the sweep overrides, and the values of the point."""
        sweep = self.study.sweep
        point = {name: type(values[0])(wildcards[name]) for name, values in sweep.grid.given().items()}
        changed = plain(self.study.designs[sweep.design]) | sweep.override | point
        return plain(parse(DesignEntry, changed, "sweep"))

    def sequence_entry(self, wildcards) -> dict:
        sequence = _sequence(wildcards)
        if sequence not in self.study.sequences:
            raise SpinsculptError(nearest_name(sequence, list(self.study.sequences), "sequence"))
        return plain(self.study.sequences[sequence])

    def files_of_sequence(self, wildcards) -> list[str]:
        """Files that describe the shots of a sequence of type file."""
        return list(self.sequence_entry(wildcards)["files"].values())

    def pulse_files(self, wildcards) -> list[str]:
        """Pulse files of the user that a sequence plays."""
        return [slot for slot in self.plan.slots_of(_sequence(wildcards)) if slot not in self.study.designs]

    def designed_pulses(self, wildcards) -> list[str]:
        """Pulses that this study designs and a sequence plays."""
        return [f"<results>/design/{design}/pulse.json" for design in self.plan.designs_of(_sequence(wildcards))]

    # --- bases ---

    def basis_section(self, wildcards) -> dict:
        """The section `basis`, of a basis for real scans at their frequency and with their measured macromolecules."""
        section = as_measured_at(wildcards.sequence, self.study.basis, self.study.system)[0]
        nulled = self._nulled_scan(wildcards)
        return plain(with_measured(section, nulled.replace("<results>", self.plan.results)) if nulled else section)

    def system_section(self, wildcards) -> dict:
        """The section `system`, of a basis for real scans with the limits of their vendor."""
        return plain(as_measured_at(wildcards.sequence, self.study.basis, self.study.system)[1])

    def measured_macromolecules(self, wildcards) -> str | list:
        """The file of measured macromolecules that a basis needs; none where they are from the library."""
        return self._nulled_scan(wildcards) or self.study.basis.measured or []

    def _nulled_scan(self, wildcards) -> str:
        """Macromolecules measured with the sequence of a basis for real scans; "" where none were."""
        sequence, at, _ = wildcards.sequence.partition("@")
        return f"<results>/macromolecules/{sequence}.json" if at and sequence in self.plan.nulled else ""

    def nulled_inputs(self, wildcards) -> dict[str, Any]:
        """The converted metabolite-nulled scan of a sequence, and its water reference where there is one."""
        scan = self.plan.nulled[wildcards.sequence]
        start = f"<results>/bids/{scan.folder}/mrs/{scan.name}"
        return {"data": f"{start}_svs.nii.gz", "water": f"{start}_mrsref.nii.gz" if scan.water else []}

    def basis_of_scan(self, scan: Scan) -> str:
        """The list of the basis of a scan: of its sequence, and of real scans of their frequency and vendor."""
        if scan not in self._bases:
            name = scan.sequence
            if self.study.subjects:
                frequency, vendor = scanner_of(scan, self.plan.raw_folder)
                name = measured_name(name, self.study.basis.central_frequency or frequency, vendor)
            self._bases[scan] = f"<results>/basis/{name}.json"
        return self._bases[scan]

    # --- the simulated scanner ---

    def simulated_subject(self, wildcards) -> str:
        return wildcards.folder.removeprefix("sub-")

    def _has_other_truth(self, wildcards) -> bool:
        return self.simulated_subject(wildcards) in self.study.scanner.other_truth.subjects

    def basis_of_truth(self, wildcards) -> str:
        """The basis that a subject is simulated from."""
        other = "scanner/" if self._has_other_truth(wildcards) else ""
        return f"<results>/{other}basis/{{sequence}}.json"

    def basis_section_of_truth(self, wildcards) -> dict:
        return plain(self.plan.other_truth if self._has_other_truth(wildcards) else self.study.basis)

    # --- one scan: conversion and preprocessing ---

    def scan(self, wildcards) -> Scan:
        """The line of the table of scans that a job works on."""
        if (wildcards.folder, wildcards.scan) not in self._scan_of_name:
            raise SpinsculptError(f"There is no scan {wildcards.folder}/{wildcards.scan} in the table of scans.")
        return self._scan_of_name[wildcards.folder, wildcards.scan]

    def raw_named(self, wildcards) -> list[Path]:
        """The raw files of a scan (suffix svs) or of its water reference (suffix mrsref), missing ones too."""
        scan = self.scan(wildcards)
        return named_files(self.plan.raw_folder, scan.data if wildcards.suffix == "svs" else scan.water)

    def raw_files(self, wildcards) -> Sequence[Path]:
        """What Snakemake watches: raw files that exist. A missing one fails its own job, not the plan."""
        named = self.raw_named(wildcards)
        return files_on_disk(named) if self.study.subjects else [named[0], named[0].with_suffix(".SPAR")]

    def raw(self, wildcards) -> dict[str, Any]:
        """What a job converts, also what is missing, so that its job says which; and what its files looked like.

        Size and time are a parameter, since Snakemake looks at newer files only: one that is replaced by an older
        one, or written by a machine whose clock is behind, is converted again, too. (A parameter that takes the
        input of its job is none that Snakemake compares.)
        """
        paths = [str(path).replace("<results>", self.plan.results) for path in self.raw_named(wildcards)]
        stats = [path.stat() for path in self.raw_files(wildcards)] if self.study.subjects else []
        return {"paths": paths, "seen": [(stat.st_size, int(stat.st_mtime)) for stat in stats]}

    def claimed_sequence(self, wildcards) -> dict[str, Any]:
        """Kind and echo time of the sequence that a scan is said to be; the echo time is 0 where it is not known."""
        entry = self.study.sequences[self.scan(wildcards).sequence]
        return {"type": entry.type, "echo_time": entry.echo_time}

    def conditions(self, wildcards) -> list[str]:
        """Conditions of successive averages of a scan; none of a sequence of one shot."""
        entry = self.study.sequences[self.scan(wildcards).sequence]
        if "diff" in spectra_of(entry, self.study.designs):
            return list(self.study.preprocess.edit_order)
        return [shot.upper() for shot in shots_of(entry, self.study.designs)]

    def water_reference(self, wildcards) -> str | list:
        """The converted water reference of a scan, where there is one."""
        water = self.scan(wildcards).water
        return f"<results>/bids/{wildcards.folder}/mrs/{wildcards.scan}_mrsref.nii.gz" if water else []

    def basis_of_designed(self, wildcards) -> str | list:
        """Basis of a sequence that plays designed pulses, which may turn the singlets; none of any other sequence."""
        scan = self.scan(wildcards)
        return self.basis_of_scan(scan) if self.plan.slots_of(scan.sequence) else []

    # --- one fit ---

    def _fitted_scan(self, wildcards) -> Scan:
        return self._scan_of_sequence[wildcards.folder, self.plan.analyses[wildcards.analysis].sequence]

    def preprocessed_scan(self, wildcards) -> str:
        return f"<results>/preproc/{wildcards.folder}/{self._fitted_scan(wildcards).name}_svs.nii.gz"

    def averages_of_scan(self, wildcards) -> str | list:
        """The scan in successive parts, where fits resample them."""
        parts = self.preprocessed_scan(wildcards).replace("_svs.nii.gz", "_averages.nii.gz")
        return parts if self.study.fit.bootstrap else []

    def preprocessed_water(self, wildcards) -> str | list:
        scan = self._fitted_scan(wildcards)
        return f"<results>/preproc/{scan.folder}/{scan.name}_mrsref.nii.gz" if scan.water else []

    def basis_of_analysis(self, wildcards) -> str:
        return self.basis_of_scan(self._fitted_scan(wildcards))

    def spectra_of_analysis(self, wildcards) -> list[str]:
        return list(self.plan.analyses[wildcards.analysis].spectra)

    def fit_section(self, wildcards) -> dict:
        """The section `fit`, with the tissue fractions of the scan where the table of scans has them."""
        scan, section = self._fitted_scan(wildcards), self.study.fit
        tissue = {name: float(value) for name in ("gm", "wm", "csf") if (value := getattr(scan, name))}
        return plain(section.but(water=section.water.but(tissue=Tissue(**tissue))) if tissue else section)

    # --- one page ---

    def fits_of_scan(self, wildcards) -> list[str]:
        """What the first engine fits to a scan."""
        engine = self.plan.engines[0]
        fitted = self.fitted_to(self.scan(wildcards).sequence, engine)
        return [f"<results>/fit/{engine}/{wildcards.folder}/{name}/fit.npz" for name in fitted]

    def fitted_to(self, sequence: str, engine: str) -> list[str]:
        """Names of the compared analyses that an engine fits to scans of a sequence."""
        entries = self.plan.analyses
        named = [name for name in self.plan.compared if entries[name].sequence == sequence]
        return [name for name in named if can_fit(engine, entries[name].spectra)]

    def scans_beside(self, wildcards) -> list[str]:
        """Names of the compared scans of the same subject and session."""
        return self.plan.names_in_folder[wildcards.folder]

    # --- whole scans in one job ---

    def whole_scans(self) -> list:
        """Kinds of scans that are done in one job each; none where each stage is a job."""
        from spinsculpt.app.plan._whole import WholeScans

        kinds = {(scan.sequence, bool(scan.session), bool(scan.water)) for scan in self.plan.whole}
        return [WholeScans(self, *kind) for kind in sorted(kinds)]

    @property
    def staged_scans(self) -> str:
        """Pattern of the names of scans of which each stage is a job."""
        if not self.plan.whole:
            return ANY_SCAN
        whole = set(self.plan.whole)
        apart = [scan.name for scan in self._scan_of_name.values() if scan not in whole]
        return "|".join(map(re.escape, apart)) or NOTHING

    @property
    def staged_analyses(self) -> str:
        """Pattern of the names of analyses of which each fit is a job."""
        apart = [name for name in self.plan.analyses if name not in self.plan.compared]
        return ("|".join(map(re.escape, apart)) or NOTHING) if self.plan.whole else "[A-Za-z0-9]+"


def _sequence(wildcards) -> str:
    """The sequence of a name of `measured_name`."""
    return wildcards.sequence.partition("@")[0]
