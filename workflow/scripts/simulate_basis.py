"""Simulate the basis sets of one sequence (rule simulate_basis)."""

from spinsculpt.basis import list_basis, listed_basis, simulate_basis, write_basis
from spinsculpt.config import Basis
from spinsculpt.core.workflow import job
from spinsculpt.physics.sequences import Sequence

with job(snakemake) as s:
    sets = simulate_basis(Sequence.read(s.input.sequence), Basis.of(s.params.basis), s.threads)
    folder = listed_basis(s.output[0])
    write_basis(sets, folder)
    list_basis(folder, s.output[0])
