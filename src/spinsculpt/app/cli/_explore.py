"""`spinsculpt explore`: the workbench in the browser."""

from pathlib import Path
from typing import Annotated

import typer


def explore_command(
    config: Annotated[Path | None, typer.Option(help="configuration to begin with, such as one that it saved")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="of the loopback address; 0: a free one")] = 0,
    browser: Annotated[bool, typer.Option(help="open it in the browser")] = True,
) -> None:
    """Choose sequence, times, pulses and metabolites in the browser, and see spectra and bounds as the sliders move."""
    from spinsculpt.app.explore import read_saved, serve

    serve(read_saved(config) if config else None, port, browser)
