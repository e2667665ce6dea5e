"""Draw the spectra of the pair by sequence (rule plot_spectra)."""

from spinsculpt.figures import plot_spectra
from spinsculpt.workflow import job

with job(snakemake) as s:
    folders = dict(zip(s.params.sequences, s.input, strict=True))
    plot_spectra(s.params.analyses, folders, s.params.basis, s.params.compare, s.output.png, s.params.style)
