"""Exactness, agreement and speed of molecular fingerprinting, against the goals that it was built for.

- the compiled engine against dense matrix exponentials, and how many fingerprints it makes a second;
- four estimators on real data (L-arginine at 9.4 T, 30 images) against the published maps, which are a dictionary's;
- a simulated brain at 3 T with known truth: MT, then amide, fitted by NBMF and voxel by voxel, and a second subject
  read by the networks of the first (transfer, with 0, 1 and 2 steps of the voxelwise fit);
- seconds of NBMF for 1,000 voxels, and of a network for 170,000;
- designed schedules (those of `spinsculpt run mrf_design`, or made here) beside the published ones: bounds over the
  ranges, and errors of the voxelwise fit of the same brain.

Each figure is given as wall time and as seconds of CPU, because only the latter means something on a busy machine.

    python benchmarks/mrf.py [--quick] [--noise 0.001] [--only rate phantom brain thousand inference design]
                             [--schedules results/mrf_design]

The last line is one JSON object.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from scipy.io import loadmat

from spinsculpt.cest.modelling import (
    Model,
    Task,
    brain_volume,
    design_tables,
    estimate,
    grid,
    match,
    plane_table,
    protocol_from_table,
    protocol_source,
    published_protocol,
    read_protocol,
    simulate,
    stages_of,
    tissue,
)
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.config import Mrf
from spinsculpt.core.gate import read_yaml

EXAMPLE = Path(__file__).resolve().parents[1] / "config/examples/molecular_mrf_preclinical"
CW = {"offset_ppm": 3.0, "saturation_s": 3.0, "recovery_s": 1.0, "tip_degrees": 60}
CW["b1_uT"] = np.random.default_rng(0).uniform(0.2, 6, 30).round(2).tolist()


def timed(work: Callable[[], object]) -> tuple[object, dict[str, float]]:
    """What it returns, and its seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, {
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }


def rate(quick: bool) -> dict:
    """Fingerprints a second of two pools under continuous saturation, and of three under the published trains."""
    rng, rows = np.random.default_rng(1), {}
    cases = {
        "two pools, CW, 30 images": (protocol_from_table(CW, 9.4), Model(True, field=9.4), 2000 if quick else 20000),
        "two pools, MT train, 31 images": (published_protocol("mt"), Model(False, "lorentzian"), 500),
        "three pools, amide train, 31 images": (published_protocol("amide"), Model(True, "lorentzian"), 300),
    }
    for name, (protocol, model, count) in cases.items():
        table = tissue(
            {"fs": rng.uniform(3e-4, 3e-3, count), "ksw": rng.uniform(100, 1400, count), "fss": 0.1, "T2s": 0.04}
        )
        simulate(protocol, model, table[:2])
        _, spent = timed(lambda p=protocol, m=model, t=table: simulate(p, m, t))
        rows[name] = {
            "per_second": round(count / spent["seconds"]),
            "per_cpu_second": round(count / spent["cpu_seconds"]),
        }
    return rows


def against(values: dict, truth: dict) -> dict:
    """MAPE, NRMSE (of the root mean square of the truth) and Pearson's r of each map."""
    return {
        name: {
            "mape": round(float(np.abs(values[name] / truth[name] - 1).mean()), 4),
            "nrmse": round(float(np.linalg.norm(values[name] - truth[name]) / np.linalg.norm(truth[name])), 4),
            "r": round(float(np.corrcoef(values[name], truth[name])[0, 1]), 4),
            "icc": round(icc(values[name], truth[name]), 4),
        }
        for name in truth
    }


def icc(one: np.ndarray, other: np.ndarray) -> float:
    """ICC(2,1), absolute agreement of two raters (Shrout & Fleiss 1979, doi:10.1037/0033-2909.86.2.420)."""
    scores = np.stack([one, other], 1)
    n, grand = len(scores), scores.mean()
    rows = 2 * ((scores.mean(1) - grand) ** 2).sum() / (n - 1)
    columns = n * ((scores.mean(0) - grand) ** 2).sum()
    rest = ((scores - scores.mean(1)[:, None] - scores.mean(0)[None] + grand) ** 2).sum() / (n - 1)
    return float((rows - rest) / (rows + rest + 2 * (columns - rest) / n))


