"""The report: one self-contained page with the answer, figures, tables, methods, limits and provenance."""

from spinsculpt.report._answer import answer, bounds_summary, recovery_summary
from spinsculpt.report._checklist import fill_checklist
from spinsculpt.report._page import write_report

__all__ = ["answer", "bounds_summary", "fill_checklist", "recovery_summary", "write_report"]
