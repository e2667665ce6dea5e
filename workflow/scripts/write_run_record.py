"""Write from what, with what and where this study was made (rule write_run_record)."""

from spinsculpt.record import write_run_record
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    write_run_record(s.output[0], Study.of(s.params.config), s.input.mine)
