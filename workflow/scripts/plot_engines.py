"""Draw where the fit engines differ (rule plot_engines)."""

from spinsculpt.figures import plot_engines
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_engines(s.input[0], s.params.pair, s.output.png, Study.of(s.params.style))
