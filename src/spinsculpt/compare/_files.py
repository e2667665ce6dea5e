"""From files to tables: what the rules call."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt.basis import basis_library, simulate_basis
from spinsculpt.compare._analysis import read_analysis
from spinsculpt.compare._designs import designs_table
from spinsculpt.compare._fits import engines_table, expected_table, fits_table, recovery_table
from spinsculpt.compare._montecarlo import monte_carlo_study
from spinsculpt.compare._power import power_table
from spinsculpt.compare._quality import quality_table, with_verdict
from spinsculpt.compare._references import reference_bases
from spinsculpt.compare._separation import separation_table
from spinsculpt.config import AnalysisEntry, Basis, Compare, Expected, Limits
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.gate import LARGEST, check_size
from spinsculpt.core.tables import write_frame
from spinsculpt.fit import FitModel
from spinsculpt.physics.sequences import idealised

_TEXT = dict.fromkeys(
    (
        *("engine", "subject", "session", "sequence", "metabolite", "flag", "reliable", "design"),
        *("measure", "reason", "verdict"),
    ),
    str,
)


def read_table(path: Path | str, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Read a tidy table; labels stay text ("01" is a name), an empty label is "".

    Args:
        path: of the table.
        columns: that it has to have.
    Raises:
        SpinsculptError: it is no table, lacks a column, or a value in it is no finite number.
    """
    check_size(path, LARGEST["text"])
    try:
        table = pd.read_csv(path, sep="\t", dtype=_TEXT)
    except (ValueError, pd.errors.ParserError) as error:  # also of a text that is not UTF-8
        raise SpinsculptError(f"{path}: this is no table separated by tabs ({brief(error)}); make it again.") from error
    if lacking := [name for name in columns if name not in table.columns]:
        raise SpinsculptError(f"{path}: the table has no column {', '.join(lacking)}; make it again.")
    if "value" in table.columns and not np.isfinite(values := pd.to_numeric(table["value"], "coerce")).all():
        wrong = table.index[~np.isfinite(values) & table["value"].notna()]  # an empty cell has no finite value
        if len(wrong):
            found = table["value"][wrong[0]]
            raise SpinsculptError(
                f"{path}: line {wrong[0] + 2}: the value {str(found)!r} is no finite number; make it again."
            )
    return table.fillna(dict.fromkeys(table.columns.intersection(list(_TEXT)), ""))


def compare_separation(
    analyses: Mapping[str, AnalysisEntry],
    sequences: Mapping[str, Path | str],
    basis: Mapping[str, Path | str],
    basis_section: Basis,
    model: FitModel,
    settings: Compare,
    out: Path | str,
    repetition_time: float,
) -> None:
    """Write the separation table.

    Args:
        analyses: entries of the config's `analyses` by name, in the order to compare.
        sequences, basis: JSON file and basis folder of each sequence.
        basis_section, model, settings: what is in the basis, the model of the fits, and what is compared.
        out: path of the table.
        repetition_time: TR in s, of what is said about the power of the pulses.
    """
    compared = [
        read_analysis(name, entry.spectra, sequences[entry.sequence], basis[entry.sequence])
        for name, entry in analyses.items()
    ]
    references = reference_bases(compared, settings.pair, basis_section)
    write_frame(
        separation_table(compared, basis_library(basis_section), model, settings, references, repetition_time), out
    )


def run_monte_carlo(
    analyses: Mapping[str, AnalysisEntry],
    sequences: Mapping[str, Path | str],
    basis: Mapping[str, Path | str],
    basis_section: Basis,
    model: FitModel,
    settings: Compare,
    out: Mapping[str, Path | str],
    between: float = 0.15,
    processes: int = 1,
) -> None:
    """Write the tables of fits of noisy data.

    Args:
        analyses, sequences, basis, basis_section, model, settings: as of `compare_separation`.
        out: paths of the tables "errors", "ranking" and "retest".
        between, processes: as of `monte_carlo_study`.
    """
    compared, ideal, simulated = [], {}, {}
    for name, entry in analyses.items():
        used = entry.sequence
        analysis = read_analysis(name, entry.spectra, sequences[used], basis[used])
        compared.append(analysis)
        if analysis.sequence.playable:
            if used not in simulated:
                simulated[used] = simulate_basis(idealised(analysis.sequence), basis_section)
            ideal[name] = {label: simulated[used][label] for label in analysis.bases}
    study = monte_carlo_study(compared, ideal, basis_library(basis_section), model, settings, between, processes)
    for table, path in out.items():
        write_frame(getattr(study, table), path)


def tabulate_power(separation: Path | str, minutes: float, between: float, out: Path | str) -> None:
    """Write the subjects and minutes that each sequence needs.

    Args:
        separation: compare/separation.tsv.
        minutes: scan time at which the SNR of the study holds.
        between: coefficient of variation between subjects in %.
        out: path of the table.
    """
    write_frame(power_table(read_table(separation), minutes=minutes, between=between), out)


def tabulate_designs(metrics: Mapping[str, Path | str], out: Path | str) -> None:
    """Write the metrics of designs ({name: metrics.json}) as one table."""
    write_frame(designs_table(metrics), out)


def tabulate_quality(
    qualities: Sequence[Path | str], labels: Sequence[Mapping[str, str]], limits: Limits, out: Path | str
) -> None:
    """Write the quality of all scans with the verdict on each; arguments as of `quality_table`."""
    write_frame(quality_table(qualities, labels, limits), out)


def tabulate_fits(
    summaries: Sequence[Path | str],
    labels: Sequence[Mapping[str, str]],
    quality: Path | str,
    sequences: Mapping[str, str],
    out: Path | str,
) -> None:
    """Write the summaries of all fits as one table; arguments as of `fits_table` and `with_verdict`."""
    write_frame(with_verdict(fits_table(summaries, labels), read_table(quality), sequences), out)


def compare_recovery(
    fits: Path | str,
    truth: Iterable[Path | str],
    sequences: Mapping[str, str],
    reference: Sequence[str],
    out: Path | str,
) -> None:
    """Write estimates beside the truth; arguments as of `recovery_table`, tables as files."""
    known = pd.concat([read_table(path) for path in truth], ignore_index=True)
    table = recovery_table(read_table(fits), known, sequences, reference)
    if table.empty:
        raise SpinsculptError(f"{fits} and the truth have no scan and metabolite in common; run the cohort again.")
    write_frame(table, out)


def compare_expected(fits: Path | str, expected: Mapping[str, Mapping[str, Expected]], out: Path | str) -> None:
    """Write our ratios beside those of the config's `compare.expected`."""
    write_frame(expected_table(read_table(fits), expected), out)


def compare_engines(fits: Path | str, engines: Sequence[str], out: Path | str) -> None:
    """Write the numbers of every two engines side by side."""
    write_frame(engines_table(read_table(fits), engines), out)
