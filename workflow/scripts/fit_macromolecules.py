"""Fit a metabolite-nulled scan into a macromolecule basis function (rule fit_macromolecules)."""

from spinsculpt.core.workflow import given, job
from spinsculpt.fit.macromolecules import fit_macromolecule_file

with job(snakemake) as s:
    fit_macromolecule_file(s.input.data, given(s.input, "water"), s.output.json, s.output.picture)
