"""Draw a figure (rules plot_*): `figure` names a function of spinsculpt.report.figures, all else are its arguments."""

from spinsculpt.config import Study
from spinsculpt.core.workflow import job
from spinsculpt.report import figures

with job(snakemake) as s:
    params = {name: value for name, value in s.params.items() if name != "code"}
    draw = getattr(figures, f"plot_{params.pop('figure')}")
    draw(**dict(s.input.items()), **params | {"study": Study.of(params["study"])}, png=s.output.png)
