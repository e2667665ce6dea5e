"""Draw maps, agreement, regions and trainings of all fits (rule plot_fingerprints)."""

from spinsculpt.cest.figures import plot_fingerprints
from spinsculpt.cest.modelling import map_table, scatter_table, training_table
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.core.workflow import job
from spinsculpt.report.figures import Style

with job(snakemake) as s:
    study, root = FingerprintStudy.of(s.params.section, s.params.results), s.params.root
    pairs = dict.fromkeys((subject, stage) for subject, stage, _ in study.fits())
    maps = {pair: map_table(study, root, *pair) for pair in pairs}
    plot_fingerprints(
        s.output,
        maps,
        scatter_table(study, root),
        training_table(study, root),
        s.input.agreement,
        s.input.regions,
        Style(dpi=s.params.dpi),
    )
