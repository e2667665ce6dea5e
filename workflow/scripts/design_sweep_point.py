"""Design one point of the sweep; its pulse and metrics (rule design_sweep_point)."""

from pathlib import Path

from spinsculpt.design import run_design
from spinsculpt.workflow import job

with job(snakemake) as s:
    run_design(s.params.name, s.params.design, s.params.basis, Path(s.output.metrics).parent, threads=s.threads)
