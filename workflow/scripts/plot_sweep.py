"""Draw what the sweep found (rule plot_sweep)."""

from spinsculpt.figures import plot_sweep
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_sweep(s.input[0], s.output.png, Study.of(s.params.style))
