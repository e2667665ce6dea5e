"""What maps say in numbers: agreement with a reference, regions, and timings; one row a number, tidy."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt.cest.modelling._design import design_protocol
from spinsculpt.cest.modelling._dictionary import grid
from spinsculpt.cest.modelling._estimate import bounds_of
from spinsculpt.cest.modelling._files import MEANING, Grid, read_labels, read_map
from spinsculpt.cest.modelling._kernel import simulate
from spinsculpt.cest.modelling._model import tissue
from spinsculpt.cest.modelling._protocol import protocol_from_table, published_table
from spinsculpt.cest.modelling._scan import FLAGS, Stage
from spinsculpt.cest.study import PUBLISHED, FingerprintStudy, Subject, map_files
from spinsculpt.config import MrfDesign, plain
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_yaml

_SMALLEST_REGION = 10  # voxels of a connected part of the mask that counts as a region
_WINDOW = 7  # voxels of the structural similarity, as of scikit-image


def agreement(found: np.ndarray, reference: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """How well a map agrees with another one within a mask.

    Args:
        found: shape of the grid.
        reference: same shape; NaN and 0 are left out of the percentage error only.
        mask: voxels that count.
    Returns:
        voxels; bias (mean of found - reference) and rmse in the unit of the map; nrmse in %, of the root mean square of
        the reference; mape, mean absolute percentage error, in %; r (Pearson); icc, ICC(2,1) for absolute agreement
        (Shrout & Fleiss 1979, doi:10.1037/0033-2909.86.2.420; by pingouin); ssim, mean structural similarity over the
        slices (Wang et al. 2004, doi:10.1109/TIP.2003.819861; by scikit-image), NaN where a slice is too small.
    """
    mask = mask & np.isfinite(found) & np.isfinite(reference)
    a, b = found[mask], reference[mask]
    if len(a) < 3:
        return {"voxels": len(a)} | dict.fromkeys(("bias", "rmse", "nrmse", "mape", "r", "icc", "ssim"), np.nan)
    rmse, size = float(np.sqrt(((a - b) ** 2).mean())), float(np.sqrt((b**2).mean()))
    counted = b != 0
    varied = a.std() > 0 and b.std() > 0
    return {
        "voxels": len(a),
        "bias": float((a - b).mean()),
        "rmse": rmse,
        "nrmse": 100 * rmse / size if size else np.nan,
        "mape": 100 * float(np.abs(a[counted] / b[counted] - 1).mean()) if counted.any() else np.nan,
        "r": float(np.corrcoef(a, b)[0, 1]) if varied else np.nan,
        "icc": _icc(a, b) if varied else np.nan,
        "ssim": _ssim(found, reference, mask),
    }


def _icc(a: np.ndarray, b: np.ndarray) -> float:
    import pingouin

    voxel = np.arange(len(a))
    table = pd.DataFrame(
        {"voxel": np.tile(voxel, 2), "rater": np.repeat(["a", "b"], len(a)), "value": np.concatenate([a, b])}
    )
    found = pingouin.intraclass_corr(table, targets="voxel", raters="rater", ratings="value").set_index("Type")
    name = next(name for name in ("ICC(A,1)", "ICC2") if name in found.index)  # the second before pingouin 0.6
    return float(found.loc[name, "ICC"])


def _ssim(found: np.ndarray, reference: np.ndarray, mask: np.ndarray) -> float:
    from skimage.metrics import structural_similarity

    span = float(np.ptp(reference[mask]))
    if min(mask.shape[:2]) < _WINDOW or span == 0:
        return np.nan
    a, b = (np.where(mask, values, 0.0) for values in (found, reference))
    parts = []
    for z in range(mask.shape[2]):
        if mask[..., z].any():
            _, local = structural_similarity(a[..., z], b[..., z], data_range=span, win_size=_WINDOW, full=True)
            parts.append(local[mask[..., z]])
    return float(np.concatenate(parts).mean())


def connected_regions(mask: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """Connected parts of a mask as labels, largest parts of at least ten voxels, and their names."""
    from scipy.ndimage import label

    labels, count = label(mask)
    kept = [number for number in range(1, count + 1) if (labels == number).sum() >= _SMALLEST_REGION]
    renumbered = np.zeros(labels.shape, int)
    for new, number in enumerate(kept, 1):
        renumbered[labels == number] = new
    return renumbered, {new: f"part {new}" for new in range(1, len(kept) + 1)}


def regions_of(subject: Subject, mask: np.ndarray, grid: Grid) -> tuple[np.ndarray, dict[int, str]]:
    """Labels of the regions of a subject, and their names."""
    if not subject.regions:
        labels, names = connected_regions(mask)
    else:
        labels = read_labels(subject.regions, grid)
        beside = Path(subject.regions.removesuffix(".gz").removesuffix(".nii") + ".json")
        said = json.loads(beside.read_text()).get("Regions", {}) if beside.is_file() else {}
        names = {
            int(number): str(said.get(str(number), f"region {number}")) for number in np.unique(labels[labels > 0])
        }
    return labels, names | {int(number): name for number, name in subject.region_names.items() if int(number) in names}


class Maps:
    """Maps of one fit, read when they are asked for, on the grid of the first."""

    def __init__(self, folder: Path | str, prefix: str, names: tuple[str, ...], method: str) -> None:
        import nibabel

        files = map_files(prefix, names, method)
        self.paths = {key: Path(folder) / file for key, file in files.items()}
        image = nibabel.load(self.paths["flags"])
        self.grid = Grid(image.shape[:3], np.asarray(image.affine, float))
        self.mask = np.isfinite(self["rsquare"])
        self.trusted = self.mask & (self["flags"] == 0)

    def __getitem__(self, key: str) -> np.ndarray:
        return read_map(self.paths[key], self.grid)


def fits_of(study: FingerprintStudy, root: Path | str) -> Iterator[tuple[str, str, str, Maps]]:
    """(subject, stage, method, maps) of every fit of a study below `root`."""
    for subject, stage, method in study.fits():
        folder = Path(root) / f"sub-{subject}/anat"
        yield subject, stage, method, Maps(folder, f"sub-{subject}_acq-{stage}", study.names(stage), method)


def reference_of(subject: Subject, name: str, grid: Grid) -> np.ndarray | None:
    """The map of a parameter to compare with, None where there is none."""
    path = subject.reference.get(name)
    if path is None:
        return None
    try:
        return read_map(path, grid)
    except SpinsculptError as error:
        if "lies elsewhere" not in str(error):
            raise
        return read_map(path, Grid(grid.shape))  # of a file without coordinates beside one that has them


def agreement_table(study: FingerprintStudy, root: Path | str) -> pd.DataFrame:
    """Each method against the reference and against the first method, over trusted voxels and over all."""
    rows, first = [], {}
    for subject, stage, method, maps in fits_of(study, root):
        entry = study.subjects[subject]
        for name in study.names(stage):
            found = maps[name]
            sides = {entry.reference_name: (reference_of(entry, name, maps.grid), maps.mask)}
            if (subject, name) in first:
                other, values, trusted = first[subject, name]
                sides[other] = (values, trusted)
            else:
                first[subject, name] = (method, found, maps.trusted)
            for against, (reference, other_mask) in sides.items():
                if reference is None:
                    continue
                for label, mask in (("trusted", maps.trusted & other_mask), ("all", maps.mask)):
                    row = {"subject": subject, "stage": stage, "method": method, "parameter": name, "against": against}
                    rows.append(row | {"over": label, "unit": MEANING[name][0]} | agreement(found, reference, mask))
    return pd.DataFrame(rows)


def region_table(study: FingerprintStudy, root: Path | str) -> pd.DataFrame:
    """Order statistics of the trusted voxels of each region, and how many are not trusted."""
    rows = []
    for subject, stage, method, maps in fits_of(study, root):
        entry = study.subjects[subject]
        labels, names = regions_of(entry, maps.mask, maps.grid)
        for name in study.names(stage):
            sides = {method: (maps[name], maps.trusted)}
            if method == study.methods[0] and (reference := reference_of(entry, name, maps.grid)) is not None:
                sides[entry.reference_name] = (reference, maps.mask & np.isfinite(reference))
            for source, (values, good) in sides.items():
                for number, region in names.items():
                    inside, here = maps.mask & (labels == number), good & (labels == number)
                    row = {"subject": subject, "stage": stage, "method": source, "region": region, "parameter": name}
                    row |= {"unit": MEANING[name][0], "voxels": int(inside.sum()), "trusted": int(here.sum())}
                    rows.append(row | _spread(values[here]))
    return pd.DataFrame(rows)


def _spread(values: np.ndarray) -> dict[str, float]:
    keys = ("p5", "p25", "median", "p75", "p95")
    if not len(values):
        return dict.fromkeys((*keys, "mean", "sd"), np.nan)
    quantiles = dict(zip(keys, np.percentile(values, (5, 25, 50, 75, 95)), strict=True))
    return quantiles | {"mean": float(values.mean()), "sd": float(values.std())}


def timing_table(study: FingerprintStudy, root: Path | str) -> pd.DataFrame:
    """Seconds of every fit and how many voxels can be trusted."""
    rows = []
    for subject, stage, method in study.fits():
        path = Path(root) / f"sub-{subject}/anat/sub-{subject}_acq-{stage}_desc-{method}_fit.json"
        said = json.loads(path.read_text())
        rows.append(
            {
                "subject": subject,
                "stage": stage,
                "method": method,
                "mode": said["mode"],
                "refine": said["refine"],
                "voxels": said["voxels"],
                "images": said["images"],
                "seconds": said["seconds"],
                "voxels_per_second": said["voxels"] / max(said["seconds"], 1e-3),
                "trusted": said["trusted"],
                **{name: said["flagged"].get(name, 0) for name in FLAGS},
                "median_r2": said["median_r2"],
                "median_dot_product": said["median_dot_product"],
            }
        )
    return pd.DataFrame(rows)


def map_table(study: FingerprintStudy, root: Path | str, subject: str, stage: str) -> pd.DataFrame:
    """Voxels of the fullest slice: maps of each method, its R^2, and the reference; NaN of what is not trusted stays.

    Columns: source, parameter, unit, x, y (indices of the grid), right, up (place in a picture), slice, value, trusted
    (yes, no).
    """
    entry, rows, drawn = study.subjects[subject], [], set()
    for name_of, stage_of, method, maps in fits_of(study, root):
        if (name_of, stage_of) != (subject, stage):
            continue
        z = int(maps.mask.sum((0, 1)).argmax())
        x, y = np.nonzero(maps.mask[..., z])
        right, up = _in_picture(x, y, maps.grid)
        trusted = np.where(maps.trusted[x, y, z], "yes", "no")
        for name in (*study.names(stage), "rsquare"):
            sources = {method: (maps[name], trusted)}
            if name not in drawn and (reference := reference_of(entry, name, maps.grid)) is not None:
                sources[entry.reference_name] = (reference, "yes")
            drawn.add(name)
            for source, (values, good) in sources.items():
                head = {"source": source, "parameter": name, "unit": MEANING[name][0]}
                place = {"x": x, "y": y, "right": right, "up": up, "slice": z}
                rows.append(pd.DataFrame({**head, **place, "value": values[x, y, z], "trusted": good}))
    return pd.concat(rows, ignore_index=True)


def _in_picture(x: np.ndarray, y: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Places of voxels (indices x, y) rightwards and upwards, as the affine of their grid turns the slice."""
    from nibabel.orientations import io_orientation

    (along_x, sign_x), (along_y, sign_y) = io_orientation(grid.affine)[:2]
    x = x if sign_x > 0 else grid.shape[0] - 1 - x
    y = y if sign_y > 0 else grid.shape[1] - 1 - y
    return (x, y) if along_x < along_y else (y, x)


