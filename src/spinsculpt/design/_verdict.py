"""The verdict on a finished design: one sentence that says whether to play the pulse, and what to play instead."""

from collections.abc import Mapping

import numpy as np

from spinsculpt.config import DesignEntry

MARGIN = 0.02  # relative gain below which two sequences are called equal; starts on other machines differ by as much


def verdict(metrics: Mapping) -> dict:
    """Whether a design is worth playing, judged by what it was made for.

    A design for a CRLB has to beat the reference PRESS, PRESS of the best echo times and MEGA-PRESS, at the same scan
    time, by more than `MARGIN` in the weighted geometric mean of the bounds: under the nominal condition, and the best
    of them also where both are at their worst of B1 +-20 % and B0 +-10 Hz. One that keeps or suppresses metabolites has
    to do so better than the reference PRESS. A wanted state or spectrum has no rival; its verdict says how much of it
    was reached.

    Args:
        metrics: content of metrics.json.
    Returns:
        use (true, false, or null where there is nothing to compare with) and sentence.
    """
    parts = metrics["loss_parts"]
    kinds = {part["type"] for part in parts.values()}
    if kinds & {"CRLB", "Ratio"}:
        return _of_bounds(metrics)
    if kinds & {"Enhance", "Suppress"}:
        return _of_peaks(metrics["name"], DesignEntry.of(metrics["entry"]), parts)
    return {
        "use": None,
        "sentence": f"{metrics['name']}: {_reached(parts)}; no comparison sequence exists for this goal.",
    }


def _of_bounds(metrics: Mapping) -> dict:
    name, weights = metrics["name"], crlb_weights(DesignEntry.of(metrics["entry"]))
    ratio = any(part["type"] == "Ratio" for part in metrics["loss_parts"].values())

    def of(found: Mapping) -> float:
        return found["ratio_over_reference"] if ratio else _mean(found["crlb_over_reference"], weights)

    def growth(found: Mapping) -> float:
        """The worst over the nominal bound; 1 of rivals that do not say."""
        if ratio:
            return found.get("ratio_worst_over_nominal", 1.0)
        return _mean(found.get("crlb_worst_over_nominal", dict.fromkeys(weights, 1.0)), weights)

    ours = of(metrics["separation"])
    worst = ours * growth(metrics["robustness"])
    rivals = {"the reference PRESS": (1.0, 1.0)}
    for rival, found in metrics["rivals"].items():
        rivals[_label(rival, found)] = of(found), of(found) * growth(found)
    best = min(rivals, key=lambda rival: rivals[rival][0])
    theirs, theirs_worst = rivals[best]
    bound = f"the SD of {'/'.join(weights)}" if ratio else f"the bound of {' and '.join(weights)}"
    what = f"{bound} is {ours:.2f} of that of the reference PRESS"
    if ours > theirs * (1 - MARGIN):
        return {"use": False, "sentence": f"do not use {name}: {what}, and {best} reaches {theirs:.2f}."}
    gain = f"{what}, {1 - ours / theirs:.0%} below that of {best} ({theirs:.2f})"
    beside = f"{worst:.2f} at the worst of B1 +-20 % and B0 +-10 Hz, where that has {theirs_worst:.2f}"
    if worst > theirs_worst * (1 - MARGIN):
        sentence = f"do not use {name} as it is: {gain}, but {beside}; make it robust or keep to that."
        return {"use": False, "sentence": sentence}
    return {"use": True, "sentence": f"use {name}: {gain}, and {beside}."}


def _of_peaks(name: str, entry: DesignEntry, parts: Mapping) -> dict:
    aims = {part: given for part, given in parts.items() if given["type"] in ("Enhance", "Suppress")}
    goals = {key: goal.named for key, goal in zip(parts, entry.objectives, strict=True)}
    said = [
        f"{' + '.join(goals[key])} keeps {np.exp(-given['value']):.2f} of its peak"
        if given["type"] == "Enhance"
        else f"{np.exp(given['value']):.2g} of the energy of {' + '.join(goals[key])} is left"
        for key, given in aims.items()
    ]
    better = bool(sum(given["weight"] * given["value"] for given in aims.values()) < -MARGIN)
    what = f"{', '.join(said)}, relative to the reference PRESS"
    return {"use": better, "sentence": f"use {name}: {what}." if better else f"do not use {name}: {what}."}


def _reached(parts: Mapping) -> str:
    said = {
        "TargetState": "of the unitary bound of the wanted state",
        "TargetSpectrum": "overlap with the wanted spectrum",
    }
    found = [f"{1 - p['value']:.1%} {said[p['type']]}" for p in parts.values() if p["type"] in said]
    return ", ".join(found) or "it has no goal besides its cost"


def crlb_weights(entry: DesignEntry) -> dict[str, float]:
    """Weight of each metabolite of the first CRLB or ratio objective."""
    return next(goal.weights for goal in entry.objectives if goal.type in ("crlb", "ratio"))


def _mean(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    total = sum(weights.values())
    return float(np.exp(sum(weight / total * np.log(values[name]) for name, weight in weights.items())))


def _label(rival: str, found: Mapping) -> str:
    if rival == "te_optimised_press":
        return f"PRESS with echo times of {1e3 * found['te1_s']:.1f} and {1e3 * found['te2_s']:.1f} ms"
    if rival.startswith("megapress"):
        fit = "DIFF" if rival == "megapress_diff" else "ON and OFF jointly"
        return f"MEGA-PRESS at {found['editing_ppm']:g} ppm, TE {1e3 * found['echo_time_s']:.0f} ms ({fit})"
    return {
        "shortest_special": "SPECIAL at its shortest echo time",
        "shortest_slaser": "semi-LASER at its shortest echo time",
    }[rival]
