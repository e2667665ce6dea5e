"""Tidy tables behind the figures of a ladder of designs, from the files that each design wrote."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt.config import DesignEntry, ObjectiveEntry

RIVALS = ("te_optimised_press", "megapress", "megapress_diff")


def best_histories(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Loss of the best start of each design: columns design, step, loss.

    Args:
        folders: of the results of each design, by its name.
    """
    parts = []
    for name, folder in folders.items():
        history = pd.read_csv(folder / "history.tsv", sep="\t")
        best = history.loc[history["loss"].idxmin(), "start"]
        parts.append(history[history["start"] == best][["step", "loss"]].assign(design=name))
    return pd.concat(parts, ignore_index=True)[["design", "step", "loss"]]


def spectra_before_after(folders: Mapping[str, Path], before: str) -> pd.DataFrame:
    """Real spectra of the targets of each design before ("press" or "pulse_acquire") and after.

    Where the phase is free, spectra are shown with the one that makes the largest peak of the first metabolite positive
    and absorptive; states asked for by their operators are shown as they are.

    Returns:
        Columns design, metabolite, shot, ppm, value; 1 is the peak of one uncoupled proton.
    """
    parts = []
    for name, folder in folders.items():
        table = pd.read_csv(folder / "spectra.tsv", sep="\t")
        table = table[(table["shot"] == before) | ~table["shot"].isin(["press", "pulse_acquire"])]
        named = any(goal.type == "target_state" for goal in _entry(_metrics(folder)).objectives)
        for _, shot in table.groupby("shot", sort=False):
            value = shot["real"].to_numpy() + 1j * shot["imag"].to_numpy()
            first = value[(shot["metabolite"] == shot["metabolite"].iloc[0]).to_numpy()]
            largest = first[np.argmax(np.abs(first))]
            turned = value if named else value * np.abs(largest) / largest
            parts.append(shot[["metabolite", "shot", "ppm"]].assign(design=name, value=turned.real))
    return pd.concat(parts, ignore_index=True)[["design", "metabolite", "shot", "ppm", "value"]]


def windows(folders: Mapping[str, Path]) -> dict[str, tuple[float, float]]:
    """Chemical shifts in which each design was judged, ppm."""
    found = {}
    for name, folder in folders.items():
        windows = [goal.window for goal in _entry(_metrics(folder)).objectives]
        found[name] = next((window for window in windows if window != ObjectiveEntry.window), ObjectiveEntry.window)
    return found


def frontier_table(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Gain and selectivity of each design for the first metabolite that it enhances against the first it suppresses.

    Returns:
        Columns design, wanted, kind, duration_ms, decay, gain, ratio, worst_ratio, robust (for a range of B1 or B0).
    """
    rows = []
    for name, folder in folders.items():
        metrics = _metrics(folder)
        entry = _entry(metrics)
        goals = {goal.type: goal for goal in entry.objectives}
        wanted, unwanted = (goals[kind].named[0] for kind in ("enhance", "suppress"))
        worst = metrics["robustness"]["worst_peak_ratio_2.2-2.6ppm"]
        rows.append(
            {
                "design": name,
                "wanted": wanted,
                "kind": entry.kind,
                "duration_ms": 1e3 * entry.duration,
                "decay": entry.decay_interval > 0,
                "gain": metrics["separation"]["peak_over_reference"][wanted],
                "ratio": metrics["separation"]["peak_ratio_2.2-2.6ppm"][f"{wanted}/{unwanted}"],
                "worst_ratio": worst[f"{wanted}/{unwanted}"],
                "robust": any(len(values) > 1 for values in entry.robustness.axes[:2]),
            }
        )
    return pd.DataFrame(rows)


def bounds_table(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Bounds of each design and, under each baseline once, of its rivals, relative to the reference PRESS.

    Returns:
        Columns baseline, name, metabolite, value, worst.
    """
    rows, seen = [], set()
    for name, folder in folders.items():
        metrics = _metrics(folder)
        baseline, bounds = str(_entry(metrics).baseline), metrics["separation"]["crlb_over_reference"]
        worst = metrics["robustness"]["crlb_worst_over_nominal"]
        for metabolite, value in bounds.items():
            given = {"baseline": baseline, "name": name, "metabolite": metabolite}
            rows.append(given | {"value": value, "worst": value * worst[metabolite]})
        for rival in RIVALS:
            if (baseline, rival) not in seen:
                seen.add((baseline, rival))
                for metabolite, value in metrics["rivals"][rival]["crlb_over_reference"].items():
                    given = {"baseline": baseline, "name": rival, "metabolite": metabolite}
                    rows.append(given | {"value": value, "worst": value})
    return pd.DataFrame(rows)


def _metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def _entry(metrics: Mapping) -> DesignEntry:
    return DesignEntry.of(metrics["entry"])
