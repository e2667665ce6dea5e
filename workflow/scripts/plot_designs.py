"""Draw the designed pulses and their convergence (rule plot_designs)."""

from spinsculpt.figures import plot_designs
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_designs(s.params.designs, s.input.pulses, s.input.histories, s.output.png, Study.of(s.params.style))
