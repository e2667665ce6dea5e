"""Draw the quality of the preprocessed scans (rule plot_preprocessing)."""

from spinsculpt.figures import plot_preprocessing
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_preprocessing(s.input[0], s.output.png, Study.of(s.params.style))
