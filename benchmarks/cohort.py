"""CPU time a subject, from raw file to table of fits, for cohorts of growing size: does it stay what it is?

Each subject has the same simulated PRESS scan with its water reference, so that all cost the same. Cohorts are run with
each stage as a job and with a scan as a job (`scan_jobs`), and planned once more when all is done.

    python benchmarks/cohort.py [--subjects 5 20 60] [--plot docs/images/cohort_cost.png]

The last line is one JSON object.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
STUDY = REPOSITORY / "tests/slurm/study.yaml"
TABLE = "results/compare/fits.tsv"


def cpu_seconds(folder: Path, *arguments: str) -> float:
    """Of a run of Snakemake on one core."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "1"]
    command += ["--directory", str(folder), "--configfile", str(STUDY), *arguments]
    before = os.times()
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def write_cohort(folder: Path, raw: Path, subjects: int) -> None:
    """A table of so many subjects, each with copies of the raw files."""
    lines = ["subject\tsequence\tdata\twater"]
    for number in range(subjects):
        home = folder / f"data/s{number:03d}"
        home.mkdir(parents=True)
        for path in raw.glob("press30_*.S*"):
            shutil.copy(path, home)
        lines.append(f"s{number:03d}\tpress30\ts{number:03d}/press30_act.SDAT\ts{number:03d}/press30_ref.SDAT")
    (folder / "subjects.tsv").write_text("\n".join(lines) + "\n")


def measure(root: Path, sizes: list[int]) -> dict[str, list[dict[str, float]]]:
    """Of each way to split the work, CPU seconds of the run and of a plan, by number of subjects."""
    simulated = root / "simulated"
    simulated.mkdir()
    raw = "results/scanner/sub-01"
    cpu_seconds(simulated, "--config", "subjects=simulated", "--", f"{raw}/press30_act.SDAT")
    found: dict[str, list[dict[str, float]]] = {}
    for split in ("stages", "whole"):
        for subjects in sizes:
            folder = root / f"{split}{subjects}"
            write_cohort(folder, simulated / raw, subjects)
            study = ["--config", "subjects=subjects.tsv", "fit={baseline: 'poly:2'}", f"scan_jobs={split}"]
            run = cpu_seconds(folder, *study, "--", TABLE)
            plan = cpu_seconds(folder, "--dry-run", "--forceall", *study, "--", TABLE)
            found.setdefault(split, []).append({"subjects": subjects, "run_s": run, "plan_s": plan})
    return found


def draw(found: dict[str, list[dict[str, float]]], path: Path) -> None:
    """CPU time a subject against the number of subjects."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for split, rows in found.items():
        sizes = [row["subjects"] for row in rows]
        for key, line in (("run_s", "o-"), ("plan_s", "o:")):
            label = f"{split}, {'all' if key == 'run_s' else 'planning'}"
            axes.plot(sizes, [row[key] / row["subjects"] for row in rows], line, label=label)
    axes.set(xscale="log", ylim=(0, None), xlabel="subjects", ylabel="CPU time a subject / s")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--subjects", type=int, nargs="+", default=[5, 20, 60])
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        found = measure(Path(root), arguments.subjects)
    for split, rows in found.items():
        for row in rows:
            each, plan = (row[key] / row["subjects"] for key in ("run_s", "plan_s"))
            print(f"{split:7} {row['subjects']:4.0f} subjects: {each:6.2f} s each, {plan:.2f} s of them a plan")
    if arguments.plot:
        draw(found, arguments.plot)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
