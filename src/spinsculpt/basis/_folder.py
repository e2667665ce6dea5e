"""The folder of a sequence: one basis set, or one a sub-spectrum."""

from pathlib import Path

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.basis._fslmrs import read_fslmrs, write_fslmrs
from spinsculpt.errors import SpinsculptError


def write_basis(sets: dict[str, BasisSet], directory: Path | str) -> None:
    """Write the sub-spectra of a sequence: straight into `directory` if there is one, else into sub-folders."""
    directory = Path(directory)
    for name, basis in sets.items():
        write_fslmrs(basis, directory if len(sets) == 1 else directory / name)


def read_basis(directory: Path | str) -> dict[str, BasisSet]:
    """Read what `write_basis` wrote; a single basis set is named after its sub-spectrum or its folder."""
    directory = Path(directory)
    if not directory.is_dir():
        raise SpinsculptError(f"There is no basis folder {directory}.")
    folders = sorted(path for path in directory.iterdir() if any(path.glob("*.json")))
    if folders:
        return {folder.name: read_fslmrs(folder) for folder in folders}
    basis = read_fslmrs(directory)
    return {basis.meta.get("subspectrum", directory.name): basis}


def export_lcmodel(directory: Path | str, path: Path | str) -> list[Path]:
    """Write the basis sets of a folder as LCModel .basis files.

    The files are `path` and, for the second and further sub-spectra of a sequence of several shots, that name with
    "_{subspectrum}" before the suffix: megapress.basis holds "on", megapress_off.basis "off".
    """
    path, written = Path(path), []
    sets = read_basis(directory)
    first = next((name for name in sets if name == "on"), next(iter(sets)))
    for name, basis in sets.items():
        target = path if name == first else path.with_name(f"{path.stem}_{name}{path.suffix}")
        basis.write_lcmodel(target)
        written.append(target)
    return written
