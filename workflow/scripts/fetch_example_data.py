"""Download the public example data (rule fetch_example_data)."""

from spinsculpt.core.workflow import job
from spinsculpt.data.fetch import fetch_example_data

with job(snakemake) as s:
    fetch_example_data(s.params.folder)
