"""Design one point of the sweep; its pulse and metrics (rule design_sweep_point)."""

from pathlib import Path

from spinsculpt.design import run_design
from spinsculpt.system import System
from spinsculpt.workflow import job

with job(snakemake) as s:
    # Its course is in the log; a bar would run through the one line of progress of the whole run.
    out, system = Path(s.output.metrics).parent, System.from_config(s.params.system)
    run_design(s.params.name, s.params.design, s.params.basis, out, threads=s.threads, system=system, progress=False)
