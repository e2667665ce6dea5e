"""Write the report: one page with concentrations, answer, figures, tables and methods (rule write_report)."""

from spinsculpt.report import write_report
from spinsculpt.study import Study
from spinsculpt.workflow import job

with job(snakemake) as s:
    fits = list(zip(s.input.fits, s.params.labels, strict=True))
    write_report(s.input.tables, s.input.figures, Study.of(s.params.config), s.output[0], fits)
