"""Time the main job: set-up in a fresh virtual environment, the whole chain in a fresh folder, and each stage.

    python benchmarks/main_job.py [--no-setup] [--cores 2] [options of Snakemake]

Stages come from Snakemake's benchmark files (seconds and peak memory of each job). The CPU time of the run is that of
the work of its jobs, as their log files say, and the rest: planning and scheduling by Snakemake, starts of Python and
imports. With cold starts (SPINSCULPT_COLD_STARTS=1) imports inside functions count as work, so that the rest is larger
than said.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
IMPORTS = {"convert": "spinsculpt.data.convert", "preprocess": "spinsculpt.preprocess", "fit": "spinsculpt.fit"}


def seconds(*command: str, **options) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, **options)
    return time.perf_counter() - start


def setup_seconds() -> float:
    """`make setup` in a copy of the tracked files."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), folder], check=True)
        return seconds("make", "--silent", "setup", cwd=folder)


def stage_table(benchmarks: Path) -> pd.DataFrame:
    """Jobs, summed seconds and largest peak memory (MB) of each stage."""
    rows = []
    for path in sorted(benchmarks.rglob("*.tsv")):
        record = pd.read_csv(path, sep="\t", na_values="-").iloc[0]
        rows.append((path.relative_to(benchmarks).parts[0].removesuffix(".tsv"), record["s"], record["max_rss"]))
    table = pd.DataFrame(rows, columns=["stage", "seconds", "peak_mb"])
    return table.groupby("stage").agg(jobs=("seconds", "size"), seconds=("seconds", "sum"), peak_mb=("peak_mb", "max"))


def work_seconds(logs: Path) -> float:
    """CPU time of the work of all jobs, without their starts."""
    said = (re.search(r"done: ([\d.]+) s of CPU time", path.read_text()) for path in logs.rglob("*.log"))
    return sum(float(found[1]) for found in said if found)


def cpu_seconds() -> float:
    """Of all processes that were waited for."""
    times = os.times()
    return times.children_user + times.children_system


def import_seconds(module: str) -> float:
    """Median of five cold starts, less that of an empty interpreter."""

    def median(code: str) -> float:
        return sorted(seconds(sys.executable, "-c", code) for _ in range(5))[2]

    return median(f"import {module}") - median("pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-setup", action="store_true", help="leave the set-up out")
    parser.add_argument("--cores", default="2")
    arguments, more = parser.parse_known_args()

    setup = None if arguments.no_setup else setup_seconds()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--quiet", "all"]
        command += ["--directory", folder, "--cores", arguments.cores]
        command += ["--config", "subjects=simulated", *more]
        before = cpu_seconds()
        job = seconds(*command)
        cpu, work = cpu_seconds() - before, work_seconds(Path(folder) / "results/logs")
        again = seconds(*command)
        stages = stage_table(Path(folder) / "results/benchmarks")
    imports = {stage: import_seconds(module) for stage, module in IMPORTS.items()}

    print(f"{os.cpu_count()} cores, Snakemake on {arguments.cores}")
    if setup is not None:
        print(f"set-up           {setup:8.1f} s")
    print(f"main job         {job:8.1f} s\nsecond run       {again:8.1f} s\n")
    print(f"CPU time         {cpu:8.1f} s: work of jobs {work:.1f} s, starts and planning {1 - work / cpu:.0%}\n")
    print(stages.round(1).to_string(), "\n")
    for stage, value in imports.items():
        print(f"import for {stage:12s} {value:6.2f} s")
    print(
        json.dumps(
            {
                "setup_s": setup,
                "main_job_s": job,
                "cpu_s": cpu,
                "work_cpu_s": work,
                "second_run_s": again,
                "stages": stages.round(3).to_dict("index"),
                "import_s": imports,
            }
        )
    )


if __name__ == "__main__":
    main()
