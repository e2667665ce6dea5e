"""Convert one raw scan to NIfTI-MRS with a BIDS sidecar (rule convert_scan)."""

from spinsculpt.config import Convert
from spinsculpt.core.workflow import job
from spinsculpt.data.convert import convert_scan

with job(snakemake) as s:
    p = s.params
    outputs = s.output[0], s.output.sidecar
    convert_scan(
        p.raw["paths"],
        p.scan,
        s.wildcards.suffix,
        *outputs,
        Convert.of(p.convert),
        p.sequence["echo_time"],
        p.sequence["type"],
    )
