"""Download a real MEGA-PRESS scan and convert it (rule fetch_megapress)."""

from spinsculpt.core.workflow import job
from spinsculpt.data.examples import fetch_megapress

with job(snakemake) as s:
    fetch_megapress(s.params.folder)
