"""Quality of all scans with the verdict on each, as one table (rule tabulate_quality)."""

from spinsculpt.compare import tabulate_quality
from spinsculpt.config import Limits
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    tabulate_quality(s.input, s.params.labels, Limits.of(s.params.limits), s.output[0])
