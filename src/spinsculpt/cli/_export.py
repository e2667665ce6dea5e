"""`spinsculpt export`: a sequence of this package for other programs and for scanners."""

from pathlib import Path
from typing import Annotated

import typer

from spinsculpt.cli._options import of_key
from spinsculpt.study import Basis, SystemEntry
from spinsculpt.system import System


def export_command(
    sequence: Annotated[
        Path, typer.Argument(help="results/sequences/NAME.json, or pulse.json of a design", exists=True, dir_okay=False)
    ],
    out: Annotated[
        Path,
        typer.Option(
            help=".json (FSL-MRS), .seq (Pulseq), .pta (Siemens), .philips.txt, .ge.txt, .RF (Varian), .txt (FID-A), "
            ".exc (Bruker)"
        ),
    ],
    shot: Annotated[str | None, typer.Option(help="shot of a sequence of several; the first one if not given")] = None,
    field: Annotated[float, of_key(Basis, "field")] = Basis.field,
    points: Annotated[int, of_key(Basis, "points")] = Basis.points,
    bandwidth: Annotated[float, of_key(Basis, "bandwidth")] = Basis.bandwidth,
    system: Annotated[str, of_key(SystemEntry, "preset", "whose limits a .seq keeps", given=True)] = System.name,
    water_suppression: Annotated[
        bool, typer.Option("--water-suppression", help="put four WET pulses before the sequence in a .seq")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="replace files that are there")] = False,
) -> None:
    """Write a sequence, or the waveforms in it, in the format that the suffix of --out names."""
    from spinsculpt.folders import refuse_existing
    from spinsculpt.gate import check_numbers
    from spinsculpt.gate import read_json as read_table
    from spinsculpt.pulses import read_json, write_pulse
    from spinsculpt.sequences import Sequence, ShapedPulse, write_fslmrs, write_pulseq

    check_numbers(Basis(field=field, points=points, bandwidth=bandwidth), "the options")
    content = read_table(sequence, "JSON file of spinsculpt")
    if "b1_x_uT" in content:
        pulse = read_json(sequence)
        refuse_existing([out], force, sequence)
        write_pulse(out, pulse)
        return
    loaded = Sequence.read(sequence)
    if out.suffix.lower() in (".json", ".seq"):
        refuse_existing([out], force, sequence)
    match out.suffix.lower():
        case ".json":
            write_fslmrs(loaded, out, Basis(field=field, points=points, bandwidth=bandwidth), shot)
        case ".seq":
            write_pulseq(
                loaded, out, points, 1 / bandwidth, shot, SystemEntry(preset=system).limits(), water_suppression
            )
        case _:
            shaped = [event for event in loaded.shot(shot).events if isinstance(event, ShapedPulse)]
            waveforms = {id(event.pulse): event for event in shaped if event.pulse.peak_b1 > 0}
            stem, _, kind = out.name.partition(".")
            numbered = [out.with_name(f"{stem}_{number}.{kind}") for number in range(1, len(waveforms) + 1)]
            files = [out] if len(waveforms) == 1 else numbered
            refuse_existing(files, force, sequence)
            for file, event in zip(files, waveforms.values(), strict=True):
                write_pulse(file, event.pulse, event.offset)
