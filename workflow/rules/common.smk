"""Validated config, the table of scans, wildcards, and the named functions that rules use."""

from pathlib import Path

from snakemake.exceptions import WorkflowError

from spinsculpt.config import load_schema, read_yaml, validate
from spinsculpt.errors import SpinsculptError
from spinsculpt.subjects import read_subjects, simulated_cohort

SCHEMAS = Path(workflow.basedir) / "workflow/schemas"

try:
    config = validate(config, load_schema(SCHEMAS))
    if config["subjects"]:
        SCANS = read_subjects(config["subjects"], read_yaml(SCHEMAS / "subjects.schema.yaml"), list(config["sequences"]))
    else:
        cohort = [str(subject) for subject in config["scanner"]["subjects"]]
        SCANS = simulated_cohort(cohort, sorted({entry["sequence"] for entry in config["analyses"].values()}))
except SpinsculptError as error:
    raise WorkflowError(str(error))

ANALYSES = config["analyses"]
COMPARED = config["compare"]["analyses"]
ENGINES = config["fit"]["engines"]


wildcard_constraints:
    design=r"[A-Za-z0-9_]+",
    sequence=r"[A-Za-z0-9]+",
    analysis=r"[A-Za-z0-9]+",
    engine=r"builtin|fsl_mrs",
    folder=r"sub-[A-Za-z0-9]+(/ses-[A-Za-z0-9]+)?",
    scan=r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?_acq-[A-Za-z0-9]+",


def scan_of(wildcards):
    """The line of the table of scans that a job works on."""
    for scan in SCANS:
        if scan.name == wildcards.scan and scan.folder == wildcards.folder:
            return scan
    raise WorkflowError(f"There is no scan {wildcards.folder}/{wildcards.scan} in the table of scans.")


def designs_of_sequence(sequence):
    """Names of the designs that fill the slots of a sequence."""
    entry = config["sequences"][sequence]
    return [entry[slot] for slot in ("excitation", "prep", "gap") if entry.get(slot)]


def pulses_of_sequence(wildcards):
    return [f"<results>/design/{design}/pulse.json" for design in designs_of_sequence(wildcards.sequence)]


def sequence_of(analysis):
    return ANALYSES[analysis]["sequence"]


def fits(filename):
    """Path of one file of every fit: all engines, all scans, all compared analyses of their sequence."""
    return [
        f"<results>/fit/{engine}/{scan.folder}/{analysis}/{filename}"
        for engine in ENGINES
        for scan in SCANS
        for analysis in COMPARED
        if sequence_of(analysis) == scan.sequence
    ]
