"""Our ratios beside those that the config expects (rule compare_expected)."""

from spinsculpt.compare import compare_expected
from spinsculpt.config import Compare
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    compare_expected(s.input[0], Compare.of({"expected": s.params.expected}).expected, s.output[0])
