"""BIDS for MRS: names, sidecars and the description of the data set, and whether they are valid.

Brain Imaging Data Structure 1.10, magnetic resonance spectroscopy (Bouix et al. 2025, doi:10.1038/s41597-025-05543-2);
NIfTI-MRS header keys: doi:10.1002/mrm.29418. What the specification asks for is in bids_mrs.yaml.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator

from spinsculpt import __version__
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.gate import read_json, read_yaml
from spinsculpt.core.provenance import atomic_path, write_json
from spinsculpt.data.nifti import MRSData
from spinsculpt.data.subjects import Scan

BIDS_VERSION = "1.10.0"

# Keys of NIfTI-MRS that BIDS names alike, and those that it names otherwise.
_SAME = (
    "EchoTime", "RepetitionTime", "Manufacturer", "ManufacturersModelName", "SoftwareVersions", "InstitutionName",
    "InstitutionAddress", "DeviceSerialNumber", "EditCondition", "SequenceName", "ProtocolName",
)  # fmt: skip
_RENAMED = {
    "RxCoil": "ReceiveCoilName",
    "WaterSuppressed": "WaterSuppression",
    "WaterSuppressionType": "WaterSuppressionTechnique",
}
# Times and angles that vendors write as 0 where a sequence has none; BIDS wants them positive or absent.
_POSITIVE = {"InversionTime": "InversionTime", "MixingTime": "MixingTime", "ExcitationFlipAngle": "FlipAngle"}
_SEQUENCE_TYPES = {
    "press": "PRESS",
    "megapress": "MEGA-PRESS",
    "steam": "STEAM",
    "slaser": "sLASER",
    "spin_echo": "Spin echo",
    "pulse_acquire": "FID",
}
_FIELDS = (0.55, 1.5, 3.0, 4.0, 4.7, 7.0, 9.4, 10.5, 11.7)  # T, nominal


@cache
def _specification() -> dict:
    return read_yaml(Path(__file__).with_name("bids_mrs.yaml"))


def mrs_name(scan: Scan, suffix: str) -> str:
    """Path of a scan below the root of the data set, without extension: sub-01/mrs/sub-01_acq-press30_svs."""
    return f"{scan.folder}/mrs/{scan.name}_{suffix}"


def sidecar(data: MRSData, scan: Scan, suffix: str, sequence_type: str | None = None) -> dict:
    """Fields of the JSON sidecar of a scan.

    Args:
        data: what was converted.
        scan: its line in the table of scans.
        suffix: "svs" or "mrsref".
        sequence_type: key `type` of its sequence in the configuration.
    """
    fields: dict = {
        "ResonantNucleus": [data.nucleus],  # as in the NIfTI-MRS header, which BIDS compares
        "SpectrometerFrequency": [data.central_frequency],
        "SpectralWidth": 1 / data.dwell,
        "NumberOfSpectralPoints": data.points,
        "NumberOfTransients": data.size("DIM_DYN"),
        "MagneticFieldStrength": nominal_field(data.central_frequency),
        "ScanningSequence": "SVS",
    }
    if sequence_type in _SEQUENCE_TYPES:
        fields["PulseSequenceType"] = _SEQUENCE_TYPES[sequence_type]
    fields |= {key: data.header[key] for key in _SAME if key in data.header}
    fields |= {new: data.header[old] for old, new in _RENAMED.items() if old in data.header}
    fields |= {new: data.header[old] for old, new in _POSITIVE.items() if data.header.get(old)}
    fields |= _editing(data)
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


def nominal_field(central_frequency: float) -> float:
    """Nominal field strength in T at a proton frequency in MHz.

    >>> nominal_field(123.2), nominal_field(297.2)  # Siemens' 3 T is 2.89 T
    (3.0, 7.0)
    """
    field = central_frequency / GAMMA_BAR
    nearest = min(_FIELDS, key=lambda nominal: abs(nominal - field))
    return nearest if abs(nearest / field - 1) < 0.05 else round(field, 2)


def _editing(data: MRSData) -> dict:
    """Editing conditions and pulses; NIfTI-MRS has durations in s and calls offsets PulseOffset."""
    fields = {}
    conditions = data.dim_headers.get("DIM_EDIT", {}).get("EditCondition")
    if conditions:
        fields["EditCondition"] = conditions
    pulses = data.header.get("EditPulse")
    if isinstance(pulses, dict):
        fields["EditPulse"] = {name: _edit_pulse(pulse) for name, pulse in pulses.items() if isinstance(pulse, dict)}
    return fields


def _edit_pulse(pulse: dict) -> dict:
    renamed = {"FrequencyOffset": pulse.get("PulseOffset")}
    if pulse.get("PulseDuration") is not None:
        renamed["PulseDuration"] = pulse["PulseDuration"] * 1e3  # ms
    return {key: value for key, value in renamed.items() if value is not None}


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of a NIfTI-MRS file is, or would be."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def read_sidecar(path: Path) -> dict:
    """The fields of the JSON beside a NIfTI-MRS file, {} where there is none.

    Raises:
        SpinsculptError: the file is there but is no JSON of fields.
    """
    beside = sidecar_path(path)
    if not beside.is_file():
        return {}
    return read_json(beside)


def header_of_sidecar(fields: dict) -> dict:
    """What a sidecar says, in the words of NIfTI-MRS (times in s both)."""
    renamed = _RENAMED | _POSITIVE
    return {key: fields[key] for key in _SAME if key in fields} | {
        old: fields[new] for old, new in renamed.items() if new in fields
    }


def sidecar_problems(fields: dict) -> list[str]:
    """What keeps the fields of a sidecar from being valid BIDS, a phrase each: required fields and types."""
    errors = sorted(Draft202012Validator(_specification()["sidecar"]).iter_errors(fields), key=lambda e: list(e.path))
    return [f"{'.'.join(map(str, error.path))}: {error.message}".removeprefix(": ") for error in errors]


def missing_recommended(fields: dict, suffix: str) -> list[str]:
    """Names of the fields that BIDS recommends for a scan with this suffix and that a sidecar lacks."""
    wanted = _specification()["recommended"] + (_specification()["recommended_of_svs"] if suffix == "svs" else [])
    return [name for name in wanted if name not in fields]


@cache
def _name_pattern() -> re.Pattern:
    patterns = {"label": "[0-9a-zA-Z+]+", "index": "[0-9]+"}
    entities = [f"{key}-(?P<{key}>{patterns[kind]})" for key, kind in _specification()["entities"].items()]
    name = entities[0] + "".join(f"(_{entity})?" for entity in entities[1:])
    either = "|".join(_specification()["suffixes"])
    extension = "|".join(map(re.escape, _specification()["extensions"]))
    folder = r"sub-(?P<folder>[0-9a-zA-Z+]+)/(ses-(?P<session_folder>[0-9a-zA-Z+]+)/)?mrs/"
    return re.compile(rf"{folder}{name}_(?P<suffix>{either})(?P<extension>{extension})")


def parse_name(path: str) -> dict[str, str] | None:
    """Entities, suffix and extension of the path of an MRS file below the root of a data set; None where BIDS has no
    such name: an entity unknown or out of order, a folder that contradicts it, another suffix.

    >>> parse_name("sub-01/mrs/sub-01_acq-press_svs.nii.gz")["acq"]
    'press'
    >>> parse_name("sub-01/mrs/sub-02_svs.nii.gz") is None
    True
    """
    match = _name_pattern().fullmatch(path)
    if not match:
        return None
    found = {key: value for key, value in match.groupdict().items() if value is not None}
    folder, session_folder = found.pop("folder"), found.pop("session_folder", None)
    return found if (folder, session_folder) == (found["sub"], found.get("ses")) else None


_README = {
    "raw": """{name}: spectroscopy as converted by spinsculpt {version}

