"""`spinsculpt …` for people without Snakemake. Each command is a function of its floor; heavy imports happen inside."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from spinsculpt.errors import SpinsculptError

app = typer.Typer(help=__doc__.splitlines()[0], no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("config")
def config_reference(
    schemas: Annotated[Path, typer.Option(help="folder of the JSON schemas")] = Path("workflow/schemas"),
) -> None:
    """Print every key of the configuration with its default and meaning (config/README.md)."""
    from spinsculpt.config import load_schema, reference_page

    print(reference_page(load_schema(schemas)), end="")


def main() -> None:
    """Run a command; an error that the user can put right is one sentence, not a traceback."""
    try:
        app()
    except SpinsculptError as error:
        sys.exit(f"spinsculpt: {error}")
