"""Simulate the basis sets of one sequence (rule simulate_basis)."""

from spinsculpt.basis import simulate_basis, write_basis
from spinsculpt.sequences import Sequence
from spinsculpt.workflow import job

with job(snakemake) as s:
    write_basis(simulate_basis(Sequence.read(s.input.sequence), s.params.basis, s.threads), s.output[0])
