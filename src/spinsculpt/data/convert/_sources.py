"""Which files an entry of the table of scans stands for."""

from pathlib import Path

from spinsculpt.data.bids import sidecar_path
from spinsculpt.data.subjects import SEPARATOR

_PARTNERS = {
    ".sdat": (".spar",),
    ".spar": (".sdat",),
    ".data": (".list", ".spar"),
    ".list": (".data", ".spar"),
}


def named_files(folder: Path | str, entry: str) -> list[Path]:
    """The raw files or folders that an entry names, whether they exist or not.

    Args:
        folder: below which the entry is.
        entry: a path, or several joined by ";".
    """
    return [Path(folder) / name.strip() for name in entry.split(SEPARATOR) if name.strip()]


def files_on_disk(named: list[Path]) -> list[Path]:
    """Every file that exists of those named: the file with its partners of a Philips scan, or all files of a folder."""
    found: list[Path] = []
    for path in named:
        if path.is_file():
            found += [path, *partners(path)]
        else:
            found += sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    return list(dict.fromkeys(found))


def partners(path: Path) -> list[Path]:
    """The files that exist beside one and belong to it: the others of a Philips scan, whose suffixes may be in small or
    large letters, or the sidecar of a NIfTI-MRS file.
    """
    if path.name.endswith((".nii", ".nii.gz")):
        beside = sidecar_path(path)
        return [beside] if beside.is_file() else []
    found = []
    for suffix in _PARTNERS.get(path.suffix.lower(), ()):
        spellings = (suffix.upper(), suffix) if path.suffix.isupper() else (suffix, suffix.upper())
        others = (path.with_suffix(spelling) for spelling in spellings)
        found += [other for other in others if other.is_file()][:1]
    return found
