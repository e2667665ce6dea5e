"""BIDS for MRS: names, sidecars and the description of the data set.

Brain Imaging Data Structure 1.10, magnetic resonance spectroscopy (Bouix et al. 2025, doi:10.1038/s41597-025-05543-2);
NIfTI-MRS header keys: doi:10.1002/mrm.29418.
"""

from pathlib import Path

from spinsculpt import __version__
from spinsculpt.nifti import MRSData
from spinsculpt.provenance import write_json
from spinsculpt.subjects import Scan

BIDS_VERSION = "1.10.0"
SUFFIXES = ("svs", "mrsref")

# Keys of NIfTI-MRS that BIDS names alike, and those that it names otherwise.
_SAME = (
    "EchoTime", "RepetitionTime", "InversionTime", "MixingTime", "Manufacturer", "ManufacturersModelName",
    "SoftwareVersions", "InstitutionName", "InstitutionAddress", "DeviceSerialNumber", "EditCondition", "EditPulse",
)  # fmt: skip
_RENAMED = {
    "ExcitationFlipAngle": "FlipAngle",
    "RxCoil": "ReceiveCoilName",
    "SequenceName": "PulseSequenceDetails",
    "ProtocolName": "SeriesDescription",
    "WaterSuppressed": "WaterSuppression",
    "WaterSuppressionType": "WaterSuppressionTechnique",
}


def mrs_name(scan: Scan, suffix: str) -> str:
    """Path of a scan below the root of the data set, without extension: sub-01/mrs/sub-01_acq-press30_svs."""
    return f"{scan.folder}/mrs/{scan.name}_{suffix}"


def sidecar(data: MRSData, scan: Scan, suffix: str) -> dict:
    """Fields of the JSON sidecar of a scan.

    Args:
        data: what was converted.
        scan: its line in the table of scans.
        suffix: "svs" or "mrsref".
    """
    fields: dict = {
        "ResonantNucleus": data.nucleus,
        "SpectrometerFrequency": data.central_frequency,
        "SpectralWidth": 1 / data.dwell,
        "NumberOfSpectralPoints": data.points,
        "NumberOfTransients": data.size("DIM_DYN"),
    }
    fields |= {key: data.header[key] for key in _SAME if key in data.header}
    fields |= {new: data.header[old] for old, new in _RENAMED.items() if old in data.header}
    if "NumberOfTransients" in data.header:  # those averaged on the scanner included
        fields["NumberOfTransients"] = data.header["NumberOfTransients"]["Value"]
    if data.affine is not None and abs(data.affine[:3, :3]).max() < 1000:  # 10 m stands for "no localisation"
        fields["AcquisitionVoxelSize"] = [round(float((column**2).sum() ** 0.5), 4) for column in data.affine[:3, :3].T]
    if suffix == "svs":
        fields.setdefault("WaterSuppression", True)
        if scan.water:
            fields["ReferenceSignal"] = f"bids::{mrs_name(scan, 'mrsref')}.nii.gz"
    else:
        fields["WaterSuppression"] = False
    return fields


def write_dataset_description(root: Path | str, name: str) -> None:
    """Write dataset_description.json, which makes the folder a BIDS data set."""
    write_json(
        Path(root) / "dataset_description.json",
        {
            "Name": name,
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "GeneratedBy": [{"Name": "spinsculpt", "Version": __version__}, {"Name": "spec2nii"}],
        },
    )
