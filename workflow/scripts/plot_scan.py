"""One page of one scan, as a picture and as a page that zooms (rule plot_scan)."""

from spinsculpt.config import Limits, Preprocess, Study
from spinsculpt.core.workflow import given, job
from spinsculpt.report import write_scan_page
from spinsculpt.report.figures import plot_scan

with job(snakemake) as s:
    study = Study.of(s.params.study)
    view = plot_scan(
        s.input.data,
        given(s.input, "water"),
        s.input.clean,
        s.input.qc,
        s.input.fits,
        s.output.png,
        Preprocess.of(s.params.preprocess),
        Limits.of(s.params.limits),
        s.params.conditions,
        study,
    )
    files = {
        "spectrum as measured": s.input.data,
        "clean spectrum": s.input.clean,
        "quality control": s.input.qc,
        "picture of this page": s.output.png,
    }
    labels = study.figures.labels
    write_scan_page(view, s.input.fits, s.output.html, s.params.report, labels, s.params.siblings, files)
