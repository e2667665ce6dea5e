"""Tidy tables of fits: beside each other, beside the truth, beside what others found, beside another engine."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt.config import Expected
from spinsculpt.core.errors import SpinsculptError

KEYS = ["engine", "subject", "session", "sequence", "metabolite"]
FIT_COLUMNS = [*KEYS, "quantity", "value", "sd", "model_sd", "unit", "crlb", "flag", "reliable"]
RECOVERY_COLUMNS = [
    *KEYS,
    "quantity",
    "estimate",
    "sd",
    "truth",
    "unit",
    "error",
    "crlb",
    "reliable",
    "verdict",
    "model",
]


def fits_table(summaries: Iterable[Path | str], labels: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    """The summaries of all fits, one row a number.

    Args:
        summaries: summary.csv of each fit.
        labels: engine, subject, session and sequence (name of the analysis) of each.
    Returns:
        Columns FIT_COLUMNS. `quantity` is "ratio" (to the reference of the fit), "concentration" (mM), "molality"
        (mmol/kg), "SNR" or "linewidth" (Hz); `crlb` is in %; `sd`, of noise (by its bound or, where larger, the
        bootstrap of averages), models and (to water) relaxation together, and `model_sd`, between the models of an
        average, are in the unit of the value.
    """
    parts = []
    for path, label in zip(summaries, labels, strict=True):
        summary = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"Metab": str, "flag": str})
        ratio = next(
            (column for column in summary if column.startswith("/") and not column.endswith((" CRLB", " SD"))), None
        )
        if ratio is None:
            raise SpinsculptError(f"{path} has no column of ratios (such as /Cr+PCr); fit this scan again.")
        for quantity, column, unit in (
            ("ratio", ratio, ratio),
            ("concentration", "mM", "mM"),
            ("molality", "mMol/kg", "mmol/kg"),
            ("SNR", "SNR", "1"),
            ("linewidth", "FWHM", "Hz"),
        ):
            between = summary.get(f"{column} model SD", 0.0)  # of a fit under one model there is none
            noise, relaxation = summary.get(f"{column} CRLB", np.nan), summary.get(f"{column} relaxation SD", 0.0)
            noise = np.fmax(noise, summary.get(f"{column} bootstrap SD", 0.0))
            given = {
                "metabolite": summary["Metab"],
                "quantity": quantity,
                "value": summary[column],
                "sd": np.sqrt(noise**2 + between**2 + relaxation**2),
                "model_sd": between,
                "unit": unit,
                "crlb": summary["%CRLB"],
                "flag": summary["flag"].fillna(""),
                "reliable": summary["reliable"],
            }
            part = pd.DataFrame({**label, **given}).dropna(subset="value")
            parts.append(_with_reference(part, ratio.removeprefix("/")) if quantity == "ratio" else part)
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return table.reindex(columns=FIT_COLUMNS)


def _with_reference(ratios: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Ratios to a reference that is not reliable are not reliable either; the flag says so."""
    below = ratios[ratios["metabolite"] == reference]
    if below.empty or below["reliable"].iloc[0] == "yes":
        return ratios
    words = f"reference {reference}: {below['flag'].iloc[0] or 'not reliable'}"
    own = (ratios["flag"] != "") | (ratios["metabolite"] == reference)
    return ratios.assign(flag=ratios["flag"].where(own, words), reliable="no")


