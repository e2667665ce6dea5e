"""Basis sets for programs that read neither FSL-MRS JSON nor LCModel .basis."""

from pathlib import Path

import numpy as np

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.conventions import GAMMA_BAR, to_spectrum
from spinsculpt.provenance import atomic_path


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


def write_nifti(basis: BasisSet, path: Path | str) -> None:
    """Write one NIfTI-MRS file, the metabolites along the fifth dimension, their names in the header."""
    from spinsculpt.nifti import MRSData, write_fids

    names = {"Value": list(basis.names), "Description": "metabolite or macromolecule of each basis function"}
    data = MRSData(
        basis.fids.T,
        basis.dwell,
        basis.central_frequency,
        dims=("DIM_USER_0",),
        dim_headers={"DIM_USER_0": {"BasisName": names}},
    )
    write_fids(path, data)
