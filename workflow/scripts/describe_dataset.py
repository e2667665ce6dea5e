"""Say what the BIDS folder holds (rule describe_dataset)."""

from pathlib import Path

from spinsculpt.bids import write_dataset_description
from spinsculpt.workflow import job

with job(snakemake) as s:
    write_dataset_description(Path(s.output[0]).parent, s.params.name)
