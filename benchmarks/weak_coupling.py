"""What it would cost to leave the weak couplings between groups of spins at J I_jz I_kz, as cutting them apart does.

Two spins are weakly coupled where their shifts differ by more than `--ratio` times J; a group is what stronger
couplings hold together. Compared with the whole coupling: PRESS of 12 + 23 ms with ideal pulses, lines of 2 Hz,
largest deviation of the spectrum over its peak. With shaped pulses a cut is worse, because they turn I_jz.

    python benchmarks/weak_coupling.py [--ratio 10]

The last line is one JSON object: the largest and the median deviation in percent at 3 T and 7 T.
"""

import argparse
import json
from dataclasses import replace

import numpy as np

from spinsculpt.core.conventions import larmor_frequency, ppm_to_hz, to_spectrum
from spinsculpt.core.spectra import LineList, decay
from spinsculpt.physics.dynamics import evolve
from spinsculpt.physics.sequences import press
from spinsculpt.physics.spins import SpinSystem, hamiltonian, load_library, raising, total

POINTS, DWELL = 4096, 2.5e-4
EVENTS = press(0.035, 0.012).shots[0].events


def weak_pairs(system: SpinSystem, frequency: float, ratio: float) -> list[tuple[int, int, float]]:
    """Couplings whose shift difference in Hz is above `ratio` times J."""
    shifts = [ppm_to_hz(shift, frequency) for shift in system.shifts]
    return [(i, j, value) for i, j, value in system.couplings if abs(shifts[i] - shifts[j]) > ratio * abs(value)]


def largest_group(system: SpinSystem, weak: list[tuple[int, int, float]]) -> int:
    """Spins in the largest group that couplings other than the weak ones hold together."""
    group = np.arange(system.n_spins)
    for i, j, _ in [pair for pair in system.couplings if pair not in weak]:
        group[group == group[j]] = group[i]
    return int(np.bincount(group).max())


def free_hamiltonian(system: SpinSystem, frequency: float, weak: list[tuple[int, int, float]]) -> np.ndarray:
    """Free Hamiltonian in rad/s with J I_jz I_kz in place of J I_j.I_k for the weak pairs."""
    h = hamiltonian(system, frequency)
    for i, j, value in weak:
        pair = hamiltonian(replace(system, shifts=(4.65,) * system.n_spins, couplings=((i, j, value),)), frequency)
        h -= pair - np.diag(np.diag(pair))
    return h


def spectrum(system: SpinSystem, frequency: float, weak: list[tuple[int, int, float]]) -> np.ndarray:
    """Spectrum after PRESS, shape (POINTS,)."""
    h = free_hamiltonian(system, frequency, weak)
    energy, states = np.linalg.eigh(h)
    rho = total(system.levels, "z").astype(complex)
    for event in EVENTS:
        if event.duration:
            u = (states * np.exp(-1j * energy * event.duration)) @ states.T
            rho = u @ rho @ u.conj().T
        else:
            rho = evolve((event,), system, frequency, start=rho)
    amplitude = (states.T @ raising(system.levels) @ states).T * (states.T @ rho @ states)
    kept = np.abs(amplitude) > 1e-9
    lines = LineList(((energy[None, :] - energy[:, None]) / (2 * np.pi))[kept], amplitude[kept])
    return to_spectrum(lines.fid(POINTS, DWELL) * decay(POINTS, DWELL, 2.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratio", type=float, default=10.0, help="shift difference over J from which a pair is weak")
    ratio = parser.parse_args().ratio
    library = load_library(heteronuclear=False)
    print(f"{'metabolite':<12}{'spins':>6}" + "".join(f"{f'at {field:g} T':>24}" for field in (3, 7)))
    found: dict[float, list[float]] = {3.0: [], 7.0: []}
    for name, metabolite in library.metabolites.items():
        part = max(metabolite.parts, key=lambda part: part.n_spins)
        row = f"{name:<12}{part.n_spins:>6}"
        for field, deviations in found.items():
            frequency = larmor_frequency(field)
            weak = weak_pairs(part, frequency, ratio)
            if not weak:
                row += f"{'no weak pair':>24}"
                continue
            whole, cut = spectrum(part, frequency, []), spectrum(part, frequency, weak)
            deviations.append(100 * float(np.abs(cut - whole).max() / np.abs(whole).max()))
            row += f"{largest_group(part, weak):>9} left, {deviations[-1]:5.1f} %"
        if part.couplings:
            print(row, flush=True)
    result = {
        f"{what}_{field:g}T": round(float(value(found[field])), 1)
        for field in found
        for what, value in (("largest", max), ("median", np.median))
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
