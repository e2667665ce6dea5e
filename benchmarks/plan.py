"""Seconds of a plan (dry run) of a cohort of 500 subjects with three sequences each.

Raw files are empty Philips pairs with water references, each subject in a folder. Plans are compared in turn, as the
median of three: each stage of a scan as a job and a scan as a job (`scan_jobs`), one subject, and bare workflows of as
many jobs without any directive but input, output and script, which is what Snakemake takes by itself: one of all
stages, one of a job a scan with all its files.

    python benchmarks/plan.py [--subjects 500]

The last line is one JSON object. Where a SLURM client is installed but its controller is not reachable, add some 9 s:
the executor plugin asks it for its configuration whenever Snakemake starts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SEQUENCES = ("press30", "press35", "steam")
BARE = """
N = [f"s{{i:04d}}" for i in range({scans})]
rule all:
    input: [f"plot/{{s}}" for s in N]
rule convert:
    output: "bids/{{s}}_{{x}}"
    script: "s.py"
rule preprocess:
    input: "bids/{{s}}_svs"
    output: "preproc/{{s}}_svs"
    script: "s.py"
rule water:
    input: "bids/{{s}}_ref", "bids/{{s}}_svs"
    output: "preproc/{{s}}_ref"
    script: "s.py"
rule fit:
    input: "preproc/{{s}}_svs", "preproc/{{s}}_ref"
    output: "fit/{{s}}"
    script: "s.py"
rule plot:
    input: "fit/{{s}}"
    output: "plot/{{s}}"
    script: "s.py"
"""
BARE_WHOLE = """
N = [f"s{{i:04d}}" for i in range({scans})]
rule all:
    input: "table", "pages"
rule whole:
    output: [f"{{x}}/{{{{s}}}}" for x in "abcdefghijklmnop"]
    script: "s.py"
rule table:
    input: [f"{{x}}/{{s}}" for x in "mn" for s in N]
    output: "table"
    script: "s.py"
rule pages:
    input: [f"{{x}}/{{s}}" for x in "op" for s in N]
    output: "pages"
    script: "s.py"
"""


def write_study(folder: Path, subjects: int) -> Path:
    """A table of scans with empty raw files; the path of its folder."""
    lines = ["subject\tsequence\tdata\twater"]
    for number in range(subjects):
        subject = f"s{number:03d}"
        (folder / "data" / subject).mkdir(parents=True)
        for sequence in SEQUENCES:
            names = [f"{subject}/{sequence}_{role}" for role in ("act", "ref")]
            for name in names:
                for suffix in ("SDAT", "SPAR"):
                    (folder / "data" / f"{name}.{suffix}").touch()
            lines.append(f"{subject}\t{sequence}\t" + "\t".join(f"{name}.SDAT" for name in names))
    (folder / "subjects.tsv").write_text("\n".join(lines) + "\n")
    return folder


def arguments(folder: Path, split: str) -> list[str]:
    """Of a plan of the study in a folder."""
    study = ["--config", f"subjects={folder}/subjects.tsv", f"data={folder}/data", f"scan_jobs={split}"]
    study += [f"compare={{analyses: [{', '.join(SEQUENCES)}]}}"]
    return ["-n", "-q", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder), *study]


def seconds(plan: list[str]) -> tuple[float, float]:
    """Wall and CPU time of one plan in s."""
    start, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-m", "snakemake", *plan], check=True, capture_output=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, used


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--subjects", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    scans = given.subjects * len(SEQUENCES)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        cohort = write_study(root / "cohort", given.subjects)
        plans = {"stages": arguments(cohort, "stages"), "whole": arguments(cohort, "whole")}
        plans["one subject"] = arguments(write_study(root / "one", 1), "stages")
        for what, text in (("bare stages", BARE), ("bare whole", BARE_WHOLE)):
            bare = root / what.replace(" ", "_")
            bare.mkdir()
            (bare / "s.py").touch()
            (bare / "Snakefile").write_text(text.format(scans=scans))
            plans[what] = ["-n", "-q", "--snakefile", str(bare / "Snakefile"), "--directory", str(bare)]
        times = {what: [] for what in plans}
        for _ in range(given.repeats):
            for what, plan in plans.items():
                times[what].append(seconds(plan))
    result: dict = {"scans": scans}
    for what, pairs in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{what:12} {wall:6.2f} s wall, {cpu:6.2f} s CPU")
        result[what] = {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
