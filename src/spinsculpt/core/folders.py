"""Folders that are shared with others: only files that spinsculpt wrote are ever replaced or removed.

A folder that results are written to holds a manifest, `spinsculpt.sha256`, one line a file, which `sha256sum -c` checks
too. A file is ours when the manifest names it with the digest that it has; everything else belongs to somebody else.
A list of checksums of somebody else makes nothing ours: the name and the first line of the manifest are our own.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.provenance import atomic_path

MANIFEST = "spinsculpt.sha256"
_HEAD = "# Written by spinsculpt, which replaces and removes in this folder only what is named here and unchanged."
_LONGEST = 100  # bytes of a name; file systems end at 255, and suffixes and temporary names come on top


def path_in(folder: Path | str, name: object, suffix: str = "", what: str = "the name") -> Path:
    """The path of `name` + `suffix` straight below `folder`: the only way from a name in a file to a path.

    Args:
        folder: where the file is or will be.
        name: as a file or the configuration gives it, e.g. of a shot, a metabolite or a design.
        suffix: of ours, e.g. ".json".
        what: what errors call the name, e.g. "seq.json: the name of a shot".
    Raises:
        SpinsculptError: the name could lead elsewhere or is none that every file system takes.
    """
    return Path(folder) / f"{checked_name(name, what)}{suffix}"


def checked_name(name: object, what: str = "the name") -> str:
    """`name` if it can be a file name everywhere: no separators, control characters, leading dot or edge spaces."""
    reason = ""
    if not isinstance(name, str):
        reason = "is no text"
    elif not name.strip() or name != name.strip():
        reason = "is empty or has spaces at its ends"
    elif name.startswith(".") or any(mark in name for mark in "/\\:"):
        reason = "has a slash, a backslash, a colon or a dot in front"
    elif not name.isprintable():
        reason = "has characters that cannot be printed"
    elif len(name.encode()) > _LONGEST:
        reason = f"is longer than {_LONGEST} bytes"
    if reason:
        raise SpinsculptError(
            f"{what} {str(name)[:60]!r} {reason}; it becomes the name of a file, so choose a plain one."
        )
    return name


@contextmanager
def owned_files(folder: Path | str, replaces: str = "", whole: str = "") -> Iterator[Path]:
    """A temporary folder whose files move into `folder` when the block ends well; all of them, or none.

    Args:
        folder: made if need be; what others have in it stays as it is.
        replaces: pattern of our files of an earlier time that are removed when they are not written anew, "*" for all.
        whole: pattern of files of which there may be none but ours, because the folder is read as a whole.
    Raises:
        SpinsculptError: a file would replace one that is not ours, or the folder cannot be written to.
    """
    folder = Path(folder)
    made = _made(folder)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".spinsculpt-", dir=folder))
    except OSError as error:
        raise SpinsculptError(f"{folder}: cannot be written to ({brief(error)}); name another folder.") from error
    try:
        refuse_foreign(folder, (), whole)  # before the work begins
        yield temporary
        _move(temporary, folder, replaces, whole)
    except OSError as error:
        if error.filename and str(error.filename).startswith(str(folder)):
            raise SpinsculptError(f"{folder}: could not be written ({brief(error)}).") from error
        raise
    finally:
        _clear(temporary)
        for empty in made:
            with suppress(OSError):
                empty.rmdir()


def refuse_foreign(
    folder: Path | str, names: Iterable[str], whole: str = "", digests: dict[str, str] | None = None
) -> None:
    """Raise when writing `names` into a folder would replace a file that is not ours.

    Args:
        folder: need not exist.
        names: paths below it.
        whole: pattern of files of which there may be none but ours.
        digests: what would be written; a file that is the same already is no obstacle.
    """
    folder = Path(folder)
    _refuse_foreign_manifest(folder / MANIFEST)
    known = read_manifest(folder)
    found = [path for path in _files(folder) if whole and fnmatch(path.name, whole)] if whole else []
    for path in dict.fromkeys([*(folder / name for name in names), *found]):
        name = path.relative_to(folder).as_posix()
        if not os.path.lexists(path) or _is_ours(path, name, known):
            continue
        if digests and path.is_file() and digests.get(name) == sha256(path):
            continue
        changed = "was changed since spinsculpt wrote it" if name in known else "was not written by spinsculpt"
        use = "would be read as a part of the result" if path in found and name not in names else "would be replaced"
        raise SpinsculptError(f"{path} {changed} and {use}; move it away or name another folder.")


def refuse_existing(files: Iterable[Path], force: bool, source: Path | None = None) -> None:
    """Raise when single files, which no manifest names, are there already and `force` does not allow to replace them.

    Args:
        files: that would be written.
        force: what the user said.
        source: the file they are made from, which is never replaced.
    """
    for file in files:
        if source is not None and file.exists() and file.samefile(source):
            raise SpinsculptError(f"{file} is what would be read; name another file with --out.")
        if file.is_dir():
            raise SpinsculptError(f"{file} is a folder; name a file with --out.")
        if os.path.lexists(file) and not force:
            raise SpinsculptError(f"{file} is there already; name another one with --out, or say --force.")


def read_manifest(folder: Path | str) -> dict[str, set[str]]:
    """Digests by path below the folder; {} where there is no manifest. Lines that lead elsewhere are passed over."""
    known: dict[str, set[str]] = {}
    try:
        with (Path(folder) / MANIFEST).open(encoding="utf-8", errors="replace") as file:
            head, *lines = file.read(1 << 22).splitlines() or [""]
    except OSError:
        return known
    if head != _HEAD:
        return known
    for line in lines:
        digest, _, name = line.partition("  ")
        parts = PurePosixPath(name).parts
        if len(digest) == 64 and parts and not name.startswith("/") and ".." not in parts:
            known.setdefault(name, set()).add(digest)
    return known


def _refuse_foreign_manifest(path: Path) -> None:
    if not os.path.lexists(path):
        return
    try:
        with path.open("rb") as file:
            ours = file.read(len(_HEAD)) == _HEAD.encode()
    except OSError:
        ours = False
    if not ours:
        raise SpinsculptError(
            f"{path} was not written by spinsculpt, which keeps its list of files under this name; move it away or "
            "name another folder."
        )


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def set_aside(path: Path) -> Path:
    """Rename a file that is of no use to a free name beside it, and return that."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.bad-{number}")):
        number += 1
    path.rename(aside)
    return aside


