"""`spinsculpt …` for people without Snakemake. The packages of the science are imported inside the commands."""

import sys
from typing import Annotated

import typer

from spinsculpt import __version__
from spinsculpt.app.cli._basis import basis_command
from spinsculpt.app.cli._convert import convert_command
from spinsculpt.app.cli._design import design_command
from spinsculpt.app.cli._explore import explore_command
from spinsculpt.app.cli._export import export_command
from spinsculpt.app.cli._fit import fit_command
from spinsculpt.app.cli._import import import_command
from spinsculpt.app.cli._mrf import mrf
from spinsculpt.app.cli._power import power_command
from spinsculpt.app.cli._preprocess import preprocess_command
from spinsculpt.app.cli._protocol import protocol_command
from spinsculpt.app.cli._resources import resources_command
from spinsculpt.app.cli._run import run_command
from spinsculpt.core.problems import problem

app = typer.Typer(
    help="Design and judge pulse sequences for MR spectroscopy of the brain, one stage at a time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spinsculpt {__version__}")
        raise typer.Exit


@app.callback()
def spinsculpt(
    version: Annotated[
        bool, typer.Option("--version", help="print the version and stop", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Design and judge pulse sequences for MR spectroscopy of the brain, one stage at a time."""


app.command("import")(import_command)
app.command("convert")(convert_command)
app.command("preprocess")(preprocess_command)
app.command("design")(design_command)
app.command("basis")(basis_command)
app.command("export")(export_command)
app.command("fit")(fit_command)
app.command("explore")(explore_command)
app.command("power")(power_command)
app.command("protocol")(protocol_command)
app.add_typer(mrf, name="mrf")
app.command("resources")(resources_command)
app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run_command)


@app.command("config")
def config_command() -> None:
    """Print every key of the configuration with its default and meaning (config/README.md)."""
    from spinsculpt.config import reference_page

    print(reference_page(), end="")


def main() -> None:
    """Run a command; an error is one sentence, and a bug of ours is called one, with a log file to report."""
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        app()
    except Exception as error:
        sys.exit(f"spinsculpt: {problem(error)}")