def recovery_table(
    fits: pd.DataFrame, truth: pd.DataFrame, sequences: Mapping[str, str], reference: Sequence[str]
) -> pd.DataFrame:
    """Estimates beside the truth of a simulated cohort.

    Args:
        fits: as of `fits_table`, with the verdict on each scan.
        truth: columns subject, sequence, metabolite, quantity, value, unit; quantities "concentration" (mM) and
            "relaxation_weight" (exp(-TE/T2) (1 - exp(-TR/T1))).
        sequences: the measured sequence of each analysis.
        reference: metabolites whose sum the ratios refer to.
    Returns:
        Columns RECOVERY_COLUMNS; `error` is (estimate - truth) / truth in %. Quantities: "concentration" (mM), "ratio"
        (against the ratio of true concentrations) and "signal ratio" (against the ratio of true signals, so that
        different relaxation does not count as an error of the fit). `model` says whether the truth is "right" (of the
        form that is fitted) or "wrong" (`scanner.other_truth`).
    """
    amounts = _wide(truth, "concentration")
    signals = amounts * _wide(truth, "relaxation_weight").reindex_like(amounts)
    others = truth[(truth["quantity"] == "other_truth") & (truth["value"].astype(float) > 0)]
    wrong = set(zip(others["subject"], others["sequence"], strict=True))
    rows = []
    for row in fits[fits["quantity"].isin(["concentration", "ratio"])].to_dict("records"):
        scan, names = (row["subject"], sequences[row["sequence"]]), row["metabolite"].split("+")
        if scan not in amounts.index or not set(names) <= set(amounts.columns):
            continue
        if row["quantity"] == "concentration":
            wanted = {"concentration": amounts.loc[scan, names].sum()}
        else:
            below = [name for name in reference if name in amounts.columns]
            wanted = {
                "ratio": amounts.loc[scan, names].sum() / amounts.loc[scan, below].sum(),
                "signal ratio": signals.loc[scan, names].sum() / signals.loc[scan, below].sum(),
            }
        for quantity, true in wanted.items():
            error = 100 * (row["value"] / true - 1)
            found = {"quantity": quantity, "estimate": row["value"], "truth": true, "error": error}
            rows.append({**row, **found, "model": "wrong" if scan in wrong else "right"})
    return pd.DataFrame(rows).reindex(columns=RECOVERY_COLUMNS)


def _wide(truth: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """One row a scan (subject, sequence), one column a metabolite."""
    part = truth[truth["quantity"] == quantity]
    return part.pivot(index=["subject", "sequence"], columns="metabolite", values="value")


def expected_table(fits: pd.DataFrame, expected: Mapping[str, Mapping[str, Expected]]) -> pd.DataFrame:
    """Our ratios beside those that the config expects.

    Args:
        fits: as of `fits_table`, with the verdict on each scan.
        expected: {analysis: {name of a row of the summary: what is expected}}.
    Returns:
        KEYS, then unit, ours, our crlb (%), our sd (%), flag, expected, expected crlb (%), difference (%), source,
        verdict on the scan.
    """
    ratios = fits[fits["quantity"] == "ratio"]
    rows = []
    for analysis, metabolites in expected.items():
        for metabolite, other in metabolites.items():
            here = ratios[(ratios["sequence"] == analysis) & (ratios["metabolite"] == metabolite)]
            if here.empty:
                known = sorted(set(ratios.loc[ratios["sequence"] == analysis, "metabolite"]))
                raise SpinsculptError(
                    f"compare.expected.{analysis}.{metabolite}: no fit has this; "
                    + (f"its rows are {', '.join(known)}." if known else f"nothing was fitted as {analysis}.")
                )
            for row in here.to_dict("records"):
                rows.append(
                    {
                        **{key: row[key] for key in [*KEYS, "unit"]},
                        "ours": row["value"],
                        "our crlb": row["crlb"],
                        "our sd": 100 * row["sd"] / row["value"] if row["value"] else np.nan,
                        "flag": row["flag"],
                        "expected": other.ratio,
                        "expected crlb": other.crlb,
                        "difference": 100 * (row["value"] / other.ratio - 1) if other.ratio else np.nan,
                        "source": other.source,
                        "verdict": row["verdict"],
                    }
                )
    return pd.DataFrame(rows)


def engines_table(fits: pd.DataFrame, engines: Sequence[str]) -> pd.DataFrame:
    """The same numbers by every two of `engines`, side by side.

    `difference` is second - first in % of the first; `deviation` in units of the SD of the first; `reliable` is yes
    where both engines call their estimate so.
    """
    scan = [key for key in KEYS if key != "engine"] + ["quantity", "unit"]
    part = fits[fits["quantity"].isin(["ratio", "concentration"])].fillna({"session": ""})
    tables = []
    for first, second in itertools.combinations(engines, 2):
        columns = [*scan, "value", "sd", "reliable"]
        ours, theirs = (part[part["engine"] == engine][columns] for engine in (first, second))
        both = ours.merge(theirs, on=scan, suffixes=("_first", "_second"))
        both.insert(0, "first", first)
        both.insert(1, "second", second)
        change = both["value_second"] - both["value_first"]
        both["difference"] = 100 * change / both["value_first"].where(both["value_first"] != 0)
        both["deviation"] = change / both["sd_first"]
        good = [both.pop(f"reliable_{which}") == "yes" for which in ("first", "second")]
        both["reliable"] = np.where(good[0] & good[1], "yes", "no")
        tables.append(both)
    return pd.concat(tables, ignore_index=True)
