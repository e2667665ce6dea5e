"""Tabulate agreement, regions and timings of all maps (rule tabulate_fingerprints)."""

from spinsculpt.cest.modelling import agreement_table, region_table, timing_table
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.core.tables import write_frame
from spinsculpt.core.workflow import job

TABLES = {"agreement": agreement_table, "regions": region_table, "timing": timing_table}

with job(snakemake) as s:
    study = FingerprintStudy.of(s.params.section, s.params.results)
    for name, table_of in TABLES.items():
        write_frame(table_of(study, s.params.root), s.output[name])