def _made(folder: Path) -> list[Path]:
    """Make a folder; returns those that were made, the innermost first."""
    missing = []
    here = folder
    while not os.path.lexists(here):
        missing.append(here)
        here = here.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpinsculptError(f"{folder}: no folder can be made there ({brief(error)}); name another one.") from error
    return missing


def _move(temporary: Path, folder: Path, replaces: str, whole: str) -> None:
    written = sorted(path for path in temporary.rglob("*") if path.is_file())
    new = {path.relative_to(temporary).as_posix(): sha256(path) for path in written}
    refuse_foreign(folder, new, whole, new)
    known = read_manifest(folder)
    stale = [
        name
        for name in known
        if replaces and fnmatch(name, replaces) and name not in new and _is_ours(folder / name, name, known)
    ]
    # Both generations are named until the last file has moved, so that a killed run leaves nothing that looks foreign.
    _write_manifest(
        folder,
        {name: digests | {new[name]} if name in new else digests for name, digests in known.items()}
        | {name: {digest} for name, digest in new.items() if name not in known},
    )
    for name in new:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary / name, folder / name)
    for name in stale:
        (folder / name).unlink()
        for parent in (folder / name).relative_to(folder).parents:
            with suppress(OSError):  # there is something else in it
                if parent != Path("."):
                    (folder / parent).rmdir()
    left = {name: digests for name, digests in known.items() if name not in stale and (folder / name).is_file()}
    _write_manifest(folder, left | {name: {digest} for name, digest in new.items()})


def _write_manifest(folder: Path, known: dict[str, set[str]]) -> None:
    lines = [f"{_HEAD}\n"] + [f"{digest}  {name}\n" for name in sorted(known) for digest in sorted(known[name])]
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def _is_ours(path: Path, name: str, known: dict[str, set[str]]) -> bool:
    """Whether it is a plain file, straight in its folder, with a content that the manifest has."""
    try:
        return name in known and not path.is_symlink() and path.is_file() and sha256(path) in known[name]
    except OSError:
        return False


def _files(folder: Path) -> list[Path]:
    """Files in a folder and in the folders in it, one deep; temporary ones left out."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or path.name == MANIFEST:
            continue
        if path.is_dir() and not path.is_symlink():
            found += sorted(inner for inner in path.iterdir() if not inner.name.startswith(".") and inner.is_file())
        elif path.is_file():
            found.append(path)
    return found


def _clear(temporary: Path) -> None:
    """Remove a temporary folder of ours."""
    shutil.rmtree(temporary, ignore_errors=True)
