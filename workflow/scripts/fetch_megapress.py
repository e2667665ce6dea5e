"""Download a real MEGA-PRESS scan and convert it (rule fetch_megapress)."""

from spinsculpt.examples import fetch_megapress
from spinsculpt.workflow import job

with job(snakemake) as s:
    fetch_megapress(s.params.folder)
