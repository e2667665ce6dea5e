"""How good every scan is, as a tidy table, and which fits stand on a scan that was rejected."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from spinsculpt.config import Limits
from spinsculpt.preprocess import MEASURES, failures

SCAN = ["subject", "session", "sequence"]
QUALITY_COLUMNS = [*SCAN, "measure", "value", "unit", "min", "max", "reason", "verdict"]
ACCEPT, REJECT = "accept", "reject"


def quality_table(qualities: Iterable[Path | str], labels: Iterable[Mapping[str, str]], limits: Limits) -> pd.DataFrame:
    """The numbers of the quality control of all scans, one row a number.

    Args:
        qualities: _qc.json of each scan.
        labels: subject, session and sequence of each.
        limits: of the config.
    Returns:
        Columns QUALITY_COLUMNS: `unit` "NAA" and "OFF" stand for the height of NAA and of the line in OFF, `min` and
        `max` are the limits, `reason` says in words why a number rejects the scan, `verdict` is that of the whole scan.
    """
    rows = []
    for path, label in zip(qualities, labels, strict=True):
        numbers = json.loads(Path(path).read_text())
        reasons = failures(numbers, limits)
        for name, (_, unit) in MEASURES.items():
            if numbers.get(name) is not None:
                limit = limits.of_measure(name)
                given = {"measure": name, "value": numbers[name], "unit": unit, "reason": reasons.get(name, "")}
                given |= {"min": limit.min, "max": limit.max}
                rows.append({**label, **given, "verdict": REJECT if reasons else ACCEPT})
    return pd.DataFrame(rows, columns=QUALITY_COLUMNS)


def verdicts(quality: pd.DataFrame) -> pd.DataFrame:
    """One row a scan: SCAN, verdict, and the reasons in words, joined by "; "."""
    scans = quality.groupby(SCAN, sort=False)
    reasons = scans["reason"].agg(lambda column: "; ".join(filter(None, column)))
    return pd.DataFrame({"verdict": scans["verdict"].first(), "reasons": reasons}).reset_index()


def with_verdict(fits: pd.DataFrame, quality: pd.DataFrame, sequences: Mapping[str, str]) -> pd.DataFrame:
    """A table of fits (or anything by scan and analysis) with the verdict on the scan behind each row.

    Args:
        fits: columns subject, session, sequence (name of the analysis), others.
        quality: as of `quality_table`.
        sequences: the measured sequence of each analysis.
    """
    known = {tuple(row[key] for key in SCAN): row["verdict"] for row in verdicts(quality).to_dict("records")}
    scans = zip(fits["subject"], fits["session"], fits["sequence"].map(sequences), strict=True)
    return fits.assign(verdict=[known[scan] for scan in scans])
