"""Say what a BIDS folder of this study holds (rules describe_dataset, describe_derivative)."""

from pathlib import Path

from spinsculpt.core.workflow import job
from spinsculpt.data.bids import write_dataset_description

with job(snakemake) as s:
    p = s.params
    write_dataset_description(Path(s.output[0]).parent, p.name, p.subjects, p.kind, p.source)
