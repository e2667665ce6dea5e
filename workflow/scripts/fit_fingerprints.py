"""Make the maps of one stage of one subject by one estimator (rules fit_STAGE_METHOD)."""

import logging
from pathlib import Path

from spinsculpt.cest.modelling import FingerprintScan, fit_scan, read_scan, stage_of, write_fit
from spinsculpt.config import MrfStage
from spinsculpt.core.workflow import given, job

with job(snakemake) as s:
    p, summary = s.params, Path(s.output.summary)
    stage, scan = stage_of(MrfStage.of(p.entry), p.field), FingerprintScan(**p.scan)
    voxels = read_scan(stage, scan)
    fitted = fit_scan(voxels, p.method, p.settings, given(s.input, "reconstructor"), s.threads, logging.info)
    prefix = f"sub-{s.wildcards.subject}_acq-{p.stage}"
    write_fit(summary.parent, prefix, voxels, fitted, p.method, stage, scan, settings=p.settings)
