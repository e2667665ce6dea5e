"""Basis sets for, and of, programs that read neither FSL-MRS JSON nor LCModel .basis: jMRUI text and NIfTI-MRS."""

from pathlib import Path

import numpy as np

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.core.conventions import GAMMA_BAR, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_text
from spinsculpt.core.provenance import atomic_path


def write_jmrui(basis: BasisSet, path: Path | str) -> None:
    """Write a jMRUI text file with one signal a metabolite (jMRUI keeps FIDs FFT-positive, as in memory)."""
    header = [
        "jMRUI Data Textfile",
        "",
        f"Filename: {Path(path).name}",
        "",
        f"PointsInDataset: {basis.points}",
        f"DatasetsInFile: {len(basis.names)}",
        f"SamplingInterval: {basis.dwell * 1e3:.9E}",
        "ZeroOrderPhase: 0E0",
        "BeginTime: 0E0",
        f"TransmitterFrequency: {basis.central_frequency * 1e6:.9E}",
        f"MagneticField: {basis.central_frequency / GAMMA_BAR:.6E}",
        "TypeOfNucleus: 1E0",
        "NameOfPatient: ",
        "DateOfExperiment: ",
        "Spectrometer: ",
        "AdditionalInfo: basis set simulated by spinsculpt",
        f"SignalNames: {';'.join(basis.names)}",
        "",
        "",
        "Signal and FFT",
        "sig(real)\tsig(imag)\tfft(real)\tfft(imag)",
    ]
    lines = header
    for number, fid in enumerate(basis.fids, 1):
        lines.append(f"Signal {number} out of {len(basis.names)} in file")
        values = np.column_stack([fid.real, fid.imag, to_spectrum(fid).real, to_spectrum(fid).imag])
        lines += ["\t".join(f"{value:.6E}" for value in row) for row in values]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def read_jmrui(path: Path | str) -> BasisSet:
    """Read a jMRUI text file of one signal a metabolite, named in its SignalNames."""
    path = Path(path)
    try:
        head, _, body = read_text(path, errors="replace").partition("Signal and FFT")
        header = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in head.splitlines())}
        names = tuple(name for name in header["SignalNames"].split(";") if name)
        points, dwell = int(header["PointsInDataset"]), float(header["SamplingInterval"]) * 1e-3
        frequency = float(header["TransmitterFrequency"]) * 1e-6
        rows = [line.split() for line in body.splitlines() if line[:1] in "-0123456789"]
        samples = np.array([[float(row[0]), float(row[1])] for row in rows if row]).reshape(len(names), points, 2)
    except (KeyError, ValueError, IndexError) as error:
        if isinstance(error, SpinsculptError):
            raise
        raise SpinsculptError(
            f"{path} is no jMRUI text file with a whole signal for each of its SignalNames ({error}); export it again."
        ) from error
    fids = samples[..., 0] + 1j * samples[..., 1]
    return BasisSet(names, fids, dwell, frequency, meta={"sequence": path.stem}).of_file(path)


def write_nifti(basis: BasisSet, path: Path | str) -> None:
    """Write one NIfTI-MRS file, the metabolites along the fifth dimension, their names in the header."""
    from spinsculpt.data.nifti import MRSData, write_fids

    names = {"Value": list(basis.names), "Description": "metabolite or macromolecule of each basis function"}
    data = MRSData(
        basis.fids.T,
        basis.dwell,
        basis.central_frequency,
        dims=("DIM_USER_0",),
        dim_headers={"DIM_USER_0": {"BasisName": names}},
    )
    write_fids(path, data)


def read_nifti(path: Path | str) -> BasisSet:
    """Read a NIfTI-MRS file that `write_nifti` wrote."""
    from spinsculpt.data.nifti import read_fids

    data = read_fids(path)
    try:
        names = tuple(map(str, data.dim_headers["DIM_USER_0"]["BasisName"]["Value"]))
    except (KeyError, TypeError) as error:
        raise SpinsculptError(f"{path} does not name its basis functions (BasisName); it is no basis set.") from error
    meta = {"sequence": Path(path).stem}
    return BasisSet(names, data.fids.T, data.dwell, data.central_frequency, meta=meta).of_file(path)
