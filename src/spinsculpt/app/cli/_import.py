"""`spinsculpt import`: the table of scans from a folder of raw files."""

from pathlib import Path
from typing import Annotated

import typer
import yaml


def import_command(
    folder: Annotated[Path, typer.Argument(help="folder below which the raw files are")],
    out: Annotated[Path, typer.Option(help="table of scans to write")] = Path("subjects.tsv"),
    config: Annotated[
        list[Path] | None, typer.Option(help="configuration over the default one; may be repeated")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="of echo times, in ms")] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="replace a table that has lines")] = False,
) -> None:
    """Find raw files, guess what they are from their headers and names, and write the table of scans for review.

    What cannot be guessed is left empty and said in a sentence.
    """
    from spinsculpt.config import default_config, read_study
    from spinsculpt.core.gate import check_numbers
    from spinsculpt.data.convert import find_scans, write_scans
    from spinsculpt.data.subjects import TABLE

    check_numbers({"echo_time": tolerance * 1e-3}, "the option --tolerance")
    settings = read_study([default_config(), *(config or [])])
    data = Path(settings.data)
    root = data if folder.absolute().is_relative_to(data.absolute()) else folder
    found = find_scans(folder, root, settings.sequences, tolerance * 1e-3)
    for sentence in found.sentences:
        typer.echo(sentence)
    formats = ", ".join(f"{count} {name}" for name, count in sorted(found.formats.items())) or "nothing"
    typer.echo(f"{folder}: found {formats}.")
    if not found.scans:
        raise typer.Exit(1)
    write_scans(out, found.scans, force)
    if found.needed:
        measured = {scan.sequence for scan in found.scans}
        known = [name for name, analysis in settings.analyses.items() if analysis.sequence in measured]
        lacking = {**found.needed, "compare": {"analyses": [*known, *found.needed["analyses"]]}}
        typer.echo(
            "The configuration lacks a sequence. If the scans are what their headers say, put this into study.yaml:\n\n"
            f"{yaml.safe_dump(lacking, sort_keys=False, default_flow_style=None)}\n"
            f"then: spinsculpt import {folder} --config study.yaml --force, and add --configfile study.yaml to the run."
        )
    overrides = [] if out == Path(TABLE) else [f"subjects={out}"]
    overrides += [] if root == data else [f"data={folder}"]
    then = "spinsculpt run" + (f" --config {' '.join(overrides)}" if overrides else "")
    typer.echo(f"{out}: {len(found.scans)} scans. Look them through, then: {then}")
