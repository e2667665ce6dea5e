"""The real Snakefile on a tiny study, from a test."""

import subprocess
import sys
from pathlib import Path

import yaml

from conftest import REPOSITORY

TINY = REPOSITORY / "tests/data/tiny.yaml"


def command(folder: Path, *arguments: str, configfile: Path = TINY) -> list[str]:
    workflow = ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    return [sys.executable, "-m", "snakemake", *workflow, "--configfile", str(configfile), "--cores", "2", *arguments]


def snakemake(folder: Path, *arguments: str, configfile: Path = TINY) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    run = subprocess.run(command(folder, *arguments, configfile=configfile), capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def tiny_config() -> dict:
    return yaml.safe_load(TINY.read_text())


def write_config(folder: Path, config: dict) -> Path:
    path = folder / "altered.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path
