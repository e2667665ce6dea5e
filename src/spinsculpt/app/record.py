"""`provenance.json` of a run: from which files, with which software, under which configuration, on what machine."""

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from spinsculpt.config import Study, plain
from spinsculpt.core.folders import sha256
from spinsculpt.core.provenance import provenance, write_json


def write_run_record(path: Path | str, config: Study, inputs: Iterable[Path | str]) -> None:
    """Write what it takes to repeat a run, and to see whether it was the same.

    Args:
        path: of the JSON file.
        config: the whole study, defaults included.
        inputs: files of the user that the run depends on: raw data, the table of scans, configuration files.
    """
    content = provenance(plain(config))
    del content["wall_time_s"]  # of this job, not of the run
    content["written"] = datetime.now(UTC).isoformat(timespec="seconds")
    content["processor"], content["memory_gib"] = _processor(), _memory()
    content["packages"] = dict(sorted((found.name, found.version) for found in distributions() if found.name))
    content["inputs"] = [
        {"path": _named(Path(file)), "bytes": Path(file).stat().st_size, "sha256": sha256(Path(file))}
        for file in dict.fromkeys(map(str, inputs))
    ]
    content["config"] = plain(config)
    write_json(path, content)


def _named(path: Path) -> str:
    """A path below this folder, or the name alone: where somebody keeps files is nobody's business."""
    here = Path.cwd()
    return path.resolve().relative_to(here).as_posix() if here in path.resolve().parents else path.name


def _processor() -> str:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return platform.processor()


def _memory() -> float | None:
    with suppress(OSError, ValueError, AttributeError):
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    return None
