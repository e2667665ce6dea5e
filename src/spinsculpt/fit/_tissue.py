"""Tissue fractions of a voxel: given, from a table, or from segmented images."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.gate import check_size, quantity, read_text
from spinsculpt.data.nifti import MRSData

_LARGEST = 2 << 30  # bytes of an image of a head
TISSUES = ("gm", "wm", "csf")


def tissue_of(setting: Mapping | str | None, data: MRSData, name: str) -> dict[str, float] | None:
    """Volume fractions of one scan.

    Args:
        setting: fractions {"gm": , "wm": , "csf": }; or the path of a table (tab- or comma-separated) with the columns
            subject, gm, wm, csf and perhaps session, whose cells hold fractions or the names of partial-volume images
            (NIfTI; relative to the table); or None.
        data: the scan, for the place of its voxel.
        name: BIDS name of its file, for subject and session.
    """
    if setting is None or isinstance(setting, Mapping):
        return None if setting is None else dict(setting)
    row = _row(Path(setting), name)
    cells = [(row[tissue] or "").strip() for tissue in TISSUES]
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return voxel_fractions(data, *(Path(setting).parent / cell for cell in cells))
    fractions = [quantity(number, "fraction", setting, "a tissue fraction") for number in numbers]
    if abs(sum(fractions) - 1.0) > 0.02:
        raise SpinsculptError(f"{setting}: gm, wm and csf of {name} are fractions that add up to 1; correct them.")
    return dict(zip(TISSUES, fractions, strict=True))


def voxel_fractions(data: MRSData, gm: Path, wm: Path, csf: Path) -> dict[str, float]:
    """Volume fractions inside the voxel of `data` from partial-volume images (0 to 1) of one grid."""
    import nibabel

    if data.affine is None:
        raise SpinsculptError("The scan does not say where its voxel is; give the tissue fractions as numbers.")
    images, maps = [], []
    for path in (gm, wm, csf):
        if not path.is_file():
            raise SpinsculptError(f"{path}: there is no such tissue image; correct the table of tissue fractions.")
        check_size(path, _LARGEST)
        try:
            image = nibabel.load(path)
            if np.prod(image.shape, dtype=float) * 8 > _LARGEST:
                raise ValueError(f"it says that it holds {image.shape} points")
            maps.append(np.asarray(image.dataobj, float))
            affine = np.asarray(image.affine)
            if maps[-1].ndim != 3 or not (np.isfinite(maps[-1]).all() and np.isfinite(affine).all()):
                raise ValueError("it is no volume of finite numbers")
        except Exception as error:  # nibabel and zlib raise many kinds; all of them mean an unreadable file
            raise SpinsculptError(
                f"{path}: this is no readable NIfTI image ({brief(error)}); export it again."
            ) from error
        images.append(image)
    grids = [(image.shape, image.affine.round(4).tolist()) for image in images]
    if grids.count(grids[0]) < len(grids):
        raise SpinsculptError(f"{gm}, {wm} and {csf} are not on one grid; segment one image.")
    # The voxel is the unit cube about the origin of its own coordinates.
    to_voxel = np.linalg.inv(data.affine) @ images[0].affine
    indices = np.indices(maps[0].shape).reshape(3, -1)
    inside = np.all(np.abs(to_voxel[:3, :3] @ indices + to_voxel[:3, 3:]) <= 0.5, axis=0).reshape(maps[0].shape)
    return tissue_fractions(*maps, inside)


def tissue_fractions(gm: np.ndarray, wm: np.ndarray, csf: np.ndarray, voxel: np.ndarray) -> dict[str, float]:
    """Volume fractions in a voxel from tissue maps.

    Args:
        gm, wm, csf: partial volumes (0 to 1), all of one shape.
        voxel: mask of the spectroscopic voxel on the same grid.
    Returns:
        {"gm": , "wm": , "csf": }, normalised to 1.
    """
    inside = np.asarray(voxel, bool)
    amounts = [float(tissue[inside].sum()) for tissue in (gm, wm, csf)]
    if min(amounts) < 0.0 or not np.isfinite(sum(amounts)):
        raise SpinsculptError("The tissue maps hold less than nothing; give partial volumes between 0 and 1.")
    whole = sum(amounts)
    if whole <= 0.0:
        raise SpinsculptError("The tissue maps are empty inside the voxel; check that they and the scan share a space.")
    return dict(zip(TISSUES, (amount / whole for amount in amounts), strict=True))


def _row(table: Path, name: str) -> dict[str, str]:
    if not table.is_file():
        raise SpinsculptError(f"fit: water: tissue: there is no table {table}.")
    text = read_text(table, 64 << 20)
    try:
        rows = list(csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in text else ","))
    except csv.Error as error:
        raise SpinsculptError(f"{table}: this is no table of tissue ({brief(error)}); save it as one.") from error
    if not rows or not {"subject", *TISSUES} <= set(rows[0]):
        raise SpinsculptError(f"{table}: a table of tissue needs the columns subject, gm, wm, csf (and session).")
    found = {key: re.search(rf"{key[:3]}-([A-Za-z0-9]+)", Path(name).name) for key in ("subject", "session")}
    subject, session = (match.group(1) if match else "" for match in found.values())
    for row in rows:
        same_session = not row.get("session") or row["session"].removeprefix("ses-") == session
        if (row["subject"] or "").removeprefix("sub-") == subject and same_session:
            return row
    raise SpinsculptError(f"{table}: has no line for subject {subject!r}{f', session {session!r}' if session else ''}.")
