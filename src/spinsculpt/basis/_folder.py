"""The folder of a sequence: one basis set, or one a sub-spectrum."""

from pathlib import Path

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.basis._fslmrs import OWNED, read_fslmrs, write_files
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import owned_files, path_in, read_manifest
from spinsculpt.core.provenance import provenance, write_json


def write_basis(sets: dict[str, BasisSet], directory: Path | str) -> None:
    """Write the sub-spectra of a sequence: straight into `directory` if there is one, else into sub-folders.

    Ours of an earlier sequence are removed, sub-folders too.

    Raises:
        SpinsculptError: `directory` holds .json files of others, which would be read as a part of the basis.
    """
    with owned_files(directory, **OWNED) as folder:
        for name, basis in sets.items():
            write_files(basis, folder if len(sets) == 1 else path_in(folder, name, what="the name of a shot"))


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


def list_basis(folder: Path | str, path: Path | str) -> None:
    """Write which files a basis has, with their digests (JSON): what a job of a workflow makes and others wait for.

    Args:
        folder: that `write_basis` wrote into.
        path: beside it, its name with ".json": jobs replace it first, and never the folder, which users may share.
    """
    files = {name: min(digests) for name, digests in sorted(read_manifest(folder).items())}
    write_json(path, {"files": files, "provenance": provenance()})


def listed_basis(path: Path | str) -> Path:
    """The folder that a file of `list_basis` is about."""
    return Path(path).with_suffix("")
