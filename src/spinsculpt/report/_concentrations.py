"""Concentrations by scan and over the cohort. What is flagged keeps its mark and enters no mean."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from spinsculpt.compare import REJECT
from spinsculpt.subjects import Scan

QUANTITIES = {"ratio": "Ratios", "concentration": "Concentrations"}  # in the report's order
ALWAYS = ("Ins", "GABA", "GSH")  # shown beside the pair and the sums of the fit, where they were fitted


def scan_page(subject: str, session: str, sequence: str) -> str:
    """Path of the page of a scan, seen from the report."""
    scan = Scan(subject, session, sequence, data="")
    return f"figures/{scan.folder}/{scan.name}.html"


def principal(fits: pd.DataFrame, config: Mapping) -> list[str]:
    """Names with a column: sums of the fit, the pair, and what is nearly always asked for."""
    fitted = list(dict.fromkeys(fits["metabolite"]))
    wanted = [name for name in fitted if "+" in name]
    return list(dict.fromkeys([*wanted, *(n for n in (*config["compare"]["pair"], *ALWAYS) if n in fitted)]))


def concentration_tables(fits: pd.DataFrame, config: Mapping) -> list[dict]:
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
        heads = [name for name in names if name in set(part["metabolite"])]
        fitted = part.groupby(["engine", "subject", "session", "sequence"], sort=False)
        rows = [_row(key, rows, heads, config) for key, rows in fitted]
        title = f"{title} to {unit.removeprefix('/')}" if quantity == "ratio" else f"{title} ({unit})"
        tables.append({"quantity": quantity, "title": title, "heads": heads, "rows": rows})
    return tables


def _row(key: tuple[str, ...], rows: pd.DataFrame, names: list[str], config: Mapping) -> dict:
    engine, subject, session, analysis = key
    sequence = config["analyses"][analysis]["sequence"]
    by_name = rows.set_index("metabolite").to_dict("index")
    return {
        "engine": engine,
        "name": Scan(subject, session, sequence, data="").name,
        "page": scan_page(subject, session, sequence),
        "files": f"fit/{engine}/{Scan(subject, session, sequence, data='').folder}/{analysis}/summary.csv",
        "analysis": config["figures"]["labels"].get(analysis, analysis),
        "rejected": rows["verdict"].iloc[0] == REJECT,
        "cells": [_cell(by_name[name]) if name in by_name else None for name in names],
    }


def _cell(row: Mapping) -> dict:
    bad = row["reliable"] != "yes"
    return {
        "value": number(row["value"]),
        "sd": number(row["sd"]),
        "crlb": number(row["crlb"]),
        "flag": row["flag"] or ("not reliable" if bad else ""),
        "bad": bad,
    }


def number(value: float) -> str:
    """Three significant digits, "" for a number that does not exist."""
    if not np.isfinite(value):
        return ""
    return "0" if value == 0 else f"{value:.3g}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def cohort_table(fits: pd.DataFrame, config: Mapping) -> pd.DataFrame:
    """Mean and SD over the scans of each analysis, without rejected scans and flagged estimates.

    Args:
        fits: as of `concentration_tables`.
        config: the validated configuration.
    Returns:
        One row an engine, analysis, metabolite and quantity: scans counted, mean, SD and CV (%) between scans, median
        CRLB (%), and how many estimates were left out because they are flagged, or their scan rejected.
    """
    names = principal(fits, config)
    rows = fits[fits["quantity"].isin(list(QUANTITIES)) & fits["metabolite"].isin(names)]
    rejected = (rows["verdict"] == REJECT) & (not config["quality"]["count_rejected"])
    flagged = (rows["reliable"] != "yes") & ~rejected
    counted = ~rejected & ~flagged
    numbers = rows[["value", "crlb"]].where(counted)
    rows = rows.assign(
        rejected=rejected, flagged=flagged, counted=counted, value=numbers["value"], crlb=numbers["crlb"]
    )
    table = (
        rows.groupby(["engine", "sequence", "metabolite", "quantity", "unit"], sort=False)
        .agg(
            counted=("counted", "sum"),
            mean=("value", "mean"),
            sd=("value", "std"),
            crlb=("crlb", "median"),
            flagged=("flagged", "sum"),
            rejected=("rejected", "sum"),
        )
        .reset_index()
    )
    table["cv"] = 100 * table["sd"] / table["mean"].abs()
    order = {name: k for k, name in enumerate(names)}
    return table.sort_values("metabolite", key=lambda column: column.map(order), kind="stable").reset_index(drop=True)
