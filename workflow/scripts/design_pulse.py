"""Design one RF pulse (rule design_pulse)."""

from pathlib import Path

from spinsculpt.design import run_design
from spinsculpt.workflow import job

with job(snakemake) as s:
    run_design(s.wildcards.design, s.params.design, s.params.basis, Path(s.output.pulse).parent, threads=s.threads)
