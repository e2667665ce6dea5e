"""The report: self-contained pages with concentrations, answer, spectra, tables, methods, limits and provenance."""

from spinsculpt.report._answer import answer, bounds_summary, recovery_summary
from spinsculpt.report._checklist import fill_checklist
from spinsculpt.report._concentrations import cohort_table, concentration_tables
from spinsculpt.report._pack import Pack
from spinsculpt.report._page import figure_of, html_of, template, write_report
from spinsculpt.report._protocol import write_protocol
from spinsculpt.report._scan_page import write_scan_page
from spinsculpt.report._unfinished import failures_of, in_words, report_failures, unfinished_jobs, write_report_so_far

__all__ = [
    "Pack",
    "answer",
    "bounds_summary",
    "cohort_table",
    "concentration_tables",
    "failures_of",
    "figure_of",
    "fill_checklist",
    "html_of",
    "in_words",
    "recovery_summary",
    "report_failures",
    "template",
    "unfinished_jobs",
    "write_protocol",
    "write_report",
    "write_report_so_far",
    "write_scan_page",
]
