"""Results of earlier jobs that were damaged since (a bad disk, a broken copy): found when a job that needs them fails.

They are renamed, so that the next run makes them anew. Only what jobs of this study wrote is looked at, no raw file.
"""

import gzip
import json
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from spinsculpt.core.folders import MANIFEST, read_manifest, set_aside, sha256


def set_aside_damaged(files: Iterable[Path | str], results: Path | str) -> list[str]:
    """Rename what cannot be read any more.

    Args:
        files: inputs of a job that failed.
        results: folder of the study; files elsewhere are the user's.
    Returns:
        A sentence for each file or folder that was renamed.
    """
    said = []
    root = Path(results).resolve()
    for path in dict.fromkeys(map(Path, files)):
        if root in path.resolve().parents and path.exists() and (reason := damage(path)):
            with suppress(OSError):
                if (listed := path.with_suffix("")).is_dir():
                    set_aside(listed)
                said.append(f"{path} {reason}; it is now {set_aside(path).name}, and the next run makes it anew.")
    return said


def damage(path: Path) -> str:
    """Why a result cannot be what its job wrote; "" if it may be."""
    if path.suffix == ".json" and (listed := _listed(path)):
        folder = path.with_suffix("")
        changed = [name for name in listed if not (folder / name).is_file() or sha256(folder / name) != listed[name]]
        return f"names files that are not as they were written ({', '.join(changed[:3])})" if changed else ""
    known = read_manifest(path.parent).get(path.name, set()) if (path.parent / MANIFEST).is_file() else set()
    if known:
        return "" if sha256(path) in known else "is not as it was written"
    try:
        match path.suffix:
            case ".json":
                json.loads(path.read_bytes())
            case ".gz":
                with gzip.open(path) as stream:
                    while stream.read(1 << 20):
                        pass
            case ".npz":
                with zipfile.ZipFile(path) as archive:
                    if archive.testzip():
                        return "is damaged"
            case ".tsv" | ".csv":
                content = path.read_bytes()
                if not content.endswith(b"\n") or b"\0" in content:
                    return "is cut short or damaged"
    except (OSError, EOFError, ValueError, RecursionError, zlib.error, zipfile.BadZipFile):
        return "is damaged"
    return ""


def _listed(path: Path) -> dict[str, str]:
    """Digests of the files that a list names (see `basis.list_basis`); {} of any other JSON."""
    try:
        files = json.loads(path.read_bytes())["files"]
        return files if all(isinstance(digest, str) for digest in files.values()) else {}
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return {}
