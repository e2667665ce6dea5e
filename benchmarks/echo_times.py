"""Which echo time and editing frequency give the smallest SD of Gln/Glu, with real pulses.

PRESS, semi-LASER and MEGA-PRESS (ON and OFF jointly) by the bounds of config/config.yaml (first baseline and
macromolecule model), at equal scan time, relative to PRESS 30. One line of JSON at the end; two to four minutes.
"""

import json
import sys

from spinsculpt.basis import basis_library, simulate_basis
from spinsculpt.compare import Analysis, all_bounds, noise_of_study
from spinsculpt.config import SequenceEntry, default_config, read_study
from spinsculpt.physics.sequences import build_sequence

CONFIG = read_study([default_config()])
BASIS, COMPARE = CONFIG.basis, CONFIG.compare
LIBRARY, MODEL = basis_library(BASIS), CONFIG.fit.model(measured=False)
EDITING = {"shape": "gaussian", "duration": 0.014}


def analysis(entry: dict, spectra: tuple[str, ...] = ()) -> Analysis:
    sequence = build_sequence("trial", SequenceEntry.of(entry), system=CONFIG.system.limits())
    sets = simulate_basis(sequence, BASIS)
    return Analysis("trial", sequence, {label: sets[label] for label in spectra or sets}, sets)


def main() -> None:
    reference = analysis({"type": "press", "echo_time": 0.030, "te1": 0.012})
    noise = noise_of_study(reference, LIBRARY, COMPARE)

    def spread(trial: Analysis) -> float:
        found = all_bounds(trial, LIBRARY, MODEL, COMPARE, noise)
        value, sd = found.ratio(["Gln"], ["Glu"])
        return 100 * sd / value

    base = spread(reference)
    trials = {}
    for echo_time in (None, 0.030, 0.040, 0.050, 0.070, 0.100, 0.130):
        trials[f"press {echo_time}"] = ({"type": "press", "echo_time": echo_time}, ())
    for echo_time in (None, 0.030, 0.040, 0.060, 0.080, 0.100):
        trials[f"slaser {echo_time}"] = ({"type": "slaser", "echo_time": echo_time}, ())
    for echo_time in (0.060, 0.068, 0.080, 0.100, 0.120, 0.140):
        for ppm in (1.9, 2.1, 2.35, 3.75):
            entry = {
                "type": "megapress",
                "echo_time": echo_time,
                "editing": EDITING | {"ppm": {"on": ppm, "off": 7.46}},
            }
            trials[f"megapress {echo_time} {ppm}"] = (entry, ("on", "off"))
    found = {}
    for name, (entry, spectra) in trials.items():
        try:
            trial = analysis(entry, spectra)
        except Exception as error:
            print(f"{name:28s} {error}", file=sys.stderr)
            continue
        found[name] = round(spread(trial) / base, 3)
        print(f"{name:28s} TE {1e3 * trial.sequence.echo_time:6.1f} ms  {found[name]:.2f}", flush=True)
    kinds = ("press", "slaser", "megapress")
    best = {kind: min((v, k) for k, v in found.items() if k.startswith(kind)) for kind in kinds}
    print(json.dumps({"relative_to": "PRESS 30", "sd_percent": round(base, 2), "best": best, "all": found}))


if __name__ == "__main__":
    main()
