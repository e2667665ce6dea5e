"""Image stacks, masks and maps from NIfTI, MATLAB and numpy files, and maps to NIfTI with sidecars."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinsculpt.cest.modelling._model import PARAMETERS
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.gate import check_size
from spinsculpt.core.provenance import atomic_path, write_json

_AFFINE = 1e-3  # mm; two grids whose affines differ by more are different ones
MEANING = {name: (unit or "1", words) for name, (unit, _, words) in PARAMETERS.items()}
MEANING |= {
    "rsquare": ("1", "1 - |d - d_fit|^2 / |d - mean d|^2 of the fingerprint"),
    "flags": (
        "1",
        "sum of 1: value at an end of its range; 2: bound exceeds half its range; 4: unlike the training; "
        "8: does not explain the data",
    ),
}


@dataclass(frozen=True)
class Grid:
    """Where voxels are.

    Attributes:
        shape: of the volume, three numbers.
        affine: voxel to scanner coordinates in mm, shape (4, 4), or None where a file does not say.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray | None = None

    def check(self, other: "Grid", where: object) -> None:
        """Raise unless `other` is this grid."""
        if other.shape != self.shape:
            raise SpinsculptError(
                f"{where}: has {' x '.join(map(str, other.shape))} voxels, the images have "
                f"{' x '.join(map(str, self.shape))}; bring it to their grid."
            )
        known = self.affine is not None and other.affine is not None
        if known and np.abs(self.affine - other.affine).max() > _AFFINE * max(1, np.abs(self.affine).max()):
            raise SpinsculptError(f"{where}: lies elsewhere in the scanner than the images; bring it to their grid.")


@dataclass(frozen=True)
class Stack:
    """Images of one scan.

    Attributes:
        images: shape (*grid.shape, images).
        grid: where its voxels are.
    """

    images: np.ndarray
    grid: Grid

    def voxels(self, mask: np.ndarray) -> np.ndarray:
        """Fingerprints of the voxels of a mask, shape (voxels, images)."""
        return self.images[mask]


def read_stack(name: Path | str, images: int) -> Stack:
    """A stack of `images` images.

    Args:
        name: NIfTI file with images along its fourth axis, or a .mat or .npy file, whose axis of that length is taken
            (the first if there are several). FILE.mat:VARIABLE names one of several variables.
        images: how many the protocol plays.
    Raises:
        SpinsculptError: the file cannot be read, or no axis has that length.
    """
    array, affine = _read(name)
    if array.ndim not in (3, 4):
        raise SpinsculptError(f"{name}: has {array.ndim} axes; a stack of images has three, or four with slices.")
    if affine is not None:
        if array.ndim != 4 or array.shape[3] != images:
            count = array.shape[3] if array.ndim == 4 else 1
            raise SpinsculptError(f"{name}: holds {_counted(count)}, the protocol plays {images}; {_WHICH}")
        return Stack(array, Grid(array.shape[:3], affine))
    along = [axis for axis, length in enumerate(array.shape) if length == images]
    if not along:
        shape = " x ".join(map(str, array.shape))
        raise SpinsculptError(f"{name}: is {shape}, but the protocol plays {images} images; {_WHICH}")
    moved = np.moveaxis(array, along[0], -1)
    moved = moved if moved.ndim == 4 else moved[:, :, None, :]
    return Stack(moved, Grid(moved.shape[:3]))


_WHICH = "name the protocol and the data of the same scan."


def _counted(count: int) -> str:
    return f"{count} image{'s' if count != 1 else ''}"


def read_map(name: Path | str, grid: Grid) -> np.ndarray:
    """A map on `grid`, float64; not checked for NaN, which is no fault outside the mask."""
    array, affine = _read(name)
    found = Grid(_padded(array.shape), affine)
    grid.check(found, name)
    return array.reshape(grid.shape)


def read_mask(name: Path | str | None, stack: Stack) -> np.ndarray:
    """Voxels to analyse, bool of the shape of the grid; without a file all voxels with any signal."""
    if name:
        mask = read_map(name, stack.grid)
        if not np.isfinite(mask).all():
            raise SpinsculptError(f"{name}: holds NaN; a mask holds 0 and 1.")
        mask = mask > 0
    else:
        mask = (stack.images != 0).any(-1)
    if not mask.any():
        raise SpinsculptError(f"{name or 'the data'}: no voxel is left to analyse; check the mask.")
    return mask


