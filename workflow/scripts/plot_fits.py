"""Draw every fitted spectrum with its residual (rule plot_fits)."""

from spinsculpt.figures import plot_fits
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_fits(
        s.input.fits, s.params.labels, s.input.quality, s.params.sequences, s.output.png, Study.of(s.params.style)
    )
