"""What jobs take on this machine, from Snakemake's benchmark files, as the part of a profile that asks for it."""

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError

MARGIN_MEMORY, MARGIN_TIME = 1.5, 3.0  # other nodes, other data; a retry asks for more
_LEAST_MEMORY, _LEAST_TIME = 300, 2  # MB, minutes: a Python with its libraries, a busy file system


@dataclass(frozen=True)
class Measured:
    """Jobs of one rule: number, median and longest time in s, largest resident memory in MB."""

    rule: str
    jobs: int
    median: float
    longest: float
    memory: float

    @property
    def mem_mb(self) -> int:
        """Memory to ask for, in MB: half as much again as the largest, in steps of 100 MB."""
        return max(_LEAST_MEMORY, 100 * math.ceil(MARGIN_MEMORY * self.memory / 100))

    @property
    def runtime(self) -> int:
        """Time to ask for, in whole minutes: three times the longest."""
        return max(_LEAST_TIME, math.ceil(MARGIN_TIME * self.longest / 60))


def measured(benchmarks: Path | str, rules: Path | str) -> list[Measured]:
    """What the jobs of each rule took.

    Args:
        benchmarks: folder of Snakemake's benchmark files, `results/benchmarks`.
        rules: folder of the rule files, which say what each rule calls them.
    Raises:
        SpinsculptError: there is no benchmark file of these rules.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    patterns = list(_patterns(Path(rules)))
    for path in sorted(Path(benchmarks).rglob("*.tsv")):
        name = path.relative_to(benchmarks).as_posix()
        rule = next((rule for rule, pattern in patterns if pattern.fullmatch(name)), None)
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t") if rule else ():
                found.setdefault(rule, []).append((_number(row.get("s")), _number(row.get("max_rss"))))
    if not found:
        raise SpinsculptError(f"{benchmarks}: there are no benchmark files of the workflow; run it first.")
    return [
        Measured(
            rule,
            len(rows),
            sorted(seconds for seconds, _ in rows)[len(rows) // 2],
            max(seconds for seconds, _ in rows),
            max(memory for _, memory in rows),
        )
        for rule, rows in sorted(found.items())
    ]


def profile_section(table: list[Measured]) -> str:
    """The section `set-resources` of a profile; each attempt asks for more than the one before."""
    lines = ["set-resources:"]
    for row in table:
        note = f"# {row.jobs} jobs: {row.median:.1f} s, at most {row.longest:.1f} s and {row.memory:.0f} MB"
        lines.append(f"  {row.rule}: {{mem_mb: {row.mem_mb} * attempt, runtime: {row.runtime} * attempt}} {note}")
    return "\n".join(lines)


def _patterns(rules: Path) -> Iterator[tuple[str, re.Pattern]]:
    """Each rule with what its benchmark files are called; those with the most words of their own first."""
    found = []
    for path in sorted(rules.glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        for block in re.split(r"^ *(?=rule |use rule |rule:)", text, flags=re.MULTILINE)[1:]:
            name = re.match(r"(?:use rule \w+ as |rule )(\w+)", block)
            file = re.search(r'benchmark:\s+f?"<benchmarks>/([^"]+)"', block)
            if name and file:
                pieces = re.split(r"\{[^}]+\}", file[1])
                pattern = re.compile(".+".join(re.escape(piece) for piece in pieces))
                found.append((len("".join(pieces)), name[1], pattern))
    for _, name, pattern in sorted(found, key=lambda entry: -entry[0]):
        yield name, pattern


def _number(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:  # "-" of a job that was too short to be measured
        return 0.0
    return value if math.isfinite(value) else 0.0
