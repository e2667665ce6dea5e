"""Simulate the basis sets of one sequence (rule simulate_basis)."""

from spinsculpt.basis import simulate_basis, write_basis
from spinsculpt.sequences import Sequence
from spinsculpt.study import Basis
from spinsculpt.workflow import job

with job(snakemake) as s:
    sets = simulate_basis(Sequence.read(s.input.sequence), Basis.of(s.params.basis), s.threads)
    write_basis(sets, s.output[0])
