r"""What a fingerprint says of its voxel: estimators behind one interface, and how far to trust them.

Every estimator returns an `Estimate`, whose residuals, R^2 and Cramer-Rao bounds are made by the same code from the
simulator, whatever found the values. With `scale="m0"` data are in units of the equilibrium signal; with
`scale="free"` each voxel has an unknown factor a, which is projected out: a = s.d / s.s, J -> a (1 - s s' / s.s) J.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from spinsculpt.cest.modelling._dictionary import grid as cartesian
from spinsculpt.cest.modelling._dictionary import match, random_grid
from spinsculpt.cest.modelling._isar import simulate_isar2
from spinsculpt.cest.modelling._kernel import simulate
from spinsculpt.cest.modelling._model import PARAMETERS, Model, tissue
from spinsculpt.cest.modelling._protocol import Protocol
from spinsculpt.core.errors import SpinsculptError

SCALES = ("m0", "free")
ENGINES = ("exact", "isar2")
Ranges = Mapping[str, tuple[float, float]]
_EDGE = 1e-3  # of a range; a value this close to its end counts as at the end
_CHANCE = 1e-4  # of a larger chi-squared by noise alone, below which data and estimate do not agree
_R2 = 0.9  # at least, where the noise is not known
_STARTS = (0.1, 0.35, 0.6, 0.85)  # of each range; all combinations are tried before the fit


@dataclass(frozen=True)
class Task:
    """Fingerprints and what is known of their voxels, checked.

    Attributes:
        data: shape (voxels, images); units of the equilibrium signal if `scale` is "m0", any if "free".
        protocol: what was played.
        model: which pools there are.
        ranges: lowest and highest value of each parameter to find.
        known: other tissue parameters, one number or one a voxel.
        scale: "m0" or "free".
        engine: "exact", or "isar2" (an approximation for two pools, `simulate_isar2`).
        noise: SD of the images in the units of `data`, or None where it is not known.
    """

    data: np.ndarray
    protocol: Protocol
    model: Model
    ranges: Ranges
    known: Mapping[str, object] = field(default_factory=dict)
    scale: str = "m0"
    engine: str = "exact"
    noise: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", np.ascontiguousarray(self.data, float))
        _check(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters to find."""
        return tuple(self.ranges)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest values, shape (parameters,) each."""
        low, high = np.array(list(self.ranges.values()), float).T
        return low, high

    def part(self, rows: np.ndarray) -> "Task":
        """The same of some voxels."""
        known = {name: value if np.ndim(value) == 0 else np.asarray(value)[rows] for name, value in self.known.items()}
        return replace(self, data=self.data[rows], known=known)

    def signals(self, values: np.ndarray, derivatives: bool = True, measured: np.ndarray | None = None):
        """Signals and derivatives at `values`, as of `simulate`, by the engine of the task."""
        run = simulate_isar2 if self.engine == "isar2" else simulate
        return run(self.protocol, self.model, self.table(values), self.names if derivatives else (), measured)

    def table(self, values: np.ndarray) -> np.ndarray:
        """Tissue parameters with `values`, shape (voxels, parameters), of what is to be found."""
        return tissue({**self.known, **dict(zip(self.names, values.T, strict=True))}, len(values))


def _check(task: Task) -> None:
    data, names = task.data, set(task.ranges)
    if data.ndim != 2 or not len(data):
        raise SpinsculptError("the data hold no voxel; check the mask.")
    if data.shape[1] != task.protocol.images:
        raise SpinsculptError(
            f"the data hold {data.shape[1]} images, the protocol plays {task.protocol.images}; "
            "name the one of this scan."
        )
    if task.engine not in ENGINES:
        raise SpinsculptError(f"the engine is {task.engine!r}; it can be {' or '.join(ENGINES)}.")
    if task.scale not in SCALES:
        raise SpinsculptError(f"the scale is {task.scale!r}; it can be {' or '.join(SCALES)}.")
    if task.protocol.reads and task.scale != "free":
        raise SpinsculptError('images of the transverse magnetisation have an unknown factor; use the scale "free".')
    if task.noise is not None and not (np.isfinite(task.noise) and task.noise > 0):
        raise SpinsculptError(f"the noise is {task.noise:g}; give a number above 0, or none if it is not known.")
    if (bad := ~np.isfinite(data).all(axis=1)).any():
        raise SpinsculptError(f"{int(bad.sum())} voxels hold NaN or an infinite number; mask them out.")
    if (data == 0).all(axis=1).any():
        raise SpinsculptError("some voxels hold no signal at all; mask them out.")
    if task.scale == "m0" and not 0.05 < (top := float(np.median(np.abs(data).max(axis=1)))) < 1.5:
        raise SpinsculptError(
            f"the largest image of the median voxel is {top:.3g} where 1 is the signal in equilibrium; divide by the "
            'image without saturation, or use the scale "free".'
        )
    if task.scale == "m0" and np.allclose(np.linalg.norm(data, axis=1), 1, atol=1e-3):
        raise SpinsculptError('fingerprints were already normalised to length 1; use the scale "free".')
    if unknown := (names | set(task.known)) - set(PARAMETERS):
        raise SpinsculptError(f"unknown tissue parameter {min(unknown)!r}; known are {', '.join(PARAMETERS)}.")
    if both := names & set(task.known):
        raise SpinsculptError(f"{min(both)} is to be found and known at once; remove one of the two.")
    for name, (low, high) in task.ranges.items():
        if not low < high:
            raise SpinsculptError(f"the range of {name} runs from {low:g} to {high:g}; give the lower end first.")
    for name, value in task.known.items():
        if np.ndim(value) and np.size(value) != len(data):
            raise SpinsculptError(
                f"the map of {name} has {np.size(value)} voxels, the data have {len(data)}; bring it to their grid."
            )
    if "B1" in task.known and np.median(np.asarray(task.known["B1"], float)) > 10:
        raise SpinsculptError("the B1 map looks like percent; give it as a factor, 1 for the nominal B1.")
    if task.model.semisolid and task.model.solute:
        missing = [name for name in ("fss", "kssw") if name not in names | set(task.known)]
        if missing:
            raise SpinsculptError(
                f"a fit of three pools needs {' and '.join(missing)} of the semisolid pool; fit the MT data first."
            )


@dataclass(frozen=True)
class Estimate:
    """Values of each voxel and how far to trust them; all arrays of shape (voxels,) unless said otherwise.

    Attributes:
        values: by name.
        bound: Cramer-Rao bound of the SD of each, by name, at the noise of the residuals; infinite where the protocol
            cannot tell the parameters apart there.
        r2: 1 - |d - d_fit|^2 / |d - mean d|^2.
        out_of_range: whether a value stands at an end of its range.
        low_snr: whether the bound of a parameter exceeds half its range.
        inconsistent: whether the values do not explain the data: noise alone would leave a chi-squared as large with a
            chance below 1e-4. Where the noise is not known: R^2 is below 0.9, or the derivatives promise a fall of the
            residuals that noise makes with a chance below 1e-4 (F test): better values are near.
        spread: SD of each parameter that a network predicts, by name; empty for other methods.
        unfamiliar: whether a fingerprint lies outside of what the network was trained on; None of other methods, and of
            readings that were refined.
        history: rows of a training (epoch, loss, rate); empty for other methods.
        reconstructor: the trained network (`Reconstructor`), or None.
    """

    values: Mapping[str, np.ndarray]
    bound: Mapping[str, np.ndarray]
    r2: np.ndarray
    out_of_range: np.ndarray
    low_snr: np.ndarray
    inconsistent: np.ndarray
    spread: Mapping[str, np.ndarray] = field(default_factory=dict)
    unfamiliar: np.ndarray | None = None
    history: Sequence[Mapping[str, float]] = ()
    reconstructor: object = None

    @property
    def trusted(self) -> np.ndarray:
        """Voxels that no flag speaks against."""
        flagged = self.out_of_range | self.low_snr | self.inconsistent
        return ~flagged if self.unfamiliar is None else ~(flagged | self.unfamiliar)


def fitted(
    task: Task, values: np.ndarray, derivatives: bool = True, measured: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Residuals (voxels, images) at `values`, and the Jacobian of the fit (voxels, images, parameters)."""
    signals, jacobian = task.signals(values, derivatives, measured)
    if task.scale == "free":
        signals, jacobian = with_factor(task.data, signals, jacobian)
    return task.data - signals, jacobian


