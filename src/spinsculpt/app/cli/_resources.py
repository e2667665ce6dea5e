"""`spinsculpt resources`: what jobs took, as a part of a cluster profile."""

from pathlib import Path
from typing import Annotated

import typer


def resources_command(
    benchmarks: Annotated[
        Path, typer.Argument(help="folder of benchmark files of a run", exists=True, file_okay=False)
    ] = Path("results/benchmarks"),
) -> None:
    """Print what each rule took in a run, as the section set-resources of a Snakemake profile.

    Memory is half as much again as the largest job took, time three times the longest; each retry asks for more.
    """
    from spinsculpt.config import workflow_folder
    from spinsculpt.core.workflow.resources import measured, profile_section

    typer.echo(profile_section(measured(benchmarks, workflow_folder() / "workflow/rules")))