One NIfTI-MRS file a scan (suffix svs) and water reference (mrsref), without the header fields that identify a subject.
Each sidecar says which file it was made from (SHA-256), which fields were removed, and what was completed.
""",
    "preproc": """{name}: spectra as cleaned by spinsculpt {version}

One NIfTI-MRS file a scan: coils combined, averages aligned and averaged, axis and phase set; edited scans keep their
conditions along DIM_EDIT. The header (ProcessingApplied) and *_qc.json say what was done to each,
*_preproc.png shows it.
""",
    "fit": """{name}: concentrations by spinsculpt {version}

One folder an analysis: summary.csv (ratios, mM, Cramer-Rao bounds, flags), parameters.csv, covariance.csv, qc.json,
fit.npz and fit.png. The tables of all scans are in ../../compare; docs/reference/outputs.md explains every column.
""",
    "mrf": """{name}: maps of exchange from fingerprints by spinsculpt {version}

sub-*/anat holds one map a parameter and estimator (desc), its Cramer-Rao bound (stat-crlb), the SD that a network
predicts (stat-sd), R2 of the data (rsquaremap) and flags (flagsmap, 0: trusted); units are in each sidecar. *_fit.json
says how the fit went, *_reconstructor.pt is a trained network. Tables of all fits are ../compare/mrf_*.tsv.
""",
}
_NOT_BIDS = {"preproc": ("*_qc.json", "*_preproc.png", "spinsculpt.sha256"), "fit": ("sub-*/",), "mrf": ("sub-*/",)}


def write_dataset_description(
    root: Path | str, name: str, subjects: Iterable[str], kind: str = "raw", source: str = ""
) -> None:
    """Write dataset_description.json, README, participants.tsv and, of derivatives, .bidsignore.

    Args:
        root: folder of the data set.
        name: of the study.
        subjects: labels, without "sub-".
        kind: "raw", or of derivatives "preproc", "fit" or "mrf".
        source: folder of the data set that a derivative was made from, relative to `root`.
    """
    root, raw = Path(root), kind == "raw"
    write_json(
        root / "dataset_description.json",
        {
            "Name": name if raw else f"{name}, {kind}",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw" if raw else "derivative",
            "GeneratedBy": [
                {
                    "Name": "spinsculpt",
                    "Version": __version__,
                    "Description": f"rules of {kind if not raw else 'convert'}",
                },
                *([{"Name": "spec2nii"}] if raw else []),
            ],
            **({"SourceDatasets": [{"URL": source}]} if source else {}),
        },
    )
    text = {
        "README": _README[kind].format(name=name, version=__version__),
        "participants.tsv": "\n".join(["participant_id", *(f"sub-{each}" for each in sorted(set(subjects)))]) + "\n",
    }
    if kind in _NOT_BIDS:
        text[".bidsignore"] = "\n".join(_NOT_BIDS[kind]) + "\n"
    for file, content in text.items():
        with atomic_path(root / file) as temporary:
            temporary.write_text(content)
