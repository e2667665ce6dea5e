"""Clean one scan and say how good it is (rule preprocess_scan)."""

from spinsculpt.preprocess import preprocess_scan
from spinsculpt.workflow import job

with job(snakemake) as s:
    preprocess_scan(
        s.input.data,
        s.input.get("water"),
        s.output.data,
        s.output.qc,
        s.output.picture,
        s.params.preprocess,
        s.params.conditions,
        s.input.get("basis") or None,
    )
