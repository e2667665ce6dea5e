"""Design a schedule of smaller bounds and hold it against the given one (rule design_fingerprint_protocol)."""

import logging

import yaml

from spinsculpt.cest.figures import draw_designed_schedule
from spinsculpt.cest.modelling import design_tables, protocol_source, stages_of
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.core.provenance import atomic_path
from spinsculpt.core.workflow import job
from spinsculpt.report.figures import Style

with job(snakemake) as s:
    study, name = FingerprintStudy.of(s.params.section), s.wildcards.stage
    stage = stages_of(study)[name]
    given = protocol_source(stage.protocol)
    found, images, bounds = design_tables(stage, given, study.assumed(name), study.design, logging.info)
    with atomic_path(s.output.protocol) as path:
        path.write_text(yaml.safe_dump(dict(found.table), sort_keys=False))
    draw_designed_schedule(images, bounds, s.output.figure.removesuffix(".png"), Style(dpi=s.params.dpi))
