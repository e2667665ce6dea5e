"""Minimise many starts at once: Adam and L-BFGS over a batch, dropping the worse half of the starts on the way.

All of it is deterministic, and all of it is in `state()`, so that a run that was killed goes on as if it had not been.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from spinsculpt.core.errors import SpinsculptError

Evaluation = Callable[[Tensor], tuple[Tensor, Tensor, dict[str, Tensor]]]
"""x (starts, n) -> loss (starts,), gradient (starts, n), loss parts by name, each (starts,)."""


class Adam:
    """torch.optim.Adam (Kingma & Ba 2015, arXiv:1412.6980), elementwise, with a cosine decay of the step to 5 %."""

    def __init__(self, x: Tensor, iterations: int, step: float):
        self.iterations, self.rate = iterations, step
        self.load({"x": x, "first": torch.zeros_like(x), "second": torch.zeros_like(x), "count": 0})

    @property
    def x(self) -> Tensor:
        return self._x.detach().clone()

    def step(self, evaluate: Evaluation) -> tuple[Tensor, dict[str, Tensor]]:
        """One step; returns the loss and its parts where the step began."""
        loss, self._x.grad, parts = evaluate(self.x)
        self.count += 1
        decay = 0.525 + 0.475 * math.cos(math.pi * self.count / self.iterations)
        self._adam.param_groups[0]["lr"] = self.rate * decay
        self._adam.step()
        return loss, parts

    def keep(self, rows: Tensor) -> None:
        self.load({key: value[rows] if isinstance(value, Tensor) else value for key, value in self.state().items()})

    def state(self) -> dict:
        moments = self._adam.state[self._x]
        return {"x": self.x, "first": moments["exp_avg"], "second": moments["exp_avg_sq"], "count": self.count}

    def load(self, state: dict) -> None:
        self._x, self.count = torch.nn.Parameter(state["x"].clone()), state["count"]
        self._adam = torch.optim.Adam([self._x], lr=self.rate)
        self._adam.state[self._x] = {
            "step": torch.tensor(float(self.count), device="cpu"),
            "exp_avg": state["first"].clone(),
            "exp_avg_sq": state["second"].clone(),
        }


class LBFGS:
    """Limited-memory BFGS (Nocedal 1980, doi:10.2307/2006193), a two-loop recursion and a line search for each start.

    Ours, because torch.optim.LBFGS takes a batch for one vector: one line search and one curvature for all starts.
    The line search halves the step until the loss falls enough (Armijo); pairs without positive curvature are left out.
    """

    memory = 12
    halvings = 12

    def __init__(self, x: Tensor, iterations: int, step: float):
        self.x, self.rate = x, step
        shape = (len(x), self.memory, x.shape[1])
        self.s, self.y = torch.zeros(shape, dtype=x.dtype), torch.zeros(shape, dtype=x.dtype)
        self.loss = self.gradient = None
        self.parts: dict[str, Tensor] = {}

    def step(self, evaluate: Evaluation) -> tuple[Tensor, dict[str, Tensor]]:
        """One step; returns the loss and its parts where the step began."""
        if self.loss is None:
            self.loss, self.gradient, self.parts = evaluate(self.x)
        began = self.loss.clone(), {name: part.clone() for name, part in self.parts.items()}
        direction = -self._inverse_hessian_times(self.gradient)
        slope = (direction * self.gradient).sum(1)
        uphill = slope >= 0
        direction = torch.where(uphill[:, None], -self.gradient, direction)
        slope = torch.where(uphill, -(self.gradient**2).sum(1), slope)
        fresh = (self.s == 0).all(2).all(1) | uphill
        largest = direction.abs().amax(1).clamp_min(1e-30)
        length = torch.where(fresh, self.rate / largest, torch.clamp(20 * self.rate / largest, max=1.0))
        pending = torch.arange(len(self.x))
        x, loss, gradient = self.x.clone(), self.loss.clone(), self.gradient.clone()
        for _ in range(self.halvings):
            trial = self.x[pending] + length[pending, None] * direction[pending]
            value, slope_there, parts = evaluate(trial)
            good = value <= self.loss[pending] + 1e-4 * length[pending] * slope[pending]
            done = pending[good]
            x[done], loss[done], gradient[done] = trial[good], value[good], slope_there[good]
            for name, part in parts.items():
                self.parts[name][done] = part[good]
            length[pending[~good]] *= 0.5
            pending = pending[~good]
            if not len(pending):
                break
        self._remember(x - self.x, gradient - self.gradient, pending)
        self.x, self.loss, self.gradient = x, loss, gradient
        return began

    def _inverse_hessian_times(self, gradient: Tensor) -> Tensor:
        curvature = (self.s * self.y).sum(2)
        used = curvature > 0
        rho = torch.where(used, 1 / torch.where(used, curvature, 1.0), 0.0)
        q, alphas = gradient.clone(), []
        for k in reversed(range(self.memory)):
            alpha = rho[:, k] * (self.s[:, k] * q).sum(1)
            q = q - alpha[:, None] * self.y[:, k]
            alphas.append(alpha)
        newest = (self.y[:, -1] ** 2).sum(1)
        scale = torch.where(used[:, -1], curvature[:, -1] / torch.where(newest > 0, newest, 1.0), 1.0)
        r = q * scale[:, None]
        for k, alpha in zip(range(self.memory), reversed(alphas), strict=True):
            beta = rho[:, k] * (self.y[:, k] * r).sum(1)
            r = r + self.s[:, k] * (alpha - beta)[:, None]
        return r

    def _remember(self, s: Tensor, y: Tensor, failed: Tensor) -> None:
        """Append the pair of each start that moved and curved upwards; a start without progress forgets all."""
        curved = (s * y).sum(1) > 1e-12 * s.norm(dim=1) * y.norm(dim=1)
        for old, new in ((self.s, s), (self.y, y)):
            shifted = torch.cat([old[:, 1:], new[:, None]], 1)
            old[curved] = shifted[curved]
            old[failed] = 0

    def keep(self, rows: Tensor) -> None:
        self.x, self.s, self.y = self.x[rows], self.s[rows], self.y[rows]
        if self.loss is not None:
            self.loss, self.gradient = self.loss[rows], self.gradient[rows]
            self.parts = {name: part[rows] for name, part in self.parts.items()}

    def state(self) -> dict:
        return {k: getattr(self, k) for k in ("x", "s", "y", "loss", "gradient", "parts")}

    def load(self, state: dict) -> None:
        for key, value in state.items():
            setattr(self, key, value)


OPTIMISERS = {"adam": Adam, "lbfgs": LBFGS}


class Search:
    """Minimisation of several starts with successive halving.

    Args:
        evaluate: the loss.
        x: parameters of the starts, shape (starts, n).
        method: "adam" or "lbfgs".
        iterations: steps in all.
        step: of Adam; of L-BFGS, the largest change of a parameter in the first step.
        screening: fractions of `iterations` at which the worse half of the starts is dropped.
        polish: the last of the `iterations` are for the best start alone.

    Attributes:
        history: one dict (start, step, loss, parts) for each start and step.
        landscape: {start: (step where it ended, its last loss)}.
    """

    def __init__(
        self,
        evaluate: Evaluation,
        x: Tensor,
        method: str,
        iterations: int,
        step: float,
        screening: tuple[float, ...] = (0.2, 0.4),
        polish: int = 0,
    ):
        self.evaluate, self.iterations, self.initial = evaluate, iterations, x
        self.optimiser = OPTIMISERS[method](x, iterations, step)
        self.starts = torch.arange(len(x))
        self.screens = {max(1, round(fraction * iterations)) for fraction in screening}
        self._alone = iterations - polish if polish else -1
        self.done = 0
        self.history: list[dict] = []
        self.landscape: dict[int, tuple[int, float]] = {}
        self.best: tuple[float, int, Tensor | None] = (float("inf"), -1, None)

    def advance(self) -> None:
        """One step of all starts that are still in the race."""
        if (self.done in self.screens or self.done == self._alone) and len(self.starts) > 1:
            self._screen(1 if self.done == self._alone else -(-len(self.starts) // 2))
        before = self.optimiser.x
        loss, parts = self.optimiser.step(self._checked)
        self._record(before, loss, parts)
        self.done += 1

    def finish(self) -> None:
        """Evaluate where the last step led."""
        loss, _, parts = self._checked(self.optimiser.x)
        self._record(self.optimiser.x, loss, parts)

    def _record(self, x: Tensor, loss: Tensor, parts: dict[str, Tensor]) -> None:
        for row, start in enumerate(self.starts.tolist()):
            value = float(loss[row])
            self.history.append(
                {"start": start, "step": self.done, "loss": value}
                | {name: float(part[row]) for name, part in parts.items()}
            )
            self.landscape[start] = (self.done, value)
            if value < self.best[0]:
                self.best = (value, start, x[row].clone())

    def _screen(self, kept: int) -> None:
        losses = torch.tensor([self.landscape[start][1] for start in self.starts.tolist()])
        rows = torch.argsort(losses, stable=True)[:kept].sort().values
        self.starts = self.starts[rows]
        self.optimiser.keep(rows)

    def _checked(self, x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        loss, gradient, parts = self.evaluate(x)
        if not (torch.isfinite(loss).all() and torch.isfinite(gradient).all()):
            guilty = [name for name, part in parts.items() if not torch.isfinite(part).all()] or ["the gradient"]
            raise SpinsculptError(
                f"The design broke down at step {self.done}: {', '.join(guilty)} is not a finite number. A smaller "
                "step, a lower B1 limit or fewer nuisance metabolites (a singular fit has no CRLB) may help."
            )
        return loss, gradient, parts

    def state(self) -> dict:
        """All that a resumed run needs, as tensors and plain values."""
        plain = {k: getattr(self, k) for k in ("starts", "done", "history", "landscape", "best")}
        return plain | {"optimiser": self.optimiser.state()}

    def load(self, state: dict) -> None:
        """Go on from a state.

        Raises:
            ValueError: it cannot be one of this search; nothing is changed then.
        """
        if not self._could_be_ours(state):
            raise ValueError("it holds other arrays than a search of this design")
        for key in ("starts", "done", "history", "landscape", "best"):
            setattr(self, key, state[key])
        self.optimiser.load(state["optimiser"])

    def _could_be_ours(self, state: dict) -> bool:
        whole = self.state()
        if set(state) != set(whole) or set(state["optimiser"]) != set(whole["optimiser"]):
            return False
        count, parameters = self.initial.shape
        starts, done, (_, start, best) = state["starts"], state["done"], state["best"]
        rows = len(starts)
        tensors = {key: value for key, value in state["optimiser"].items() if isinstance(value, Tensor)}
        # L-BFGS has neither loss nor gradient before its first step, so that there is nothing to compare them with.
        shapes = {key: value.shape[1:] for key, value in whole["optimiser"].items() if isinstance(value, Tensor)}
        shapes |= {"loss": torch.Size([]), "gradient": self.initial.shape[1:]}
        return (
            0 < done <= self.iterations
            and 0 < rows <= count
            and starts.unique().tolist() == starts.tolist()  # ascending, each once
            and 0 <= int(starts.min()) <= int(starts.max()) < count
            and 0 <= start < count
            and best.shape == (parameters,)
            and all(set(row) >= {"start", "step", "loss"} for row in state["history"])
            and set(state["landscape"]) == set(range(count))
            and all(value.shape == (rows, *shapes[key]) for key, value in tensors.items())
            and {key for key in shapes if key in whole["optimiser"]} <= set(tensors)
            and all(torch.isfinite(value).all() for value in [best, *tensors.values()])
            and all(part.shape == (rows,) for part in state["optimiser"].get("parts", {}).values())
        )
