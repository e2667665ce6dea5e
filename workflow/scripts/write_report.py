"""Write the report: one page with concentrations, answer, figures, tables and methods (rule write_report)."""

from spinsculpt.config import Study
from spinsculpt.core.workflow import job
from spinsculpt.report import write_report

with job(snakemake) as s:
    fits = list(zip(s.input.fits, s.params.labels, strict=True))
    write_report(s.input.tables, s.input.figures, Study.of(s.params.config), s.output[0], fits)
