"""The table of a sweep: the bounds of every designed pulse beside those of PRESS."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from spinsculpt.config import DesignEntry

COLUMNS = ["duration_ms", "b1_limit_uT", "seed", "sequence", "metric", "metabolite", "value", "unit", "source"]


def sweep_table(metrics: Iterable[Path | str]) -> pd.DataFrame:
    """One row a number: CRLBs relative to the PRESS of the design's own reference, energy and loss of each design.

    Args:
        metrics: metrics.json of the designs.
    Returns:
        Columns COLUMNS; reference rows (PRESS = 100 %) have empty duration, limit and seed.
    """
    rows = []
    for path in metrics:
        content = json.loads(Path(path).read_text())
        entry = DesignEntry.of(content["entry"])
        given = {
            "duration_ms": entry.duration * 1e3,
            "b1_limit_uT": entry.b1_limit,
            "seed": entry.seed,
            "sequence": content["name"],
            "source": "metrics of the design",
        }
        for metabolite, value in content["separation"]["crlb_over_reference"].items():
            rows.append(
                given | {"metric": "CRLB", "metabolite": metabolite, "value": 100 * value, "unit": "% of PRESS"}
            )
        rows.append(given | {"metric": "energy", "value": content["rf"]["energy_uT2_ms"], "unit": "uT^2 ms"})
        rows.append(given | {"metric": "loss", "value": content["loss"], "unit": "1"})
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    bounds = table[table["metric"] == "CRLB"]
    press = {"sequence": "press", "metric": "CRLB", "value": 100.0, "unit": "% of PRESS", "source": "by definition"}
    reference = pd.DataFrame([press | {"metabolite": name} for name in bounds["metabolite"].unique()])
    return pd.concat([table, reference], ignore_index=True)[COLUMNS]