def scatter_table(study: FingerprintStudy, root: Path | str, most: int = 1500) -> pd.DataFrame:
    """Voxels beside their reference: at most `most` of each map, evenly spaced; flagged ones are marked."""
    rows = []
    for subject, stage, method, maps in fits_of(study, root):
        entry = study.subjects[subject]
        for name in study.names(stage):
            reference = reference_of(entry, name, maps.grid)
            if reference is None:
                continue
            good = np.flatnonzero(maps.mask & np.isfinite(reference))
            good = good[:: max(1, -(-len(good) // most))]
            part = {
                "reference": reference.ravel()[good],
                "value": maps[name].ravel()[good],
                "bound": maps[f"{name}_crlb"].ravel()[good],
                "trusted": np.where(maps.trusted.ravel()[good], "yes", "no"),
            }
            head = {"subject": subject, "stage": stage, "method": method, "parameter": name, "unit": MEANING[name][0]}
            rows.append(pd.DataFrame({**head, "against": entry.reference_name, **part}))
    columns = ["subject", "stage", "method", "parameter", "unit", "against", "reference", "value", "bound", "trusted"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def training_table(study: FingerprintStudy, root: Path | str) -> pd.DataFrame:
    """Loss of each epoch of every training."""
    parts = []
    for subject, stage, method in study.fits():
        path = Path(root) / f"sub-{subject}/anat/sub-{subject}_acq-{stage}_desc-{method}_history.tsv"
        if path.is_file() and not study.subjects[subject].transfer:
            parts.append(pd.read_csv(path, sep="\t").assign(subject=subject, stage=stage, method=method))
    head = ["subject", "stage", "method"]
    if not parts:
        return pd.DataFrame(columns=[*head, "epoch", "loss", "rate"])
    table = pd.concat(parts, ignore_index=True)
    return table[[*head, *(column for column in table.columns if column not in head)]]


def protocol_table(name: str, stage: Stage) -> pd.DataFrame:
    """Each image of a protocol: strongest B1 and its offset, seconds with and without RF before it."""
    table = pd.DataFrame(stage.read().table())
    table.insert(0, "image", np.arange(1, len(table) + 1))
    table.insert(0, "stage", name)
    table["offset_ppm"] = table.pop("offset_hz") / (GAMMA_BAR * stage.field)
    return table


def plane_table(
    stage: Stage, known: Mapping[str, float] | None = None, points: int = 25, noise: float = 1e-3
) -> pd.DataFrame:
    """Cramer-Rao bounds over the plane of the first two parameters of a stage, the others in the middle of their range.

    Args:
        stage: what is played and looked for.
        known: tissue beside it; what is not given is as in `PARAMETERS`.
        points: along each of the two parameters.
        noise: SD of the images in units of the signal in equilibrium.
    Returns:
        Columns of the two parameters, NAME_bound of each (infinite where they cannot be told apart), and noise.
    """
    first, second = list(stage.ranges)[:2]
    low, high = np.array([stage.ranges[name] for name in (first, second)]).T
    # the ends themselves are left out: at no exchange or no protons there is nothing to tell
    axes = {name: np.linspace(a, b, points + 1)[1:] for name, a, b in zip((first, second), low, high, strict=True)}
    entries = grid(axes)
    middle = {name: sum(ends) / 2 for name, ends in stage.ranges.items()}
    values = tissue({**(stage.fixed if known is None else known), **middle, **entries})
    names = tuple(stage.ranges)
    protocol = stage.read()
    signals, jacobian = simulate(protocol, stage.model, values, names)
    if stage.scale == "free":
        power = (signals**2).sum(1)[:, None]
        along = np.einsum("vi,vip->vp", signals, jacobian) / power
        jacobian = jacobian - signals[..., None] * along[:, None, :]
    span = np.array([b - a for a, b in stage.ranges.values()])
    bounds = noise * bounds_of(jacobian * span) * span
    table = pd.DataFrame(entries)
    for column, name in enumerate(names[:2]):
        table[f"{name}_bound"] = bounds[:, column]
    return table.assign(noise=noise)


def design_tables(stage: Stage, table: Mapping, known: Mapping[str, float], design: MrfDesign, progress=None):
    """A designed schedule beside the one that it began with.

    Args:
        stage: whose parameters count.
        table: of its protocol, as `protocol_from_table` reads it.
        known: other tissue.
        design: limits and search.
        progress: told how it goes.
    Returns:
        The designed protocol, the images of both schedules (columns as of `protocol_table`, `schedule` in front), and
        the bounds of each parameter at noise of 0.1 %, geometric mean over the ranges (columns schedule, parameter,
        unit, bound).
    """
    settings = {key: value for key, value in plain(design).items() if key not in ("stages", "levels")}
    found = design_protocol(
        table, stage.model, stage.ranges, known, points=design.levels, **settings, progress=progress
    )
    parts, bounds = [], []
    sides = {
        "given": (protocol_from_table(table, stage.field), found.before),
        "designed": (found.protocol, found.after),
    }
    for name, (protocol, bound) in sides.items():
        rows = pd.DataFrame(protocol.table())
        rows.insert(0, "image", np.arange(1, len(rows) + 1))
        rows.insert(0, "schedule", name)
        rows["offset_ppm"] = rows.pop("offset_hz") / (GAMMA_BAR * stage.field)
        parts.append(rows)
        head = {"schedule": name, "noise": 1e-3}
        bounds += [{**head, "parameter": p, "unit": MEANING[p][0], "bound": 1e-3 * v} for p, v in bound.items()]
    return found, pd.concat(parts, ignore_index=True), pd.DataFrame(bounds)


def protocol_source(name: str) -> dict:
    """The table of a protocol that can be designed further: of a published schedule or a YAML file.

    Raises:
        SpinsculptError: it is a Pulseq file, which is played as it stands.
    """
    if name in PUBLISHED:
        return published_table(name)
    if Path(name).suffix.lower() == ".seq":
        raise SpinsculptError(f"{name}: a Pulseq file is played as it stands; design from a YAML table of it.")
    return read_yaml(name)
