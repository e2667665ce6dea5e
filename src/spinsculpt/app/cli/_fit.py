"""`spinsculpt fit`: one scan, no workflow."""

from pathlib import Path
from typing import Annotated

import typer

from spinsculpt.app.cli._options import of_key
from spinsculpt.config import LEFT_OPEN, Fit, WaterReference, parse

# One scan at a time is a real one.
_BASELINE, _NOISE, _BOOTSTRAP = str(LEFT_OPEN[True]["baseline"]), LEFT_OPEN[True]["noise"], LEFT_OPEN[True]["bootstrap"]


def fit_command(
    data: Annotated[Path, typer.Argument(help="preprocessed spectrum (NIfTI-MRS)")],
    basis: Annotated[Path, typer.Option(help="folder of FSL-MRS JSON files, or a file of LCModel, jMRUI or NIfTI-MRS")],
    out: Annotated[Path, typer.Option(help="folder of the result; what others have in it stays")],
    water: Annotated[Path | None, typer.Option(help="unsuppressed water reference (NIfTI-MRS)")] = None,
    averages: Annotated[
        Path | None,
        typer.Option(help="the spectrum in successive parts, as `spinsculpt preprocess` writes it, to be resampled"),
    ] = None,
    engine: Annotated[str, of_key(Fit, "engines", "one of them")] = Fit.engines[0],
    ppm: Annotated[tuple[float, float] | None, of_key(Fit, "ppm", "two numbers")] = None,
    baseline: Annotated[str, of_key(Fit, "baseline", given=True)] = _BASELINE,
    lineshape: Annotated[str | None, of_key(Fit, "lineshape")] = Fit.lineshape,
    groups: Annotated[list[str] | None, of_key(Fit, "groups", "one set, by commas; may be repeated")] = None,
    add: Annotated[
        str | None,
        of_key(Fit, "add", "by commas; none: --add ''"),
    ] = None,
    noise: Annotated[str, of_key(Fit, "noise", given=True)] = _NOISE,
    joint: Annotated[
        list[str] | None,
        typer.Option(help="OTHER.nii.gz:OTHERBASIS, fitted with the same concentrations; may be repeated"),
    ] = None,
    resample: Annotated[str, of_key(Fit, "resample")] = Fit.resample,
    repeats: Annotated[int, of_key(Fit, "repeats")] = Fit.repeats,
    bootstrap: Annotated[int, of_key(Fit, "bootstrap", given=True)] = _BOOTSTRAP,
    seed: Annotated[int, of_key(Fit, "seed")] = Fit.seed,
    tissue: Annotated[
        tuple[float, float, float] | None,
        of_key(WaterReference, "tissue", "three: grey matter, white matter, CSF"),
    ] = None,
    t1: Annotated[
        list[str] | None,
        of_key(WaterReference, "t1", "NAME=SECONDS; may be repeated"),
    ] = None,
    t2: Annotated[list[str] | None, of_key(WaterReference, "t2", "NAME=SECONDS; may be repeated")] = None,
    echo_time: Annotated[float | None, of_key(WaterReference, "echo_time")] = None,
    repetition_time: Annotated[float | None, of_key(WaterReference, "repetition_time")] = None,
) -> None:
    """Fit a spectrum with a basis and write concentrations with their CRLBs.

    Edited data (DIM_EDIT of ON and OFF) are fitted jointly with the folders `on` and `off` of the basis.
    """
    from spinsculpt.core import progress
    from spinsculpt.data.nifti import read_fids
    from spinsculpt.fit import Spectra, basis_at, conditions_of, fit_scan, only_spectrum, parts_of, sub_spectrum

    section = {
        "ppm": list(ppm) if ppm else None,
        "baseline": baseline,
        "lineshape": lineshape,
        "groups": [group.split(",") for group in groups] if groups else None,
        "add": None if add is None else [name for name in add.split(",") if name],
        "noise": noise,
        "resample": resample,
        "repeats": repeats,
        "bootstrap": bootstrap,
        "seed": seed,
        "water": {
            "tissue": dict(zip(("gm", "wm", "csf"), tissue, strict=True)) if tissue else None,
            "t1": _times(t1, "--t1"),
            "t2": _times(t2, "--t2"),
            "echo_time": echo_time,
            "repetition_time": repetition_time,
        },
    }
    section = parse(Fit, section, "the options of the fit")
    measured = read_fids(data)
    if "DIM_EDIT" in measured.dims:
        labels = conditions_of(measured)
        fids = [sub_spectrum(measured, label, str(data)) for label in labels]
        bases = [basis_at(basis / label) for label in labels]
    else:
        labels, fids, bases = [_label(data)], [only_spectrum(measured, str(data))], [basis_at(basis)]
    for pair in joint or []:
        other, _, other_basis = pair.rpartition(":")
        if not other:
            raise typer.BadParameter(f"{pair!r} is not OTHER.nii.gz:OTHERBASIS", param_hint="--joint")
        fids.append(only_spectrum(read_fids(other), other))
        bases.append(basis_at(other_basis))
        labels.append(f"{_label(Path(other))}-{len(labels) + 1}")
    if averages and joint:
        raise typer.BadParameter("averages of spectra of several files cannot be resampled", param_hint="--averages")
    edited = labels if "DIM_EDIT" in measured.dims else ()
    parts = parts_of(read_fids(averages), edited, measured, str(averages)) if averages else ()
    with progress.shown():
        result = fit_scan(Spectra(fids, bases, labels, measured, str(data), parts), out, section, engine, water)
    for message in result.messages:
        typer.echo(message)
    typer.echo(
        f"{sum(result.reliable)} of {len(result.names)} estimates are reliable; the table is {out / 'summary.csv'}"
    )


def _times(given: list[str] | None, option: str) -> dict[str, float]:
    """{"gm": 1.5} of ["gm=1.5"]."""
    found = {}
    for each in given or []:
        name, _, seconds = each.partition("=")
        try:
            found[name] = float(seconds)
        except ValueError:
            raise typer.BadParameter(f"{each!r} is not NAME=SECONDS, such as gm=1.5", param_hint=option) from None
    return found


def _label(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")
