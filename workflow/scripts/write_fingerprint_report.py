"""Write the page of the fingerprints (rule write_fingerprint_report)."""

from spinsculpt.cest.report import write_fingerprint_report
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.config import Mrf
from spinsculpt.core.workflow import job

with job(snakemake) as s:
    study = FingerprintStudy.of(s.params.section, s.params.results)
    write_fingerprint_report(study, s.input.tables, s.input.figures, Mrf.of(s.params.section), s.output[0])
