"""`spinsculpt basis`: a basis set without a configuration file."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spinsculpt.app.cli._options import of_key
from spinsculpt.config import (
    ECHO_TIMES,
    IDEAL_TE1,
    Basis,
    Editing,
    Grid,
    Refocusing,
    SelectiveExcitation,
    SequenceEntry,
    SystemEntry,
    parse,
)
from spinsculpt.core.system import System

if TYPE_CHECKING:
    from spinsculpt.basis import BasisSet
    from spinsculpt.physics.sequences import Sequence

_KINDS = tuple(kind for kind in SequenceEntry.KINDS if kind != "file")
_USUAL = ", ".join(f"{kind} {1e3 * time:g}" for kind, time in ECHO_TIMES.items())
_EDITED = Editing().ppm


class Format(StrEnum):
    fslmrs = "fslmrs"
    lcmodel = "lcmodel"
    jmrui = "jmrui"
    nifti = "nifti"


def basis_command(
    out: Annotated[Path, typer.Option(help="folder to write to")],
    sequence: Annotated[
        str, typer.Option(help=f"{', '.join(_KINDS)}, or a file: Pulseq (.seq), FSL-MRS or spinsculpt (.json)")
    ] = SequenceEntry.KINDS[0],
    te: Annotated[float | None, typer.Option(help=f"echo time in ms; te1 + te2, else 30 ({_USUAL})")] = None,
    te1: Annotated[float | None, of_key(SequenceEntry, "te1", milliseconds=True)] = None,
    te2: Annotated[float | None, typer.Option(help="second echo time of press in ms")] = None,
    orders: Annotated[str, of_key(SequenceEntry, "orders", "by commas: --orders=-1,1,-1")] = "",
    tm: Annotated[float, of_key(SequenceEntry, "mixing_time", milliseconds=True)] = 1e3 * SequenceEntry.mixing_time,
    metabolites: Annotated[str, of_key(Basis, "metabolites", "by commas; all of the default basis if empty")] = "",
    macromolecules: Annotated[str, of_key(Basis, "macromolecules", "by commas")] = "",
    field: Annotated[float, of_key(Basis, "field")] = Basis.field,
    central_frequency: Annotated[float | None, of_key(Basis, "central_frequency")] = None,
    points: Annotated[int, of_key(Basis, "points")] = Basis.points,
    bandwidth: Annotated[float, of_key(Basis, "bandwidth")] = Basis.bandwidth,
    linewidth: Annotated[float, of_key(Basis, "linewidth")] = Basis.linewidth,
    edit_on: Annotated[float, typer.Option(help="editing pulse of megapress, ON, in ppm")] = _EDITED["on"],
    edit_off: Annotated[float, typer.Option(help="editing pulse of megapress, OFF, in ppm")] = _EDITED["off"],
    editing: Annotated[str, of_key(Editing, "shape")] = Editing.shape,
    edit_duration: Annotated[float | None, of_key(Editing, "duration", milliseconds=True)] = None,
    ideal: Annotated[
        bool, typer.Option("--ideal", help="infinitely short pulses, no slices; else the real pulses of --system")
    ] = False,
    system: Annotated[str, of_key(SystemEntry, "preset", given=True)] = System.name,
    refocusing: Annotated[
        str,
        of_key(Refocusing, "shape"),
    ] = Refocusing.shape,
    refocusing_duration: Annotated[
        float | None,
        of_key(Refocusing, "duration", milliseconds=True),
    ] = None,
    excitation: Annotated[
        str, of_key(SelectiveExcitation, "shape", "steam uses it for all three slices")
    ] = SelectiveExcitation.shape,
    excitation_duration: Annotated[
        float | None,
        of_key(SelectiveExcitation, "duration", milliseconds=True),
    ] = None,
    grid: Annotated[int, of_key(Grid, "points")] = Grid.points,
    extent: Annotated[float, of_key(Grid, "extent")] = Grid.extent,
    format: Annotated[Format, typer.Option(help="file format")] = Format.fslmrs,
    picture: Annotated[bool, typer.Option(help="also draw basis.png")] = False,
) -> None:
    """Simulate a basis set and write it to a folder."""
    from spinsculpt.basis import (
        draw_basis,
        simulate_basis,
        write_basis,
        write_jmrui,
        write_lcmodel,
        write_nifti,
    )
    from spinsculpt.config import nearest_name, orders_of_text, shot_of_file
    from spinsculpt.core import progress
    from spinsculpt.core.errors import SpinsculptError
    from spinsculpt.core.folders import owned_files, path_in, read_manifest, refuse_foreign
    from spinsculpt.physics.sequences import build_sequence

    kind = "file" if Path(sequence).suffix.lower() in (".seq", ".json") else sequence
    if kind not in (*_KINDS, "file"):
        raise SpinsculptError(nearest_name(sequence, list(_KINDS), "sequence"))
    name = shot_of_file(sequence) if kind == "file" else sequence
    if orders and Path(sequence).suffix.lower() != ".seq":
        raise typer.BadParameter("only a Pulseq file (.seq) needs them; leave it out", param_hint="--orders")
    te, te1 = _echo_times(kind, te, te1, te2)
    edited = {"ppm": {"on": edit_on, "off": edit_off}}
    entry = {
        "type": kind,
        "ideal": ideal or refocusing == excitation == "ideal",
        "files": dict.fromkeys(_shots(name, sequence) if kind == "file" else (), sequence),
        "orders": orders_of_text(orders),
        "echo_time": te * 1e-3,
        "te1": None if te1 is None else te1 * 1e-3,
        "mixing_time": tm * 1e-3,
        "editing": _pulse(editing, edit_duration, "--edit-duration") | edited,
        "refocusing": _pulse(refocusing, refocusing_duration, "--refocusing-duration"),
        "selective_excitation": _pulse(excitation, excitation_duration, "--excitation-duration"),
    }
    basis = {
        "field": field,
        "central_frequency": central_frequency,
        "points": points,
        "bandwidth": bandwidth,
        "linewidth": linewidth,
        "metabolites": _names(metabolites) or list(Basis.metabolites),
        "macromolecules": _names(macromolecules),
        "grid": {"points": grid, "extent": extent},
    }
    entry, basis = parse(SequenceEntry, entry, "the options"), parse(Basis, basis, "the options")
    before = set(read_manifest(out))
    refuse_foreign(out, ["basis.png"] if picture else [], "*.json" if format is Format.fslmrs else "")
    limits = SystemEntry(preset=system).limits()
    played = build_sequence(name, entry, {}, basis.frequency, limits)
    with progress.shown():
        sets = simulate_basis(played, basis)
    if format is Format.fslmrs:
        write_basis(sets, out)
    with owned_files(out) as folder:
        if format is not Format.fslmrs:
            suffix, write = {
                Format.lcmodel: (".basis", write_lcmodel),
                Format.jmrui: (".txt", write_jmrui),
                Format.nifti: (".nii.gz", write_nifti),
            }[format]
            for name, basis in sets.items():
                write(basis, path_in(folder, name, suffix, "the name of a shot"))
        if picture:
            draw_basis(sets, folder / "basis.png")
    typer.echo(_said(out, played, sets, before & set(read_manifest(out))))


def _said(out: Path, played: "Sequence", sets: "dict[str, BasisSet]", replaced: set[str]) -> str:
    """What was written, in one sentence."""
    basis = next(iter(sets.values()))
    shots = f" of each of {', '.join(sets)}" if len(sets) > 1 else ""
    echo = f", TE {played.echo_time * 1e3:.4g} ms" if played.echo_time else ""
    again = f"; {len(replaced)} files of an earlier basis were replaced" if replaced else ""
    return (
        f"{out}: {len(basis.names)} basis functions{shots}, {played.name}{echo}, {basis.points} points, "
        f"{1 / basis.dwell:g} Hz, {basis.central_frequency:.3f} MHz{again}."
    )


def _shots(name: str, sequence: str) -> list[str]:
    """Shots of a sequence file: those of one of spinsculpt, one of others."""
    from spinsculpt.physics.sequences import Sequence, is_sequence

    return [shot.name for shot in Sequence.read(sequence).shots] if is_sequence(sequence) else [name]


def _pulse(shape: str, duration: float | None, option: str) -> dict:
    """Entry of a pulse in the configuration; duration in ms, which files need, but not those of spinsculpt."""
    if duration is None and Path(shape).is_file() and Path(shape).suffix.lower() != ".json":
        raise typer.BadParameter(f"{shape} does not say how long the pulse lasts; give it in ms", param_hint=option)
    return {"shape": shape, "duration": duration and duration * 1e-3}


def _echo_times(sequence: str, te: float | None, te1: float | None, te2: float | None) -> tuple[float, float | None]:
    """TE and, where given, TE1 in ms; what contradicts another option or the sequence is an error."""
    if sequence == "file" and te is not None:
        raise typer.BadParameter("the file holds the echo time; leave it out", param_hint="--te")
    if sequence != "press" and te2 is not None:
        raise typer.BadParameter(f"{sequence} has no second echo time; give --te", param_hint="--te2")
    if sequence not in ("press", "megapress") and te1 is not None:
        raise typer.BadParameter(f"{sequence} has no first echo time; give --te", param_hint="--te1")
    if te is not None and te2 is not None:
        if te1 is not None and abs(te1 + te2 - te) > 1e-6:
            raise typer.BadParameter(f"{te1:g} + {te2:g} ms is not {te:g} ms; leave one of them out", param_hint="--te")
        return te, te - te2
    if te2 is not None:
        te1 = 1e3 * IDEAL_TE1["press"] if te1 is None else te1
        return te1 + te2, te1
    return 1e3 * ECHO_TIMES.get(sequence, 0.030) if te is None else te, te1


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
