"""How well each analysis separates the pair, at equal scan time (rule compare_separation)."""

from spinsculpt.basis import listed_basis
from spinsculpt.compare import compare_separation
from spinsculpt.config import AnalysisEntry, Basis, Compare, Fit
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    sequences = dict(zip(s.params.sequences, s.input.sequences, strict=True))
    basis = dict(zip(s.params.sequences, map(listed_basis, s.input.basis), strict=True))
    analyses = {name: AnalysisEntry.of(entry) for name, entry in s.params.analyses.items()}
    model = Fit.of(s.params.fit).model(measured=False)
    sections = Basis.of(s.params.basis), model, Compare.of(s.params.compare)
    compare_separation(analyses, sequences, basis, *sections, s.output[0], s.params.repetition_time)
