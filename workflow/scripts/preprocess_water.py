"""Combine and average the water reference of one scan (rule preprocess_water)."""

from spinsculpt.config import Preprocess
from spinsculpt.core.workflow import job
from spinsculpt.preprocess import preprocess_water

with job(snakemake) as s:
    section, conditions = Preprocess.of(s.params.preprocess), s.params.conditions
    preprocess_water(s.input.data, s.input.water, s.output[0], section, conditions, s.input.qc)
