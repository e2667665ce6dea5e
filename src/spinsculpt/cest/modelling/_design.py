"""Protocols that tell more: B1 and offsets of each image by gradient descent on the CRLB."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from math import pi

import numpy as np
import torch
from torch import Tensor

from spinsculpt.cest.modelling._estimate import Ranges, bounds_of
from spinsculpt.cest.modelling._kernel import simulate
from spinsculpt.cest.modelling._model import NAMES, Model, tissue
from spinsculpt.cest.modelling._protocol import SAMPLE, Protocol, protocol_from_table
from spinsculpt.cest.modelling._torch import simulate_torch
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError


def _bounds(
    protocol: Protocol, model: Model, where: Mapping[str, np.ndarray], known: Mapping[str, object], ranges: Ranges
) -> np.ndarray:
    """Bounds at a noise of 1, shape (points, parameters)."""
    jacobian = simulate(protocol, model, tissue({**known, **where}), tuple(ranges))[1]
    width = np.array([high - low for low, high in ranges.values()])
    return bounds_of(jacobian * width) * width


@dataclass(frozen=True)
class DesignedProtocol:
    """A protocol of low bounds, and the one that it began with.

    Attributes:
        table: what was found, as `protocol_from_table` reads it.
        protocol: the same, to be played.
        before, after: mean bound (geometric, over the points) of each parameter at a noise of 1.
        history: rows of start, step and loss (mean log bound over the width of the range).
    """

    table: Mapping[str, object]
    protocol: Protocol
    before: Mapping[str, float]
    after: Mapping[str, float]
    history: list[dict]


def design_protocol(
    table: Mapping[str, object],
    model: Model,
    ranges: Ranges,
    known: Mapping[str, float],
    b1_limit: float = 4.0,
    rms_limit: float | None = None,
    offsets: tuple[float, float] | None = None,
    points: int = 3,
    starts: int = 2,
    iterations: int = 60,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> DesignedProtocol:
    """B1 (and offset) of each image that minimise the CRLB of all parameters over their ranges; times stay as they are.

    Images without irradiation stay so. The duty cycle is that of the table; the RMS of B1 over the images is kept below
    a limit, so that the energy of the schedule does not grow. The first start is the table itself; gradients run
    through the simulator in torch, the optimiser is that of the pulse designs (`spinsculpt.design.Search`).

    Args:
        table: of a protocol, as `protocol_from_table` reads it.
        model: which pools there are.
        ranges: of the parameters whose bounds count.
        known: other tissue parameters, one number each.
        b1_limit: largest B1 in uT.
        rms_limit: largest RMS of B1 over the irradiated images in uT; that of the table if None.
        offsets: lowest and highest offset in ppm; None leaves the offsets alone.
        points: of each range at which the bounds are taken.
        starts: searches; those after the first begin at random schedules.
        iterations: steps of L-BFGS.
        seed: of the random schedules.
        progress: called with a sentence now and then.
    """
    from spinsculpt.design import Search

    slots = _Slots(table, model.field)
    first = np.broadcast_to(np.asarray(table["b1_uT"], float), slots.images)[slots.used]
    ppm = np.broadcast_to(np.asarray(table["offset_ppm"], float), slots.images)[slots.used]
    limit = rms_limit or float(np.sqrt((first**2).mean()))
    axes = [low + (high - low) * (np.arange(points) + 0.5) / points for low, high in ranges.values()]
    where = {name: np.array(v) for name, v in zip(ranges, zip(*product(*axes), strict=True), strict=True)}
    nodes, steps = _differences(where, known, ranges)
    width = torch.tensor([high - low for low, high in ranges.values()], dtype=torch.float64)

    def schedule(x: Tensor) -> tuple[Tensor, Tensor]:
        b1 = b1_limit * torch.sigmoid(x[: slots.count])
        b1 = b1 * torch.clamp(limit / (b1**2).mean().sqrt(), max=1.0)
        if offsets is None:
            return b1, torch.as_tensor(ppm.copy())
        return b1, offsets[0] + (offsets[1] - offsets[0]) * torch.sigmoid(x[slots.count :])

    def evaluate(x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        losses, gradients = [], []
        for row in x:
            row = row.detach().requires_grad_()
            signals = simulate_torch(slots.operators(*schedule(row)), slots.protocol, model, nodes)
            signals = signals.reshape(len(ranges), 2, -1, slots.images)
            jacobian = (signals[:, 0] - signals[:, 1]) / (2 * steps[:, None, None]) * width[:, None, None]
            information = torch.einsum("pvi,qvi->vpq", jacobian, jacobian)
            variance = torch.diagonal(torch.linalg.inv(information), dim1=1, dim2=2)
            loss = variance.log().mean() / 2
            (gradient,) = torch.autograd.grad(loss, row)
            losses.append(loss.detach())
            gradients.append(gradient)
        return torch.stack(losses), torch.stack(gradients), {}

    def parameters(b1: np.ndarray, where_ppm: np.ndarray) -> np.ndarray:
        parts = [np.clip(b1 / b1_limit, 0.02, 0.98)]
        if offsets is not None:
            parts.append(np.clip((where_ppm - offsets[0]) / (offsets[1] - offsets[0]), 0.02, 0.98))
        part = np.concatenate(parts)
        return np.log(part / (1 - part))

    rng = np.random.default_rng(seed)
    begin = [parameters(first, ppm)]
    for _ in range(starts - 1):
        low, high = offsets or (0.0, 0.0)
        begin.append(parameters(rng.uniform(0.05, 1, slots.count) * b1_limit, rng.uniform(low, high, slots.count)))
    search = Search(evaluate, torch.tensor(np.array(begin)), "lbfgs", iterations, 0.5, (0.3,))
    for step in range(iterations):
        search.advance()
        if progress and step % max(1, iterations // 10) == 0:
            progress(f"step {step + 1} of {iterations}: mean log bound {search.best[0]:.3f}")
    search.finish()
    with torch.no_grad():
        b1, found_ppm = (value.numpy() for value in schedule(search.best[2]))
    found = dict(table)
    found["b1_uT"] = slots.filled(table["b1_uT"], b1)
    found["offset_ppm"] = slots.filled(table["offset_ppm"], found_ppm)
    made = protocol_from_table(found, model.field, "designed schedule")

    def mean(protocol: Protocol) -> dict[str, float]:
        bounds = _bounds(protocol, model, where, known, ranges)
        return dict(zip(ranges, np.exp(np.log(bounds).mean(0)).tolist(), strict=True))

    return DesignedProtocol(found, made, mean(protocol_from_table(table, model.field)), mean(made), search.history)


def _differences(where: Mapping[str, np.ndarray], known: Mapping[str, object], ranges: Ranges) -> tuple[Tensor, Tensor]:
    """Tissue tables for central differences by each parameter, (parameters * 2 * points, names), and their steps."""
    steps = [1e-3 * (high - low) for low, high in ranges.values()]
    tables = []
    for name, step in zip(ranges, steps, strict=True):
        for sign in (1, -1):
            tables.append(tissue({**known, **where}, len(where[name])))
            tables[-1][:, NAMES.index(name)] += sign * step
    return torch.tensor(np.concatenate(tables)), torch.tensor(steps, dtype=torch.float64)


class _Slots:
    """A protocol each of whose irradiated images has operators of its own, to be filled with B1 and offsets."""

    def __init__(self, table: Mapping[str, object], field: float):
        columns = [np.atleast_1d(np.asarray(table[key], float)) for key in ("b1_uT", "offset_ppm", "saturation_s")]
        self.images, self.field = max(map(len, columns)), field
        b1, ppm, saturation = (np.broadcast_to(column, self.images) for column in columns)
        self.used = (b1 > 0) & (saturation > 0)
        self.count = int(self.used.sum())
        if not self.count:
            raise SpinsculptError("the table irradiates in no image; there is nothing to design.")
        apart = dict(table)
        apart["b1_uT"] = np.where(self.used, 1 + 0.01 * np.arange(self.images), b1).tolist()
        apart["offset_ppm"] = np.where(self.used, np.abs(ppm) + 1 + 1e-3 * np.arange(self.images), ppm).tolist()
        self.protocol = protocol_from_table(apart, field)
        self._find()

    def _find(self) -> None:
        """Rows of the irradiation and of the tips that lock it, for each image that is irradiated."""
        kinds, order = self.protocol.operators, self.protocol.order.tolist()
        self.rows, found = [], {}
        for place, number in enumerate(order):
            if number == SAMPLE:
                if found:
                    self.rows.append((found["irradiate"], found.get("lock"), found.get("unlock")))
                found = {}
            elif number >= 0 and kinds[number, 0] == 0 and kinds[number, 2] > 0 and not found:
                found["irradiate"] = number
                if place and order[place - 1] >= 0 and kinds[order[place - 1], 0] == 1:
                    found["lock"], found["unlock"] = order[place - 1], order[place + 1]

    def operators(self, b1: Tensor, ppm: Tensor) -> Tensor:
        """Operators of the schedule, differentiable."""
        rows = list(torch.tensor(self.protocol.operators).unbind(0))
        one = torch.ones((), dtype=torch.float64)
        for (irradiate, lock, unlock), strength, shift in zip(self.rows, b1, ppm, strict=True):
            hertz = shift * GAMMA_BAR * self.field
            duration = rows[irradiate][1]
            rows[irradiate] = torch.stack([0 * one, duration, strength, hertz, 0 * one])
            if lock is not None:
                tip = torch.atan2(GAMMA_BAR * strength, hertz.abs())
                side = pi if hertz >= 0 else 0.0
                rows[lock] = torch.stack([one, tip, 0 * one, 0 * one, (pi / 2 + side) * one])
                turn = 2 * pi * hertz * duration - pi / 2 + side
                rows[unlock] = torch.stack([one, tip, 0 * one, 0 * one, turn])
        return torch.stack(rows)

    def filled(self, values: object, found: np.ndarray) -> list[float]:
        """A column of the table with what was found in its place."""
        column = np.broadcast_to(np.asarray(values, float), self.images).copy()
        column[self.used] = found.round(4)
        return column.tolist()
