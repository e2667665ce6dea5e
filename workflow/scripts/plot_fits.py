"""Draw every fitted spectrum with its residual (rule plot_fits)."""

from spinsculpt.figures import plot_fits
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_fits(s.input, s.params.labels, s.output.png, s.params.style)
