"""Whether two runs gave the same, byte for byte but for how long they took."""

import hashlib
import re
from pathlib import Path

# What says how long a job took, and of which revision the source was: somebody may commit between two runs of a test.
TIMES = re.compile(rb'("(?:wall_time_s|seconds|git_revision)": )(?:[0-9.e+-]+|"[^"]*")')
APART = ("logs", "benchmarks", "provenance.json")


def digests(results: Path) -> dict[str, str]:
    """SHA-256 of each result by its path, durations blanked; logs, benchmarks and checkpoints left out."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results)
        if not path.is_file() or name.parts[0] in APART or "checkpoint" in name.name:
            continue
        content = path.read_bytes()
        if path.suffix in (".json", ".html"):
            content = TIMES.sub(rb"\1?", content)
        if path.name != "spinsculpt.sha256" and not name.match("basis/*.json"):  # digests of files with these
            found[name.as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def differences(one: Path, other: Path) -> list[str]:
    """Paths of the results that differ or are there but once."""
    ones, others = digests(one), digests(other)
    return sorted(name for name in ones.keys() | others.keys() if ones.get(name) != others.get(name))
