"""Basis sets as folders of FSL-MRS JSON files, one a metabolite; FFT-positive, as in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import checked_name, owned_files, path_in
from spinsculpt.core.gate import quantity, read_json, samples
from spinsculpt.core.provenance import write_json

# A basis folder is read as a whole: no .json of an earlier basis stays in it, and none of others may be there.
OWNED = {"replaces": "*.json", "whole": "*.json"}


def write_fslmrs(basis: BasisSet, directory: Path | str) -> None:
    """Write one file a metabolite into `directory`; ours of metabolites that are no longer in the set are removed.

    Raises:
        SpinsculptError: `directory` holds .json files of others, which would be read as a part of the basis.
    """
    with owned_files(directory, **OWNED) as folder:
        write_files(basis, folder)


def write_files(basis: BasisSet, folder: Path) -> None:
    """One file a metabolite, into a folder that is ours alone."""
    for position, (name, fid) in enumerate(zip(basis.names, basis.fids, strict=True)):
        content = {
            "basis": {
                "basis_re": fid.real.tolist(),
                "basis_im": fid.imag.tolist(),
                "basis_dwell": basis.dwell,
                "basis_centre": basis.central_frequency,
                "basis_width": basis.linewidth,
                "basis_name": name,
                "basis_nucleus": "1H",
            },
            "meta": basis.meta | {"position": position},
        }
        write_json(path_in(folder, name, ".json", "the metabolite"), content)


def read_fslmrs(directory: Path | str) -> BasisSet:
    """Read a folder of FSL-MRS JSON files, of spinsculpt or of FSL-MRS.

    Raises:
        SpinsculptError: there is none, or one is no basis function of protons that fits to the others.
    """
    directory = Path(directory)
    files = sorted(directory.glob("*.json"))
    if not files:
        raise SpinsculptError(f"There is no basis in {directory}: no .json file; simulate it or correct the path.")
    found = sorted((_read(path) for path in files), key=lambda each: (each.position, each.name))
    first = found[0]
    for each in found[1:]:
        for key, what in (("dwell", "dwell time"), ("central_frequency", "central frequency")):
            value, wanted = getattr(each, key), getattr(first, key)
            if not np.isclose(value, wanted, rtol=1e-6):
                raise SpinsculptError(
                    f"{directory}: {each.name} has another {what} ({value:g}) than {first.name} ({wanted:g}); simulate "
                    "the basis anew."
                )
        if len(each.fid) != len(first.fid):
            raise SpinsculptError(
                f"{directory}: {each.name} has {len(each.fid)} points but {first.name} {len(first.fid)}; simulate the "
                "basis anew."
            )
    meta = {key: value for key, value in first.meta.items() if key != "position"}
    fids, names = np.array([each.fid for each in found]), tuple(each.name for each in found)
    return BasisSet(names, fids, first.dwell, first.central_frequency, first.linewidth, meta).of_file(directory)


@dataclass(frozen=True)
class _Function:
    """One file of a basis."""

    name: str
    fid: np.ndarray
    dwell: float
    central_frequency: float
    linewidth: float
    meta: dict

    @property
    def position(self) -> float:
        position = self.meta.get("position", 0)
        return position if isinstance(position, int | float) else 0


def _read(path: Path) -> _Function:
    content = read_json(path, "FSL-MRS basis file")
    basis, meta = content.get("basis"), content.get("meta")
    if not isinstance(basis, dict):
        raise SpinsculptError(f"{path} is no FSL-MRS basis file (it lacks 'basis'); simulate the basis anew.")
    missing = [key for key in ("basis_re", "basis_im", "basis_dwell", "basis_centre") if key not in basis]
    if missing:
        raise SpinsculptError(f"{path} is no FSL-MRS basis file (it lacks {missing[0]}); simulate the basis anew.")
    real, imaginary = (samples(basis[key], "share", path, key) for key in ("basis_re", "basis_im"))
    if len(real) != len(imaginary):
        raise SpinsculptError(f"{path}: basis_re has {len(real)} values but basis_im {len(imaginary)}; make it anew.")
    nucleus = basis.get("basis_nucleus") or "1H"
    if nucleus not in ("1H", ["1H"]):
        raise SpinsculptError(f"{path}: the nucleus is {nucleus!s:.20}; only proton (1H) data are analysed.")
    return _Function(
        checked_name(basis.get("basis_name", path.stem), f"{path}: basis_name"),
        real + 1j * imaginary,
        quantity(basis["basis_dwell"], "dwell", path, "basis_dwell"),
        quantity(basis["basis_centre"], "central_frequency", path, "basis_centre"),
        quantity(basis.get("basis_width") or 0.0, "linewidth", path, "basis_width"),
        meta if isinstance(meta, dict) else {},
    )
