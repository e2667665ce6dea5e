"""Gather the metrics of all points of the sweep in one tidy table (rule tabulate_sweep)."""

from spinsculpt.compare import sweep_table
from spinsculpt.provenance import atomic_path
from spinsculpt.workflow import job

with job(snakemake) as s, atomic_path(s.output[0]) as path:
    sweep_table(s.input).to_csv(path, sep="\t", index=False)
