"""Concentrations by scan, over the cohort and beside others. What is flagged keeps its mark and enters no mean."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from spinsculpt.compare import REJECT, verdicts
from spinsculpt.config import Study
from spinsculpt.data.subjects import Scan

QUANTITIES = {"ratio": "Ratios", "concentration": "Concentrations"}  # in the report's order
MOST_NAMED = 5  # rejected scans in the first sentence
ALWAYS = ("Ins", "GABA", "GSH")  # shown beside the pair and the sums of the fit, where they were fitted


def scan_page(subject: str, session: str, sequence: str) -> str:
    """Path of the page of a scan, seen from the report."""
    scan = Scan(subject, session, sequence, data="")
    return f"figures/{scan.folder}/{scan.name}.html"


def principal(fits: pd.DataFrame, config: Study) -> list[str]:
    """Names with a column: sums of the fit, the pair, and what is nearly always asked for."""
    fitted = list(dict.fromkeys(fits["metabolite"]))
    wanted = [name for name in fitted if "+" in name]
    return list(dict.fromkeys([*wanted, *(n for n in (*config.compare.pair, *ALWAYS) if n in fitted)]))


def concentration_tables(fits: pd.DataFrame, config: Study) -> list[dict]:
    """One table a quantity, one row a scan and analysis, one column a metabolite; for the template.

    Args:
        fits: compare/fits.tsv, with the verdict on each scan.
        config: the validated configuration.
    Returns:
        title, heads, rows: name, page and files of the scan, analysis, engine, rejected, cells (value, sd, flag, bad).
    """
    names, tables = principal(fits, config), []
    for quantity, title in QUANTITIES.items():
        part = fits[(fits["quantity"] == quantity) & fits["metabolite"].isin(names)]
        if part.empty:
            continue
        unit = part["unit"].iloc[0]
        heads = [name for name in names if name in set(part["metabolite"]) and f"/{name}" != unit]
        fitted = part.groupby(["engine", "subject", "session", "sequence"], sort=False)
        rows = [_row(key, rows, heads, config) for key, rows in fitted]
        title = f"{title} to {unit.removeprefix('/')}" if quantity == "ratio" else f"{title} ({unit})"
        tables.append({"quantity": quantity, "title": title, "heads": heads, "rows": rows})
    return tables


def _row(key: tuple[str, ...], rows: pd.DataFrame, names: list[str], config: Study) -> dict:
    engine, subject, session, analysis = key
    sequence = config.analyses[analysis].sequence
    by_name = rows.set_index("metabolite").to_dict("index")
    return {
        "engine": engine,
        "name": Scan(subject, session, sequence, data="").name,
        "page": scan_page(subject, session, sequence),
        "files": f"fit/{engine}/{Scan(subject, session, sequence, data='').folder}/{analysis}/summary.csv",
        "analysis": config.figures.labels.get(analysis, analysis),
        "rejected": rows["verdict"].iloc[0] == REJECT,
        "cells": [_cell(by_name[name]) if name in by_name else None for name in names],
    }


def _cell(row: Mapping) -> dict:
    bad = row["reliable"] != "yes"
    return {
        "value": number(row["value"]),
        "sd": number(row["sd"], 2),
        "flag": row["flag"] or ("not reliable" if bad else ""),
        "bad": bad,
    }


def number(value: float, digits: int = 3) -> str:
    """So many significant digits, "" for a number that does not exist."""
    if not np.isfinite(value):
        return ""
    if abs(value) >= 10**digits:
        return f"{value:.0f}"
    return "0" if value == 0 else f"{value:#.{digits}g}".rstrip(".")


def cohort_table(fits: pd.DataFrame, config: Study) -> pd.DataFrame:
    """Mean and SD over the scans of each analysis, without rejected scans and flagged estimates.

    Args:
        fits: as of `concentration_tables`.
        config: the validated configuration.
    Returns:
        One row an engine, analysis, metabolite and quantity: scans counted, mean, SD and CV (%) between scans, median
        SD of one estimate (%), and how many estimates were left out because they are flagged, or their scan rejected.
        Analyses of a single scan, and the ratio of the reference to itself, have no row.
    """
    names = principal(fits, config)
    rows = fits[fits["quantity"].isin(list(QUANTITIES)) & fits["metabolite"].isin(names)]
    rows = rows[rows["unit"] != "/" + rows["metabolite"]]
    scans = rows.groupby(["engine", "sequence", "metabolite", "quantity"])["subject"].transform("size")
    rows = rows[scans > 1]
    rejected = (rows["verdict"] == REJECT) & (not config.quality.count_rejected)
    flagged = (rows["reliable"] != "yes") & ~rejected
    counted = ~rejected & ~flagged
    value = rows["value"].where(counted)
    own = 100 * (rows["sd"] / rows["value"].abs()).where(counted)
    rows = rows.assign(rejected=rejected, flagged=flagged, counted=counted, value=value, own_sd=own)
    table = (
        rows.groupby(["engine", "sequence", "metabolite", "quantity", "unit"], sort=False)
        .agg(
            counted=("counted", "sum"),
            mean=("value", "mean"),
            sd=("value", "std"),
            own_sd=("own_sd", "median"),
            flagged=("flagged", "sum"),
            rejected=("rejected", "sum"),
        )
        .reset_index()
    )
    table["cv"] = 100 * table["sd"] / table["mean"].abs()
    order = {name: k for k, name in enumerate(names)}
    return table.sort_values("metabolite", key=lambda column: column.map(order), kind="stable").reset_index(drop=True)


def own_answer(fits: pd.DataFrame, quality: pd.DataFrame | None, config: Study) -> list[str]:
    """What a study of one's own scans says of them and of the pair, in sentences.

    Args:
        fits: as of `concentration_tables`; its first engine and its ratios speak (concentrations, if there are none).
        quality: compare/quality.tsv.
        config: the validated configuration.
    """
    sentences = []
    if quality is not None:
        scans = verdicts(quality).to_dict("records")
        bad = [row for row in scans if row["verdict"] == REJECT]
        named = "; ".join(
            f"{Scan(row['subject'], row['session'], row['sequence'], data='').name} ({_shortened(row['reasons'])})"
            for row in bad[:MOST_NAMED]
        )
        more = f"; and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
        verb = "is" if len(bad) == 1 else "are"
        all_well = "The scan is accepted." if len(scans) == 1 else f"{len(scans)} of {len(scans)} scans are accepted."
        sentences.append(f"{len(bad)} of {len(scans)} scans {verb} rejected: {named}{more}." if bad else all_well)
    first = fits[(fits["engine"] == fits["engine"].iloc[0]) & (fits["verdict"] != REJECT)]
    ratios = first[first["quantity"] == "ratio"]
    part = ratios if len(ratios) else first[first["quantity"] == "concentration"]
    labels = config.figures.labels
    for name in (name for name in config.compare.pair if name in set(part["metabolite"])):
        said = [
            _of_analysis(rows, labels.get(analysis, analysis))
            for analysis, rows in part[part["metabolite"] == name].groupby("sequence", sort=False)
        ]
        sentences.append(f"{name}: {'; '.join(said)}.")
    return sentences


def _shortened(reasons: str) -> str:
    """The first of the reasons, and how many more there are."""
    first, *more = reasons.split("; ")
    return f"{first}, and {len(more)} more limit{'s' if len(more) > 1 else ''}" if more else first


def _of_analysis(rows: pd.DataFrame, label: str) -> str:
    """e.g. "PRESS TE 30 1.02 /Cr+PCr ± 9.1 %"; or that none is reliable."""
    good = rows[rows["reliable"] == "yes"]
    unit = rows["unit"].iloc[0]
    if good.empty:
        where = f"in {len(rows)} scans" if len(rows) > 1 else f"({rows['flag'].iloc[0] or 'not reliable'})"
        return f"{label} gives no reliable value {where}"
    own = (100 * good["sd"] / good["value"].abs()).median()
    value = good["value"]
    if len(good) == 1:
        among = f" (1 reliable of {len(rows)} scans)" if len(rows) > 1 else ""
        return f"{label} {number(value.iloc[0])} {unit} ± {number(own, 2)} %{among}"
    return (
        f"{label} {number(value.median())} {unit} (median of the {len(good)} reliable of {len(rows)} scans, "
        f"{number(value.min())} to {number(value.max())}; SD of one scan {number(own, 2)} %)"
    )


def expected_rows(expected: pd.DataFrame, config: Study) -> list[dict]:
    """compare/expected.tsv for the template: ours beside what others found, flagged and rejected ones marked."""
    return [
        {
            "name": Scan(row["subject"], row["session"], config.analyses[row["sequence"]].sequence, data="").name,
            "analysis": config.figures.labels.get(row["sequence"], row["sequence"]),
            "rejected": row["verdict"] == REJECT,
            **{key: number(row[key]) for key in ("ours", "our sd", "expected", "expected crlb")},
            "difference": f"{row['difference']:+.1f}" if np.isfinite(row["difference"]) else "",
            **{key: row[key] for key in ("engine", "metabolite", "unit", "flag", "source")},
        }
        for row in expected.to_dict("records")
    ]


def engines_summary(engines: pd.DataFrame, fits: pd.DataFrame, config: Study) -> list[dict]:
    """How far every two engines differ, over the estimates that both call reliable of scans that are not rejected.

    Args:
        engines: compare/engines.tsv.
        fits: compare/fits.tsv.
        config: the validated configuration.
    Returns:
        A row two engines, analysis, metabolite and quantity: scans counted and left out, mean difference and limits of
        agreement (mean ± 1.96 SD) in % of the first.
    """
    key = ["subject", "session", "sequence", "metabolite", "quantity"]
    good = fits[(fits["reliable"] == "yes") & (fits["verdict"] != REJECT)]
    known = {engine: set(part[key].itertuples(index=False, name=None)) for engine, part in good.groupby("engine")}
    names = principal(fits, config)
    rows = engines[engines["metabolite"].isin(names) & (engines["unit"] != "/" + engines["metabolite"])]
    found = []
    grouped = rows.groupby(["first", "second", *key[2:], "unit"], sort=False)
    for (first, second, analysis, metabolite, _, unit), part in grouped:
        both = known.get(first, set()) & known.get(second, set())
        counted = [one in both for one in part[key].itertuples(index=False, name=None)]
        difference = part.loc[counted, "difference"].dropna()
        mean, sd = difference.mean(), difference.std()
        limits = f"{mean - 1.96 * sd:+.1f} to {mean + 1.96 * sd:+.1f}" if len(difference) > 1 else ""
        found.append(
            {
                "engines": f"{second} against {first}",
                "analysis": config.figures.labels.get(analysis, analysis),
                "metabolite": metabolite,
                "unit": unit,
                "counted": len(difference),
                "left_out": len(part) - len(difference),
                "mean": f"{mean:+.1f}" if len(difference) else "",
                "limits": limits,
            }
        )
    return found
