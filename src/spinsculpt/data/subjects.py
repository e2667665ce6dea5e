"""The table of scans, subjects.tsv: one line a scan."""

import csv
import io
from dataclasses import dataclass, fields
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.gate import read_text

TABLE = "subjects.tsv"  # in the folder of the run: where `spinsculpt import` writes it and the workflow finds it
SIMULATED = "simulated"  # instead of a table: the simulated cohort
SEPARATOR = ";"  # between the raw files of one scan
_MARKS = (SEPARATOR, "{", "}", "<", ">", '"')  # braces and brackets are wildcards and path variables of Snakemake
NULLED = "nulled"
_LARGEST = 64 << 20  # bytes


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
        use: "nulled" of a metabolite-nulled scan, which gives the macromolecules of its sequence; "" of a spectrum.
        frequency: spectrometer frequency in MHz, vendor: philips, siemens or ge; "" for those of the header.
    """

    subject: str
    session: str
    sequence: str
    data: str
    water: str = ""
    gm: str = ""
    wm: str = ""
    csf: str = ""
    use: str = ""
    frequency: str = ""
    vendor: str = ""

    @property
    def folder(self) -> str:
        """e.g. "sub-01" or "sub-01/ses-1"."""
        return f"sub-{self.subject}" + (f"/ses-{self.session}" if self.session else "")

    @property
    def name(self) -> str:
        """BIDS name without its suffix, e.g. "sub-01_ses-1_acq-press30"."""
        return f"{self.folder.replace('/', '_')}_acq-{self.sequence}{self.use}"


def place_of_scans(named: str) -> str:
    """What the key `subjects` stands for: a table or a folder, or "" for the simulated cohort."""
    if named:
        return "" if named == SIMULATED else named
    return TABLE if Path(TABLE).is_file() else ""


def read_subjects(path: Path | str, sequences: list[str]) -> list[Scan]:
    """Read and check the table of scans.

    Args:
        path: tab-separated file with a header line.
        sequences: names of the sequences that the config knows.
    Raises:
        SpinsculptError: a sentence for each bad line, with the file and the line number.
    """
    from spinsculpt.config import ScanRow, nearest_name, parse, plain  # imports every section, which jobs do not need

    path = Path(path)
    if not path.is_file():
        raise SpinsculptError(f"{path}: there is no such table of scans; make it or correct the key 'subjects'.")
    known = [field.name for field in fields(Scan)]
    reader = csv.DictReader(io.StringIO(read_text(path, _LARGEST), newline=""), delimiter="\t")
    try:
        columns = reader.fieldnames or []
        for column in columns:
            if column not in known:
                raise SpinsculptError(f"{path}: {nearest_name(column, known, 'column')}")
        if len(set(columns)) < len(columns):
            raise SpinsculptError(f"{path}: two columns have one name; keep one of them.")
        rows = list(reader)
    except csv.Error as error:
        raise SpinsculptError(f"{path}: this is no tab-separated table ({brief(error)}); save it as one.") from error
    if not rows:
        raise SpinsculptError(f"{path}: the table of scans has no line; add one a scan (see config/README.md).")
    problems, scans, seen, owners = [], [], {}, {}
    for number, row in enumerate(rows, start=2):
        where = f"{path}, line {number}"
        row = {column: (value or "").strip() for column, value in row.items() if column is not None}
        try:
            scan = Scan(**plain(parse(ScanRow, row, where)))
            for entry in (scan.data, scan.water):
                for name in entry.split(SEPARATOR):
                    checked_place(name.strip(), where)
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
        for file in filter(None, map(str.strip, scan.data.split(SEPARATOR))):
            other, line = owners.setdefault(file, (scan, number))
            if (other.subject, other.session) != (scan.subject, scan.session):
                problems.append(
                    f"{where}: {file} is the scan of {other.name} on line {line} already, and a file is of one person "
                    "and session; correct the line."
                )
        scans.append(scan)
    nulled = [scan.sequence for scan in scans if scan.use == NULLED]
    for sequence in dict.fromkeys(name for name in nulled if nulled.count(name) > 1):
        lines = " and ".join(str(seen[s.name]) for s in scans if s.use == NULLED and s.sequence == sequence)
        problems.append(
            f"{path}, lines {lines}: both are metabolite-nulled scans of {sequence}, whose macromolecules come "
            "from one; keep one of them."
        )
    if problems:
        raise SpinsculptError("\n".join(problems))
    return scans


def checked_place(place: str, where: object) -> str:
    """`place` if the table of scans and Snakemake can hold it as it is.

    Raises:
        SpinsculptError: it is no text, has edge spaces, or marks that mean something else there.
    """
    try:
        place.encode()
        fine = place.isprintable()
    except UnicodeEncodeError:
        fine = False
    spaced = any(part != part.strip() for part in place.split("/"))
    if not fine or spaced or any(mark in place for mark in _MARKS):
        raise SpinsculptError(
            f"{where}: a name in {place[:120]!r} has one of the marks {' '.join(_MARKS)}, spaces at its ends, or what "
            "cannot be printed, which the table of scans and Snakemake cannot hold; rename it."
        )
    return place


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
