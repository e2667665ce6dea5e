"""Seconds and MB for basis sets with shaped pulses, and how the cost grows with the grid and the spins.

The tasks: 2048 points, 2000 Hz, 3 T, 100-point refocusing pulses (3.5 ms) over a 32 x 32 grid. PRESS of Glu and of 20
metabolites; MEGA-PRESS, ON and OFF with shaped editing pulses, of 20 metabolites. Each is timed after one run that
warms up the libraries, on two threads, as the median of five (Glu) or three runs. Then the spins alone of metabolites
with methyl groups in PRESS, as protons and as total spins (`spinsculpt.physics.spins.symmetry_sectors`).

    python benchmarks/basis.py [--plot cost.png]

The last line is one JSON object.
"""

import argparse
import json
import resource
import statistics
import time

from threadpoolctl import threadpool_limits

from spinsculpt.basis import averaged_lines, simulate_basis, slice_axes
from spinsculpt.config import Basis, Grid
from spinsculpt.core.conventions import larmor_frequency
from spinsculpt.physics.pulses import gaussian, sinc
from spinsculpt.physics.sequences import SlicePulse, megapress, press
from spinsculpt.physics.spins import load_library, symmetry_sectors

BY_SPINS = {1: "Scyllo", 2: "Cit", 3: "Asp", 4: "Lac", 5: "Glu", 6: "GABA", 7: "Glc", 8: "Val", 9: "Lys"}
REFOCUSING = SlicePulse(sinc(0.0035, 180.0, lobes=3, samples=100), thickness=0.020)
PRESS = press(0.035, refocusing=REFOCUSING)
MEGAPRESS = megapress(gaussian(0.014), refocusing=REFOCUSING)


def configuration(metabolites: list[str], grid: int = 32) -> Basis:
    return Basis(linewidth=2.0, metabolites=metabolites, macromolecules=(), grid=Grid(points=grid))


def seconds(sequence, config: Basis, repeats: int) -> float:
    """Median wall time of a basis set."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        simulate_basis(sequence, config, threads=2)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def symmetry_seconds(name: str, repeats: int) -> tuple[float, float]:
    """Seconds for the lines of the largest part of a metabolite in PRESS, whole and as sectors, at best."""
    frequency = larmor_frequency(3.0)
    axes = slice_axes(PRESS, frequency, 32, 2.0)
    part = max(load_library()[name].parts, key=lambda part: part.dimension)

    def best(systems: tuple) -> float:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            for system in systems:
                averaged_lines(PRESS.shots[0].events, system, frequency, axes)
            times.append(time.perf_counter() - start)
        return min(times)

    with threadpool_limits(1):
        return best((part,)), best(symmetry_sectors(part))


def plot_cost(path: str) -> None:
    """Cost against grid size (Glu) and against the number of spins (32 x 32), PRESS."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
    grids = (8, 16, 32, 64, 128)
    left.loglog(grids, [seconds(PRESS, configuration(["Glu"], grid), 3) for grid in grids], "o-", color="#0072B2")
    left.set(xlabel="positions along each of two axes", ylabel="seconds", title="Glu, 5 spins")
    left.set_xticks(grids, [str(grid) for grid in grids])
    left.minorticks_off()
    spins = list(BY_SPINS)
    times = [seconds(PRESS, configuration([BY_SPINS[n]]), 3 if n < 8 else 1) for n in spins]
    right.semilogy(spins, times, "o-", color="#D55E00")
    right.set(xlabel="spins in the largest group", title="32 x 32 positions")
    right.set_xticks(spins, [f"{n}\n{BY_SPINS[n]}" for n in spins])
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", help="draw cost against grid size and spins into this file")
    arguments = parser.parse_args()
    seconds(PRESS, configuration(["Cr"]), 1)
    everything = configuration(list(Basis.metabolites))
    rows = {
        "glu_shaped_32x32_s": ("PRESS, Glu", 0.1, seconds(PRESS, configuration(["Glu"]), 5)),
        "press_20_metabolites_s": ("PRESS, 20 metabolites", 3.0, seconds(PRESS, everything, 3)),
        "megapress_20_metabolites_s": ("MEGA-PRESS ON + OFF, 20", 10.0, seconds(MEGAPRESS, everything, 3)),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'task':<28}{'measured':>12}{'target':>12}")
    for label, target, value in rows.values():
        print(f"{label:<28}{value:>10.3f} s{target:>10.1f} s")
    print(f"{'peak memory':<28}{peak:>9.0f} MB{1000:>9} MB")
    print(f"{'spins alone, PRESS':<28}{'protons':>12}{'total spins':>14}")
    by_symmetry = {}
    for name in ("Lac", "Thr", "bHB", "Val"):
        whole, sectors = symmetry_seconds(name, 3 if name == "Val" else 30)
        print(f"{name:<28}{whole:>10.3f} s{sectors:>12.3f} s")
        by_symmetry |= {f"{name}_protons_s": whole, f"{name}_total_spins_s": sectors}
    if arguments.plot:
        plot_cost(arguments.plot)
    numbers = {key: value for key, (*_, value) in rows.items()} | by_symmetry
    print(json.dumps({key: round(value, 4) for key, value in numbers.items()} | {"peak_mb": round(peak, 1)}))


if __name__ == "__main__":
    main()
