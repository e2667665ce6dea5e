"""Seconds for the gradient of a fidelity through spin dynamics: this engine against matrix exponentials and dynamiqs.

The task: Glu (5 spins) at 3 T, 500 samples of x and y RF of 0.1 ms, 32 members of B1 scales and B0 offsets, from F_z to
the in-phase state of one spin; loss 1 - mean <B|rho>/<B|B>/1.875 and its gradient with respect to all samples, single
precision. All engines run the same task in one process on the same cores; only ratios travel between machines.
Metabolites with methyl groups are timed both as protons and as total spins (`symmetry_sectors`).

    python benchmarks/gradient.py [--quick] [--plot cost.png]

The last line is one JSON object.
"""

import argparse
import json
import resource
import time

import numpy as np
import torch

from spinsculpt.core.conventions import larmor_frequency
from spinsculpt.physics.dynamics import engine
from spinsculpt.physics.dynamics.engine import SpinGroup
from spinsculpt.physics.spins import hamiltonian, load_library, single_spin, symmetry_sectors, total, transfer_bound

FREQUENCY, RECEIVER_PPM = larmor_frequency(3.0), 2.5
DWELL = 1e-4  # s
MEMBERS, SAMPLES = 32, 500


class Task:
    """Fidelity of the transfer F_z -> I_kx of one spin system over an ensemble."""

    def __init__(self, system, members=MEMBERS, samples=SAMPLES):
        self.system, self.members = system, members
        rng = np.random.default_rng(0)
        time_axis = np.arange(samples) / samples
        envelope = sum(rng.normal() * np.cos(2 * np.pi * k * time_axis + rng.uniform(0, 6)) for k in range(12))
        quadrature = sum(rng.normal() * np.cos(2 * np.pi * k * time_axis + rng.uniform(0, 6)) for k in range(12))
        self.waveform = 2 * np.pi * 42.577 * 0.7 * np.stack([envelope, quadrature], -1)  # rad/s, about 3 uT rms
        self.b1 = np.repeat(np.linspace(0.8, 1.2, max(1, members // 4)), min(4, members))[:members]
        self.b0 = np.tile(np.linspace(-10, 10, min(4, members)), max(1, members // 4))[:members]
        levels, last = system.levels, system.n_spins - 1
        self.start = total(levels, "z")
        self.target = single_spin(levels, last, "x")
        self.norm = float(np.vdot(self.target, self.target).real) * transfer_bound(levels, (last,))
        # The unit operator does not evolve, so F_z less its most frequent eigenvalue needs fewer columns.
        m = np.diag(self.start).real
        values, counts = np.unique(m, return_counts=True)
        self.shift = values[np.argmax(counts)]
        self.used = np.flatnonzero(m != self.shift)
        self.weights = m[self.used] - self.shift

    def fidelity(self, columns, weights):
        """mean <B|rho> over members from the evolved columns of F_z (the traceless target ignores the unit part)."""
        target = torch.as_tensor(np.array(self.target), dtype=columns.dtype)
        weights = torch.tensor(weights, dtype=columns.real.dtype)
        value = ((target @ columns).conj() * columns).real.sum(-2) @ weights
        return 1 - value.mean() / self.norm

    def group(self, columns):
        return SpinGroup.from_system(self.system, FREQUENCY, self.b0, RECEIVER_PPM, columns)

    def nutation(self, dtype):
        waveform = torch.tensor(self.waveform, dtype=dtype, requires_grad=True)
        return waveform, waveform[None] * torch.as_tensor(self.b1, dtype=dtype)[:, None, None]


def compiled(*tasks, dtype=torch.complex64, substeps=1):
    """Sum of the losses of tasks under one waveform, and its gradient."""
    waveform, nutation = tasks[0].nutation(torch.float64 if dtype == torch.complex128 else torch.float32)
    groups = [task.group(np.eye(task.system.dimension)[:, task.used]) for task in tasks]
    evolved = engine.propagate(nutation, DWELL, groups, substeps, dtype)
    loss = sum(task.fidelity(columns, task.weights) for task, columns in zip(tasks, evolved, strict=True))
    (gradient,) = torch.autograd.grad(loss, waveform)
    return float(loss.detach()), gradient


def matrix_exponential(task, dtype=torch.complex64, gradient=True):
    """What one writes first: H of every sample, `torch.matrix_exp`, a loop of products, autograd."""
    waveform, nutation = task.nutation(torch.float64 if dtype == torch.complex128 else torch.float32)
    if not gradient:
        nutation = nutation.detach()
    columns = np.eye(task.system.dimension)
    evolved = engine.exact(nutation, DWELL, [task.group(columns)], dtype=dtype)[0]
    loss = task.fidelity(evolved, np.diag(task.start).real)
    return float(loss.detach()), torch.autograd.grad(loss, waveform)[0] if gradient else None


def use_faster_threads(task):
    """Give matrix exponentials as many threads as serve them best: on small matrices one can beat many."""
    counts = {1, engine.threads()}

    def seconds(count):
        torch.set_num_threads(count)
        return timed(lambda: matrix_exponential(task), 2)

    torch.set_num_threads(min(counts, key=seconds))


def dynamiqs_seconds(task):
    """dynamiqs' Schroedinger solver for the propagator, expm method, float32; None if it is not installed."""
    try:
        import dynamiqs as dq
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    levels, samples = task.system.levels, len(task.waveform)
    dq.set_precision("single")
    fx, fy, fz = (jnp.asarray(np.array(total(levels, axis)), jnp.complex64) for axis in "xyz")
    free = jnp.asarray(hamiltonian(task.system, FREQUENCY, RECEIVER_PPM), jnp.complex64)
    edges = jnp.arange(samples + 1) * DWELL
    weights, target = jnp.asarray(np.diag(task.start).real), jnp.asarray(np.array(task.target), jnp.complex64)

    def value(waveform, b1, b0):
        h = dq.constant(free + 2 * jnp.pi * b0 * fz)
        h = h + dq.pwc(edges, b1 * waveform[:, 0], fx) + dq.pwc(edges, b1 * waveform[:, 1], fy)
        h = {"H": h, "tsave": edges, "method": dq.method.Expm()}
        u = dq.sepropagator(**h, save_propagators=False, progress_meter=False).final_propagator.to_jax()
        return jnp.sum(jnp.sum((target @ u).conj() * u, 0).real * weights)

    def loss(waveform):
        values = jax.vmap(value, (None, 0, 0))(waveform, jnp.asarray(task.b1), jnp.asarray(task.b0))
        return 1 - values.mean() / task.norm

    step = jax.jit(jax.value_and_grad(loss))
    waveform = jnp.asarray(task.waveform, jnp.float32)
    step(waveform)[1].block_until_ready()  # compile
    return timed(lambda: step(waveform)[1].block_until_ready(), repeats=1)


def timed(function, repeats=3):
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - began)
    return best


def on_gpu(library):
    """Seconds of loss and gradient by batched matrix products on a GPU, by system; None where there is none."""
    if not torch.cuda.is_available():
        return None
    found = {}
    with torch.device("cuda"):
        for name, part in (("Glu", 0), ("Ins", 0), ("Glc", 0)):
            task = Task(library[name].parts[part])
            compiled(task)  # the first call loads the kernels

            def run(task=task):
                compiled(task)
                torch.cuda.synchronize()

            found[name] = round(timed(run), 4)
    return found


def cost_table(library, quick):
    """(label, spins, samples, members, seconds) of the compiled engine."""
    rows = []

    def add(label, *tasks):
        compiled(*tasks)
        seconds = timed(lambda: compiled(*tasks), 7)
        largest = max(task.system.n_spins for task in tasks)
        rows.append((label, largest, len(tasks[0].waveform), tasks[0].members, seconds))

    members = 8 if quick else MEMBERS
    glu = library["Glu"].parts[0]
    add("GSH (1+3+5 spins)", *(Task(part, members) for part in library["GSH"].parts))
    for name, part in (("NAA", 1), ("Tau", 0), ("Glu", 0), ("Ins", 0), ("Glc", 0)):
        system = library[name].parts[part]
        add(system.name, Task(system, members))
    for samples in (125, 250, 500, 1000):
        add("by samples", Task(glu, 8, samples))
    for count in (1, 4, 16, 64):
        add("by members", Task(glu, count, 250))
    for name in ("Lac", "Thr", "bHB", "Val"):
        whole = library[name].parts[0]
        for label, systems in (("protons", (whole,)), ("total spins", symmetry_sectors(whole))):
            add(f"{name}, {label}", *(Task(system, 8, 250) for system in systems))
    return rows


def plot(rows, path):
    """Seconds against samples, members and spins."""
    from matplotlib import pyplot as plt

    panels = {
        "samples (Glu, 8 members)": [(r[2], r[4]) for r in rows if r[0] == "by samples"],
        "members (Glu, 250 samples)": [(r[3], r[4]) for r in rows if r[0] == "by members"],
        "spins (500 samples)": [(r[1], r[4]) for r in rows if "/" in r[0]],
    }
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), constrained_layout=True)
    for ax, (label, points) in zip(axes, panels.items(), strict=True):
        x, seconds = zip(*points, strict=True)
        ax.loglog(x, seconds, "o-")
        ax.set_xticks(x, labels=map(str, x))
        ax.minorticks_off()
        ax.set_xlabel(label)
    axes[0].set_ylabel("loss and gradient (s)")
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="matrix exponentials on an eighth of the members, scaled up"
    )
    parser.add_argument("--plot", help="draw cost against samples, members and spins into this file")
    arguments = parser.parse_args()
    library = load_library(field_strength=3.0, heteronuclear=False)
    task = Task(library["Glu"].parts[0])

    compiled(task)  # compile, or load the compiled kernel
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = timed(lambda: compiled(task), 7)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    loss, _ = compiled(task)
    exact, _ = matrix_exponential(task, torch.complex128, gradient=False)

    small = Task(task.system, 4) if arguments.quick else task
    use_faster_threads(Task(task.system, 4, 100))
    seconds_expm = timed(lambda: matrix_exponential(small), 1) * MEMBERS / small.members
    _, reference = matrix_exponential(small)
    same = compiled(small)[1]
    gradient_error = float((same - reference).abs().max() / reference.abs().max())
    seconds_dynamiqs = dynamiqs_seconds(task)

    print(f"{'engine':34} {'seconds':>9} {'ratio':>7}")
    print(f"{'spinsculpt, compiled adjoint':34} {seconds:9.3f} {1:7.1f}")
    print(f"{'torch.matrix_exp + autograd':34} {seconds_expm:9.3f} {seconds_expm / seconds:7.1f}")
    if seconds_dynamiqs is None:
        print("dynamiqs is not installed (optional comparison)")
    else:
        print(f"{'dynamiqs, jit':34} {seconds_dynamiqs:9.3f} {seconds_dynamiqs / seconds:7.1f}")
    print(f"loss {loss:.6f}, exact float64 {exact:.6f}; gradient differs from matrix_exp by {gradient_error:.1e}")
    print(f"peak memory {peak_mb:.0f} MB, of which the gradient itself took {peak_mb - before / 1024:.0f} MB")
    seconds_cuda = on_gpu(library)
    print("there is no GPU here" if seconds_cuda is None else f"on {torch.cuda.get_device_name()}: {seconds_cuda} s")
    rows = cost_table(library, arguments.quick)
    print(f"\n{'system':22} {'samples':>8} {'members':>8} {'seconds':>9}")
    for label, _, samples, members, cost in rows:
        print(f"{label:22} {samples:8} {members:8} {cost:9.3f}")
    if arguments.plot:
        plot(rows, arguments.plot)
    print(
        json.dumps(
            {
                "seconds": round(seconds, 4),
                "seconds_matrix_exp": round(seconds_expm, 3),
                "ratio_matrix_exp": round(seconds_expm / seconds, 1),
                "ratio_dynamiqs": None if seconds_dynamiqs is None else round(seconds_dynamiqs / seconds, 1),
                "seconds_cuda": seconds_cuda,
                "loss_error": float(f"{abs(loss - exact):.2e}"),
                "gradient_error": float(f"{gradient_error:.2e}"),
                "peak_mb": round(peak_mb),
                "members": MEMBERS,
                "samples": SAMPLES,
                "threads": engine.threads(),
            }
        )
    )


if __name__ == "__main__":
    main()
