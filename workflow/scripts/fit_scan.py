"""Fit one analysis of one scan with one engine (rules fit_scan and fit_scan_fsl_mrs)."""

from pathlib import Path

from spinsculpt.basis import listed_basis
from spinsculpt.config import Fit
from spinsculpt.core.workflow import given, job
from spinsculpt.fit import fit_files

with job(snakemake) as s:
    spectra, basis = s.params.spectra, listed_basis(s.input.basis)
    folders = {spectrum: basis / spectrum for spectrum in spectra} or {"": basis}
    out = Path(s.output.summary).parent
    section = Fit.of(s.params.fit)
    water, averages = given(s.input, "water"), given(s.input, "averages")
    fit_files(s.input.data, folders, out, section, s.params.engine, water, spectra, averages)
