"""Draw estimated against true concentrations (rule plot_recovery)."""

from spinsculpt.figures import plot_recovery
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_recovery(s.input[0], s.params.pair, s.params.count_rejected, s.output.png, Study.of(s.params.style))
