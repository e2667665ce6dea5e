"""The table of scans, config/subjects.tsv: one line a scan."""

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from spinsculpt.config import nearest_name, validate
from spinsculpt.errors import SpinsculptError

SEPARATOR = ";"  # between the raw files of one scan


@dataclass(frozen=True)
class Scan:
    """One line of the table.

    Attributes:
        subject: letters and digits, e.g. "01".
        session: letters and digits, or "" for studies of one session.
        sequence: name of a sequence of the config; also the BIDS acquisition label.
        data: raw file of the metabolite scan, or folder of its DICOM files, below the key `data` of the config; several
            joined by ";" are repetitions.
        water: the same of the unsuppressed water reference, or "" where there is none.
        gm, wm, csf: tissue fractions of the voxel, "" where unknown.
    """

    subject: str
    session: str
    sequence: str
    data: str
    water: str = ""
    gm: str = ""
    wm: str = ""
    csf: str = ""

    @property
    def folder(self) -> str:
        """e.g. "sub-01" or "sub-01/ses-1"."""
        return f"sub-{self.subject}" + (f"/ses-{self.session}" if self.session else "")

    @property
    def name(self) -> str:
        """BIDS name without its suffix, e.g. "sub-01_ses-1_acq-press30"."""
        return f"{self.folder.replace('/', '_')}_acq-{self.sequence}"


def read_subjects(path: Path | str, schema: dict, sequences: list[str]) -> list[Scan]:
    """Read and check the table of scans.

    Args:
        path: tab-separated file with a header line.
        schema: JSON schema of one row.
        sequences: names of the sequences that the config knows.
    Raises:
        SpinsculptError: a sentence for each bad line, with the file and the line number.
    """
    path = Path(path)
    if not path.is_file():
        raise SpinsculptError(f"{path}: there is no such table of scans; make it or correct the key 'subjects'.")
    known = [field.name for field in fields(Scan)]
    with path.open(newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        for column in reader.fieldnames or []:
            if column not in known:
                raise SpinsculptError(f"{path}: {nearest_name(column, known, 'column')}")
        rows = list(reader)
    if not rows:
        raise SpinsculptError(f"{path}: the table of scans has no line; add one a scan (see config/README.md).")
    problems, scans, seen = [], [], {}
    for number, row in enumerate(rows, start=2):
        where = f"{path}, line {number}"
        row = {column: (value or "").strip() for column, value in row.items() if column is not None}
        try:
            scan = Scan(**validate(row, schema, where))
            _check_tissue(scan, where)
            if scan.sequence not in sequences:
                raise SpinsculptError(f"{where}: {nearest_name(scan.sequence, sequences, 'sequence')}")
            if scan.name in seen:
                raise SpinsculptError(
                    f"{where}: {scan.name} stands on line {seen[scan.name]} already; give a repetition another session "
                    "or a sequence entry of its own (whose name is the acquisition), or join its files by ';'."
                )
        except SpinsculptError as error:
            problems.append(str(error))
            continue
        seen[scan.name] = number
        scans.append(scan)
    if problems:
        raise SpinsculptError("\n".join(problems))
    return scans


def _check_tissue(scan: Scan, where: str) -> None:
    given = [value for value in (scan.gm, scan.wm, scan.csf) if value]
    if given and (len(given) < 3 or abs(sum(map(float, given)) - 1) > 0.02):
        raise SpinsculptError(f"{where}: gm, wm and csf are fractions that add up to 1; give all three or none.")


def simulated_cohort(subjects: list[str], sequences: list[str]) -> list[Scan]:
    """The scans of the simulated cohort, one a subject and sequence; raw files are named by the rule simulate_scan."""
    return [
        Scan(subject, "", sequence, f"sub-{subject}/{sequence}_act.SDAT", f"sub-{subject}/{sequence}_ref.SDAT")
        for subject in subjects
        for sequence in sequences
    ]
