"""`spinsculpt protocol`: a sheet for the scanner."""

from pathlib import Path
from typing import Annotated

import typer

from spinsculpt.app.cli._options import of_key
from spinsculpt.config import Basis, Scanner, SystemEntry
from spinsculpt.core.system import System


def protocol_command(
    sequence: Annotated[Path, typer.Argument(help="results/sequences/NAME.json", exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option(help="HTML file to write")],
    system: Annotated[str, of_key(SystemEntry, "preset", given=True)] = System.name,
    field: Annotated[float, of_key(Basis, "field")] = Basis.field,
    repetition_time: Annotated[float, of_key(Scanner, "repetition_time")] = Scanner.repetition_time,
    force: Annotated[bool, typer.Option("--force", help="replace a file that is there")] = False,
) -> None:
    """Write a protocol sheet: settings, pulses, SAR, diagram, expected phantom spectra, recipe and check list."""
    from spinsculpt.core.folders import refuse_existing
    from spinsculpt.core.gate import check_numbers
    from spinsculpt.physics.sequences import Sequence
    from spinsculpt.report import write_protocol

    check_numbers({"field": field, "repetition_time": repetition_time}, "the options")
    loaded = Sequence.read(sequence)
    refuse_existing([out], force, sequence)
    write_protocol(loaded, out, Basis(field=field), SystemEntry(preset=system).limits(), repetition_time)
