"""`spinsculpt preprocess`: one converted scan, no workflow."""

from pathlib import Path
from typing import Annotated

import typer


def preprocess_command(
    data: Annotated[Path, typer.Argument(help="converted scan (NIfTI-MRS)")],
    out: Annotated[Path, typer.Option(help="folder of the result; what others have in it stays")],
    water: Annotated[Path | None, typer.Option(help="unsuppressed water reference (NIfTI-MRS)")] = None,
    edited: Annotated[
        str,
        typer.Option(help="conditions of successive averages of an edited scan, e.g. ON,OFF; none of any other scan"),
    ] = "",
    config: Annotated[Path | None, typer.Option(help="YAML file with a section preprocess")] = None,
) -> None:
    """Clean one scan: coils, alignment, rejection, average, eddy currents, residual water, axis, phase.

    NAME.nii.gz is the clean spectrum, NAME_mrsref.nii.gz its water, NAME_averages.nii.gz the same in successive parts
    (for `spinsculpt fit --averages`), NAME_qc.json says how good it is, NAME_preproc.png shows before and after.
    """
    from spinsculpt.config import Preprocess, parse
    from spinsculpt.core.folders import owned_files, refuse_foreign
    from spinsculpt.core.gate import read_yaml
    from spinsculpt.preprocess import preprocess_scan, preprocess_water

    given = (read_yaml(config) or {}) if config else {}
    given = given.get("preprocess", {}) if isinstance(given, dict) else {}
    section = parse(Preprocess, given, str(config or "the section preprocess"))
    name = data.name.removesuffix(".gz").removesuffix(".nii")
    conditions = [word.strip().upper() for word in edited.split(",") if word.strip()]
    ends = [".nii.gz", "_qc.json", "_preproc.png", "_averages.nii.gz"] + ([] if water is None else ["_mrsref.nii.gz"])
    refuse_foreign(out, [f"{name}{end}" for end in ends])
    with owned_files(out) as folder:
        clean, quality, picture, averages, *reference = [folder / f"{name}{end}" for end in ends]
        numbers = preprocess_scan(data, water, clean, quality, picture, section, conditions, out_averages=averages)
        if water is not None:
            preprocess_water(data, water, *reference, section, conditions, quality)
    for step in numbers["steps"]:
        typer.echo(f"{step['Method']}: {step['Details']}")
    typer.echo(f"{out / name}.nii.gz: SNR {numbers['snr']:.0f}, linewidth {numbers['linewidth_hz']:.1f} Hz")
