"""A GRAPE of another library (qutip-qtrl) and ours on one task: the same gate of a three-spin system.

The aspartyl protons of NAA at 3 T (an ABX system, 8 levels) shall undergo the unitary that a hidden random waveform
gives, so that fidelity 1 is known to be reachable; 100 samples of x and y RF in 20 ms, the same random start, both
L-BFGS in float64, fidelity |Tr[V' U]| / 8, stopped at an infidelity of 1e-4.

    python benchmarks/grape.py      (pip install qutip-qtrl for the comparison)

The last line is one JSON object.
"""

import json
import time

import numpy as np
import torch

from spinsculpt.core.conventions import larmor_frequency
from spinsculpt.design import Search
from spinsculpt.physics.dynamics.engine import SpinGroup, exact, propagate
from spinsculpt.physics.spins import hamiltonian, load_library, total

FREQUENCY, RECEIVER_PPM = larmor_frequency(3.0), 3.0
DURATION, SAMPLES, GOAL, LIMIT = 0.02, 100, 1e-4, 500
DWELL = DURATION / SAMPLES


def ours(group, target, start, substeps=2):
    calls = 0

    def evaluate(x):
        nonlocal calls
        calls += 1
        x = x.detach().requires_grad_()
        (u,) = propagate(x.unflatten(1, (SAMPLES, 2)) * 1e3, DWELL, [group], substeps)
        loss = 1 - (target.conj() * u).sum((-2, -1)).abs() / len(target)
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        return loss.detach(), gradient, {}

    search = Search(evaluate, torch.as_tensor(start.reshape(1, -1) / 1e3), "lbfgs", LIMIT, 0.1, ())
    while search.done < LIMIT and search.best[0] > GOAL:
        search.advance()
    waveform = search.best[2].reshape(1, SAMPLES, 2) * 1e3
    reached = exact(waveform, DWELL, [group])[0][0]
    return search.done, calls, 1 - float((target.conj() * reached).sum().abs() / len(target))


def of_qutip(system, target, start):
    """qutip-qtrl's optimiser from the same start, or None without it."""
    try:
        import qutip
        from qutip_qtrl import pulseoptim
    except ImportError:
        return None
    drift = qutip.Qobj(hamiltonian(system, FREQUENCY, RECEIVER_PPM))
    controls = [qutip.Qobj(np.array(total(system.levels, axis))) for axis in "xy"]
    optimiser = pulseoptim.create_pulse_optimizer(
        drift, controls, qutip.qeye(system.dimension), qutip.Qobj(target.numpy()), SAMPLES, DURATION,
        fid_err_targ=GOAL, min_grad=1e-14, max_iter=LIMIT, max_wall_time=300, dyn_type="UNIT",
        fid_type="UNIT", fid_params={"phase_option": "PSU"}, method_params={"max_metric_corr": 12},
    )  # fmt: skip
    optimiser.dynamics.initialize_controls(start)
    result = optimiser.run_optimization()
    return result.num_iter, result.num_fid_func_calls, float(result.fid_err)


def main():
    system = load_library(field_strength=3.0)["NAA"].parts[1]
    group = SpinGroup.from_system(system, FREQUENCY, receiver_ppm=RECEIVER_PPM)
    rng = np.random.default_rng(7)
    hidden = torch.as_tensor(rng.normal(size=(1, SAMPLES, 2)) * 600.0)
    target = exact(hidden, DWELL, [group])[0][0]
    start = rng.normal(size=(SAMPLES, 2)) * 600.0
    ours(group, target, start)  # compile
    rows = {}
    for name, run in (
        ("spinsculpt", lambda: ours(group, target, start)),
        ("qutip-qtrl", lambda: of_qutip(system, target, start)),
    ):
        began = time.perf_counter()
        result = run()
        if result is None:
            print("qutip-qtrl is not installed (optional comparison)")
            continue
        iterations, calls, infidelity = result
        rows[name] = {
            "seconds": round(time.perf_counter() - began, 3),
            "iterations": iterations,
            "evaluations": calls,
            "infidelity": float(f"{infidelity:.2e}"),
        }
    print(f"{'engine':12} {'seconds':>9} {'iterations':>11} {'evaluations':>12} {'infidelity':>11}")
    for name, row in rows.items():
        print(
            f"{name:12} {row['seconds']:9.3f} {row['iterations']:11} {row['evaluations']:12} {row['infidelity']:11.1e}"
        )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
