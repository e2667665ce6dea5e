"""Draw the spectra of the pair by sequence (rule plot_spectra)."""

from spinsculpt.figures import plot_spectra
from spinsculpt.workflow import job

with job(snakemake) as s:
    sequences = dict(zip(s.params.sequences, s.input.sequences, strict=True))
    basis = dict(zip(s.params.sequences, s.input.basis, strict=True))
    p = s.params
    plot_spectra(p.analyses, sequences, basis, p.basis, p.compare, s.output.png, p.style)
