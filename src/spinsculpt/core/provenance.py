"""Where a result comes from, and writing it whole or not at all."""

import hashlib
import json
import math
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from spinsculpt import __version__
from spinsculpt.core.errors import SpinsculptError

_START = time.perf_counter()


def _start_anew() -> None:
    global _START
    _START = time.perf_counter()


os.register_at_fork(after_in_child=_start_anew)  # a job may be a fork of a process that began long ago


@cache
def git_revision() -> str | None:
    """Revision of the source tree, with "+" when it has uncommitted changes; None outside a git checkout."""
    here = Path(__file__).resolve().parent
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() or None


def config_hash(content: dict) -> str:
    """SHA-256 of a configuration, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def provenance(config: dict | None = None, **more: object) -> dict:
    """What every JSON result carries: version, revision, configuration hash, seconds since start, machine type.

    `more` adds seeds and the like. Host and user names are left out on purpose: results get shared.
    """
    return {
        "software": "spinsculpt",
        "version": __version__,
        "git_revision": git_revision(),
        "config_sha256": None if config is None else config_hash(config),
        "wall_time_s": round(time.perf_counter() - _START, 3),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        **more,
    }


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary file beside `path` (same suffix) that replaces it when the block ends well and vanishes when not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes)
    handle, name = tempfile.mkstemp(suffix=suffix, prefix=f".{path.name.removesuffix(suffix)}-", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path | str, content: dict) -> None:
    """Write JSON atomically, indented, with a final newline.

    Raises:
        SpinsculptError: it holds NaN or an infinite number, which JSON has no word for; nothing is written.
    """
    try:
        text = json.dumps(content, indent=2, default=_plain, allow_nan=False)
    except ValueError as error:
        place = _not_finite(json.loads(json.dumps(content, default=_plain)))
        raise SpinsculptError(
            f"{Path(path).name}: {place} is not a finite number, so nothing was written; check what this was made from."
        ) from error
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")


def _not_finite(value: object, place: str = "") -> str:
    """Where the first number that is not finite stands, "" where there is none."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return next(filter(None, (_not_finite(inner, f"{place}.{key}".lstrip(".")) for key, inner in items)), "")
    return place if isinstance(value, float) and not math.isfinite(value) else ""


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} does not fit into JSON.")
