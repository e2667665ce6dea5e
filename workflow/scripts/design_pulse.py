"""Design one RF pulse (rule design_pulse)."""

from pathlib import Path

from spinsculpt.config import Basis, DesignEntry, SystemEntry
from spinsculpt.core.workflow import job
from spinsculpt.design import run_design

with job(snakemake) as s:
    # Its course is in the log; a bar would run through the one line of progress of the whole run.
    out, system = Path(s.output.pulse).parent, SystemEntry.of(s.params.system).limits()
    entry, basis = DesignEntry.of(s.params.design), Basis.of(s.params.basis)
    run_design(s.wildcards.design, entry, basis, out, threads=s.threads, system=system, progress=False)
