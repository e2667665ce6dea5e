"""Draw ranking, errors, scan time, power, losses and repeatability (rule plot_answer)."""

from pathlib import Path

from spinsculpt.figures import plot_answer
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    folder, tables = Path(s.output.png[0]).parent, [s.input.separation, s.input.errors, s.input.ranking, s.input.retest]
    plot_answer(*tables, s.params.minutes, s.params.between, folder, Study.of(s.params.style))
