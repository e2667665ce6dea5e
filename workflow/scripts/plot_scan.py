"""One page of one scan: before and after, drift, numbers with the verdict, fits (rule plot_scan)."""

from spinsculpt.figures import plot_scan
from spinsculpt.workflow import job

with job(snakemake) as s:
    plot_scan(
        s.input.data,
        s.input.get("water"),
        s.input.clean,
        s.input.qc,
        s.input.fits,
        s.output[0],
        s.params.preprocess,
        s.params.limits,
        s.params.conditions,
        s.params.style,
    )
