"""Where a fit begins: width, shift and phase from a search in closed form."""

from dataclasses import dataclass

import numpy as np

from spinsculpt.fit._model import Problem
from spinsculpt.fit._solver import nonnegative

WIDTHS = (3.0, 6.0, 10.0, 16.0)  # Hz, tried for the lines
_STEP = 1.5  # Hz between the shifts tried


@dataclass(frozen=True)
class Start:
    """A starting point: `theta`, shape (K,), the shift of each spectrum in rad/s, and its cost before any step."""

    theta: np.ndarray
    shifts: tuple[float, ...]
    cost: float


def starts(problem: Problem, count: int) -> list[Start]:
    """The `count` most promising starting points, best first, with different widths or shifts.

    For each width and shift the best real amplitudes under the best common phase have a closed form: with z = A^H y
    (baseline projected out) and G = Re(A^H A), max over phi of Re(e^{i phi} z)' G^-1 Re(e^{i phi} z) is
    (z^H G^-1 z + |z' G^-1 z|) / 2. The sign that this leaves open is settled by non-negative least squares.
    """
    found = []
    for width in WIDTHS:
        searched = [_search(problem, s, width) for s in range(len(problem.blocks))]
        for rank in range(max(map(len, searched))):
            choice = [options[min(rank, len(options) - 1)] for options in searched]
            theta = _theta(problem, width, choice)
            linear = problem.linear(theta)
            c = nonnegative(linear.gram, linear.right)
            cost = linear.constant - 2.0 * linear.right @ c + c @ linear.gram @ c
            found.append(Start(theta, tuple(shift for _, shift, _ in choice), float(cost)))
    return sorted(found, key=lambda start: start.cost)[:count]


def explained(problem: Problem, conjugate: bool = False, width: float = 6.0) -> float:
    """Part of chi-squared that the metabolites explain at one width, free in shift and phase, amplitudes >= 0.

    With `conjugate` the data are taken with the other sign convention, mirrored about the receiver frequency.
    """
    return sum(_search(problem, s, width, conjugate)[0][0] for s in range(len(problem.blocks)))


def _search(problem: Problem, spectrum: int, width: float, conjugate: bool = False) -> list[tuple[float, float, float]]:
    """(explained chi-squared, shift in rad/s, phase in rad) at the two best shifts of one spectrum, best first."""
    block = problem.blocks[spectrum]
    t = block.time
    step = 2.0 * np.pi * _STEP
    reach = np.floor(2.0 * np.pi * problem.model.max_shift * problem.central_frequency / step)
    shifts = np.arange(-reach, reach + 1) * step
    samples = block.samples.conj() if conjugate else block.samples
    gamma, gauss = _damping(problem, width)
    rows = problem.without_baseline(block.transform(block.fids * np.exp(-(gamma + gauss * t) * t)), spectrum)
    data = problem.without_baseline(block.transform(samples * np.exp(1j * np.outer(shifts, t))), spectrum)
    gram = (rows @ rows.conj().T).real
    gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
    z = rows.conj() @ data.T  # (L, shifts)
    solved = np.linalg.solve(gram, z)
    products = np.sum(z * solved, axis=0)
    score = np.concatenate([[-np.inf], np.sum(z.conj() * solved, axis=0).real + np.abs(products), [-np.inf]])
    peaks = np.flatnonzero((score[1:-1] >= score[:-2]) & (score[1:-1] > score[2:]))
    peaks = peaks[np.argsort(score[1:-1][peaks])[::-1]][:2]
    found = []
    for peak in peaks:
        for phase in -0.5 * np.angle(products[peak]) + np.array([0.0, np.pi]):
            right = (np.exp(1j * phase) * z[:, peak]).real
            c = nonnegative(gram, right)
            gain = (2.0 * right @ c - c @ gram @ c) / problem.noise[spectrum, spectrum]
            found.append((float(gain), float(shifts[peak]), float(phase)))
    return sorted(found, reverse=True)[:2]


def _damping(problem: Problem, width: float) -> tuple[float, float]:
    """gamma (1/s) and s (1/s^2) of lines of `width` Hz, half of it from each part of a Voigt line."""
    part = {"voigt": (0.5, 0.5), "free": (0.5, 0.5), "lorentz": (1.0, 0.0), "gauss": (0.0, 1.0)}[problem.model.line]
    return np.pi * width * part[0], (np.pi * width * part[1]) ** 2 / (4.0 * np.log(2.0))


def _theta(problem: Problem, width: float, choice: list[tuple[float, float, float]]) -> np.ndarray:
    gamma, gauss = _damping(problem, width)
    theta = np.zeros(len(problem.parameters))
    for k, parameter in enumerate(problem.parameters):
        _, shift, phase = choice[parameter.spectrum or 0]
        theta[k] = {"gamma": gamma, "gauss": gauss, "eps": shift, "phi0": phase, "phi1": 0.0}[parameter.kind]
    return theta
