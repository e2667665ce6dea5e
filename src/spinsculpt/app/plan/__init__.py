"""The plan of a study: whether its parts fit together, what it makes, and what each job takes.

`Plan` is a study with its scans and the files that it makes; `Jobs` are the inputs and parameters of its rules, from
their wildcards. Nothing here is Snakemake's, so that Python and tests may ask the same.
"""

from spinsculpt.app.plan._check import check_study, settle
from spinsculpt.app.plan._jobs import ANY_SCAN, Jobs
from spinsculpt.app.plan._plan import ANSWERS, Plan
from spinsculpt.app.plan._scanners import as_measured_at, measured_name, with_measured
from spinsculpt.app.plan._seconds import design_seconds
from spinsculpt.app.plan._spectra import shots_of, spectra_of

__all__ = [
    "ANSWERS",
    "ANY_SCAN",
    "Jobs",
    "Plan",
    "as_measured_at",
    "check_study",
    "design_seconds",
    "measured_name",
    "settle",
    "shots_of",
    "spectra_of",
    "with_measured",
]
