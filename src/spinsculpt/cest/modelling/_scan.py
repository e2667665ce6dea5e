"""From the files of a scan to the files of its maps: what the workflow and the command line share."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from spinsculpt.cest.modelling._estimate import Estimate, Task
from spinsculpt.cest.modelling._files import Grid, described, read_map, read_mask, read_stack, write_map
from spinsculpt.cest.modelling._methods import estimate
from spinsculpt.cest.modelling._model import PARAMETERS, Model
from spinsculpt.cest.modelling._network import REFINE, Reconstructor
from spinsculpt.cest.modelling._protocol import Protocol, published_protocol, read_protocol, refuse_for_table
from spinsculpt.cest.study import NETWORKS, PUBLISHED, FingerprintStudy, map_files
from spinsculpt.config import MrfStage
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.provenance import provenance, write_json
from spinsculpt.core.tables import write_table

SCALES = ("m0", "first", "free")
SOURCE = "https://doi.org/10.1038/s42005-025-02063-8"
ALGORITHM = {
    "dictionary": "dictionary matching by dot product",
    "vbmf": "voxelwise Bloch-McConnell fit, Levenberg-Marquardt (VBMF)",
    "supervised": "network trained on a simulated dictionary",
    "nbmf": "neural Bloch-McConnell fitting, self-supervised (NBMF)",
}
FLAGS = {
    "out_of_range": "at an end of a range",
    "low_snr": "lost in noise",
    "unfamiliar": "unlike the training",
    "inconsistent": "not explaining the data",
}
# What a map whose median is larger is taken for: name, limit, what it looks like, what is wanted
_UNITS = [
    *((name, 50.0, "milliseconds", "seconds") for name in ("T1", "T1s", "T1ss")),
    *((name, 15.0, "milliseconds", "seconds") for name in ("T2", "T2s", "T2ss")),
    ("B0", 20.0, "Hz", "ppm of the field"),
    *((name, 1.0, "percent", "a fraction of the protons of water") for name in ("fs", "fss")),
]


@dataclass(frozen=True)
class Stage:
    """What is looked for in one stack of images, and what was played.

    Attributes:
        protocol: path of a Pulseq (.seq) or YAML file, or the name of a published schedule.
        ranges: lowest and highest value of each parameter to find.
        fixed: other tissue parameters, one number each; a map of the scan comes before them.
        scale: "m0" (images are in units of the signal in equilibrium), "first" (they are divided by the first image,
            before which nothing is saturated) or "free" (an unknown factor each voxel).
        solute, semisolid, field: as of `Model`; field in T.
        engine: as of `Task`.
        readout, steps, spoiling: as of `read_protocol`.
        noise: SD of the images as they are compared (of scale "first": of the first image), or None if not known.
    """

    protocol: str
    ranges: Mapping[str, tuple[float, float]]
    fixed: Mapping[str, float] = field(default_factory=dict)
    scale: str = "m0"
    solute: bool = True
    semisolid: str = ""
    field: float = 3.0
    engine: str = "exact"
    readout: float | None = None
    steps: int = 0
    noise: float | None = None
    spoiling: str = "assumed"

    @property
    def model(self) -> Model:
        return Model(self.solute, self.semisolid, self.field)

    def read(self) -> Protocol:
        """What was played."""
        if self.protocol in PUBLISHED:
            refuse_for_table(self.protocol, self.readout, self.spoiling)
            return published_protocol(self.protocol, self.field)
        return read_protocol(self.protocol, self.field, self.readout, self.steps, self.spoiling)


def stage_of(entry: MrfStage, field: float) -> Stage:
    """A stage of the study at a static field in T."""
    return Stage(field=field, **{key.name: getattr(entry, key.name) for key in fields(entry)})


def stages_of(study: FingerprintStudy) -> dict[str, Stage]:
    """The stages of a study, by name."""
    return {name: stage_of(entry, study.field) for name, entry in study.stages.items()}


@dataclass(frozen=True)
class FingerprintScan:
    """Files of one scan.

    Attributes:
        data: stack of images, as of `read_stack`.
        mask: voxels to analyse; all with any signal if None.
        maps: maps of known parameters, by name: T1, T2 (s), B0 (ppm), B1 (a factor), fss, kssw, ...
    """

    data: str
    mask: str | None = None
    maps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Voxels:
    """The task of a scan, and where its voxels are."""

    task: Task
    mask: np.ndarray
    grid: Grid


def read_scan(stage: Stage, scan: FingerprintScan) -> Voxels:
    """Read and check all files of a scan.

    Raises:
        SpinsculptError: a file is broken, they do not fit each other, or hold what cannot be meant; one sentence.
    """
    if stage.scale not in SCALES:
        raise SpinsculptError(f"the scale is {stage.scale!r}; it can be {', '.join(SCALES)}.")
    if unknown := sorted((set(scan.maps) | set(stage.fixed) | set(stage.ranges)) - set(PARAMETERS)):
        raise SpinsculptError(f"unknown tissue parameter {unknown[0]!r}; known are {', '.join(PARAMETERS)}.")
    protocol = stage.read()
    stack = read_stack(scan.data, protocol.images)
    mask = read_mask(scan.mask, stack)
    data = stack.images[mask]
    if stage.scale == "first":
        if protocol.table()[0]["b1_uT"]:
            raise SpinsculptError(
                f"{stage.protocol}: saturates before its first image, so nothing can be divided by it; "
                'use the scale "free", or images in units of M0 and the scale "m0".'
            )
        if not (data[:, 0] > 0).all():
            raise SpinsculptError(
                f"{scan.data}: the first image is zero or NaN in some voxels of the mask; mask them out."
            )
        data = data / data[:, :1]
    known: dict[str, object] = {name: float(value) for name, value in stage.fixed.items() if name not in scan.maps}
    for name, path in scan.maps.items():
        if name in stage.ranges:
            continue  # what a stage looks for is no input of it
        values = read_map(path, stack.grid)[mask]
        _check_units(name, values, path)
        known[name] = values
    try:
        scale = "free" if stage.scale == "free" else "m0"
        task = Task(data, protocol, stage.model, dict(stage.ranges), known, scale, stage.engine, stage.noise)
        task.table(np.tile(task.bounds()[0], (len(data), 1)))  # maps are finite and possible
    except SpinsculptError as error:
        raise SpinsculptError(f"{scan.data}: {error}") from None
    return Voxels(task, mask, stack.grid)


def _check_units(name: str, values: np.ndarray, path: str) -> None:
    for key, limit, looks, wanted in _UNITS:
        if key == name and np.isfinite(values).any() and np.nanmedian(np.abs(values)) > limit:
            raise SpinsculptError(f"{path}: the map of {name} looks like {looks}; give it in {wanted}.")


@dataclass(frozen=True)
class Fitted:
    """An estimate, how many seconds it took, and how it came about.

    Attributes:
        estimate, seconds: of all voxels.
        transfer: whether by a network that another scan trained.
        refine: steps of the voxelwise fit after a network has read.
    """

    estimate: Estimate
    seconds: float
    transfer: bool = False
    refine: int = 0


def fit_scan(
    voxels: Voxels,
    method: str,
    settings: Mapping | None = None,
    reconstructor: Path | str | None = None,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fitted:
    """Values of each voxel by one of `METHODS`, or by a network that was trained before, and the seconds they took.

    Args:
        voxels: as of `read_scan`.
        method: name of an estimator.
        settings: of it.
        reconstructor: file of a trained network that is applied instead of training one (transfer mode).
        threads: number of cores; all if None.
        progress: is told how training goes.
    """
    use_threads(threads)
    task = voxels.task
    first = task.part(np.arange(1))
    first.signals(first.bounds()[0][None])  # compiled before the clock runs
    given = dict(settings or {})
    refine = 0  # steps after a network has read what it was not trained on
    if method in NETWORKS:
        steps = given.pop("refine", REFINE)
        refine = steps if reconstructor or method == "supervised" else 0
        given |= {"refine": steps} if method == "supervised" else {}
        given |= {"progress": progress} if progress else {}
    start = time.perf_counter()
    found = Reconstructor.load(reconstructor).apply(task, refine) if reconstructor else estimate(method, task, **given)
    return Fitted(found, time.perf_counter() - start, bool(reconstructor), refine)


def use_threads(threads: int | None) -> None:
    """Let the compiled engine and torch use that many cores."""
    if threads:
        import numba
        import torch

        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        torch.set_num_threads(threads)


def write_fit(
    folder: Path | str,
    prefix: str,
    voxels: Voxels,
    fitted: Fitted,
    method: str,
    stage: Stage,
    scan: FingerprintScan,
    **more,
) -> Path:
    """Write maps with sidecars, history, reconstructor and the summary of a fit; returns the path of the summary.

    Args:
        folder: made if need be.
        prefix: BIDS entities, e.g. "sub-01_acq-amide".
        voxels, fitted, method, stage, scan: what was fitted, and how.
        more: further entries of the summary, e.g. settings.
    """
    folder, found, task = Path(folder), fitted.estimate, voxels.task
    origin = {
        "EstimationReference": SOURCE,
        "EstimationAlgorithm": ALGORITHM.get(method, method),
        "Engine": task.engine,
        "Parameters": {"Model": asdict(task.model), "Ranges": dict(task.ranges), "Fixed": dict(stage.fixed)},
        "Sources": [Path(str(path)).name for path in (scan.data, scan.mask, *scan.maps.values()) if path],
        "Protocol": dict(task.protocol.notes),
        "SoftwareVersion": provenance()["version"],
    }
    flags = sum(bit * flag.astype(np.int16) for bit, flag in _flags(found).values())
    volumes: dict[str, tuple[np.ndarray, dict]] = {"rsquare": (found.r2, described("rsquare"))}
    volumes["flags"] = (
        flags,
        described("flags")
        | {"Levels": {"0": "trusted"} | {str(bit): FLAGS[name] for name, (bit, _) in _flags(found).items()}},
    )
    for name in task.names:
        bound, words = found.bound[name], "Cramer-Rao bound of the SD, NaN where the protocol cannot tell"
        volumes[name] = (found.values[name], described(name))
        volumes[f"{name}_crlb"] = (np.where(np.isfinite(bound), bound, np.nan), described(name, words))
        if name in found.spread:
            volumes[f"{name}_sd"] = (found.spread[name], described(name, "SD that the network predicts"))
    names = map_files(prefix, task.names, method)
    for key, (values, said) in volumes.items():
        write_map(folder / names[key], values, voxels.mask, voxels.grid, said | origin)
    stem = folder / f"{prefix}_desc-{method}"
    if history := list(found.history):
        write_table(f"{stem}_history.tsv", list(history[0]), [list(row.values()) for row in history], digits=8)
    if (network := found.reconstructor) is not None:
        network.save(f"{stem}_reconstructor.pt")
    summary = Path(f"{stem}_fit.json")
    write_json(summary, _summary(task, fitted, method) | more | {"provenance": provenance()})
    return summary


def _flags(found: Estimate) -> dict[str, tuple[int, np.ndarray]]:
    """Bit and voxels of each flag, by name."""
    flags = {"out_of_range": (1, found.out_of_range), "low_snr": (2, found.low_snr)}
    flags |= {} if found.unfamiliar is None else {"unfamiliar": (4, found.unfamiliar)}
    return flags | {"inconsistent": (8, found.inconsistent)}


def _summary(task: Task, fitted: Fitted, method: str) -> dict:
    found = fitted.estimate
    trusted = found.trusted
    return {
        "method": method,
        "mode": "transfer" if fitted.transfer else "fit",
        "refine": fitted.refine,
        "voxels": len(task.data),
        "images": task.protocol.images,
        "seconds": round(fitted.seconds, 3),
        "trusted": int(trusted.sum()),
        "flagged": {name: int(flag.sum()) for name, (_, flag) in _flags(found).items()},
        "median_r2": float(np.median(found.r2)),
        "median_dot_product": _dot_product(task, found.r2) if task.scale == "free" else None,
        "median_of_trusted": {
            name: float(np.median(values[trusted])) if trusted.any() else None for name, values in found.values.items()
        },
        "protocol": dict(task.protocol.notes) | {"seconds": round(task.protocol.duration, 3)},
    }


def _dot_product(task: Task, r2: np.ndarray) -> float:
    """Median of the normalised dot products with the fitted signals, whose factor is free: cos^2 = 1 - rss / |d|^2."""
    spread = ((task.data - task.data.mean(1, keepdims=True)) ** 2).sum(1)
    return float(np.median(np.sqrt(1 - (1 - r2) * spread / (task.data**2).sum(1))))


def summary_sentence(summary: Path | str) -> str:
    """What to tell about a fit on one line."""
    content = json.loads(Path(summary).read_text())
    share = 100 * content["trusted"] / content["voxels"]
    values = ", ".join(
        f"{name} {value:.4g} {described(name)['Units'].replace('1/s', '/s').strip('1')}".strip()
        for name, value in content["median_of_trusted"].items()
        if value is not None
    )
    return (
        f"{content['voxels']} voxels in {content['seconds']:.1f} s, {share:.0f} % trusted "
        f"({', '.join(f'{count} {FLAGS[name]}' for name, count in content['flagged'].items())}); "
        f"median R2 {content['median_r2']:.5f}" + (f"; medians of the trusted: {values}." if values else ".")
    )
