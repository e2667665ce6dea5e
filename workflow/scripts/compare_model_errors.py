"""What each analysis says when the model of its fit is wrong (rule compare_model_errors)."""

from spinsculpt.compare import compare_model_errors
from spinsculpt.workflow import job

with job(snakemake) as s:
    sequences = dict(zip(s.params.sequences, s.input.sequences, strict=True))
    basis = dict(zip(s.params.sequences, s.input.basis, strict=True))
    sections = s.params.basis, s.params.fit, s.params.compare
    compare_model_errors(s.params.analyses, sequences, basis, *sections, s.output[0])
