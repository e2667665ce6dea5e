"""Simulate the scan of one phantom with known truth (rule simulate_fingerprints)."""

from spinsculpt.cest.modelling import stages_of, use_threads, write_phantom
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    use_threads(s.threads)
    study = FingerprintStudy.of(s.params.section)
    stages, phantom = stages_of(study), study.simulated
    seed = phantom.seed + s.params.number
    write_phantom(s.params.prefix, phantom.phantom, phantom.shape, phantom.noise, seed, stages)
