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
_NO_STUDY = ("--unlock", "--lint", "--help", "-h", "--version", "mrf", "mrf_design")
_MOST_FILES = 20  # whose headers are read


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
    named = False
    for path in (default_config(), *files):  # before Snakemake does, whose parser nested brackets bring down
        if not isinstance(content := read_yaml(path), dict):
            raise SpinsculptError(f"{path}: a configuration is a map of keys; this is none.")
        check_nesting(content, path)
        named |= path in files and bool({"subjects", "mrf"} & set(content))
    if not named and not any(each.startswith("subjects=") or each in _NO_STUDY for each in given):
        _refuse_untold_scans(Path())
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(workflow_folder() / "Snakefile"), *given]
    if not any(each.split("=")[0] in CORES or each[:2] in ("-c", "-j") for each in given):
        command += ["--cores", "all"]
    if not verbose and not any(each.split("=")[0] in ("--logger", "-n", "--dry-run", "--lint") for each in given):
        command += ["--logger", "spinsculpt"]
    if files:
        command += ["--configfile", *map(str, files)]
    told = {COMMAND: shlex.join(["spinsculpt", *sys.argv[1:]])}
    raise typer.Exit(subprocess.run(command, env={**told, **os.environ}).returncode)


def _refuse_untold_scans(folder: Path) -> None:
    """Say what to type in a folder of raw files that no table lists: the simulated study is not what is wanted there.

    Raises:
        SpinsculptError: there are raw files below the folder, and no table of scans in it.
    """
    from spinsculpt.data.subjects import SIMULATED, TABLE

    if (folder / TABLE).is_file() or (folder / "workflow/Snakefile").is_file():
        return
    found = _raw_files(folder)
    if not found:
        return
    top = found[0].parts[0] if len(found[0].parts) > 1 else "."
    raise SpinsculptError(
        f"This folder holds raw files ({found[0]}{' and others' if len(found) > 1 else ''}), but no table of scans, "
        f"{TABLE}, and no configuration names one. Type `spinsculpt import {shlex.quote(top)}`, look the table "
        f"through, and run again. For the simulated study instead: spinsculpt run --config subjects={SIMULATED}"
    )


def _raw_files(folder: Path) -> list[Path]:
    """Files with a spectrum below a folder, of the first that are named like one; results are none."""
    from spinsculpt.data.convert import SUFFIXES, read_raw_header

    named: list[Path] = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each != "results")
        named += [Path(here, name) for name in sorted(names) if name.lower().endswith(SUFFIXES)]
        if len(named) >= _MOST_FILES:
            break
    found = []
    for path in named[:_MOST_FILES]:
        try:
            read_raw_header(path)
        except SpinsculptError:
            continue
        found.append(path)
    return found


def _found(path: Path) -> Path:
    """A configuration file that is not here may be one that comes with the software, such as config/mrf.yaml."""
    beside = workflow_folder() / path
    return beside if not path.is_file() and beside.is_file() else path
