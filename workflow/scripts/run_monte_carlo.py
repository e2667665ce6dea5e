"""What fits of noisy data say, with right and wrong models (rule run_monte_carlo)."""

from spinsculpt.basis import listed_basis
from spinsculpt.compare import run_monte_carlo
from spinsculpt.config import AnalysisEntry, Basis, Compare, Fit
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    sequences = dict(zip(s.params.sequences, s.input.sequences, strict=True))
    basis = dict(zip(s.params.sequences, map(listed_basis, s.input.basis), strict=True))
    analyses = {name: AnalysisEntry.of(entry) for name, entry in s.params.analyses.items()}
    model = Fit.of(s.params.fit).model(measured=False)
    sections = Basis.of(s.params.basis), model, Compare.of(s.params.compare)
    out = {name: s.output[name] for name in ("errors", "ranking", "retest")}
    run_monte_carlo(analyses, sequences, basis, *sections, out, s.params.between, s.threads)
