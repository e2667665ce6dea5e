"""Gather the metrics of all points of the sweep in one tidy table (rule tabulate_sweep)."""

from spinsculpt.compare import sweep_table
from spinsculpt.core.tables import write_frame
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    write_frame(sweep_table(s.input), s.output[0], digits=None)
