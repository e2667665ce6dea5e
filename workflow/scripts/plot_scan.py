"""One page of one scan, as a picture and as a page that zooms (rule plot_scan)."""

from spinsculpt.figures import plot_scan
from spinsculpt.report import write_scan_page
from spinsculpt.workflow import given, job

with job(snakemake) as s:
    view = plot_scan(
        s.input.data,
        given(s.input, "water"),
        s.input.clean,
        s.input.qc,
        s.input.fits,
        s.output.png,
        s.params.preprocess,
        s.params.limits,
        s.params.conditions,
        s.params.style,
    )
    files = {
        "spectrum as measured": s.input.data,
        "clean spectrum": s.input.clean,
        "quality control": s.input.qc,
        "picture of this page": s.output.png,
    }
    labels = s.params.style["figures"]["labels"]
    write_scan_page(view, s.input.fits, s.output.html, s.params.report, labels, s.params.siblings, files)
