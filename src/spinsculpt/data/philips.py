"""Philips SDAT/SPAR: single-voxel FIDs as VAX F floats, with their header as text.

An SDAT holds rows x samples complex numbers, real before imaginary, FFT-positive as `core.conventions` has them
(spec2nii conjugates them on the way to NIfTI-MRS). A VAX F float is an IEEE single of four times the value whose two
16-bit words are swapped.
"""

from pathlib import Path

import numpy as np

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.provenance import atomic_path

SAMPLE_BYTES = 8  # a complex number: two VAX F floats

# Keys of a SPAR that the conversion to NIfTI-MRS reads, and the kind of value that it needs there.
NUMBERS = (
    "synthesizer_frequency", "sample_frequency", "offset_frequency", "echo_time", "repetition_time",
    "spectrum_inversion_time",
)  # fmt: skip
VOXEL_NUMBERS = tuple(f"{axis}_{what}" for axis in ("lr", "ap", "cc") for what in ("size", "off_center", "angulation"))
WORDS = (
    "nucleus",
    "volume_selection_enable",
    "scan_id",
    "patient_position",
    "patient_orientation",
    "equipment_sw_verions",
)


def encode_vax(values: np.ndarray) -> bytes:
    """VAX F floats of real numbers below 4e37 in magnitude; those below 1e-38 become zero."""
    values = np.asarray(values, np.float64)
    if not np.all(np.abs(values) < 4e37):
        raise SpinsculptError("SDAT files hold finite numbers below 4e37; scale the signal down.")
    bits = np.where(np.abs(values) < 1e-38, 0.0, 4 * values).astype("<f4").view("<u4")
    return np.stack([bits >> 16, bits & 0xFFFF], axis=-1).astype("<u2").tobytes()


def decode_vax(content: bytes) -> np.ndarray:
    """Real numbers of VAX F floats, float64."""
    words = np.frombuffer(content, "<u2").reshape(-1, 2).astype("<u4")
    return (words[:, 0] << 16 | words[:, 1]).view("<f4").astype(np.float64) / 4


def write_sdat(path: Path | str, fids: np.ndarray) -> None:
    """Write FFT-positive FIDs, shape (rows, samples), atomically."""
    samples = np.stack([fids.real, fids.imag], axis=-1)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encode_vax(samples))


def write_spar(
    path: Path | str,
    *,
    samples: int,
    rows: int,
    dwell: float,
    central_frequency: float,
    echo_time: float,
    repetition_time: float,
    averages: int,
    scan_id: str,
) -> None:
    """Write the header of an SDAT with the fields and in the order of release 3.2.2, without personal data, atomically.

    Args:
        samples, rows: of the SDAT.
        dwell, echo_time, repetition_time: s.
        central_frequency: MHz, written in whole Hz as the scanner does.
        averages: of each row.
        scan_id: name of the protocol.
    """
    width = 1 / dwell
    fields: dict[str, object] = {
        "examination_name": "",
        "scan_id": scan_id,
        "scan_date": "",
        "patient_name": "",
        "patient_birth_date": "",
        "patient_position": '"head_first"',
        "patient_orientation": '"supine"',
        "samples": samples,
        "rows": rows,
        "synthesizer_frequency": round(central_frequency * 1e6),
        "offset_frequency": 0,
        "sample_frequency": f"{width:.10g}",
        "echo_nr": 1,
        "mix_number": 1,
        "nucleus": "1H",
        "t0_mu1_direction": 0,
        "echo_time": f"{echo_time * 1e3:.10g}",
        "repetition_time": f"{repetition_time * 1e3:.10g}",
        "averages": averages,
        "volume_selection_enable": '"yes"',
        "volumes": 1,
        "ap_size": 30,
        "lr_size": 30,
        "cc_size": 30,
        "ap_off_center": 0,
        "lr_off_center": 0,
        "cc_off_center": 0,
        "ap_angulation": 0,
        "lr_angulation": 0,
        "cc_angulation": 0,
        "volume_selection_method": 1,
        "phase_encoding_enable": '"no"',
        "t1_measurement_enable": '"no"',
        "t2_measurement_enable": '"no"',
        "time_series_enable": '"no"',
        "image_plane_slice_thickness": 0,
        "slice_distance": 0,
        "nr_of_slices_for_multislice": 1,
        "Spec.image in plane transf": '"plusB-minA"',
        "spec_data_type": "cf",
        "spec_sample_extension": "[V]",
        "spec_num_col": samples,
        "spec_col_lower_val": f"{-width / 2:.10g}",
        "spec_col_upper_val": f"{width / 2 - width / samples:.10g}",
        "spec_col_extension": "[sec]",
        "spec_num_row": rows,
        "spec_row_lower_val": 1,
        "spec_row_upper_val": rows,
        "spec_row_extension": "[index]",
        "num_dimensions": 2,
        "dim1_ext": "[sec]",
        "dim1_pnts": samples,
        "dim1_low_val": f"{-width / 2:.10g}",
        "dim1_step": f"{dwell:.10g}",
        "dim1_direction": "mu1",
        "dim1_t0_point": 0,
        "dim2_ext": "[num]",
        "dim2_pnts": rows,
        "dim2_low_val": 1.0,
        "dim2_step": 1.0,
        "dim2_direction": "x",
        "dim2_t0_point": 50,
        "echo_acquisition": "ECHO",
        "TSI_factor": 0,
        "spectrum_echo_time": f"{echo_time * 1e3:.10g}",
        "spectrum_inversion_time": 0,
        "image_chemical_shift": 0,
        "resp_motion_comp_technique": "NONE",
        "de_coupling": "NO",
        "equipment_sw_verions": "simulated by spinsculpt",  # spelt as the scanner spells it
    }
    head = "! Spectro parameter file of a simulated scan\n! dataformat: VAX CPX floats\n"
    with atomic_path(path) as temporary:
        temporary.write_text(head + "".join(f"{key} : {value}\n" for key, value in fields.items()))


def read_spar(path: Path) -> dict[str, str]:
    """Fields of a SPAR as text; quotes are taken off, comments and lines without a colon skipped."""
    fields = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.lstrip().startswith("!"):
            fields[key.strip()] = value.strip().strip('"').strip()
    return fields
