"""Subjects and minutes that each analysis needs (rule tabulate_power)."""

from spinsculpt.compare import tabulate_power
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    tabulate_power(s.input[0], s.params.minutes, s.params.between, s.output[0])
