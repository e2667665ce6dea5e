"""Write one basis set as LCModel .basis (rule export_lcmodel)."""

from spinsculpt.basis import listed_basis, read_basis, write_lcmodel
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    sets = read_basis(listed_basis(s.input[0]))
    write_lcmodel(sets[s.params.subspectrum or next(iter(sets))], s.output[0])
