"""Estimates beside the truth of the simulated cohort (rule compare_recovery)."""

from spinsculpt.compare import compare_recovery
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    compare_recovery(s.input.fits, s.input.truth, s.params.sequences, s.params.reference, s.output[0])
