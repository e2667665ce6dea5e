"""Draw one rung of the ladder of designs (rule plot_ladder)."""

from pathlib import Path

from spinsculpt.figures import plot_ladder
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    folders = {Path(path).parent.name: Path(path).parent for path in s.input.metrics}
    plot_ladder(s.wildcards.rung, folders, s.output.png, Study.of(s.params.style))