def phantom(quick: bool) -> dict:
    """Real data of a phantom: the grid of config/mrf.yaml, and estimators with one T1 and T2 for all voxels."""
    mask = np.load(EXAMPLE / "mask.npy").ravel().astype(bool)
    data = loadmat(EXAMPLE / "acquired_data.mat")["acquired_data"].reshape(30, -1).T[mask]
    maps = loadmat(EXAMPLE / "quant_maps.mat")
    truth = {name: maps[name].ravel()[mask] for name in ("fs", "ksw")}
    protocol = read_protocol(EXAMPLE / "acq_protocol.seq", 9.4, spoiling="played")
    model = Model(True, field=9.4)
    known = {"T1": 2.5, "T1s": 2.8, "T2s": 0.04, "shift_s": 3.0}
    axes = read_yaml(EXAMPLE.parents[1] / "mrf.yaml")["mrf"]["settings"]["dictionary"]["grid"]
    axes = {
        name: np.linspace(low, high, min(count, 20) if quick else count) for name, (low, high, count) in axes.items()
    }
    found, spent = timed(lambda: match(data, protocol, model, grid(axes), known))
    rows = {"grid": against(found.values, truth) | spent | {"dot": round(float(np.median(found.dot_product)), 6)}}
    rows["grid"]["entries"] = int(np.prod([len(values) for values in axes.values()]))
    ranges = {"fs": (10 * 3 / 110e3, 120 * 3 / 110e3), "ksw": (100.0, 1400.0)}
    task = Task(data, protocol, model, ranges, known | {"T2": 0.9}, "free")
    settings = {
        "vbmf": {},
        "supervised": {"entries": 2000 if quick else 10000},
        "nbmf": {"epochs": 30} if quick else {},
    }
    for method, more in settings.items():
        result, spent = timed(lambda m=method, s=more: estimate(m, task, **s))
        rows[method] = against(result.values, truth) | spent | {"trusted": round(float(result.trusted.mean()), 4)}
    return rows | {"voxels": len(data)}


def brain(quick: bool, noise: float) -> dict:
    """Two stages of a simulated brain: white and grey matter against the truth; a second subject by transfer."""
    shape = (20, 24, 2) if quick else (32, 40, 3)
    parts = {
        "mt": (published_protocol("mt"), Model(False, "lorentzian"), {"fss": (0.0, 0.3), "kssw": (0.0, 150.0)}),
        "amide": (published_protocol("amide"), Model(True, "lorentzian"), {"fs": (0.0, 0.012), "ksw": (0.0, 400.0)}),
    }
    rows: dict = {"noise": noise}
    networks: dict = {}
    for subject in (0, 1):
        volume = brain_volume(shape, seed=subject)
        inside = volume.labels[volume.mask] < 3
        for method in ("vbmf", "nbmf") if subject == 0 else ("transfer 0", "transfer 1", "transfer 2"):
            known = volume.known("T1", "T2", "B0", "B1")
            for number, (stage, (protocol, model, ranges)) in enumerate(parts.items()):
                data = volume.fingerprints(protocol, model, noise, seed=10 * subject + number)[volume.mask]
                task = Task(data, protocol, model, ranges, known, noise=noise or None)
                if method.startswith("transfer"):
                    steps = int(method[-1])
                    result, spent = timed(lambda t=task, s=stage, n=steps: networks[s].apply(t, n))
                else:
                    result, spent = timed(lambda t=task, m=method: estimate(m, t))
                networks[stage] = result.reconstructor or networks.get(stage)
                known = known | dict(result.values)
                truth = {name: volume.maps[name][volume.mask] for name in ranges}
                inner = {name: values[inside] for name, values in result.values.items()}
                rows[f"{method}, {stage}"] = (
                    against(inner, {name: values[inside] for name, values in truth.items()})
                    | spent
                    | {"voxels": len(data), "trusted": round(float(result.trusted[inside].mean()), 4)}
                )
    return rows


def small_task(voxels: int) -> Task:
    """Two pools, 30 images of continuous saturation at 3 T, with a T1 map."""
    rng = np.random.default_rng(2)
    known = {"T1": rng.uniform(1.0, 1.6, voxels), "T2s": 0.04, "shift_s": 3.0}
    truth = {"fs": rng.uniform(3e-4, 3e-3, voxels), "ksw": rng.uniform(150, 1200, voxels)}
    protocol = protocol_from_table(CW, 3.0)
    data = simulate(protocol, Model(True), tissue({**known, **truth}))[0]
    ranges = {"fs": (10 * 3 / 110e3, 120 * 3 / 110e3), "ksw": (100.0, 1400.0)}
    return Task(data + 1e-3 * rng.normal(size=data.shape), protocol, Model(True), ranges, known)


