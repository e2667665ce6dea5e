"""The summaries of all fits in one tidy table (rule tabulate_fits)."""

from spinsculpt.compare import tabulate_fits
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    tabulate_fits(s.input.fits, s.params.labels, s.input.quality, s.params.sequences, s.output[0])
