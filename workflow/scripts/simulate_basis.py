"""Simulate the basis sets of one sequence (rule simulate_basis)."""

from spinsculpt.basis import list_basis, listed_basis, simulate_basis, write_basis
from spinsculpt.sequences import Sequence
from spinsculpt.study import Basis
from spinsculpt.workflow import job

with job(snakemake) as s:
    sets = simulate_basis(Sequence.read(s.input.sequence), Basis.of(s.params.basis), s.threads)
    folder = listed_basis(s.output[0])
    write_basis(sets, folder)
    list_basis(folder, s.output[0])