def thousand(quick: bool) -> dict:
    """NBMF of 1,000 voxels to its plateau."""
    task = small_task(250 if quick else 1000)
    simulate(task.protocol, task.model, task.table(task.bounds()[0][None].repeat(len(task.data), 0))[:1], task.names)
    found, spent = timed(lambda: estimate("nbmf", task))
    return spent | {
        "voxels": len(task.data),
        "epochs": len(found.history),
        "rms_residual": found.history[-1]["loss"],
        "spread_over_bound": {n: round(float(np.median(found.spread[n] / found.bound[n])), 3) for n in task.names},
    }


def inference(quick: bool) -> dict:
    """A trained network on as many voxels as a brain has."""
    task = small_task(200)
    network = estimate("nbmf", task, epochs=1).reconstructor
    count = 20000 if quick else 170000
    rows = np.arange(count) % 200
    many = replace(task, data=task.data[rows], known=task.known | {"T1": task.known["T1"][rows]})
    network.predict(task)
    _, spent = timed(lambda: network.predict(many))
    return spent | {"voxels": count}


def design(quick: bool, folder: Path | None) -> dict:
    """Designed and published schedules: bounds at noise of 0.1 %, geometric mean over the plane, and errors of fits."""
    study, rows = FingerprintStudy.of(Mrf()), {}
    volume = brain_volume((20, 24, 2) if quick else (32, 40, 3), seed=0)
    inside = volume.labels[volume.mask] < 3
    with TemporaryDirectory() as made:
        for name, stage in stages_of(study).items():
            path = (folder or Path(made)) / f"{name}.yaml"
            if folder and not path.exists():
                continue
            if folder is None:
                settings = replace(study.design, iterations=5, starts=1) if quick else study.design
                given = protocol_source(stage.protocol)
                table = design_tables(stage, given, study.assumed(name), settings)[0].table
                path.write_text(yaml.safe_dump(dict(table)))
            earlier = [
                key for each in list(study.stages)[: list(study.stages).index(name)] for key in study.names(each)
            ]
            known = volume.known("T1", "T2", "B0", "B1", *earlier)
            truth = {key: volume.maps[key][volume.mask][inside] for key in stage.ranges}
            rows[name] = {}
            for which, played in (("published", stage), ("designed", replace(stage, protocol=str(path)))):
                protocol = played.read()
                data = volume.fingerprints(protocol, stage.model, 1e-3, seed=7)[volume.mask]
                fit = estimate("vbmf", Task(data, protocol, stage.model, stage.ranges, known, noise=1e-3))
                errors = against({key: fit.values[key][inside] for key in truth}, truth)
                plane = plane_table(played, study.assumed(name))
                rows[name][which] = {
                    "bound": {key: float(np.exp(np.log(plane[f"{key}_bound"]).mean())) for key in truth},
                    "nrmse": {key: value["nrmse"] for key, value in errors.items()},
                    "rms_uT": round(float(np.sqrt(np.mean([line["b1_uT"] ** 2 for line in protocol.table()[1:]]))), 3),
                }
            given, found = (rows[name][which]["bound"] for which in ("published", "designed"))
            rows[name]["ratio of bounds"] = {key: round(found[key] / given[key], 3) for key in truth}
    return rows


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--noise", type=float, default=1e-3, help="SD of the brain's images, in units of equilibrium")
    parser.add_argument("--only", nargs="*", default=["rate", "phantom", "thousand", "inference", "brain"])
    parser.add_argument("--schedules", type=Path, help="folder of designed schedules; made here without it")
    options = parser.parse_args()
    result: dict = {}
    for name in options.only:
        part = {"rate": rate, "phantom": phantom, "thousand": thousand, "inference": inference}.get(name)
        if name == "brain":
            result[name] = brain(options.quick, options.noise)
        elif name == "design":
            result[name] = design(options.quick, options.schedules)
        else:
            result[name] = part(options.quick)
        print(json.dumps({name: result[name]}, indent=1), flush=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
