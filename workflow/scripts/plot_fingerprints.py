"""Draw maps, agreement, regions and trainings of all fits (rule plot_fingerprints)."""

from spinsculpt.figures import Style, plot_fingerprints
from spinsculpt.fingerprints import FingerprintStudy
from spinsculpt.mrf import map_table, scatter_table, training_table
from spinsculpt.workflow import job

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
