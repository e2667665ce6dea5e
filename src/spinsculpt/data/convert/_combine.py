"""Which data set of a raw file is the scan, and several repetitions of a scan as one."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData
from spinsculpt.data.pairing import ECHO_TIME_TOLERANCE, FACTS, compare_facts, facts_of_data

# Ends of the names that spec2nii gives to what it finds in one file.
_NO_SPECTRUM = re.compile(r"_(NOI|REJ|PHC|FRC|NAV|empty_data)")
_WATER = re.compile(r"_(w?ref|rf_off|rf_grads_ovs_off|ws_ovs_off|vapor_ovs_rfoff|quant|ecc|STD_1)")
# Water references without suppression of the outer volume come first: that one touches the voxel's edge.
_BEST_WATER = ("_quant", "_ref_no_ovs", "_rf_grads_ovs_off")


def choose(sets: Mapping[str, MRSData], raw: Path, suffix: str, echo_time: float | None, notes: list[str]) -> MRSData:
    """The data set of a raw file that is the metabolite scan (suffix svs) or its water reference (mrsref).

    Args:
        sets: by the end of the name that spec2nii gave them.
        raw: what errors call the file.
        suffix: "svs" or "mrsref".
        echo_time: in s; decides between scans of several echo times in one file. None leaves that open.
        notes: gets a sentence where there was a choice.
    """
    usable = {name: data for name, data in sets.items() if not _NO_SPECTRUM.search(name)}
    if len(usable) == 1:
        return next(iter(usable.values()))
    wanted = {name: data for name, data in usable.items() if _is_water(name, data) == (suffix == "mrsref")}
    if echo_time and len(wanted) > 1:
        wanted = {name: data for name, data in wanted.items() if _may_have(data, echo_time)} or wanted
    best = [name for name in _BEST_WATER if name in wanted] if suffix == "mrsref" else []
    if best:
        wanted = {best[0]: wanted[best[0]]}
    if len(wanted) != 1:
        held = ", ".join(f"'{name or 'scan'}'" for name in usable)
        what = "water reference" if suffix == "mrsref" else "metabolite scan"
        raise SpinsculptError(
            f"{raw}: holds the data sets {held}, of which {len(wanted) or 'none'} can be the {what}; convert it "
            "by hand with spec2nii and name one of its NIfTI-MRS files instead."
        )
    name, data = next(iter(wanted.items()))
    notes.append(f"took the data set '{name or 'scan'}' of {len(usable)} in the file")
    return data


def _is_water(name: str, data: MRSData) -> bool:
    return data.header.get("WaterSuppressed") is False or bool(_WATER.search(name))


def _may_have(data: MRSData, echo_time: float) -> bool:
    found = data.header.get("EchoTime")
    return found is None or abs(found - echo_time) <= ECHO_TIME_TOLERANCE


def concatenate(parts: list[MRSData], named: list[Path]) -> MRSData:
    """Repetitions of one scan, one after the other along DIM_DYN; the header is that of the first.

    Raises:
        SpinsculptError: two of them differ in what must be the same in repetitions.
    """
    if len(parts) == 1:
        return parts[0]
    parts = [_with_dynamics(part) for part in parts]
    first, axis = parts[0], 1 + parts[0].dims.index("DIM_DYN")
    for path, part in zip(named[1:], parts[1:], strict=True):
        difference = _difference(first, part)
        if difference:
            raise SpinsculptError(
                f"{path}: {difference} as in {named[0].name}, so they are no repetitions of one scan; give each a line "
                "of its own in the table of scans."
            )
    header = dict(first.header)
    if all("NumberOfTransients" in part.header for part in parts):
        total = sum(part.header["NumberOfTransients"]["Value"] for part in parts)
        header["NumberOfTransients"] = first.header["NumberOfTransients"] | {"Value": total}
    along = {tag: fields for tag, fields in first.dim_headers.items() if tag != "DIM_DYN"}
    fids = np.concatenate([part.fids for part in parts], axis=axis)
    return replace(first, fids=fids, header=header, dim_headers=along)


def _with_dynamics(data: MRSData) -> MRSData:
    if "DIM_DYN" in data.dims:
        return data
    return replace(data, fids=data.fids[..., np.newaxis], dims=(*data.dims, "DIM_DYN"))


def _difference(a: MRSData, b: MRSData) -> str | None:
    """What keeps two scans from being repetitions of one, as the start of a sentence."""
    if a.dims != b.dims:
        return f"has the dimensions {b.dims}, not {a.dims}"
    sizes = [
        {tag: data.size(tag) for tag in data.dims if tag != "DIM_DYN"} | {"samples": data.points} for data in (a, b)
    ]
    if sizes[0] != sizes[1]:
        return f"has the sizes {sizes[1]}, not {sizes[0]}"
    differing = compare_facts(facts_of_data(a, "the first"), facts_of_data(b, "the other")).differing
    for key, (one, other) in differing.items():
        return f"has {FACTS[key].words} {other}, not {one}" if other else f"has {FACTS[key].words}, not the same"
    if abs(a.central_frequency / b.central_frequency - 1) > 1e-4:  # drift between repetitions stays below this
        return f"is at {b.central_frequency:.4f} MHz, not {a.central_frequency:.4f} MHz"
    return None
