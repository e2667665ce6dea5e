"""Draw why one designed pulse works (rule plot_explanation)."""

from spinsculpt.figures import plot_explanation
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_explanation(s.input.metrics, s.input.state, s.output.png, Study.of(s.params.style))
