"""Write from what, with what and where this study was made (rule write_run_record)."""

from spinsculpt.app.record import write_run_record
from spinsculpt.config import Study
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    write_run_record(s.output[0], Study.of(s.params.config), s.input.mine)
