"""Download the public example data (rule fetch_example_data)."""

from spinsculpt.fetch import fetch_example_data
from spinsculpt.workflow import job

with job(snakemake) as s:
    fetch_example_data(s.params.folder)
