"""The same fits by two engines side by side (rule compare_engines)."""

from spinsculpt.compare import compare_engines
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    compare_engines(s.input[0], s.params.engines, s.output[0])
