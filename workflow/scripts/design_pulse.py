"""Design one RF pulse (rule design_pulse)."""

from pathlib import Path

from spinsculpt.design import run_design
from spinsculpt.system import System
from spinsculpt.workflow import job

with job(snakemake) as s:
    # Its course is in the log; a bar would run through the one line of progress of the whole run.
    out, system = Path(s.output.pulse).parent, System.from_config(s.params.system)
    run_design(
        s.wildcards.design, s.params.design, s.params.basis, out, threads=s.threads, system=system, progress=False
    )
