"""What the report says of single scans: their quality, and the checklist of what was measured."""

from collections.abc import Mapping

import pandas as pd

from spinsculpt.compare import REJECT, SCAN, verdicts
from spinsculpt.config import Study
from spinsculpt.data.subjects import Scan
from spinsculpt.report._checklist import NOT_STATED
from spinsculpt.report._concentrations import scan_page

SHOWN = {  # measures with a column, and its head
    "snr": "SNR of NAA",
    "linewidth_hz": "linewidth (Hz)",
    "linewidth_ppm": "linewidth (ppm)",
    "drift_hz": "drift (Hz)",
    "residual_water_ratio": "water (× NAA)",
    "lipid_ratio": "1.0-1.6 ppm (× NAA)",
    "outside_ratio": "outside (× NAA)",
    "rejected_fraction": "averages left out",
    "subtraction_artefact": "choline in DIFF (× OFF)",
}


def quality_summary(quality: pd.DataFrame, config: Study) -> dict:
    """Every scan with its verdict and main numbers, for the template.

    Args:
        quality: compare/quality.tsv.
        config: the validated configuration.
    Returns:
        heads: of the columns; scans: a row each (name, verdict, reasons, cells of text and `bad`); rejected: how many;
        sentence: what becomes of them.
    """
    measures = [measure for measure in SHOWN if measure in set(quality["measure"])]
    scans = [_scan(row, quality, measures) for row in verdicts(quality).to_dict("records")]
    rejected = sum(scan["verdict"] == REJECT for scan in scans)
    counted = "count like all others" if config.quality.count_rejected else "count in no mean and no SD"
    sentence = (
        f"{rejected} of {len(scans)} scans rejected. Rejected scans are fitted and drawn like all others, marked, and "
        f"{counted} over the cohort (quality.count_rejected)."
    )
    heads = [SHOWN[measure] for measure in measures]
    return {"heads": heads, "scans": scans, "rejected": rejected, "sentence": sentence}


def _scan(row: Mapping, quality: pd.DataFrame, measures: list[str]) -> dict:
    scan = Scan(row["subject"], row["session"], row["sequence"], data="")
    mine = (quality[SCAN] == [row[key] for key in SCAN]).all(axis=1)
    numbers = quality[mine].set_index("measure").to_dict("index")
    cells = [
        {"text": f"{numbers[name]['value']:.3g}", "bad": bool(numbers[name]["reason"])}
        if name in numbers
        else {"text": "", "bad": False}
        for name in measures
    ]
    return {**row, "name": scan.name, "page": scan_page(scan.subject, scan.session, scan.sequence), "cells": cells}


def checklist_sections(checklist: pd.DataFrame) -> list[dict]:
    """The checklist by section and item: one cell a sequence, or one for all where all have the same answer.

    Args:
        checklist: compare/mrsinmrs.tsv.
    """
    sequences = list(dict.fromkeys(checklist["sequence"]))
    sections = []
    for title, rows in checklist.groupby("section", sort=False):
        items = []
        for words, answers in rows.groupby("item", sort=False):
            cells = [{"text": a.value, "missing": a.source == NOT_STATED, "span": 1} for a in answers.itertuples()]
            same = len({cell["text"] for cell in cells}) == 1
            items.append({"words": words, "cells": [cells[0] | {"span": len(sequences)}] if same else cells})
        sections.append({"title": title, "items": items})
    return sections
