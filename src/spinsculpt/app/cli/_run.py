"""`spinsculpt run`: the whole workflow, in the folder where one stands."""

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from spinsculpt.config import default_config, workflow_folder
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import check_nesting, read_yaml

CORES = ("-c", "--cores", "--jobs", "-j", "--executor", "-e", "--profile", "--unlock")


def run_command(
    context: typer.Context,
    configfile: Annotated[
        list[Path] | None, typer.Option(help="your configuration; what it leaves out comes from the defaults")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="all that Snakemake says, not one line")] = False,
) -> None:
    """Run the workflow here: results go to ./results. Targets and all options of Snakemake may follow.

    For example: spinsculpt run --configfile mine.yaml --cores 4, or spinsculpt run --dry-run.
    """
    if importlib.util.find_spec("snakemake") is None:
        raise ModuleNotFoundError("No module named 'snakemake'", name="snakemake")
    from spinsculpt.core.workflow import COMMAND

    given = list(context.args)
    files = [_found(path) for path in configfile or ()]
    if absent := [str(path) for path in files if not path.is_file()]:
        raise SpinsculptError(f"There is no file {', '.join(absent)} to configure the run.")
    for path in (default_config(), *files):  # before Snakemake does, whose parser nested brackets bring down
        if not isinstance(content := read_yaml(path), dict):
            raise SpinsculptError(f"{path}: a configuration is a map of keys; this is none.")
        check_nesting(content, path)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(workflow_folder() / "Snakefile"), *given]
    if not any(each.split("=")[0] in CORES or each[:2] in ("-c", "-j") for each in given):
        command += ["--cores", "all"]
    if not verbose and not any(each.split("=")[0] in ("--logger", "-n", "--dry-run", "--lint") for each in given):
        command += ["--logger", "spinsculpt"]
    if files:
        command += ["--configfile", *map(str, files)]
    told = {COMMAND: shlex.join(["spinsculpt", *sys.argv[1:]])}
    raise typer.Exit(subprocess.run(command, env={**told, **os.environ}).returncode)


def _found(path: Path) -> Path:
    """A configuration file that is not here may be one that comes with the software, such as config/mrf.yaml."""
    beside = workflow_folder() / path
    return beside if not path.is_file() and beside.is_file() else path
