"""The checklist of the minimum reporting standards, filled (rule fill_checklist)."""

from spinsculpt.config import Study
from spinsculpt.core.workflow import job
from spinsculpt.report import fill_checklist

with job(snakemake) as s:
    fill_checklist(
        s.input.sidecars,
        s.input.preprocessing,
        s.params.labels,
        s.input.fits_quality,
        s.params.fit_labels,
        s.input.quality,
        s.input.fits,
        Study.of(s.params.config),
        s.output[0],
    )
