"""Small raw files of every vendor, written from their format descriptions, for tests without real data."""

import ctypes
import struct
from pathlib import Path

import numpy as np

from spinsculpt.data.philips import write_sdat, write_spar

DWELL, FREQUENCY = 5e-4, 127.75  # s, MHz


def fids(count: int, points: int = 64) -> np.ndarray:
    """Decaying FIDs that differ, shape (count, points)."""
    decay = np.exp((-5 + 300j) * np.arange(points) * DWELL)
    return np.outer(np.arange(1, count + 1), decay)


def write_philips(folder: Path, stem: str, echo_time: float = 0.03, scan_id: str = "press", **spar: str) -> Path:
    """An SDAT with its SPAR; `spar` replaces fields of it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.SDAT"
    write_sdat(path, fids(2))
    header = {"samples": 64, "rows": 2, "dwell": DWELL, "central_frequency": FREQUENCY, "averages": 8}
    write_spar(path.with_suffix(".SPAR"), **header, echo_time=echo_time, repetition_time=2.0, scan_id=scan_id)
    if spar:
        with path.with_suffix(".SPAR").open("a") as file:
            file.writelines(f"{key} : {value}\n" for key, value in spar.items())
    return path


RDA = {
    "PatientName": "Doe^Jane", "PatientID": "X1", "PatientBirthDate": "19700101", "PatientSex": "F",
    "PatientWeight": "60,0", "ProtocolName": "svs_se_30", "InstitutionName": "Somewhere", "ModelName": "Skyra",
    "DeviceSerialNumber": "1", "SoftwareVersion[0]": "syngo MR D13", "SequenceName": "*svs_se", "TR": "2000.0",
    "TE": "30.0", "TM": "0.0", "TI": "0.0", "DwellTime": "500", "MRFrequency": str(FREQUENCY), "Nucleus": "1H",
    "FlipAngle": "90.0", "VectorSize": "64", "CSIMatrixSize[0]": "1", "CSIMatrixSize[1]": "1", "CSIMatrixSize[2]": "1",
    "TransmitCoil": "Body", "SliceThickness": "20.0", "PositionVector[0]": "1.0", "PositionVector[1]": "2.0",
    "PositionVector[2]": "3.0", "RowVector[0]": "1.0", "RowVector[1]": "0.0", "RowVector[2]": "0.0",
    "ColumnVector[0]": "0.0", "ColumnVector[1]": "1.0", "ColumnVector[2]": "0.0", "VOIPositionSag": "1.0",
    "VOIPositionCor": "2.0", "VOIPositionTra": "3.0", "PixelSpacingRow": "20.0", "PixelSpacingCol": "20.0",
}  # fmt: skip


def write_rda(path: Path, signal: np.ndarray | None = None, **changes: str | None) -> Path:
    """A Siemens rda of one FID; None takes a field out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (fids(1)[0] if signal is None else signal).astype("<c16")
    fields = RDA | {"VectorSize": str(len(samples))} | changes
    fields = {key: value for key, value in fields.items() if value is not None}
    lines = [">>> Begin of header <<<", *(f"{key}: {value}" for key, value in fields.items()), ">>> End of header <<<"]
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode() + samples.tobytes())
    return path


PROTOCOL = {
    "alTE[0]": "30000", "alTR[0]": "2000000", "tSequenceFileName": '"%SiemensSeq%\\svs_se"',
    "tProtocolName": '"press"', "sTXSPEC.asNucleusInfo[0].tNucleus": '"1H"', "sSpecPara.lAutoRefScanMode": "1",
    "sSpecPara.lAutoRefScanNo": "1",
}  # fmt: skip


