"""Basis sets as folders of FSL-MRS JSON files, one a metabolite; FFT-positive, as in memory."""

import json
from pathlib import Path

import numpy as np

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.errors import SpinsculptError
from spinsculpt.folders import owned_files, path_in
from spinsculpt.provenance import write_json

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
    """Read a folder of FSL-MRS JSON files, of spinsculpt or of FSL-MRS."""
    directory = Path(directory)
    files = sorted(directory.glob("*.json"))
    if not files:
        raise SpinsculptError(f"There is no basis in {directory}: no .json file; simulate it or correct the path.")
    entries = [_read(path) for path in files]
    entries.sort(key=lambda entry: (entry["meta"].get("position", 0), entry["basis"]["basis_name"]))
    first = entries[0]["basis"]
    for entry in entries[1:]:
        for key, what in (("basis_dwell", "dwell time"), ("basis_centre", "central frequency")):
            if not np.isclose(entry["basis"][key], first[key], rtol=1e-6):
                raise SpinsculptError(
                    f"{directory}: {entry['basis']['basis_name']} has another {what} ({entry['basis'][key]:g}) than "
                    f"{first['basis_name']} ({first[key]:g}); simulate the basis anew."
                )
        if len(entry["basis"]["basis_re"]) != len(first["basis_re"]):
            raise SpinsculptError(
                f"{directory}: {entry['basis']['basis_name']} has {len(entry['basis']['basis_re'])} points but "
                f"{first['basis_name']} {len(first['basis_re'])}; simulate the basis anew."
            )
    fids = [np.array(e["basis"]["basis_re"]) + 1j * np.array(e["basis"]["basis_im"]) for e in entries]
    meta = {key: value for key, value in entries[0]["meta"].items() if key != "position"}
    return BasisSet(
        names=tuple(entry["basis"]["basis_name"] for entry in entries),
        fids=np.array(fids),
        dwell=first["basis_dwell"],
        central_frequency=first["basis_centre"],
        linewidth=first.get("basis_width") or 0.0,
        meta=meta,
    )


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text())
        basis = content["basis"]
        basis.setdefault("basis_name", path.stem)
        for key in ("basis_re", "basis_im", "basis_dwell", "basis_centre"):
            basis[key]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise SpinsculptError(f"{path} is no FSL-MRS basis file ({error!r}); simulate the basis anew.") from error
    meta = content.get("meta")
    return {"basis": basis, "meta": meta if isinstance(meta, dict) else {}}