def read_labels(name: Path | str, grid: Grid) -> np.ndarray:
    """Numbers of regions, int of the shape of the grid."""
    labels = read_map(name, grid)
    if not np.isfinite(labels).all() or (labels != np.round(labels)).any():
        raise SpinsculptError(f"{name}: regions are whole numbers, 0 outside; this holds others.")
    return labels.astype(int)


def _padded(shape: tuple[int, ...]) -> tuple[int, int, int]:
    kept = shape if len(shape) <= 3 else (*shape[:3], *(length for length in shape[3:] if length != 1))
    return (*kept, *(1,) * (3 - len(kept)))


def _read(name: Path | str) -> tuple[np.ndarray, np.ndarray | None]:
    """Array and affine of a file; FILE.mat:VARIABLE."""
    file, _, variable = str(name).rpartition(":")
    path = Path(file if file.lower().endswith(".mat") else str(name))
    check_size(path)
    if path.is_dir():
        raise SpinsculptError(f"{path}: this is a folder; name a file.")
    affine = None
    try:
        if path.name.lower().endswith((".nii", ".nii.gz")):
            import nibabel

            image = nibabel.load(path)
            array, affine = np.asarray(image.dataobj), np.asarray(image.affine, float)
        elif path.suffix.lower() == ".mat":
            array = _variable(path, variable if file.lower().endswith(".mat") else "")
        elif path.suffix.lower() == ".npy":
            array = np.load(path, allow_pickle=False)
        else:
            raise SpinsculptError(f"{path}: images and maps are .nii, .nii.gz, .mat or .npy; convert it.")
    except SpinsculptError:
        raise
    except Exception as error:  # of libraries: whatever is wrong with the file
        raise SpinsculptError(f"{path}: cannot be read ({brief(error)}); write it again.") from error
    if array.dtype.kind not in "biuf" or not array.size:
        raise SpinsculptError(f"{path}: holds no real numbers; give magnitude images or real maps.")
    return array.astype(float), affine


def _variable(path: Path, name: str) -> np.ndarray:
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except NotImplementedError:
        raise SpinsculptError(f"{path}: is MATLAB 7.3 (HDF5); save it with -v7, or as NIfTI.") from None
    arrays = {
        key: value for key, value in content.items() if isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    }
    if name:
        if name not in arrays:
            raise SpinsculptError(f"{path}: holds no variable {name!r}; it has {', '.join(arrays) or 'none'}.")
        return arrays[name]
    if len(arrays) != 1:
        raise SpinsculptError(
            f"{path}: holds {len(arrays)} variables ({', '.join(arrays)}); name one, as {path.name}:VARIABLE."
        )
    return next(iter(arrays.values()))


_ROWS_DOWN = np.array([[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)


def write_map(path: Path | str, values: np.ndarray, mask: np.ndarray, grid: Grid, sidecar: Mapping) -> None:
    """Write a map of the voxels of `mask` as NIfTI, and its JSON beside it.

    Args:
        path: .nii.gz.
        values: shape (voxels,); whole numbers become int16 with 0 outside the mask, others float32 with NaN outside.
        mask: of the shape of the grid.
        grid: where the voxels are; without an affine, voxels of 1 mm whose rows run downwards and whose columns run to
            the right, as MATLAB shows them, which the sidecar says.
        sidecar: fields of the JSON.
    """
    import nibabel

    path, whole = Path(path), values.dtype.kind in "biu"
    volume = np.full(grid.shape, 0 if whole else np.nan, np.int16 if whole else np.float32)
    volume[mask] = values
    image = nibabel.Nifti1Image(volume, _ROWS_DOWN if grid.affine is None else grid.affine)
    image.header.set_xyzt_units("mm")
    with atomic_path(path) as temporary:
        nibabel.save(image, temporary)
    unknown = "unknown: the input has no affine; its rows run downwards, its columns to the right"
    said = {} if grid.affine is not None else {"Coordinates": unknown}
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), {**sidecar, **said})


def described(name: str, of: str = "") -> dict:
    """Units and description of a map of a parameter; `of` says what of it, e.g. "Cramer-Rao bound of the SD"."""
    unit, words = MEANING[name]
    return {"Description": f"{of}: {words}" if of else words, "Units": unit}
