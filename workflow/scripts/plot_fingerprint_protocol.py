"""Draw a protocol and what it can tell apart (rule plot_fingerprint_protocol)."""

from spinsculpt.cest.figures import draw_bounds_plane, draw_schedule
from spinsculpt.cest.modelling import plane_table, protocol_table, stages_of, use_threads
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.core.workflow import job
from spinsculpt.report.figures import Style

with job(snakemake) as s:
    use_threads(s.threads)
    study, style = FingerprintStudy.of(s.params.section, s.params.results), Style(dpi=s.params.dpi)
    name = s.wildcards.stage
    stage = stages_of(study)[name]
    draw_schedule(protocol_table(name, stage), s.output.schedule.removesuffix(".png"), style)
    table = plane_table(stage, study.assumed(name))
    draw_bounds_plane(table, list(table)[:2], s.output.bounds.removesuffix(".png"), style)
