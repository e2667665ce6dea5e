"""Draw the spectra of the pair by sequence (rule plot_spectra)."""

from spinsculpt.basis import listed_basis
from spinsculpt.figures import plot_spectra
from spinsculpt.study import AnalysisEntry, Basis, Compare, Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    sequences = dict(zip(s.params.sequences, s.input.sequences, strict=True))
    basis = dict(zip(s.params.sequences, map(listed_basis, s.input.basis), strict=True))
    p = s.params
    analyses = {name: AnalysisEntry.of(entry) for name, entry in p.analyses.items()}
    plot_spectra(analyses, sequences, basis, Basis.of(p.basis), Compare.of(p.compare), s.output.png, Study.of(p.style))
