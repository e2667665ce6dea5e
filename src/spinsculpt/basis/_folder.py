"""The folder of a sequence: one basis set, or one a sub-spectrum."""

from pathlib import Path

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.basis._fslmrs import read_fslmrs, write_fslmrs
from spinsculpt.errors import SpinsculptError
from spinsculpt.folders import path_in


def write_basis(sets: dict[str, BasisSet], directory: Path | str) -> None:
    """Write the sub-spectra of a sequence: straight into `directory` if there is one, else into sub-folders."""
    directory = Path(directory)
    for name, basis in sets.items():
        write_fslmrs(basis, directory if len(sets) == 1 else path_in(directory, name, what="the name of a shot"))


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
