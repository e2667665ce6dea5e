"""Time of one move of a slider of the workbench, from configuration to spectra and bounds; JSON on the last line."""

import json
import time

from spinsculpt.basis import DEFAULT_METABOLITES
from spinsculpt.explore import configuration, show

CASES = {
    "PRESS, Glu and Gln": ("press", ["Glu", "Gln"], 0.030),
    "PRESS, 20 metabolites": ("press", list(DEFAULT_METABOLITES), 0.030),
    "MEGA-PRESS, Glu and Gln": ("megapress", ["Glu", "Gln"], 0.068),
    "MEGA-PRESS, 20 metabolites": ("megapress", list(DEFAULT_METABOLITES), 0.068),
}


def move(kind: str, metabolites: list[str], echo_time: float) -> float:
    """Seconds from an echo time that was not seen before to what is shown."""
    compare = {"noise": {"metabolite": metabolites[0], "snr": 100}, "baselines": {"chosen": "poly:2"}}
    spectra = {"now": ["on", "off"]} if kind == "megapress" else {}
    began = time.perf_counter()
    basis = {"metabolites": metabolites, "macromolecules": []}
    show(configuration({"now": {"type": kind, "echo_time": echo_time}}, spectra, basis, compare, {}))
    return time.perf_counter() - began


def main() -> None:
    found = {}
    for name, (kind, metabolites, echo_time) in CASES.items():
        move(kind, metabolites, echo_time)
        times = sorted(move(kind, metabolites, echo_time + 0.001 * k) for k in range(1, 6))
        found[name] = round(times[len(times) // 2], 4)
        print(f"{name}: {1e3 * found[name]:.0f} ms")
    print(json.dumps({"seconds": found}))


if __name__ == "__main__":
    main()
