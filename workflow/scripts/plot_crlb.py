"""Draw the Cramer-Rao bounds by sequence (rule plot_crlb)."""

from spinsculpt.figures import plot_crlb
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_crlb(s.input[0], s.output.png, Study.of(s.params.style))
