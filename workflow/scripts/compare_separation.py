"""How well each analysis separates the pair, at equal scan time (rule compare_separation)."""

from spinsculpt.compare import compare_separation
from spinsculpt.workflow import job

with job(snakemake) as s:
    sequences = dict(zip(s.params.sequences, s.input.sequences, strict=True))
    basis = dict(zip(s.params.sequences, s.input.basis, strict=True))
    sections = s.params.basis, s.params.fit, s.params.compare
    compare_separation(s.params.analyses, sequences, basis, *sections, s.output[0], s.params.repetition_time)
