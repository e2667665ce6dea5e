"""One page a scan, in the look of the report: concentrations, fits, what preprocessing did, files."""

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from spinsculpt import __version__
from spinsculpt.core.conventions import ppm_axis, to_spectrum
from spinsculpt.core.provenance import atomic_path
from spinsculpt.fit import BROAD, matches
from spinsculpt.preprocess import MEASURES, in_words
from spinsculpt.report._concentrations import number
from spinsculpt.report._pack import Pack, pack_fit
from spinsculpt.report._page import template
from spinsculpt.report.figures import ScanView

SHOWN = (0.0, 5.2)  # ppm of the spectra before and after


def write_scan_page(
    view: ScanView,
    fits: Iterable[Path | str],
    out: Path | str,
    report: Path | str,
    labels: Mapping[str, str],
    siblings: Sequence[str] = (),
    files: Mapping[str, Path | str] | None = None,
) -> None:
    """Write the page.

    Args:
        view: what `spinsculpt.report.figures.plot_scan` read and drew.
        fits: fit.npz of each analysis of the scan, beside summary.csv and qc.json, in a folder of its name.
        out: HTML file, self-contained, named as the scan.
        report: where the report is or will be.
        labels: what analyses are called.
        siblings: names of the scans of the same subject and session.
        files: {words: path} to link besides those of the fits.
    """
    out, pack = Path(out), Pack()

    def link(path: Path | str) -> str:
        return Path(os.path.relpath(path, out.parent)).as_posix()

    curves, estimates, linked = [], [], {**(files or {})}
    for path in map(Path, fits):
        title = labels.get(path.parent.name, path.parent.name)
        curves.append({"title": title, **pack_fit(pack, path)})
        estimates.append({"title": title, **_estimates(path.with_name("summary.csv"), path.with_name("qc.json"))})
        for words, name in (
            ("every estimate", "summary.csv"),
            ("covariance", "covariance.csv"),
            ("numbers", "qc.json"),
        ):
            linked[f"{title}: {words} ({name})"] = path.with_name(name)
    drifts = _drifts(view.drift)
    page = template("scan.html").render(
        title=out.stem,
        name=out.stem,
        up=link(Path(report).parent).rstrip("/") + "/",
        siblings=siblings,
        data=pack.text({"fits": curves, "tables": {}, "drift": drifts, "clean": _clean(pack, view)}),
        reasons=list(view.reasons.values()),
        estimates=estimates,
        numbers=[
            {"words": words, "value": in_words(view.numbers[name], unit), "reason": view.reasons.get(name, "")}
            for name, (words, unit) in MEASURES.items()
            if view.numbers.get(name) is not None
        ],
        steps=[step["Method"] for step in view.numbers.get("steps", ())],
        drifts=drifts,
        files=[(words, link(path)) for words, path in linked.items()],
        version=__version__,
    )
    with atomic_path(out) as path:
        path.write_text(page, encoding="utf-8")


