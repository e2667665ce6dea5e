"""Find the raw files below a folder and say what each is: the table of scans, for review.

Of what headers say, kind and echo time alone are printed: names of protocols may hold names of people.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from spinsculpt.config import SequenceEntry, guess_kind, match_sequence, needed_sequence
from spinsculpt.core.errors import NoSpectrum, SpinsculptError
from spinsculpt.core.tables import write_table
from spinsculpt.data.bids import keep_apart, parse_name
from spinsculpt.data.convert._dicom import dicom_spectrum, is_dicom
from spinsculpt.data.convert._formats import SUFFIXES
from spinsculpt.data.convert._headers import RawHeader, read_raw_header
from spinsculpt.data.convert._other_formats import other_format
from spinsculpt.data.convert._sources import partners
from spinsculpt.data.subjects import NULLED, SEPARATOR, Scan, checked_place

COLUMNS = ("subject", "session", "sequence", "data", "water", "use", "frequency", "vendor")
_LISTED_BY = {".spar": (".sdat", ".data"), ".list": (".data",)}  # files of a scan that another one stands for
_WATER = re.compile(r"w?ref\d*|mrsref|water|h2o|nows|unsup\w*|quant|ecc")
_METABOLITES = re.compile(r"act|metab|svs|ws|raw")
_INVERTED = re.compile(r"inver\w*|nulled|ti\d*")
_NUMBER = re.compile(r"[a-z]{0,3}\d+")
_VISIT = re.compile(r"(?:session|visit|day|tp|timepoint)[-_ ]?([a-z0-9]+)", re.IGNORECASE)


@dataclass(frozen=True)
class RawFile:
    """One scan or water reference on disk.

    Attributes:
        files: its files, or their folder.
        name: what its files, or their folder, are called.
        header: what the first of them says.
        subject, session: guessed from names, "" where there is nothing to guess from.
    """

    files: tuple[Path, ...]
    name: str
    header: RawHeader
    subject: str
    session: str

    @property
    def is_water(self) -> bool:
        """What the header says, else a word for water in the name of file or protocol."""
        if self.header.is_water is not None or self.header.holds_water:
            return bool(self.header.is_water)
        return any(_WATER.fullmatch(word) for word in _words(self.name)) or (
            "act" not in _words(self.name) and any(_WATER.fullmatch(word) for word in _words(self.header.protocol))
        )

    @property
    def kind(self) -> str | None:
        """Kind of sequence; metabolite-nulled scans are none that the configuration knows."""
        return guess_kind([self.header.sequence, self.header.protocol, self.name])

    @property
    def is_inverted(self) -> bool:
        """Whether an inversion nulls the metabolites, by header or name."""
        named = any(map(_INVERTED.fullmatch, _words(f"{self.header.protocol} {self.name}")))
        return self.header.inverted or named

    def goes_with(self, water: "RawFile", tolerance: float) -> bool:
        """Whether a water reference is of the same subject and session, and of the same echo time where both say it."""
        times = (self.header.echo_time, water.header.echo_time)
        same_time = None in times or abs(times[0] - times[1]) <= tolerance
        return same_time and (self.subject, self.session) == (water.subject, water.session)

    def place(self, root: Path) -> str:
        """The entry of the table: paths below `root`, joined."""
        # Without following links: DataLad keeps files elsewhere.
        return SEPARATOR.join(Path(os.path.relpath(file, root)).as_posix() for file in self.files)


@dataclass(frozen=True)
class FoundScans:
    """What was found below a folder.

    Attributes:
        scans: lines of the table, "" where something could not be guessed.
        formats: how many scans and water references there are of each format.
        sentences: what has to be filled in or put right, and what was passed over.
        needed: sections `sequences` and `analyses` that the configuration lacks, for scans of known kind and echo time.
    """

    scans: list[Scan]
    formats: Mapping[str, int]
    sentences: list[str]
    needed: Mapping[str, Mapping] = field(default_factory=dict)


def find_scans(folder: Path, root: Path, sequences: Mapping[str, SequenceEntry], tolerance: float) -> FoundScans:
    """Find the scans below a folder.

    Args:
        folder: where to look.
        root: paths in the table are below it; it holds `folder`.
        sequences: section of the configuration.
        tolerance: of echo times, in s.
    Raises:
        SpinsculptError: there is no such folder.
    """
    if not folder.is_dir():
        raise SpinsculptError(f"{folder}: there is no such folder; name the one that holds the raw files.")
    passed_over: list[str] = []
    found = sorted(_raw_files(folder, passed_over), key=lambda file: (file.subject, file.session, file.files))
    waters = [file for file in found if file.is_water]
    measured = [file for file in found if not file.is_water]
    scans, sentences, offered = [], [], []
    needed: dict[str, dict] = {}
    for file in measured:
        references = _water_of(file, measured, waters, tolerance)
        offered += references
        names = [file.header.protocol, file.name]
        sequence, reason = match_sequence(sequences, names, file.kind, file.header.echo_time, tolerance)
        if reason.startswith("no sequence"):
            for section, entries in needed_sequence(file.kind, file.header.echo_time).items():
                needed.setdefault(section, {}).update(entries)
        open_questions = _open_questions(file, sequence, reason, references)
        if open_questions:
            sentences.append(f"{file.files[0]}: fill in {', '.join(open_questions)}.")
        water = references[0].place(root) if len(references) == 1 else ""
        frequency = f"{file.header.central_frequency:.3f}" if file.header.central_frequency else ""
        use = NULLED if file.is_inverted else ""
        scanner = {"use": use, "frequency": frequency, "vendor": file.header.vendor}
        scans.append(Scan(file.subject, file.session, sequence, file.place(root), water, **scanner))
    scans, notes = keep_apart(scans, [_entities(file.files[0]) for file in measured])
    sentences += notes
    sentences += [
        f"{file.files[0]}: is a water reference, but not clearly of one scan; fill it in where it belongs."
        for file in waters
        if file not in offered
    ]
    return FoundScans(
        scans, Counter(file.header.format for file in found), sentences + _doubled(scans) + passed_over, needed
    )


def write_scans(path: Path, scans: Iterable[Scan], force: bool = False) -> None:
    """Write a table of scans; a file that holds more than the header of one is replaced by `force` only."""
    with path.open("rb") if path.is_file() else nullcontext(BytesIO()) as file:
        held = file.read(1000).decode(errors="replace").split()  # a header is shorter
    if held and not set(held) <= set(Scan.__dataclass_fields__) and not force:
        raise SpinsculptError(
            f"{path}: this file has lines already; name another one for the table with --out, or say --force."
        )
    write_table(path, COLUMNS, [[getattr(scan, column) for column in COLUMNS] for scan in scans])


def _entities(path: Path) -> Mapping[str, str]:
    """Entities of a BIDS name, {} of other names."""
    return parse_name("/".join(path.parts[-4:])) or parse_name("/".join(path.parts[-3:])) or {}


def _open_questions(file: RawFile, sequence: str, reason: str, references: list[RawFile]) -> list[str]:
    """What could not be guessed of a scan, as objects of "fill in"."""
    questions = []
    if not file.subject:
        questions.append("its subject (no sub-NAME in its path, and no folder of its own)")
    if not sequence:
        questions.append(f"its sequence ({reason})")
    if len(references) > 1:
        questions.append(f"its water reference (one of {', '.join(water.files[0].name for water in references)})")
    return questions


def _raw_files(folder: Path, passed_over: list[str]) -> Iterator[RawFile]:
    """The scans and water references below a folder; what else there is goes to `passed_over`."""
    series: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    without_spectra = 0
    for path in _candidates(folder, passed_over):
        try:
            checked_place(os.path.relpath(path, folder), folder)
            header = read_raw_header(path)
            if header.nucleus not in ("", "1H", "H1", "H"):
                raise SpinsculptError(
                    f"{path}: the nucleus is {header.nucleus:.12}; only proton (1H) data are analysed."
                )
            if is_dicom(path):
                series[path.parent, dicom_spectrum(path).series_uid].append(path)
            else:
                yield _raw_file((path,), path.name, folder, header)
        except NoSpectrum:
            without_spectra += 1
        except SpinsculptError as error:
            passed_over.append(f"{error} It is passed over.")
    for (parent, _), files in series.items():
        alone = sum(other == parent for other, _ in series) == 1 and len(files) > 1 and parent != folder
        name = parent.name if alone else f"{parent.name if parent != folder else ''} {files[0].name}"
        yield _raw_file((parent,) if alone else tuple(files), name, folder, read_raw_header(files[0]))
    if without_spectra:
        passed_over.append(f"{folder}: {without_spectra} image files without spectra are passed over.")


def _candidates(folder: Path, passed_over: list[str]) -> Iterator[Path]:
    """Files that may be raw ones by name or first bytes; of a Philips scan one. What hides from us is said."""

    def unreadable(error: OSError) -> None:
        passed_over.append(f"{error.filename}: it cannot be looked into ({error.strerror}); it is passed over.")

    below = [Path(here, name) for here, _, names in os.walk(folder, onerror=unreadable) for name in names]
    for path in sorted(below):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file():
            continue
        represented = {other.suffix.lower() for other in _scan_of(path)} & set(_LISTED_BY.get(path.suffix.lower(), ()))
        if (path.name.lower().endswith(SUFFIXES) and not represented) or is_dicom(path):
            yield path
        elif other := other_format(path):
            passed_over.append(f"{path}: {other}. It is passed over.")


def _scan_of(path: Path) -> list[Path]:
    """The partners of a file; of a SPAR also a .data that it belongs to."""
    data = (path.with_suffix(suffix) for suffix in (".data", ".DATA"))
    return [*partners(path), *(other for other in data if other.is_file())]


def _raw_file(files: tuple[Path, ...], name: str, folder: Path, header: RawHeader) -> RawFile:
    """With subject and session from names as BIDS has them, or from folders below the one that is looked through."""
    below = files[0].relative_to(folder).parts
    parts = [*reversed(below), folder.resolve().name]
    own_folders = below[:-1] if files[0].is_file() else below
    subject = _first(r"sub-([A-Za-z0-9]+)", parts) or _plain("".join(own_folders[:1]))
    session = _first(r"ses-([A-Za-z0-9]+)", parts)
    visit = next((found[1] for part in own_folders[1:] if (found := _VISIT.fullmatch(part))), "")
    return RawFile(files, name, header, subject, session or visit)


def _first(pattern: str, parts: Iterable[str]) -> str:
    return next((found[1] for part in parts if (found := re.search(pattern, part))), "")


def _plain(name: str) -> str:
    """A name of letters and digits."""
    return re.sub(r"[^A-Za-z0-9]", "", name)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", re.sub(r"no[-_ ]ws", "nows", text.lower())) if word]


def _water_of(file: RawFile, measured: list[RawFile], waters: list[RawFile], tolerance: float) -> list[RawFile]:
    """The water references that may be of a scan.

    They are the file itself, else those that share its name and that of no other scan, first with numbers in the name,
    then without, else those of a session with this scan only.
    """
    if file.header.holds_water:
        return [file]
    near = [water for water in waters if file.goes_with(water, tolerance)]
    rivals = [other for other in measured if other.goes_with(file, tolerance) and not other.header.holds_water]
    for key in (_name_with_numbers, _name_without_numbers, lambda _: ""):
        same = [water for water in near if key(water) == key(file)]
        if same and sum(key(rival) == key(file) for rival in rivals) == 1:
            return same
    return []


def _name_with_numbers(file: RawFile) -> list[str]:
    """Words of a name that a scan and its water reference share."""
    return [word for word in _words(file.name) if not (_WATER.fullmatch(word) or _METABOLITES.fullmatch(word))]


def _name_without_numbers(file: RawFile) -> list[str]:
    return [word for word in _name_with_numbers(file) if not _NUMBER.fullmatch(word)]


def _doubled(scans: list[Scan]) -> list[str]:
    lines = defaultdict(list)
    for number, scan in enumerate(scans, start=2):
        if scan.subject and scan.sequence:
            lines[scan.name].append(str(number))
    return [
        f"Lines {' and '.join(numbers)} of the table are all {name}: keep one, join repetitions by '{SEPARATOR}', or "
        "give them sessions."
        for name, numbers in lines.items()
        if len(numbers) > 1
    ]
