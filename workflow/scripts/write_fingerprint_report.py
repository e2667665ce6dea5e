"""Write the page of the fingerprints (rule write_fingerprint_report)."""

from spinsculpt.fingerprints import FingerprintStudy
from spinsculpt.report import write_fingerprint_report
from spinsculpt.study import Mrf
from spinsculpt.workflow import job

with job(snakemake) as s:
    study = FingerprintStudy.of(s.params.section, s.params.results)
    write_fingerprint_report(study, s.input.tables, s.input.figures, Mrf.of(s.params.section), s.output[0])