def with_factor(data: np.ndarray, signals: np.ndarray, jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signals times the factor that fits the data best, with derivatives."""
    power = (signals**2).sum(1, keepdims=True)
    factor = (signals * data).sum(1, keepdims=True) / power
    along = np.einsum("vi,vip->vp", signals, jacobian) / power
    return factor * signals, factor[..., None] * (jacobian - signals[..., None] * along[:, None, :])


def bounds_of(jacobian: np.ndarray) -> np.ndarray:
    """Cramer-Rao bounds of the SD at a noise of 1, (voxels, p), of (voxels, images, p); infinite where singular."""
    information = np.einsum("vip,viq->vpq", jacobian, jacobian)
    told = np.linalg.cond(information) < 1e12
    bound = np.full(information.shape[:2], np.inf)
    bound[told] = np.sqrt(np.diagonal(np.linalg.inv(information[told]), axis1=1, axis2=2))
    return bound


def judged(task: Task, values: np.ndarray) -> Estimate:
    """An estimate with its bounds and flags from values of shape (voxels, parameters)."""
    residual, jacobian = fitted(task, values)
    low, high = task.bounds()
    freedom = max(1, task.data.shape[1] - len(task.names) - (task.scale == "free"))
    variance = (residual**2).sum(1) / freedom
    bound = bounds_of(jacobian * (high - low)) * np.sqrt(variance)[:, None] * (high - low)
    spread = ((task.data - task.data.mean(1, keepdims=True)) ** 2).sum(1)
    r2 = 1 - (residual**2).sum(1) / np.maximum(spread, np.finfo(float).tiny)
    edge = _EDGE * (high - low)
    return Estimate(
        values=dict(zip(task.names, values.T, strict=True)),
        bound=dict(zip(task.names, bound.T, strict=True)),
        r2=r2,
        out_of_range=((values <= low + edge) | (values >= high - edge)).any(1),
        low_snr=(bound > 0.5 * (high - low)).any(1),
        inconsistent=_inconsistent(task, residual, jacobian * (high - low), r2),
    )


def _inconsistent(task: Task, residual: np.ndarray, jacobian: np.ndarray, r2: np.ndarray) -> np.ndarray:
    """Voxels whose residuals are larger than noise explains, as of `Estimate`."""
    count, rest = len(task.names), max(1, residual.shape[1] - len(task.names) - (task.scale == "free"))
    power = (residual**2).sum(1)
    if task.noise is not None:
        return power > task.noise**2 * chi2.isf(_CHANCE, rest)
    step = np.linalg.pinv(jacobian, rcond=1e-6) @ residual[..., None]
    gain = ((jacobian @ step)[..., 0] ** 2).sum(1)  # of a Gauss-Newton step; none at the best values
    return (r2 < _R2) | (gain / count > f_distribution.isf(_CHANCE, count, rest) * (power - gain) / rest)


def coarse(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Best point of a coarse grid of the ranges, in units of them, (voxels, parameters), and its sum of squares."""
    low, high = task.bounds()
    unit, cost = np.empty((len(task.data), len(low))), np.full(len(task.data), np.inf)
    for start in product(_STARTS, repeat=len(low)):
        tried = np.tile(start, (len(unit), 1))
        reached = (fitted(task, low + tried * (high - low), derivatives=False)[0] ** 2).sum(1)
        better = reached < cost
        unit[better], cost[better] = start, reached[better]
    return unit, cost


def fit_voxels(task: Task, iterations: int = 25, tolerance: float = 1e-4) -> Estimate:
    """VBMF: each voxel by itself, Levenberg-Marquardt with exact derivatives of the simulator.

    It starts at the best point of a coarse grid of the ranges; steps end at the ends of the ranges.

    Args:
        task: the data and what is known.
        iterations: at most.
        tolerance: step, as a part of the range, at which a voxel has converged.
    """
    low, high = task.bounds()
    return judged(task, low + descend(task, coarse(task)[0], iterations, tolerance) * (high - low))


def descend(task: Task, unit: np.ndarray, iterations: int, tolerance: float = 1e-4) -> np.ndarray:
    """Levenberg-Marquardt steps from `unit`, in units of the ranges, shape (voxels, parameters); returns the same.

    Args:
        task: the data and what is known.
        unit: where to begin.
        iterations: at most.
        tolerance: as of `fit_voxels`.
    """
    low, high = task.bounds()
    unit = unit.copy()
    residual, jacobian = fitted(task, low + unit * (high - low))
    cost = (residual**2).sum(1)
    damping, active = np.full(len(unit), 1e-2), np.ones(len(unit), bool)
    for _ in range(iterations):
        rows = np.flatnonzero(active)
        if not rows.size:
            break
        scaled = jacobian[rows] * (high - low)
        gradient = np.einsum("vip,vi->vp", scaled, residual[rows])
        normal = np.einsum("vip,viq->vpq", scaled, scaled)
        held = ((unit[rows] <= 0) & (gradient < 0)) | ((unit[rows] >= 1) & (gradient > 0))
        diagonal = np.einsum("vpp->vp", normal).copy()
        index = np.arange(len(low))
        normal[:, index, index] += damping[rows, None] * diagonal + 1e-12 * diagonal.max() + 1e-300
        normal = np.where(held[:, :, None] | held[:, None, :], 0.0, normal)
        normal[:, index, index] = np.where(held, 1.0, normal[:, index, index])
        step = np.linalg.solve(normal, np.where(held, 0.0, gradient)[..., None])[..., 0]
        trial = np.clip(unit[rows] + step, 0, 1)
        moved, slope = fitted(task.part(rows), low + trial * (high - low))
        reached = (moved**2).sum(1)
        fine = reached <= cost[rows]
        small = fine & (np.abs(trial - unit[rows]).max(1) < tolerance)
        taken = rows[fine]
        unit[taken], residual[taken], jacobian[taken], cost[taken] = (
            trial[fine],
            moved[fine],
            slope[fine],
            reached[fine],
        )
        damping[rows] = np.where(fine, damping[rows] / 5, damping[rows] * 5).clip(1e-12, 1e12)
        active[rows[small | (damping[rows] > 1e10)]] = False
    return unit


def match_voxels(
    task: Task,
    entries: int = 16384,
    seed: int = 0,
    memory_mb: float = 500.0,
    grid: Mapping[str, tuple[float, float, int]] | None = None,
) -> Estimate:
    """Dictionary matching on a random (Sobol) grid of the ranges, or on a Cartesian one.

    Args:
        task: the data and what is known: single numbers, because all voxels share one dictionary.
        entries: of the random grid.
        seed: of the random grid.
        memory_mb: as of `match`.
        grid: lowest value, highest value and their number of each parameter, evenly spaced, in place of the random
            grid. Parameters that the task does not look for are searched, too, and count as known afterwards.
    """
    if several := [name for name, value in task.known.items() if np.size(value) > 1]:
        raise SpinsculptError(
            f"a dictionary takes one value of {several[0]} for all voxels; give a number in place of the map, or use "
            "vbmf, supervised or nbmf, which take maps."
        )
    if grid:
        if missing := [name for name in task.names if name not in grid]:
            raise SpinsculptError(f"the grid of the dictionary leaves out {missing[0]}; give all that is looked for.")
        points = cartesian({name: _spaced(name, *ends) for name, ends in grid.items()})
    else:
        points = random_grid(task.ranges, entries, seed)
    found = match(task.data, task.protocol, task.model, points, task.known, memory_mb).values
    beside = {name: values for name, values in found.items() if name not in task.names}
    values = np.stack([found[name] for name in task.names], 1)
    return judged(replace(task, known={**task.known, **beside}), values)


def _spaced(name: str, low: float, high: float, count: float) -> np.ndarray:
    if name not in PARAMETERS:
        raise SpinsculptError(f"unknown tissue parameter {name!r}; known are {', '.join(PARAMETERS)}.")
    if count != int(count) or count < 1 or low > high:
        raise SpinsculptError(f"the grid of {name} is {low:g}, {high:g}, {count:g}; give lowest, highest and number.")
    return np.linspace(low, high, int(count))
