"""Seconds of a plan (dry run) of a study of 500 scans with their water references, and what of it is ours.

Raw files are empty Philips pairs, each subject in a folder, then all in one. Three plans are compared in turn, as the
median of five: the study, the same with one scan, and a bare workflow of as many jobs in the same order without any
directive but input, output and script, which is what Snakemake takes by itself. Our share of the CPU time is that of
the functions of workflow/rules and the package, by cProfile.

    python benchmarks/plan.py [--scans 500]

The last line is one JSON object. Where a SLURM client is installed but its controller is not reachable, add some 9 s:
the executor plugin asks it for its configuration whenever Snakemake starts.
"""

import argparse
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PROFILED = "import cProfile, sys; from snakemake.cli import main; cProfile.run('main()', {out!r})"
BARE = """
N = [f"s{{i:03d}}" for i in range({scans})]
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


def write_study(folder: Path, scans: int, flat: bool) -> Path:
    """A table of scans with empty raw files; the path of the table."""
    lines = ["subject\tsequence\tdata\twater"]
    for number in range(scans):
        subject = f"s{number:03d}"
        names = [f"{subject}{'_' if flat else '/'}{role}" for role in ("act", "ref")]
        for name in names:
            for suffix in ("SDAT", "SPAR"):
                path = folder / "data" / f"{name}.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        lines.append(f"{subject}\tpress30\t" + "\t".join(f"{name}.SDAT" for name in names))
    (folder / "subjects.tsv").write_text("\n".join(lines) + "\n")
    return folder


def arguments(folder: Path) -> list[str]:
    """Of a plan of the study in a folder."""
    study = ["--config", f"subjects={folder}/subjects.tsv", f"data={folder}/data"]
    return ["-n", "-q", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder), *study]


def seconds(plan: list[str]) -> tuple[float, float]:
    """Wall and CPU time of one plan in s."""
    start, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-m", "snakemake", *plan], check=True, capture_output=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, used


def our_share(plan: list[str], out: Path) -> float:
    """Share of the CPU time that functions of the workflow and the package take."""
    subprocess.run([sys.executable, "-c", PROFILED.format(out=str(out)), *plan], check=True, capture_output=True)
    timings = pstats.Stats(str(out)).stats
    ours = {name: entry for name, entry in timings.items() if str(REPOSITORY / "src") in name[0] or ".smk" in name[0]}
    # Time in our functions and in what they call, counted at the functions that are not called by ours.
    spent = sum(
        sum(callers[3] for caller, callers in entry[4].items() if caller not in ours) for entry in ours.values()
    )
    return spent / sum(entry[2] for entry in timings.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scans", type=int, default=500)
    scans = parser.parse_args().scans
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        plans = {
            "a folder a subject": arguments(write_study(root / "folders", scans, flat=False)),
            "one folder": arguments(write_study(root / "flat", scans, flat=True)),
            "one scan": arguments(write_study(root / "one", 1, flat=False)),
        }
        bare = root / "bare"
        bare.mkdir()
        (bare / "s.py").touch()
        (bare / "Snakefile").write_text(BARE.format(scans=scans))
        plans["bare workflow"] = ["-n", "-q", "--snakefile", str(bare / "Snakefile"), "--directory", str(bare)]
        times = {what: [] for what in plans}
        for _ in range(5):
            for what, plan in plans.items():
                times[what].append(seconds(plan))
        share = our_share(plans["a folder a subject"], root / "profile")
    result: dict = {"scans": scans, "our_share": round(share, 3)}
    for what, pairs in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{what:20} {wall:6.2f} s wall, {cpu:6.2f} s CPU")
        result[what] = {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2)}
    print(f"our share of the CPU time: {share:.1%}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
