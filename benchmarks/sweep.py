"""What scheduling and starts cost of a sweep of small designs, a job each and in a group: CPU seconds a design.

Within a group, as on one node of a cluster, one Snakemake runs the designs in turn; alone, each has a Snakemake of its
own besides, as a job of a cluster has. The work of a design is what its log file says.

    python benchmarks/sweep.py [--designs 4] [--iterations 30] [--starts 2]

The last line is one JSON object. Waiting for the scheduler of a cluster is not in it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
TABLE = "results/sweep/table.tsv"


def cpu_seconds(command: list[str], **environment: str) -> float:
    before = os.times()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def sweep(folder: Path, given: argparse.Namespace, *more: str) -> list[str]:
    """The command that runs a sweep of so many small designs in a folder."""
    folder.mkdir()
    config = yaml.safe_load((REPOSITORY / "config/sweep.yaml").read_text())
    config["sweep"]["grid"] = {"duration": [0.006], "seed": list(range(given.designs))}
    config["sweep"]["override"] |= {"iterations": given.iterations, "starts": given.starts}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory"]
    return [*command, str(folder), "--configfile", str(folder / "sweep.yaml"), "--cores", "1", *more, "--", TABLE]


def work_seconds(folder: Path) -> float:
    """CPU time of the work of the designs, as their log files say."""
    words = [path.read_text().split("done: ")[-1].split()[0] for path in (folder / "results/logs/sweep").rglob("*.log")]
    return sum(map(float, words))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--designs", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--starts", type=int, default=2)
    given = parser.parse_args()
    designs = given.designs
    result: dict = vars(given)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for what, environment in (("forks", {}), ("a Python each", {"SPINSCULPT_COLD_STARTS": "1"})):
            folder = root / what.replace(" ", "_")
            cpu = cpu_seconds(sweep(folder, given), **environment)
            work = work_seconds(folder)
            result[what] = {"cpu_s": cpu / designs, "work_s": work / designs, "overhead": 1 - work / cpu}
        result["snakemake_s"] = cpu_seconds(sweep(root / "plan", given, "--dry-run"))
    print(f"a Snakemake of its own costs {result['snakemake_s']:.2f} s")
    for what in ("forks", "a Python each"):
        row = result[what]
        said = f"{row['cpu_s']:6.2f} s a design, {row['work_s']:.2f} s of them work"
        print(f"{what:14} {said}: overhead {row['overhead']:.0%}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
