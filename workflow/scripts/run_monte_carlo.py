"""What fits of noisy data say, with right and wrong models (rule run_monte_carlo)."""

from spinsculpt.compare import run_monte_carlo
from spinsculpt.workflow import job

with job(snakemake) as s:
    sequences = dict(zip(s.params.sequences, s.input.sequences, strict=True))
    basis = dict(zip(s.params.sequences, s.input.basis, strict=True))
    sections = s.params.basis, s.params.fit, s.params.compare
    out = {name: s.output[name] for name in ("errors", "ranking", "retest")}
    run_monte_carlo(s.params.analyses, sequences, basis, *sections, out, s.params.between, s.threads)
