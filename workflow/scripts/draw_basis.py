"""Draw the basis sets of one sequence (rule draw_basis)."""

from spinsculpt.basis import draw_basis, listed_basis, read_basis
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    draw_basis(read_basis(listed_basis(s.input[0])), s.output[0])
