"""`spinsculpt mrf …`: quantitative CEST and MT maps from fingerprints, no workflow."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from spinsculpt.config import Mrf, MrfStage

mrf = typer.Typer(
    help="Fingerprints of CEST and MT: simulate them, and make maps of exchange rates and proton fractions of them.",
    no_args_is_help=True,
)

Data = Annotated[str, typer.Argument(help="stack of images: NIfTI (x, y, z, images), FILE.mat[:VARIABLE] or .npy")]
_PROTOCOL = "Pulseq file (.seq, 1.3 to 1.5), YAML table, or a published schedule: mt, amide or arginine"
ProtocolFile = Annotated[Path, typer.Option("--protocol", help=_PROTOCOL)]
Out = Annotated[Path, typer.Option(help="folder of the maps; what others have in it stays")]
Field = Annotated[float, typer.Option(help="static field in T")]
Solute = Annotated[bool, typer.Option(help="whether there is a CEST pool (amide, amine)")]
Semisolid = Annotated[str, typer.Option(help='line of an MT pool: lorentzian, super-lorentzian or "" for none')]
Ranges = Annotated[
    list[str] | None,
    typer.Option(
        "--range", help="NAME=LOW:HIGH of what to find [default: fs=0:0.012 ksw=0:400, of MT fss=0:0.3 kssw=0:150]"
    ),
]
Fixed = Annotated[list[str] | None, typer.Option(help="NAME=VALUE of another tissue parameter, e.g. T1=1.3 (s)")]
Maps = Annotated[list[str] | None, typer.Option("--map", help="NAME=FILE, a map: T1, T2 (s), B0 (ppm), B1 (factor)")]
Mask = Annotated[str | None, typer.Option(help="voxels to analyse; all with any signal without it")]
Scale = Annotated[
    str, typer.Option(help="m0 (images are in units of M0), first (divide by the first image) or free (unknown factor)")
]
Readout = Annotated[
    float | None,
    typer.Option(help="degrees of one tip in place of the readout pulses of a .seq file"),
]
Steps = Annotated[int, typer.Option(help="pieces of a shaped saturation pulse; 0: one rectangle of equal RMS")]
Spoiling = Annotated[
    str,
    typer.Option(help="assumed around readout pulses, or as played by the gradients of a .seq file (scale free)"),
]
Engine = Annotated[str, typer.Option(help="exact, or isar2: a quick approximation of water and a semisolid pool")]
Noise = Annotated[float | None, typer.Option(help="SD of the images in their own units, by which residuals are judged")]
Label = Annotated[str, typer.Option(help="first part of the names of the maps, BIDS entities")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE, a setting of the method")]

RANGES = {"fs": (0.0, 0.012), "ksw": (0.0, 400.0), "fss": (0.0, 0.3), "kssw": (0.0, 150.0)}  # those of the paper


@mrf.command("simulate")
def simulate_command(
    protocol: Annotated[Path, typer.Argument(help=_PROTOCOL)],
    out: Annotated[Path, typer.Option(help="table to write (.tsv): an image a line")],
    tissue: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE[,VALUE…], e.g. fs=0.002,0.004; a column for each combination")
    ] = None,
    field: Field = Mrf.field,
    solute: Solute = MrfStage.solute,
    semisolid: Semisolid = MrfStage.semisolid,
    readout: Readout = None,
    steps: Steps = MrfStage.steps,
    spoiling: Spoiling = MrfStage.spoiling,
    force: Annotated[bool, typer.Option(help="replace a file that is there")] = False,
) -> None:
    """Simulate the signal of each image in units of M0, for one tissue or all combinations of several values."""
    from spinsculpt.cest.modelling import Stage, grid, simulate
    from spinsculpt.cest.modelling import tissue as tissue_of
    from spinsculpt.core.conventions import GAMMA_BAR
    from spinsculpt.core.folders import refuse_existing
    from spinsculpt.core.provenance import atomic_path

    refuse_existing([out], force)
    values = _pairs(tissue, "--tissue", lambda text: [_number(part) for part in text.split(",")])
    _known(values, "--tissue")
    pools = {"solute": solute, "semisolid": semisolid, "field": field}
    stage = Stage(str(protocol), {}, readout=readout, steps=steps, spoiling=spoiling, **pools)
    played = stage.read()
    axes = grid(values) if values else {}
    signals, _ = simulate(played, stage.model, tissue_of(axes))
    several = [name for name, each in values.items() if len(each) > 1]
    heads = [
        " ".join(f"{name}={axes[name][column]:g}" for name in several) or "signal" for column in range(len(signals))
    ]
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        print("image", "b1_uT", "offset_ppm", *heads, sep="\t", file=file)
        for image, line in enumerate(played.table()):
            ppm = line["offset_hz"] / (GAMMA_BAR * field)
            cells = [line["b1_uT"], ppm, *signals[:, image]]
            print(image + 1, *(f"{cell:.8g}" for cell in cells), sep="\t", file=file)
    typer.echo(
        f"{played.images} images in {played.duration:.0f} s, read out {played.notes['readout']}; "
        f"{len(signals)} signals are in {out}"
    )


@mrf.command("match")
def match_command(
    data: Data,
    protocol: ProtocolFile,
    out: Out,
    field: Field = Mrf.field,
    solute: Solute = MrfStage.solute,
    semisolid: Semisolid = MrfStage.semisolid,
    ranges: Ranges = None,
    fixed: Fixed = None,
    maps: Maps = None,
    mask: Mask = None,
    scale: Scale = MrfStage.scale,
    readout: Readout = None,
    steps: Steps = MrfStage.steps,
    spoiling: Spoiling = MrfStage.spoiling,
    noise: Noise = None,
    entries: Annotated[
        int | None, typer.Option(help="of the dictionary, spread evenly over the ranges [default: 16384]")
    ] = None,
    memory: Annotated[
        float | None, typer.Option(help="MB that signals of the dictionary may take at once [default: 500]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="of the points of the dictionary")] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(help="NAME=LOW:HIGH:NUMBER of each parameter: all combinations in place of random entries"),
    ] = None,
    label: Label = "sub-01",
) -> None:
    """Match fingerprints with a dictionary, which is simulated piece by piece."""
    stage, scan = _stage(**{name: value for name, value in locals().items() if name in _STAGE})
    given = {
        "entries": entries,
        "memory_mb": memory,
        "seed": seed,
        "grid": _pairs(grid, "--grid", _axis, "not LOW:HIGH:NUMBER") or None,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    _fit(stage, scan, out, label, "dictionary", settings)


@mrf.command("fit")
def fit_command(
    data: Data,
    protocol: ProtocolFile,
    out: Out,
    method: Annotated[str, typer.Option(help="vbmf (each voxel by itself), nbmf, supervised or dictionary")] = "vbmf",
    field: Field = Mrf.field,
    solute: Solute = MrfStage.solute,
    semisolid: Semisolid = MrfStage.semisolid,
    ranges: Ranges = None,
    fixed: Fixed = None,
    maps: Maps = None,
    mask: Mask = None,
    scale: Scale = MrfStage.scale,
    readout: Readout = None,
    steps: Steps = MrfStage.steps,
    spoiling: Spoiling = MrfStage.spoiling,
    engine: Engine = MrfStage.engine,
    noise: Noise = None,
    settings: Settings = None,
    label: Label = "sub-01",
) -> None:
    """Fit fingerprints and write maps with their Cramér-Rao bounds, R² and flags.

    Two stages: fit the MT data first (--no-solute --semisolid lorentzian), then hand its maps on, as
    --map fss=…_fssmap.nii.gz --map kssw=…_ksswmap.nii.gz, to the fit of the amide data.
    """
    stage, scan = _stage(**{name: value for name, value in locals().items() if name in _STAGE})
    _fit(stage, scan, out, label, method, _pairs(settings, "--set", _plain))


@mrf.command("apply")
def apply_command(
    data: Data,
    reconstructor: Annotated[Path, typer.Option(help="network (.pt) that `fit --method nbmf` or supervised wrote")],
    protocol: ProtocolFile,
    out: Out,
    field: Field = Mrf.field,
    solute: Solute = MrfStage.solute,
    semisolid: Semisolid = MrfStage.semisolid,
    ranges: Ranges = None,
    fixed: Fixed = None,
    maps: Maps = None,
    mask: Mask = None,
    scale: Scale = MrfStage.scale,
    readout: Readout = None,
    steps: Steps = MrfStage.steps,
    spoiling: Spoiling = MrfStage.spoiling,
    engine: Engine = MrfStage.engine,
    noise: Noise = None,
    refine: Annotated[
        int | None,
        typer.Option(min=0, help="steps of the voxelwise fit after the reading; 0 for the plain reading [default: 2]"),
    ] = None,
    label: Label = "sub-02",
) -> None:
    """Map another scan of the same protocol with a trained network, in a moment (transfer mode)."""
    stage, scan = _stage(**{name: value for name, value in locals().items() if name in _STAGE})
    _fit(stage, scan, out, label, "nbmf", {} if refine is None else {"refine": refine}, reconstructor)


_STAGE = {"data", "protocol", "field", "solute", "semisolid", "ranges", "fixed", "maps", "mask", "scale"}
_STAGE |= {"readout", "steps", "spoiling", "engine", "noise"}


def _stage(
    data,
    protocol,
    field,
    solute,
    semisolid,
    ranges,
    fixed,
    maps,
    mask,
    scale,
    readout,
    steps,
    spoiling,
    engine="exact",
    noise=None,
) -> tuple:
    """Options as (Stage, FingerprintScan)."""
    from spinsculpt.cest.modelling import FingerprintScan, Stage

    given = _pairs(maps, "--map", str)
    constants = _pairs(fixed, "--fixed", _number)
    wanted = _pairs(ranges, "--range", _range, "not LOW:HIGH")
    for names, option in ((given, "--map"), (constants, "--fixed"), (wanted, "--range")):
        _known(names, option)
    if not wanted:
        pools = [*(("fs", "ksw") if solute else ()), *(("fss", "kssw") if semisolid and not solute else ())]
        wanted = {name: RANGES[name] for name in pools if name not in constants}
    stage = Stage(
        str(protocol), wanted, constants, scale, solute, semisolid, field, engine, readout, steps, noise, spoiling
    )
    return stage, FingerprintScan(data, mask, given)


def _fit(
    stage, scan, out: Path, label: str, method: str, settings: dict[str, object], reconstructor: Path | None = None
) -> None:
    from spinsculpt.cest.modelling import METHODS, fit_scan, read_scan, summary_sentence, write_fit
    from spinsculpt.core.errors import SpinsculptError
    from spinsculpt.core.folders import checked_name, owned_files

    if method not in METHODS:
        raise SpinsculptError(f"unknown method {method!r}; known are {', '.join(METHODS)}.")
    checked_name(label, "the label")
    voxels = read_scan(stage, scan)
    fitted = fit_scan(voxels, method, settings, reconstructor, progress=lambda text: typer.echo(text, err=True))
    with owned_files(out) as folder:
        summary = write_fit(folder, label, voxels, fitted, method, stage, scan, settings=settings)
        sentence = summary_sentence(summary)
    typer.echo(f"{sentence}\nThe maps are {out / f'{label}_desc-{method}_*map.nii.gz'}")


def _pairs(given: Sequence[str] | None, option: str, read: Callable[[str], Any], otherwise: str = "no number") -> dict:
    """NAME=VALUE of an option that may be repeated."""
    found = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint=option)
        try:
            found[name] = read(value)
        except ValueError:
            raise typer.BadParameter(f"{value!r} of {name} is {otherwise}", param_hint=option) from None
    return found


def _known(names: dict, option: str) -> None:
    from spinsculpt.cest.modelling import PARAMETERS
    from spinsculpt.config import nearest_name
    from spinsculpt.core.errors import SpinsculptError

    if unknown := [name for name in names if name not in PARAMETERS]:
        raise SpinsculptError(f"{option}: {nearest_name(unknown[0], list(PARAMETERS), 'tissue parameter')}")


def _number(text: str) -> float:
    from math import isfinite

    if not isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    return _number(low), _number(high)


def _axis(text: str) -> tuple[float, float, int]:
    low, high, count = text.split(":")
    return _number(low), _number(high), int(count)


def _plain(text: str) -> object:
    value = _number(text)
    return int(value) if value.is_integer() and "." not in text and "e" not in text.lower() else value
