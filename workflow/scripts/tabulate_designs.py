"""The metrics of the designs in one tidy table (rule tabulate_designs)."""

from spinsculpt.compare import tabulate_designs
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    tabulate_designs(dict(zip(s.params.designs, s.input, strict=True)), s.output[0])
