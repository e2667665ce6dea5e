"""Read enhanced Philips DICOM of one voxel that spec2nii cannot: files that do not tell all three slabs of the voxel.

Samples are 32-bit floats in pairs in (5600,0020), FFT-positive as they are; the frames come one after the other, and
with water-referenced phase correction the last one is water.
"""

from pathlib import Path

import numpy as np

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData

NOTE = "the DICOM header does not give three slabs, so the orientation of the voxel is not known"
_WORDS = {
    "Manufacturer": "Manufacturer",
    "ManufacturerModelName": "ManufacturersModelName",
    "SoftwareVersions": "SoftwareVersions",
    "ProtocolName": "ProtocolName",
    "PulseSequenceName": "SequenceName",
    "PatientPosition": "PatientPosition",
}


def read_slab(path: Path) -> dict[str, MRSData]:
    """The metabolites (key "") and the water reference (key "_ref") of an enhanced Philips DICOM file.

    Returns:
        FIDs of shape (points,) or (points, averages); the affine is None, and times of the header are in s.
    Raises:
        SpinsculptError: a field is missing, the samples are not as many as the header says, or the scan is edited.
    """
    from pydicom import dcmread

    file = dcmread(path)
    if _is_edited(file):
        raise SpinsculptError(
            f"{path}: an edited Philips scan whose DICOM header does not give the three slabs of the voxel cannot be "
            "converted; export the scan as SDAT/SPAR."
        )
    points = int(_needed(path, file, "SpectroscopyAcquisitionDataColumns"))
    frames = int(_needed(path, file, "NumberOfFrames"))
    held = np.frombuffer(_samples(path, file), "<f4")
    if held.size != 2 * points * frames:
        raise SpinsculptError(
            f"{path}: the header says {frames} frames x {points} samples, but (5600,0020) holds {held.size / 2:g}; "
            "export the scan again."
        )
    fids = (held[::2] + 1j * held[1::2].astype(np.complex128)).reshape(frames, points).T
    header = {"ResonantNucleus": ["1H"]} | {
        ours: " ".join([value] if isinstance(value, str) else map(str, value))
        for theirs, ours in _WORDS.items()
        if (value := file.get(theirs))
    }
    for key, sequence, field, scale in (
        ("EchoTime", "MREchoSequence", "EffectiveEchoTime", 1e-3),
        ("RepetitionTime", "MRTimingAndRelatedParametersSequence", "RepetitionTime", 1e-3),
        ("ExcitationFlipAngle", "MRTimingAndRelatedParametersSequence", "FlipAngle", 1.0),
    ):
        value = _of_groups(file, sequence, field)
        if value is not None:
            header[key] = float(value) * scale
    has_water = file.get("WaterReferencedPhaseCorrection") == "YES" and frames > 1
    dwell = 1 / float(_needed(path, file, "SpectralWidth"))
    frequency = float(_needed(path, file, "TransmitterFrequency"))
    sets = {"": fids[:, :-1] if has_water else fids} | ({"_ref": fids[:, -1:]} if has_water else {})
    return {
        name: MRSData(
            each[:, 0] if each.shape[1] == 1 else each,
            dwell,
            frequency,
            () if each.shape[1] == 1 else ("DIM_DYN",),
            header | {"WaterSuppressed": name == ""},
        )
        for name, each in sets.items()
    }


def _is_edited(file) -> bool:
    """What Philips writes into (2005,xx97) of its block "Philips MR Imaging DD 005" for MEGA (as spec2nii reads it)."""
    try:
        return file.private_block(0x2005, "Philips MR Imaging DD 005")[0x97].value == "Y"
    except KeyError:
        return False


def _samples(path: Path, file) -> bytes:
    if 0x56000020 not in file:
        raise SpinsculptError(f"{path}: the header lacks the field '(5600,0020)'; export the scan again.")
    value = file[0x56000020].value
    return value if isinstance(value, bytes) else np.asarray(value, "<f4").tobytes()


def _needed(path: Path, file, key: str) -> object:
    value = file.get(key)
    if value in (None, "", 0):
        raise SpinsculptError(f"{path}: the header lacks the field '{key}'; export the scan again.")
    return value[0] if type(value).__name__ == "MultiValue" else value


def _of_groups(file, sequence: str, field: str) -> object:
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        for group in file.get(groups) or ():
            for item in group.get(sequence) or ():
                if item.get(field) is not None:
                    return item.get(field)
    return None