def write_twix_head(path: Path, **changes: str) -> Path:
    """The beginning of a Siemens twix file of VD and later: what its header says, without a measurement."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(["", *(f"{key}\t = \t{value}" for key, value in (PROTOCOL | changes).items()), ""]).encode()
    block = b"MeasYaps\0" + struct.pack("<I", len(text)) + text
    entries = struct.pack("<II", 0, 1) + struct.pack("<IIQQ64s64s", 1, 2, 10240, 8 + len(block), b"Doe^Jane", b"press")
    path.write_bytes(entries.ljust(10240, b"\0") + struct.pack("<II", 8 + len(block), 1) + block)
    return path


def write_data_list(folder: Path, vectors: list[tuple[str, int, int, int, complex | np.ndarray]], **spar) -> Path:
    """A Philips .data with its .list and SPAR; a vector is (kind, mix, coil, dynamic, its samples or their value)."""
    header = {
        "samples": 64, "rows": 2, "dwell": DWELL, "central_frequency": FREQUENCY, "echo_time": 0.03,
        "repetition_time": 2.0, "averages": 8, "scan_id": "press30",
    } | spar  # fmt: skip
    lines, samples = ["# === DATA DESCRIPTION FILE ===", ".    0    0    0  number_of_mixes   :     2"], []
    size = 8 * header["samples"]
    for number, (kind, mix, coil, dynamic, value) in enumerate(vectors):
        places = [mix, dynamic, 0, 0, 0, coil, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
        lines.append("  ".join([kind, *map(str, places), str(size), str(size * number)]))
        samples.append(np.full(header["samples"], value, np.complex64))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "raw.list").write_text("\n".join(lines) + "\n")
    (folder / "raw.data").write_bytes(np.concatenate(samples).tobytes())
    write_spar(folder / "raw.SPAR", **header)
    return folder / "raw.data"


COILS, NEX, WATER_FRAMES = 2, 8, 2  # a P-file holds 16 / NEX water frames


def write_p_file(path: Path, version: float = 27.0, frames: np.ndarray | None = None, **changes) -> Path:
    """A GE P-file of PROBE-P in two coils: two frames of water, then four of metabolites, 100 and 1 to 4 high."""
    from spec2nii.GE.ge_hdr_fields import get_pfile_hdr_fields

    fields = get_pfile_hdr_fields(version)
    header = type("Header", (ctypes.LittleEndianStructure,), {"_pack_": 1, "_fields_": fields})()
    offset = {26: 213684, 27: 219828, 28: 228020, 30: 228020}[int(version)]
    if frames is None:
        frames = np.concatenate([100 * fids(1).repeat(WATER_FRAMES, 0), fids(4)]) * 1000
    points = frames.shape[1]
    blocks = np.concatenate([frames[:1] * 0, frames])  # a frame of noise comes first
    values = {
        "rhr_rh_rdbm_rev": version, "rhr_rdb_hdr_off_data": offset, "rhr_rh_frame_size": points, "rhr_rh_point_size": 4,
        "rhr_rh_dab[0]_start_rcv": 0, "rhr_rh_dab[0]_stop_rcv": COILS - 1, "rhr_spectral_width": 1 / DWELL,
        "rhr_rh_ps_mps_freq": round(FREQUENCY * 1e7), "rhe_magstrength": 30000, "rhi_nex": NEX, "rhi_user4": 4 * NEX,
        "rhi_te": 35000, "rhi_tr": 2000000, "rhi_mr_flip": 90, "rhi_psdname": b"PROBE-P", "rhs_se_desc": b"press",
        "rhe_patname": b"Doe^Jane", "rhi_numecho": 1, "rhi_freq_dir": 1,
        "rhi_user8": 20, "rhi_user9": 25, "rhi_user10": 30,
        "rhi_trhc_R": 1, "rhi_brhc_R": 1, "rhi_brhc_A": -1, "rhr_rh_user19": WATER_FRAMES,
        "rhr_rh_raw_pass_size": COILS * len(blocks) * points * 8,
    } | changes  # fmt: skip
    for name, value in values.items():
        setattr(header, name, value)
    samples = np.stack([blocks.real, blocks.imag], axis=-1).round().astype("<i4")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(header).ljust(offset, b"\0") + samples.tobytes() * COILS)
    return path


def write_philips_dicom(path: Path, water: bool = True, frames: np.ndarray | None = None, **changes) -> Path:
    """An enhanced Philips MR spectroscopy file: PRESS, averaged, then a water reference of amplitude 100."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    if frames is None:
        frames = fids(2) * [[1], [50]] if water else fids(1)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.2"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = "Philips", "Ingenia", "5.3.1"
    data.PatientName, data.PatientBirthDate, data.PatientSex = "Doe^Jane", "19700101", "F"
    data.PatientPosition, data.ProtocolName, data.PulseSequenceName = "HFS", "press", "PRESS"
    data.SeriesInstanceUID, data.SeriesNumber, data.InstanceNumber = "1.2.4", 5, 1
    data.TransmitterFrequency, data.ResonantNucleus, data.SpectralWidth = FREQUENCY, "1H", 1 / DWELL
    data.VolumeLocalizationTechnique, data.AcquisitionContrast = "PRESS", "SPECTROSCOPY"
    data.Rows = data.Columns = 1
    data.NumberOfFrames, data.SpectroscopyAcquisitionDataColumns = frames.shape
    data.WaterReferencedPhaseCorrection = "YES" if water else "NO"
    echo, timing, group = Dataset(), Dataset(), Dataset()
    echo.EffectiveEchoTime, timing.RepetitionTime, timing.FlipAngle = 30.0, 2000.0, 90.0
    group.MREchoSequence, group.MRTimingAndRelatedParametersSequence = [echo], [timing]
    data.PerFrameFunctionalGroupsSequence, data.SharedFunctionalGroupsSequence = [group], [Dataset()]
    data.VolumeLocalizationSequence = [_slab(orientation) for orientation in np.eye(3).tolist()]
    data.SpectroscopyData = np.stack([frames.real, frames.imag], axis=-1).astype("<f4").tobytes()
    for key, value in changes.items():
        setattr(data, key, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def _slab(orientation: list[float]):
    from pydicom.dataset import Dataset

    slab = Dataset()
    slab.SlabThickness, slab.SlabOrientation, slab.MidSlabPosition = 20.0, orientation, [1.0, 2.0, 3.0]
    return slab
