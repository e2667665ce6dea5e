"""Download the public example data: checked by SHA-256, resumed where it broke off, complete or not there at all."""

import hashlib
import http.client
import logging
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import owned_files, refuse_foreign
from spinsculpt.core.gate import read_yaml

TABLE = Path(__file__).with_name("example_data.yaml")
_CHUNK = 1 << 16  # bytes
_TIMEOUT = 30.0  # s without a byte


@dataclass(frozen=True)
class RemoteFile:
    """One file of the table.

    Attributes:
        path: where it goes below the folder of the example data.
        origin: where it comes from below the base URL.
        size: bytes.
        sha256: hexadecimal digest of its content.
    """

    path: str
    origin: str
    size: int
    sha256: str


def read_table(path: Path | str = TABLE) -> tuple[str, list[RemoteFile]]:
    """Base URL and files of a table of downloads."""
    content = read_yaml(path)
    return content["base_url"], [RemoteFile(**entry) for entry in content["files"]]


def fetch_example_data(
    folder: Path | str,
    base_url: str | None = None,
    table: Path | str = TABLE,
    attempts: int = 4,
    pause: float = 2.0,
) -> list[Path]:
    """Download what is missing of the example data.

    Files arrive in `folder`.partial, which outlives a failure, and go to `folder` once all of them are right. What
    others have in either stays, and what is there and right is left alone, whoever put it there.

    Args:
        folder: where the data go.
        base_url: in place of that of the table, e.g. a mirror.
        table: files with size and SHA-256.
        attempts: how often a file is tried.
        pause: s before the second attempt; doubles with each further one.
    Returns:
        Paths of all files.
    Raises:
        SpinsculptError: a file cannot be had or has another content (what has arrived stays for the next try), or a
            file of others has the name of one of these.
    """
    folder = Path(folder)
    partial = folder.with_name(folder.name + ".partial")
    origin, files = read_table(table)
    refuse_foreign(folder, [file.path for file in files], digests={file.path: file.sha256 for file in files})
    missing = [file for file in files if not _is_right(folder / file.path, file)]
    for number, file in enumerate(missing, start=1):
        url = f"{(base_url or origin).rstrip('/')}/{urllib.parse.quote(file.origin)}"
        logging.info("%d of %d: %s", number, len(missing), url)
        _fetch(url, partial / file.path, file, attempts, pause)
    with owned_files(folder) as arrived:
        for file in missing:
            (arrived / file.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(partial / file.path, arrived / file.path)
    for file in missing:
        (partial / file.path).unlink()
    for empty in sorted({partial / parent for file in files for parent in PurePath(file.path).parents}, reverse=True):
        with suppress(OSError):  # it is not there, or holds something else
            empty.rmdir()
    return [folder / file.path for file in files]


def _fetch(url: str, path: Path, file: RemoteFile, attempts: int, pause: float) -> None:
    """Download one file, continuing where an earlier attempt ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    problem = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            if not _is_right(path, file):
                _continue(url, path, file.size)
        except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
            problem = str(getattr(error, "reason", "") or error or type(error).__name__)
            if isinstance(error, urllib.error.HTTPError) and error.code in (403, 404, 410):
                raise SpinsculptError(f"{url}: the server says {error.code} {problem}; correct the base URL.") from None
            continue
        if _is_right(path, file):
            return
        if path.stat().st_size >= file.size:
            problem = f"its SHA-256 is not {file.sha256}"
            path.unlink()
        else:
            problem = f"the connection ended after {path.stat().st_size} of {file.size} bytes"
    raise SpinsculptError(
        f"{url}: could not be downloaded in {attempts} attempts ({problem}); run again to continue, or put the file at "
        f"{path} by hand."
    )


def _continue(url: str, path: Path, size: int) -> None:
    """Append what is missing of a file; start anew if the server does not resume or there is too much already."""
    have = path.stat().st_size if path.is_file() else 0
    if have >= size:
        path.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        resumed = have and response.status == 206
        with path.open("ab" if resumed else "wb") as target:
            while target.tell() <= size and (chunk := response.read(_CHUNK)):
                target.write(chunk)


def _is_right(path: Path, file: RemoteFile) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == file.size
        and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    )
