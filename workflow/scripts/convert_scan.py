"""Convert one raw scan to NIfTI-MRS with a BIDS sidecar (rule convert_scan)."""

from spinsculpt.convert import convert_scan
from spinsculpt.workflow import job

with job(snakemake) as s:
    suffix, params = s.wildcards.suffix, s.params
    convert_scan(params.raw, params.scan, suffix, s.output[0], s.output.sidecar, params.convert, params.echo_time)
