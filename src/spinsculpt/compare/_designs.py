"""The metrics of designs as a tidy table."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from spinsculpt.config import DesignEntry

COLUMNS = ["design", "metric", "metabolite", "value", "unit", "source"]
_SEPARATION = {
    "crlb_over_reference": "CRLB relative to the reference PRESS",
    "crlb_correlation": "correlation",
    "overlap_2.2-2.6ppm": "overlap 2.2-2.6 ppm",
    "overlap_0.2-4.2ppm": "overlap 0.2-4.2 ppm",
    "peak_over_reference": "peak 2.2-2.6 ppm relative to the reference PRESS",
    "energy_over_reference": "energy 2.2-2.6 ppm relative to the reference PRESS",
    "peak_ratio_2.2-2.6ppm": "ratio of peaks 2.2-2.6 ppm",
}
_RF = {
    "peak_b1_uT": ("peak B1", "uT"),
    "energy_uT2_ms": ("pulse energy", "uT^2 ms"),
    "energy_over_press": ("pulse energy relative to the pulses of PRESS", "1"),
    "bandwidth_99_hz": ("bandwidth of 99 % of the energy", "Hz"),
}


def designs_table(metrics: Mapping[str, Path | str]) -> pd.DataFrame:
    """One row a number of each design; the source of the verdict (1: use, 0: do not, empty: no rival) is its sentence.

    Args:
        metrics: metrics.json by the name of the design.
    Returns:
        Columns COLUMNS.
    """
    rows = []
    for design, path in metrics.items():
        content = json.loads(Path(path).read_text())
        given = {"design": design, "source": "metrics of the design"}
        duration = 1e3 * DesignEntry.of(content["entry"]).duration
        rows.append(given | {"metric": "duration", "metabolite": "", "value": duration, "unit": "ms"})
        for key, metric in _SEPARATION.items():
            for metabolite, value in content["separation"].get(key, {}).items():
                rows.append(given | {"metric": metric, "metabolite": metabolite, "value": value, "unit": "1"})
        real = content.get("with_real_pulses", {})
        for metabolite, value in real.get("crlb_over_reference", {}).items():
            metric = "CRLB relative to the reference PRESS, played with real pulses"
            rows.append(given | {"metric": metric, "metabolite": metabolite, "value": value, "unit": "1"})
        verdict = content["verdict"]
        use = {None: float("nan"), True: 1.0, False: 0.0}[verdict["use"]]
        rows.append(
            {"design": design, "metric": "verdict", "metabolite": "", "value": use, "unit": "1 = use"}
            | {"source": verdict["sentence"]}
        )
        for key, (metric, unit) in _RF.items():
            rows.append(given | {"metric": metric, "metabolite": "", "value": content["rf"][key], "unit": unit})
    return pd.DataFrame(rows, columns=COLUMNS)
