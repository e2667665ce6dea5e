"""FSL-MRS as the engine: its own programs for preprocessing, our data, checks and quality control."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinsculpt.config import Preprocess, Steps
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.fslmrs import find_command, run_command
from spinsculpt.data.nifti import MRSData, read_fids, write_fids

ONE_SHOT, EDITED = "fsl_mrs_preproc", "fsl_mrs_preproc_edit"
BUILTIN = "choose preprocess: engine: builtin"


@dataclass(frozen=True)
class Cleaned:
    """What FSL-MRS made of one scan.

    Attributes:
        fids: clean, one a condition in the order that was given, shape (points, conditions).
        water: the reference, its coils combined with the weights of the scan, averaged, phased; shape (points,).
        kept: numbers of the averages that it averaged, from 0; None where it looked for no outliers.
        records, water_records: what it did to scan and reference, as it wrote into their headers.
        version: of FSL-MRS.
    """

    fids: np.ndarray
    water: np.ndarray
    kept: list[int] | None
    records: list[dict]
    water_records: list[dict]
    version: str


def find_fsl_mrs_preproc() -> dict[str, str]:
    """Paths of the two programs by their names; when one is absent, an error that says how to get it."""
    return {command: find_command(command, "preprocess: engine: builtin") for command in (ONE_SHOT, EDITED)}


def clean_with_fsl_mrs(
    averages: Mapping[str, np.ndarray], scan: MRSData, water: MRSData | None, section: Preprocess, name: str
) -> Cleaned:
    """Preprocess one scan by the real `fsl_mrs_preproc`, one of ON and OFF by `fsl_mrs_preproc_edit`.

    The switches of the steps and reject.at_least are ours, ranges and thresholds its own. What it cannot do is refused
    before; afterwards it must have written finite samples that are not all zero.

    Args:
        averages: of each condition, shape (points, coils, n); one coil for combined data.
        scan: whose sampling and frequency they have.
        water: unsuppressed water of the same scan, with as many coils.
        section: the validated section `preprocess` of the config.
        name: of the scan, for errors.
    """
    program = EDITED if len(averages) > 1 else ONE_SHOT
    _refuse_what_it_lacks(averages, water, section.steps, program, name)
    executable = find_fsl_mrs_preproc()[program]
    with tempfile.TemporaryDirectory(prefix="fsl_mrs-") as folder:
        folder, out = Path(folder), Path(folder) / "out"
        _write(folder / "data.nii.gz", scan, list(averages.values()))
        _write(folder / "water.nii.gz", water, [_by_coil(water)])
        run_command([executable, *_arguments(folder, section, averages)], program, name)
        names = ["metab"] if program == ONE_SHOT else [f"edit_{k}" for k in range(len(averages))]
        clean = [_read(out / f"{each}.nii.gz", scan.points, program, name) for each in names]
        reference = _read(out / "wref.nii.gz", scan.points, program, name)
    records, water_records = (each.header.get("ProcessingApplied", []) for each in (clean[0], reference))
    return Cleaned(
        fids=np.stack([each.fid.samples for each in clean], axis=1),
        water=reference.fid.samples,
        kept=clean[0].header.get("DIM_DYN Indices", {}).get("Value"),
        records=records,
        water_records=water_records,
        version=str(records[-1]["Version"]) if records else "unknown",
    )


def _refuse_what_it_lacks(averages: Mapping, water: MRSData | None, steps: Steps, program: str, name: str) -> None:
    edited = program == EDITED
    if edited and set(averages) != {"ON", "OFF"}:
        shots = " and ".join(averages)
        raise SpinsculptError(f"{name}: FSL-MRS cannot preprocess the shots {shots} of a designed pair; {BUILTIN}.")
    if water is None:
        raise SpinsculptError(
            f"{name}: {program} needs a water reference, which this scan lacks; add it to the table of scans, "
            f"or {BUILTIN}."
        )
    _, coils, counts = zip(*(fids.shape for fids in averages.values()), strict=True)
    if coils[0] != water.size("DIM_COIL"):
        raise SpinsculptError(
            f"{name}: the water reference has {water.size('DIM_COIL')} coils and the scan {coils[0]}; give the "
            "reference of the same scan."
        )
    if len(set(counts)) > 1:
        raise SpinsculptError(f"{name}: {program} needs as many averages ON as OFF, not {counts}; {BUILTIN}.")
    for step in ("eddy_current", "reference", "phase", *(["align"] if edited else [])):
        if not getattr(steps, step):
            raise SpinsculptError(f"{name}: {program} always does the step {step}; switch it on, or {BUILTIN}.")
    for step in ("lipid_removal", *(["reject"] if edited else [])):
        if getattr(steps, step):
            raise SpinsculptError(f"{name}: {program} has no step {step}; switch it off, or {BUILTIN}.")


def _arguments(folder: Path, section: Preprocess, averages: Mapping[str, np.ndarray]) -> list[str]:
    steps, (count, *_) = section.steps, (fids.shape[2] for fids in averages.values())
    files = ["--data", folder / "data.nii.gz", "--reference", folder / "water.nii.gz", "--output", folder / "out"]
    options = {
        "--remove-water": steps.water_removal,
        "--noalign": not steps.align,
        "--noremoval": len(averages) == 1 and not (steps.reject and count >= section.reject.at_least),
    }
    return [str(argument) for argument in (*files, *(option for option, wanted in options.items() if wanted))]


def _by_coil(water: MRSData) -> np.ndarray:
    """FIDs of a reference, shape (points, coils, n)."""
    coil = [1 + water.dims.index("DIM_COIL")] if "DIM_COIL" in water.dims else []
    return np.moveaxis(water.fids, coil, [1] * len(coil)).reshape(water.points, water.size("DIM_COIL"), -1)


def _write(path: Path, like: MRSData, conditions: Sequence[np.ndarray]) -> None:
    """FIDs of each condition, (points, coils, n), without the header, which names people and places."""
    fids = np.stack(conditions, axis=-1)
    tags = ("DIM_COIL", "DIM_DYN", "DIM_EDIT")
    there = [tag for tag, size in zip(tags, fids.shape[1:], strict=True) if size > 1 or tag == "DIM_DYN"]
    fids = fids.reshape(like.points, *(fids.shape[1 + tags.index(tag)] for tag in there))
    write_fids(path, MRSData(fids, like.dwell, like.central_frequency, tuple(there)))


def _read(path: Path, points: int, program: str, name: str) -> MRSData:
    """One FID that the program wrote."""
    if not path.is_file():
        raise SpinsculptError(f"{name}: {program} ended without {path.name}; its installation may be incomplete.")
    try:
        found = read_fids(path)
    except SpinsculptError as error:
        logging.getLogger(__name__).error("%s", error)
        raise SpinsculptError(
            f"{name}: {program} wrote no readable {path.name}; look at the data, or {BUILTIN}."
        ) from error
    if found.points != points or found.fids.size != points:
        shape = " x ".join(map(str, found.fids.shape))
        raise SpinsculptError(
            f"{name}: {program} wrote {path.name} of {shape} samples, not one FID of {points}; {BUILTIN}."
        )
    if not found.fids.any():
        raise SpinsculptError(f"{name}: {program} returned zeros in {path.name}, which is no result; look at the data.")
    return found
