"""Draw a figure (rules plot_*): `figure` names a function of spinsculpt.figures, all else are its arguments."""

from spinsculpt import figures
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    params = dict(s.params.items())
    draw = getattr(figures, f"plot_{params.pop('figure')}")
    draw(**dict(s.input.items()), **params | {"study": Study.of(params["study"])}, png=s.output.png)
