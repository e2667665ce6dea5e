r"""Networks that read tissue parameters off a fingerprint: self-supervised through the simulator (NBMF), or supervised.

Finkelstein et al. 2025, doi:10.1038/s42005-025-02063-8. A multilayer perceptron (three layers of 256 ReLU units) takes
the signal and the maps that are known of a voxel; each parameter leaves through a sigmoid scaled to its range, and with
it the Cholesky factor L of a covariance (three numbers for two parameters). NBMF trains it on the data themselves:
fingerprints d of voxels are simulated from p = R(d + n) + L e, with n of 0.1 % and e ~ N(0, 1), and

    sum |F(p) - d|^2 / (2 s^2) - log det L

is minimised; s^2, the variance of the residuals relative to the largest signal, follows the training. The first term is
the paper's; the second keeps L from vanishing, so that L L' goes to s^2 (J'J)^-1, the Cramer-Rao bound, where the data
decide. The supervised network is the same one, trained on simulated fingerprints of random parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from spinsculpt.cest.modelling._dictionary import random_grid
from spinsculpt.cest.modelling._estimate import Estimate, Task, coarse, descend, fitted, judged, with_factor
from spinsculpt.cest.modelling._kernel import simulate
from spinsculpt.cest.modelling._model import tissue
from spinsculpt.core.errors import SpinsculptError, brief

Progress = Callable[[str], None]
_WIDTH, _LAYERS = 256, 3
_START = 0.05  # of a range: SD of each parameter before training
_SMALLEST = 1e-4  # of a range: SD that a network can state
_GENTLE = 4.0  # divides the input of the sigmoids, so that few steps do not drive them to where they are flat
_TRUST = 0.1  # of a range: the longest step of an epoch
_DAMPING = (0.3, 1e-3, 10.0)  # of the steps: at first, least and most
_ROUND = 0.1  # of the mean curvature that is added in all directions, so that weak ones are not learnt last
_WARM = 4  # epochs in which the learning rate rises
_FIRST = 10  # epochs on the coarse values that NBMF begins with
_WIDER = 0.05  # of a range: SD of what made-up voxels add to the parameters of real ones
_BEYOND = 0.25  # how far their maps may lie outside of the two voxels that they are mixed of
REFINE = 2  # steps of the voxelwise fit after a network has read voxels that it was not trained on
_STEEP = 4.0  # times its usual length that a gradient may have
_BETTER = 0.005  # relative fall of the loss that counts as progress


@dataclass(frozen=True)
class Form:
    """What a network was made for; it is saved with it and compared with each task."""

    method: str
    names: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    inputs: tuple[str, ...]
    constants: Mapping[str, float]
    images: int
    scale: str
    protocol: str
    model: Mapping[str, object]


def _form(method: str, task: Task) -> Form:
    maps = tuple(name for name, value in task.known.items() if np.size(value) > 1)
    constants = {name: float(np.asarray(v).ravel()[0]) for name, v in task.known.items() if name not in maps}
    ranges = tuple((float(low), float(high)) for low, high in task.ranges.values())
    return Form(
        method,
        task.names,
        ranges,
        maps,
        constants,
        task.protocol.images,
        task.scale,
        task.protocol.digest,
        asdict(task.model),
    )


@dataclass(frozen=True)
class Reconstructor:
    """A trained network, which quantifies other scans of the same kind at once (transfer mode).

    Attributes:
        network: inputs, shape (voxels, features), to raw outputs.
        form: what it was made for.
        mean: of the inputs in training, shape (features,).
        mixing: inputs less their mean to principal components of variance 1, shape (features, features).
        reach: square length of the components that training did not exceed.
    """

    network: nn.Module
    form: Form
    mean: np.ndarray
    mixing: np.ndarray
    reach: float

    def features(self, data: np.ndarray, known: Mapping[str, object]) -> np.ndarray:
        """Inputs of the network, float32, shape (voxels, features)."""
        return ((_raw(self.form, data, known) - self.mean) @ self.mixing).astype(np.float32)

    def predict(self, task: Task) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Values and predicted SDs by name, without a look at the data's consistency (a second for a brain)."""
        values, spread, _ = self._outputs(task)
        return dict(zip(self.form.names, values.T, strict=True)), dict(zip(self.form.names, spread.T, strict=True))

    def apply(self, task: Task, refine: int = REFINE) -> Estimate:
        """An estimate with bounds, R^2 and flags, of voxels that need not have been trained on.

        Args:
            task: the data and what is known.
            refine: steps of the voxelwise fit from what the network reads, each of which simulates all voxels; 0 for
                the plain reading.
        """
        values, spread, features = self._outputs(task)
        if refine:
            low, high = task.bounds()
            values = low + descend(task, (values - low) / (high - low), refine) * (high - low)
        return replace(
            judged(task, values),
            spread=dict(zip(task.names, spread.T, strict=True)),
            unfamiliar=None if refine else (features**2).sum(1) > self.reach,  # steps are judged by what they reach
            reconstructor=self,
        )

    def save(self, path: Path | str) -> None:
        """Weights and form in one file of torch, which holds no code."""
        torch.save(
            {
                "weights": self.network.state_dict(),
                "form": asdict(self.form),
                "mean": torch.as_tensor(self.mean),
                "mixing": torch.as_tensor(self.mixing),
                "reach": float(self.reach),
            },
            path,
        )

    @classmethod
    def load(cls, path: Path | str) -> "Reconstructor":
        """A reconstructor from `save`; nothing in the file is executed.

        Raises:
            SpinsculptError: the file is none, or broken.
        """
        try:
            stored = torch.load(path, map_location="cpu", weights_only=True)
            form = stored["form"]
            form = Form(
                **form | {"names": tuple(form["names"]), "ranges": tuple(map(tuple, form["ranges"]))},
            )
            features = len(stored["mean"])
            network = _network(features, len(form.names))
            network.load_state_dict(stored["weights"])
            if not all(bool(torch.isfinite(value).all()) for value in stored["weights"].values()):
                raise ValueError("a weight is not finite")
            return cls(network, form, stored["mean"].numpy(), stored["mixing"].numpy(), float(stored["reach"]))
        except FileNotFoundError:
            raise SpinsculptError(f"{path}: there is no such file; name a reconstructor that was saved.") from None
        except Exception as error:
            raise SpinsculptError(f"{path}: is no saved reconstructor ({brief(error)}); save it again.") from None

    def _outputs(self, task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        _same(self.form, _form(self.form.method, task), task)
        features = self.features(task.data, task.known)
        with torch.no_grad():
            parts = [self.network(part) for part in torch.as_tensor(features).split(16384)]
            unit, factor = _heads(torch.cat(parts), len(self.form.names))
        low, high = np.array(self.form.ranges).T
        spread = (factor**2).sum(-1).sqrt().double().numpy() * (high - low)
        return low + unit.double().numpy() * (high - low), spread, features


def _same(form: Form, other: Form, task: Task) -> None:
    """Whether a task is of the kind that a network was trained for."""
    missing = [name for name in form.inputs if np.size(task.known.get(name, 0.0)) <= 1]
    if missing:
        raise SpinsculptError(f"the reconstructor reads a map of {missing[0]}; give it, or train one without.")
    for name in set(form.constants) | set(other.constants):
        mine, yours = form.constants.get(name), other.constants.get(name)
        if mine is None or yours is None or not np.isclose(mine, yours, rtol=1e-6, atol=0):
            raise SpinsculptError(
                f"the reconstructor was trained with {name} {_said(mine)}, the task has {_said(yours)}; "
                "make them equal."
            )
    if more := set(other.inputs) - set(form.inputs):
        raise SpinsculptError(f"the reconstructor knows no map of {min(more)}; remove it, or train one with it.")
    for key, what in (
        ("names", "other parameters"),
        ("ranges", "other ranges"),
        ("scale", "another scale of the data"),
        ("model", "other pools or another field"),
        ("protocol", "another protocol"),
    ):
        if getattr(form, key) != getattr(other, key):
            raise SpinsculptError(f"the reconstructor was trained for {what}; train one for this task.")


def _said(value: float | None) -> str:
    return "unsaid" if value is None else f"of {value:g}"


def _raw(form: Form, data: np.ndarray, known: Mapping[str, object]) -> np.ndarray:
    """Signals and the maps that a network reads, shape (voxels, images + maps)."""
    signal = data if form.scale == "m0" else data / np.linalg.norm(data, axis=1, keepdims=True)
    return np.column_stack([signal, *(np.asarray(known[name], float).ravel() for name in form.inputs)])


def _network(features: int, parameters: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(_LAYERS):
        layers += [nn.Linear(features if number == 0 else _WIDTH, _WIDTH), nn.ReLU()]
    last = nn.Linear(_WIDTH, parameters + parameters * (parameters + 1) // 2)
    with torch.no_grad():
        last.weight *= 0.3
        last.bias[:] = 0
        last.bias[parameters : 2 * parameters] = float(np.log(_START / (1 - _START)))
    return nn.Sequential(*layers, last)


def _heads(raw: Tensor, parameters: int) -> tuple[Tensor, Tensor]:
    """Parameters in units of their ranges, (voxels, p), and Cholesky factors of their covariances, (voxels, p, p)."""
    factor = torch.diag_embed(torch.sigmoid(raw[:, parameters : 2 * parameters]) + _SMALLEST)
    lower = torch.tril_indices(parameters, parameters, -1)
    if lower.shape[1]:
        # an off-diagonal is a part of both SDs, so that no direction is wider than both together
        size = torch.sigmoid(raw[:, parameters : 2 * parameters]) + _SMALLEST
        part = torch.tanh(raw[:, 2 * parameters :]) * size[:, lower[0]] * 4
        factor = factor.index_put((torch.arange(len(raw))[:, None], lower[0], lower[1]), part)
    return torch.sigmoid(raw[:, :parameters] / _GENTLE), factor


def _whitening(raw: np.ndarray, images: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mixing: principal components of the signals above the noise, and maps of variance 1."""
    mean, count = raw.mean(0), raw.shape[1]
    signal = raw[:, :images] - mean[:images]
    size, directions = np.linalg.eigh(signal.T @ signal / len(raw))
    mixing = np.zeros((count, count))
    mixing[:images, :images] = directions / np.sqrt(size.clip(0) + noise**2)
    spread = raw[:, images:].std(0)
    mixing[range(images, count), range(images, count)] = 1 / np.where(spread > 1e-12, spread, 1.0)
    return mean, mixing


def _new(method: str, task: Task, data: np.ndarray, known: Mapping[str, object], noise: float) -> Reconstructor:
    form = _form(method, task)
    raw = _raw(form, data, known)
    mean, mixing = _whitening(raw, form.images, noise * float(np.abs(raw[:, : form.images]).max()))
    reach = 1.5 * float((((raw - mean) @ mixing) ** 2).sum(1).max())
    return Reconstructor(_network(raw.shape[1], len(form.names)), form, mean, mixing, reach)


@dataclass
class _Plateau:
    """Whether the trend of the loss (mean over five epochs) has not fallen for `patience` epochs."""

    patience: int
    best: float = np.inf
    since: int = 0

    def __call__(self, history: list[dict[str, float]]) -> bool:
        trend = float(np.mean([row["loss"] for row in history[-5:]]))
        if trend < self.best * (1 - _BETTER):
            self.best, self.since = trend, 0
        else:
            self.since += 1
        return self.since >= self.patience


def _train(
    network: nn.Module,
    epoch_of: Callable[[], tuple[float, Callable[[np.ndarray], Tensor], np.ndarray]],
    epochs: int,
    steps: int,
    batch: int,
    rate: float,
    patience: int,
    rng: np.random.Generator,
    progress: Progress | None,
) -> list[dict[str, float]]:
    """Adam with a cosine rate, `steps` an epoch, over batches in random order.

    `epoch_of` starts an epoch: it returns the RMS error before it, the loss of given rows, and all its rows.
    """
    optimiser = torch.optim.Adam(network.parameters(), rate, fused=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # batches are small: threads would wait for each other at every layer
    history: list[dict[str, float]] = []
    plateau, usual = _Plateau(patience), np.inf  # usual length of the gradient
    try:
        for epoch in range(epochs):
            for group in optimiser.param_groups:
                rise = min(1.0, (epoch + 1) / _WARM)
                group["lr"] = now = rate * rise * (0.01 + 0.99 * (1 + cos(pi * epoch / epochs)) / 2)
            error, loss_of, rows = epoch_of()
            history.append({"epoch": epoch + 1, "loss": error, "rate": now})
            if progress and epoch % max(1, epochs // 20) == 0:
                progress(f"epoch {epoch + 1} of at most {epochs}: RMS residual {error:.4g}")
            if plateau(history):
                break
            parts = max(1, round(len(rows) / batch))
            for step in range(steps):
                if step % parts == 0:
                    shuffled = np.array_split(rng.permutation(rows), parts)
                optimiser.zero_grad()
                loss_of(shuffled[step % parts]).backward()
                length = float(nn.utils.clip_grad_norm_(network.parameters(), _STEEP * usual))
                usual = length if usual == np.inf else usual + (min(length, _STEEP * usual) - usual) / 50
                optimiser.step()
    finally:
        torch.set_num_threads(threads)
    return history


def fit_network(
    task: Task,
    epochs: int = 60,
    steps: int = 100,
    batch: int = 128,
    rate: float = 2e-3,
    noise: float = 1e-3,
    patience: int = 20,
    seed: int = 0,
    sequential: bool | None = None,
    voxels: int = 2048,
    augment: float = 1.0,
    progress: Progress | None = None,
) -> Estimate:
    """NBMF: fit the data and train a reconstructor in one, without a dictionary.

    It begins with a few epochs on the best points of a coarse grid, those of the voxelwise fit, so that it does not
    train into a wrong minimum. Each epoch then simulates its voxels once, with derivatives J, at what the network says.
    `steps` of the optimiser train on the damped Gauss-Newton step from there, under the metric J'J with a part of its
    mean curvature in all directions: one simulation serves many steps of the optimiser, and the valley that f and k
    share does not slow it down. Where no step is left, the gradient of the simulated residuals is zero. Noise of the
    predicted covariance is averaged in closed form, sum |J L|^2; its layer alone learns from that.

    Args:
        task: the data and what is known.
        epochs: at most; the training ends when its loss has reached a plateau.
        steps: of the optimiser for each simulation.
        batch: voxels a step.
        rate: learning rate at the start of its cosine.
        noise: SD of what is added to the signals that the network sees, relative to their largest.
        patience: epochs without a better loss that are a plateau.
        seed: of the weights, batches and noise.
        sequential: simulate each image from all that was played before (exact) instead of from the measured image
            before it (the paper's decoupling); None decouples data that are in units of equilibrium ("m0").
        voxels: at most in an epoch, drawn at random.
        augment: voxels that are made up beside each of them, so that the network reads other scans, too: parameters
            near those that it says, maps mixed of two voxels, signals simulated.
        progress: called with a sentence now and then.
    Raises:
        SpinsculptError: data of free scale cannot be decoupled.
    """
    if sequential is None:
        sequential = task.scale == "free"
    if not sequential and task.scale == "free":
        raise SpinsculptError('images can only be decoupled with the scale "m0"; set sequential to true.')
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    (low, high), count = task.bounds(), len(task.names)
    maps = {name: np.asarray(value, float).ravel() for name, value in task.known.items() if np.size(value) > 1}
    top = np.abs(task.data).max(1, keepdims=True)
    damping, before = _DAMPING[0], np.inf
    rough = coarse(task)[0]

    def imagine(rows: np.ndarray, anchor: np.ndarray, number: int) -> tuple[Task, np.ndarray, np.ndarray]:
        """Voxels that could be of another scan: simulated, so that their truth is known, with derivatives."""
        which = rng.integers(len(rows), size=number)
        truth = anchor[which] + _WIDER * rng.normal(size=(number, count))
        truth = 1 - np.abs(1 - np.abs(truth))  # reflected at the ends of the ranges
        one, other = rng.choice(rows, (2, number))
        share = rng.uniform(-_BEYOND, 1 + _BEYOND, number)
        mixed = {
            name: (share * values[one] + (1 - share) * values[other]).clip(values.min(), values.max())
            for name, values in maps.items()
        }
        fresh = replace(task.part(one), known={**task.known, **mixed})
        signals, slope = fresh.signals(low + truth * (high - low))
        if task.scale == "free":
            signals, slope = with_factor(signals, signals, slope)
        return replace(fresh, data=signals), truth, slope

    all_data, all_maps = task.data, maps  # what the network trains on: the scan, and behind it what is made up of it

    def with_made_up(fresh: Task) -> None:
        nonlocal all_data, all_maps
        all_data = np.concatenate([task.data, fresh.data])
        all_maps = {name: np.concatenate([values, fresh.known[name]]) for name, values in maps.items()}

    if made_up := round(augment * min(voxels, len(task.data))):
        with_made_up(imagine(np.arange(len(task.data)), rough, made_up)[0])
    made = _new("nbmf", task, all_data, all_maps, noise)  # inputs are scaled by both, so that none is far
    rough = torch.as_tensor(rough, dtype=torch.float32)

    def outputs(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """What the network says of noisy data, in units of the ranges, and the factors of its covariances."""
        data = all_data[rows]
        seen = data + noise * np.abs(data).max(1, keepdims=True) * rng.normal(size=data.shape)
        known = {name: values[rows] for name, values in all_maps.items()}
        trunk = made.network[:-1](torch.as_tensor(made.features(seen, known)))
        unit, _ = _heads(made.network[-1](trunk), count)
        _, factor = _heads(made.network[-1](trunk.detach()), count)
        return unit, factor

    def epoch_of() -> tuple[float, Callable[[np.ndarray], Tensor], np.ndarray]:
        nonlocal damping, before
        rows = rng.permutation(len(task.data))[:voxels]
        with torch.no_grad():
            anchor = outputs(rows)[0].double().numpy()
        part = task.part(rows)
        residual, jacobian = fitted(part, low + anchor * (high - low), measured=None if sequential else part.data)
        error = float(np.sqrt(((residual / top[rows]) ** 2).mean()))
        damping = min(damping * 3, _DAMPING[2]) if error > 1.1 * before else max(damping / 2, _DAMPING[1])
        before = error
        weight = 1 / (error * top[rows])
        slope = jacobian * (high - low) * weight[..., None]
        normal = np.einsum("vip,viq->vpq", slope, slope)
        strength = np.einsum("vpp->vp", normal)
        mean = strength.mean(1, keepdims=True)
        stiff = normal + (damping * (strength + 0.1 * mean) + 1e-12 * mean.max())[..., None] * np.eye(count)
        step = np.linalg.solve(stiff, np.einsum("vip,vi->vp", slope, residual * weight)[..., None])[..., 0]
        step *= np.minimum(1, _TRUST / np.maximum(np.abs(step).max(1, keepdims=True), 1e-300))
        goal = (anchor + step).clip(0, 1)
        if made_up:
            fresh, truth, slope = imagine(rows, anchor, made_up)
            with_made_up(fresh)
            more = len(task.data) + np.arange(made_up)
            with torch.no_grad():
                missed = outputs(more)[0].double().numpy() - truth
            slope = slope * (high - low) / np.abs(fresh.data).max(1)[:, None, None]
            # far from the truth, a voxel counts by its own error, so that few cannot turn the training over
            far = ((slope @ missed[..., None])[..., 0] ** 2).mean(1)
            slope = slope / np.sqrt(error**2 + far)[:, None, None]
            goal, normal = np.concatenate([goal, truth]), np.concatenate([normal, slope.mT @ slope])
            rows = np.concatenate([rows, more])
        mean = np.einsum("vpp->v", normal)[:, None] / count
        goal = torch.as_tensor(goal, dtype=torch.float32)
        metric = torch.as_tensor(normal + _ROUND * mean[..., None] * np.eye(count), dtype=torch.float32)
        normal = torch.as_tensor(normal, dtype=torch.float32)
        place = np.empty(len(all_data), int)
        place[rows] = np.arange(len(rows))

        def loss_of(batch_rows: np.ndarray) -> Tensor:
            at = torch.as_tensor(place[batch_rows])
            unit, factor = outputs(batch_rows)
            missed = (unit - goal[at])[..., None]
            wide = torch.einsum("vpa,vpq,vqa->v", factor, normal[at], factor)
            inner = torch.log(torch.diagonal(factor, dim1=1, dim2=2)).sum(1)
            return ((missed.mT @ metric[at] @ missed)[:, 0, 0] / 2 + wide / 2 - inner).mean()

        return error, loss_of, rows

    def warm() -> tuple[float, Callable[[np.ndarray], Tensor], np.ndarray]:
        rows = rng.permutation(len(task.data))[:voxels]
        return 1.0, lambda some: ((outputs(some)[0] - rough[some]) ** 2).sum(1).mean(), rows

    _train(made.network, warm, _FIRST, steps, batch, rate, _FIRST + 1, rng, None)
    history = _train(made.network, epoch_of, epochs, steps, batch, rate, patience, rng, progress)
    return replace(made.apply(task, refine=0), history=history)


def fit_supervised(
    task: Task,
    entries: int = 20000,
    epochs: int = 100,
    batch: int = 256,
    rate: float = 1e-3,
    noise: float = 1e-3,
    patience: int = 20,
    seed: int = 0,
    refine: int = REFINE,
    progress: Progress | None = None,
) -> Estimate:
    """A network trained on a dictionary of random parameters; maps that are known are drawn from those of the task.

    Args:
        task: the data and what is known.
        entries: fingerprints of the dictionary.
        epochs: at most, batch, rate, noise, patience, seed, progress: as of `fit_network`.
        refine: as of `Reconstructor.apply`.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    points = np.stack(list(random_grid(task.ranges, entries, seed).values()), 1)
    drawn = rng.integers(len(task.data), size=entries)
    known = {name: v if np.size(v) == 1 else np.asarray(v).ravel()[drawn] for name, v in task.known.items()}
    table = tissue({**known, **dict(zip(task.names, points.T, strict=True))}, entries)
    signals = simulate(task.protocol, task.model, table)[0]
    made = _new("supervised", task, signals, known, noise)
    low, high = task.bounds()
    target = torch.as_tensor((points - low) / (high - low), dtype=torch.float32)
    top = np.abs(signals).max(1, keepdims=True)
    error = 1.0

    def outputs(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        seen = signals[rows] + noise * top[rows] * rng.normal(size=(len(rows), signals.shape[1]))
        maps = {name: known[name][rows] for name in made.form.inputs}
        return _heads(made.network(torch.as_tensor(made.features(seen, maps))), len(low))

    def loss_of(rows: np.ndarray) -> Tensor:
        unit, factor = outputs(rows)
        missed = target[rows] - unit
        scaled = torch.linalg.solve_triangular(factor, missed.detach()[..., None], upper=False)[..., 0]
        likely = (scaled**2).sum(1) / 2 + torch.log(torch.diagonal(factor, dim1=1, dim2=2)).sum(1)
        return ((missed**2).sum(1) / (2 * error**2) + likely).mean()

    def epoch_of() -> tuple[float, Callable[[np.ndarray], Tensor], np.ndarray]:
        nonlocal error
        rows = np.arange(entries)
        with torch.no_grad():
            error = float(((target[rows[:4096]] - outputs(rows[:4096])[0]) ** 2).mean()) ** 0.5
        return error, loss_of, rows

    steps = max(1, round(entries / batch))
    history = _train(made.network, epoch_of, epochs, steps, batch, rate, patience, rng, progress)
    return replace(made.apply(task, refine), history=history)
