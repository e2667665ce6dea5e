"""`spinsculpt convert`: one raw scan to NIfTI-MRS."""

from pathlib import Path
from typing import Annotated

import typer


def convert_command(
    raw: Annotated[
        list[Path],
        typer.Argument(
            help="raw file of any format that import knows, or folder of a DICOM series; several: repetitions"
        ),
    ],
    out: Annotated[Path, typer.Option(help="NIfTI-MRS file to write, NAME.nii.gz; its sidecar is NAME.json")],
    water: Annotated[
        bool, typer.Option("--water", help="the unsuppressed water reference, or that part of a file which holds both")
    ] = False,
    echo_time: Annotated[float | None, typer.Option(help="in ms, where the header does not say it")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace files that are there")] = False,
) -> None:
    """Convert one scan to NIfTI-MRS, without the fields that identify the subject, and write its BIDS sidecar."""
    from spinsculpt.config import Convert
    from spinsculpt.core.errors import SpinsculptError
    from spinsculpt.core.folders import refuse_existing
    from spinsculpt.core.gate import check_numbers, read_json
    from spinsculpt.data.bids import sidecar_path
    from spinsculpt.data.convert import convert_scan
    from spinsculpt.data.subjects import Scan

    if not out.name.endswith(".nii.gz"):
        raise SpinsculptError(f"{out} is no name of a NIfTI-MRS file; let it end in .nii.gz.")
    if echo_time is not None:
        check_numbers({"echo_time": echo_time * 1e-3}, "the option --echo-time")
    beside = sidecar_path(out)
    refuse_existing([out, beside], force)
    section = Convert(check_echo_time=False)
    scan = Scan("01", "", "scan", str(raw[0]))
    convert_scan(raw, scan, "mrsref" if water else "svs", out, beside, section, echo_time and echo_time * 1e-3)
    fields = read_json(beside)
    for note in fields["ConversionNotes"]:
        typer.echo(note)
    said = [f"{fields['SpectrometerFrequency'][0]:.3f} MHz", f"{fields['NumberOfSpectralPoints']} points"]
    said += [
        f"{name} {fields[key] * 1e3:g} ms"
        for name, key in (("TE", "EchoTime"), ("TR", "RepetitionTime"))
        if key in fields
    ]
    typer.echo(f"{out}: {fields['SourceFormat']}, {', '.join(said)}, averages: {fields['NumberOfTransients']}")
