"""Simulated scans with known truth, written as files that a scanner's would be."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spinsculpt.cest.modelling._files import Grid, described, write_map
from spinsculpt.cest.modelling._scan import Stage
from spinsculpt.cest.modelling._volume import Volume, brain_volume, vial_volume
from spinsculpt.cest.study import PHANTOM_MAPS, PHANTOM_TRUTH
from spinsculpt.core.provenance import atomic_path, provenance, write_json

_VOXEL = 1.8  # mm


def phantom_volume(kind: str, shape: tuple[int, int, int], seed: int) -> Volume:
    """The volume of a subject: "brain" or "vials"; another seed is another subject."""
    return brain_volume(tuple(shape), seed) if kind == "brain" else vial_volume(shape[0], seed=seed)


def write_phantom(
    prefix: Path | str,
    kind: str,
    shape: tuple[int, int, int],
    noise: float,
    seed: int,
    stages: Mapping[str, Stage],
) -> None:
    """Write fingerprints of each stage, mask, regions, measured maps and true maps of one subject.

    Args:
        prefix: path and first part of the names, e.g. "anat/sub-01".
        kind: "brain" or "vials".
        shape: of the grid.
        noise: SD in units of the signal in equilibrium.
        seed: of the subject and the noise.
        stages: what is played, by name.
    """
    import nibabel

    volume = phantom_volume(kind, shape, seed)
    affine = np.diag([_VOXEL, _VOXEL, _VOXEL, 1.0])
    grid, mask, inside = Grid(volume.mask.shape, affine), volume.mask, volume.labels[volume.mask]
    origin = {"Phantom": kind, "Seed": seed, "Noise": noise, "Fixed": dict(volume.fixed)}
    write_map(f"{prefix}_mask.nii.gz", np.ones(len(inside), np.int16), mask, grid, origin)
    regions = {"Regions": {str(number): name for number, name in volume.names.items()}}
    write_map(f"{prefix}_dseg.nii.gz", inside.astype(np.int16), mask, grid, origin | regions)
    for name in PHANTOM_MAPS[kind]:
        write_map(f"{prefix}_{name}map.nii.gz", volume.maps[name][mask], mask, grid, described(name) | origin)
    for name in PHANTOM_TRUTH[kind]:
        path = f"{prefix}_desc-truth_{name}map.nii.gz"
        write_map(path, volume.maps[name][mask], mask, grid, described(name, "simulated truth") | origin)
    for number, (name, stage) in enumerate(stages.items()):
        protocol = stage.read()
        images = volume.fingerprints(protocol, stage.model, noise, seed=1000 * seed + number)
        stem = f"{prefix}_acq-{name}_mrf"
        image = nibabel.Nifti1Image(images.astype(np.float32), affine)
        image.header.set_xyzt_units("mm")
        with atomic_path(f"{stem}.nii.gz") as temporary:
            nibabel.save(image, temporary)
        said = {
            "MagneticFieldStrength": stage.field,
            "Units": "signal in equilibrium",
            "Protocol": dict(protocol.notes),
        }
        write_json(f"{stem}.json", said | origin | {"Provenance": provenance()})
