"""`spinsculpt export`: a sequence of this package for other programs and for scanners."""

from pathlib import Path
from typing import Annotated

import typer


def export_command(
    sequence: Annotated[
        Path, typer.Argument(help="results/sequences/NAME.json, or pulse.json of a design", exists=True, dir_okay=False)
    ],
    out: Annotated[
        Path,
        typer.Option(help=".json (FSL-MRS), .seq (Pulseq), .pta (Siemens), .RF (Varian), .txt (FID-A), .exc (Bruker)"),
    ],
    shot: Annotated[str | None, typer.Option(help="shot of a sequence of several; the first one if not given")] = None,
    field: Annotated[float, typer.Option(help="static field in T")] = 3.0,
    points: Annotated[int, typer.Option(help="complex samples of the acquisition")] = 2048,
    bandwidth: Annotated[float, typer.Option(help="spectral width in Hz")] = 2000.0,
) -> None:
    """Write a sequence, or the waveforms in it, in the format that the suffix of --out names."""
    import json

    from spinsculpt.errors import SpinsculptError
    from spinsculpt.pulses import read_json, write_pulse
    from spinsculpt.sequences import Sequence, ShapedPulse, write_fslmrs, write_pulseq

    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        content = json.loads(sequence.read_text())
    except ValueError as error:
        raise SpinsculptError(f"{sequence} is no JSON file of spinsculpt ({error}); give one that it wrote.") from error
    if "b1_x_uT" in content:
        write_pulse(out, read_json(sequence))
        return
    loaded = Sequence.read(sequence)
    match out.suffix.lower():
        case ".json":
            write_fslmrs(loaded, out, {"field": field, "points": points, "bandwidth": bandwidth}, shot)
        case ".seq":
            write_pulseq(loaded, out, points, 1 / bandwidth, shot)
        case _:
            shaped = [event.pulse for event in loaded.shot(shot).events if isinstance(event, ShapedPulse)]
            waveforms = {id(pulse): pulse for pulse in shaped if pulse.peak_b1 > 0}
            for number, pulse in enumerate(waveforms.values(), 1):
                write_pulse(out if len(waveforms) == 1 else out.with_stem(f"{out.stem}_{number}"), pulse)