def _estimates(summary: Path, quality: Path) -> dict:
    """The rows of a summary.csv, and what the fit said."""
    with summary.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    ratio = next(column for column in rows[0] if column.startswith("/") and not column.endswith((" CRLB", " SD")))
    heads = [head for head in (ratio, "mM", "mMol/kg") if any(row.get(head) for row in rows)]
    if all(row.get("mM") == row.get("mMol/kg") for row in rows):
        heads = [head for head in heads if head != "mMol/kg"]  # of unknown tissue: pure water, one number twice
    averaged, resampled = (any(row.get(f"%{kind} SD") for row in rows) for kind in ("model", "bootstrap"))
    rows.sort(key=lambda row: matches(row["Metab"], BROAD[0]))  # macromolecules and lipids last

    def shown(text: str | None) -> str:
        return number(float(text)) if text else ""

    def sd(row: Mapping[str, str], head: str) -> str:
        """Of noise, by its bound or the bootstrap of averages, and models together."""
        kinds = ("CRLB", "bootstrap SD", "model SD")
        noise, bootstrap, models = (float(row.get(f"{head} {kind}") or 0) for kind in kinds)
        return number(math.hypot(max(noise, bootstrap), models), 2) if row.get(f"{head} CRLB") else ""

    models = _models(summary.with_name("models.csv")) if averaged else {}
    reference = next((row for row in rows if row["Metab"] == ratio.removeprefix("/")), None)
    unsure = reference is not None and reference["reliable"] != "yes"

    content = json.loads(quality.read_text()) if quality.exists() else {}
    return {
        "heads": [head.replace("mMol", "mmol") for head in heads],
        "averaged": averaged,
        "resampled": resampled,
        "messages": [
            *content.get("messages", []),
            *([f"No ratio is reliable: their reference {reference['Metab']} is flagged."] if unsure else []),
        ],
        "rows": [
            {
                "name": row["Metab"],
                "cells": [
                    {
                        "value": shown(row[head]),
                        "sd": sd(row, head),
                        "bad": unsure and head == ratio,
                    }
                    for head in heads
                ],
                "crlb": shown(row["%CRLB"]),
                "percent": shown(row.get("%SD")),
                "between": shown(row.get("%model SD")),
                "strip": _strip(models, row),
                "bootstrap": shown(row.get("%bootstrap SD")),
                "flag": row["flag"] or ("" if row["reliable"] == "yes" else "not reliable"),
                "bad": row["reliable"] != "yes",
            }
            for row in rows
        ],
    }


def _models(path: Path) -> dict[str, list[float]]:
    """What each model of an average found, by metabolite, in signal per proton, and its weight."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    return {name: [float(row[name]) for row in table] for name in list(table[0]) if name != "model"}


def _strip(models: Mapping[str, list[float]], row: Mapping[str, str]) -> dict | None:
    """Places, of 120, of what the models found for one row of the summary: a picture of their spread."""
    names = row["Metab"].split("+")
    if not models or not set(names) <= set(models) or not row["%SD"]:
        return None
    values = np.sum([models[name] for name in names], axis=0)
    mean = float(np.average(values, weights=models["weight"]))
    if mean <= 0.0:
        return None
    sd = mean * float(row["%SD"]) / 100.0
    scale = 118.0 / (max(values.max(), mean + sd) or 1.0)
    low, high = max(0.0, mean - sd), mean + sd
    return {
        "dots": [round(1 + scale * value, 1) for value in values],
        "middle": round(1 + scale * mean, 1),
        "low": round(1 + scale * low, 1),
        "width": round(scale * (high - low), 1),
        "words": f"models find {values.min() / mean:.0%} to {values.max() / mean:.0%} of the estimate",
    }


def _clean(pack: Pack, view: ScanView) -> dict:
    """Spectra of every condition before and after."""
    result = view.result
    ppm = ppm_axis(result.points, result.dwell, result.central_frequency)
    inside = (ppm > SHOWN[0]) & (ppm < SHOWN[1])
    after = to_spectrum(result.fids.reshape(result.points, -1).T).real
    traces = []
    for label, values in zip(view.originals, after, strict=True):
        shown = values[inside]
        largest = 2 * float(np.abs(shown).max()) or 1.0
        before = np.clip(to_spectrum(view.originals[label]).real[inside], -largest, largest)
        traces.append({"label": label, "after": pack.add(shown), "before": pack.add(before)})
    return {"ppm": pack.axis(ppm[inside]), "traces": traces}


def _drifts(drift: Mapping) -> list[dict]:
    """Frequency and phase of every average about their means; none of a scan of one average."""
    found = []
    for label, one in drift.items():
        if one.shift.size > 1:
            degrees = np.degrees(np.unwrap(2 * one.phase) / 2)  # a sign that alternates is no drift
            shift, phase = one.shift - one.shift.mean(), degrees - degrees.mean()
            numbers = {"shift": shift.round(4).tolist(), "phase": phase.round(3).tolist()}
            found.append({"label": label, **numbers, "rejected": one.rejected.astype(bool).tolist()})
    return found
