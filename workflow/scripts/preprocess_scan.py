"""Clean one scan and say how good it is (rule preprocess_scan)."""

from spinsculpt.basis import listed_basis
from spinsculpt.config import Preprocess
from spinsculpt.core.workflow import given, job
from spinsculpt.preprocess import preprocess_scan

with job(snakemake) as s:
    preprocess_scan(
        s.input.data,
        given(s.input, "water"),
        s.output.data,
        s.output.qc,
        s.output.picture,
        Preprocess.of(s.params.preprocess),
        s.params.conditions,
        listed_basis(s.input.basis) if given(s.input, "basis") else None,
        s.output.averages,
    )
