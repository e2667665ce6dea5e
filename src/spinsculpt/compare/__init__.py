"""Compare sequences and fits: tidy tables, one row a number with its unit. No torch."""

from spinsculpt.compare._analysis import Analysis, as_measured, broadened, read_analysis, typical_concentrations
from spinsculpt.compare._designs import designs_table
from spinsculpt.compare._files import (
    compare_engines,
    compare_expected,
    compare_recovery,
    compare_separation,
    read_table,
    run_monte_carlo,
    tabulate_designs,
    tabulate_fits,
    tabulate_power,
    tabulate_quality,
)
from spinsculpt.compare._fits import engines_table, expected_table, fits_table, recovery_table
from spinsculpt.compare._ladder import best_histories, bounds_table, frontier_table, spectra_before_after, windows
from spinsculpt.compare._montecarlo import MonteCarlo, monte_carlo_study, retest_table
from spinsculpt.compare._power import power_table, subjects_needed
from spinsculpt.compare._quality import REJECT, SCAN, quality_table, verdicts, with_verdict
from spinsculpt.compare._references import reference_bases
from spinsculpt.compare._separation import all_bounds, noise_of_study, playable, separation_table
from spinsculpt.compare._sweep import sweep_table

__all__ = [
    "REJECT",
    "SCAN",
    "Analysis",
    "MonteCarlo",
    "all_bounds",
    "as_measured",
    "best_histories",
    "bounds_table",
    "broadened",
    "compare_engines",
    "compare_expected",
    "compare_recovery",
    "compare_separation",
    "designs_table",
    "engines_table",
    "expected_table",
    "fits_table",
    "frontier_table",
    "monte_carlo_study",
    "noise_of_study",
    "playable",
    "power_table",
    "quality_table",
    "read_analysis",
    "read_table",
    "recovery_table",
    "reference_bases",
    "retest_table",
    "run_monte_carlo",
    "separation_table",
    "spectra_before_after",
    "subjects_needed",
    "sweep_table",
    "tabulate_designs",
    "tabulate_fits",
    "tabulate_power",
    "tabulate_quality",
    "typical_concentrations",
    "verdicts",
    "windows",
    "with_verdict",
]
