"""`spinsculpt export`: a sequence of this package for other programs and for scanners."""

from pathlib import Path
from typing import Annotated

import typer

from spinsculpt.app.cli._options import of_key
from spinsculpt.config import Basis, SystemEntry
from spinsculpt.core.system import System


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
    """Write a sequence, or the waveforms in it, in the format that the suffix of --out names; say what was written.

    Several waveforms go to one file each: NAME_SLOT of the pulses of a design, NAME_1, NAME_2, ... of a sequence.
    """
    from spinsculpt.core.folders import refuse_existing
    from spinsculpt.core.gate import check_numbers
    from spinsculpt.core.gate import read_json as read_table
    from spinsculpt.physics.pulses import read_designed, read_json, write_pulse
    from spinsculpt.physics.sequences import Sequence, ShapedPulse, write_fslmrs, write_pulseq

    check_numbers(Basis(field=field, points=points, bandwidth=bandwidth), "the options")
    content = read_table(sequence, "JSON file of spinsculpt")
    if "b1_x_uT" in content:
        pulses = read_designed(sequence).pulses if content.get("more_pulses") else {"": read_json(sequence)}
        waveforms = {slot: (pulse, 0.0) for slot, pulse in pulses.items()}
    else:
        loaded = Sequence.read(sequence)
        if (kind := out.suffix.lower()) in (".json", ".seq"):
            refuse_existing([out], force, sequence)
            if kind == ".json":
                write_fslmrs(loaded, out, Basis(field=field, points=points, bandwidth=bandwidth), shot)
            else:
                limits = SystemEntry(preset=system).limits()
                write_pulseq(loaded, out, points, 1 / bandwidth, shot, limits, water_suppression)
            typer.echo(f"{out}: {loaded.name}{f', shot {shot}' if shot else ''}")
            return
        shaped = [event for event in loaded.shot(shot).events if isinstance(event, ShapedPulse)]
        apart = {id(event.pulse): (event.pulse, event.offset) for event in shaped if event.pulse.peak_b1 > 0}
        waveforms = dict(enumerate(apart.values(), 1))
    files = [_numbered(out, mark) for mark in waveforms] if len(waveforms) > 1 else [out] * len(waveforms)
    refuse_existing(files, force, sequence)
    for file, (pulse, offset) in zip(files, waveforms.values(), strict=True):
        write_pulse(file, pulse, offset)
        typer.echo(f"{file}: {pulse.name}, {1e3 * pulse.duration:g} ms, {pulse.peak_b1:.3g} uT")


def _numbered(out: Path, mark: str | int) -> Path:
    stem, _, kind = out.name.partition(".")
    return out.with_name(f"{stem}_{mark}.{kind}")
