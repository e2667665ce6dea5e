r"""The fitting problem as arrays: rows of real numbers, linear and nonlinear parameters, derivatives.

The model of one spectrum (docs/theory, FSL-MRS's model written from its formulas, doi:10.1002/mrm.28630):

    S(nu) = exp(-i (phi0 + phi1 nu)) sum_l c_l FT{ m_l(t) exp(-(gamma_g + s_g t + i eps_g) t) } + B(nu) b

with concentrations c_l >= 0 that all spectra of a joint fit share, groups g of metabolites, gamma in 1/s, s = sigma^2
in 1/s^2, eps in rad/s, phi0 in rad, phi1 in rad/Hz. Inside, s and not sigma is the free parameter: the model is smooth
in s down to its bound s = 0, where the derivative with respect to sigma vanishes.

Rows are real: real and imaginary parts interleaved, each divided by the SD of its noise.

`Layout` is the model before there is anything to fit: parameters, priors and baseline, and which points count.
`derivatives` are the formulas of the Jacobian. Designs (`spinsculpt.design`) take both, these with tensors of torch
for arrays, so that a design minimises the bound of the very model that is fitted. `Problem` is a layout with data.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self, TypeVar

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import BROAD, FitModel, matches
from spinsculpt.core.conventions import FID, frequency_axis, hz_to_ppm, time_axis
from spinsculpt.fit import _baseline

KINDS = {"gamma": "width", "gauss": "width", "eps": "shift", "phi0": "phase", "phi1": "phase"}  # and what shares them
Array = TypeVar("Array")  # of numpy, or a tensor of torch
MAX_PHASE1 = 2.0 * np.pi * 1e-3  # rad/Hz: a start of the acquisition 1 ms off


@dataclass(frozen=True)
class Parameter:
    """One nonlinear parameter.

    Attributes:
        kind: "gamma", "gauss" (sigma^2), "eps", "phi0" or "phi1".
        group: group of metabolites; None for a phase.
        spectrum: number of the spectrum; None when all share it.
        lower, upper: bounds.
    """

    kind: str
    group: int | None
    spectrum: int | None
    lower: float
    upper: float


@dataclass(frozen=True)
class Axis:
    """One spectrum as it is planned: when it is sampled, and its points in the fit range.

    Attributes:
        time: s, shape (points,).
        points: indices into the unshifted FFT, ordered by ascending frequency, shape (size,).
        frequency, ppm: in Hz and ppm, shape (size,).
    """

    time: np.ndarray
    points: np.ndarray
    frequency: np.ndarray
    ppm: np.ndarray

    @classmethod
    def of(cls, points: int, dwell: float, central_frequency: float, model: FitModel) -> Self:
        """Of spectra of `points` samples every `dwell` seconds at `central_frequency` MHz."""
        frequency = frequency_axis(points, dwell)
        ppm = hz_to_ppm(frequency, central_frequency)
        inside = np.zeros(len(ppm), bool)
        for low, high in model.ranges:
            inside |= (ppm >= low) & (ppm <= high)
        order = np.fft.fftshift(np.arange(points))[inside]
        return cls(time_axis(points, dwell), order, frequency[inside], ppm[inside])

    @property
    def size(self) -> int:
        return len(self.points)

    def transform(self, fids: np.ndarray) -> np.ndarray:
        """Spectrum of FIDs at the points of the fit range, shape (..., size)."""
        return np.fft.fft(fids, axis=-1)[..., self.points]


@dataclass(frozen=True)
class Block(Axis):
    """One spectrum of the problem: its axis, its basis on that axis, shape (L, points), and its data.

    Attributes:
        samples: its FID, shape (points,).
        data: its spectrum in the fit range, shape (size,).
    """

    samples: np.ndarray
    fids: np.ndarray
    data: np.ndarray


def derivatives(fids: Array, time: Array, frequency: Array, transform: Callable[[Array], Array]) -> dict[str, Array]:
    """Derivatives of one spectrum with respect to each kind of nonlinear parameter, as arrays of numpy or of torch.

    Args:
        fids: what each group of metabolites sends, damped and shifted, shape (..., G, points).
        time: s, shape (points,).
        frequency: Hz, shape (size,).
        transform: from FIDs to their spectra in the fit range with the phases of the model, shape (..., size).
    Returns:
        Complex, by kind: of shape (..., G, size), of phases (..., 1, size).
    """
    first, whole = transform(time * fids), transform(fids.sum(-2)[..., None, :])
    return {
        "gamma": -first,
        "gauss": -transform(time * time * fids),
        "eps": -1j * first,
        "phi0": -1j * whole,
        "phi1": -1j * frequency * whole,
    }


@dataclass(frozen=True)
class Linear:
    """The linear half at one set of nonlinear parameters, baseline eliminated.

    Attributes:
        rows: weighted model of each metabolite at unit concentration, shape (L, R).
        on_baseline: its projection on the baseline, shape (L, m).
        gram, right, constant: cost(c) = constant - 2 right.c + c.gram.c
        damped: FIDs of each spectrum after damping and shift, each (L, points).
        phase: phase factors of each spectrum, each (size,).
    """

    rows: np.ndarray
    on_baseline: np.ndarray
    gram: np.ndarray
    right: np.ndarray
    constant: float
    damped: tuple[np.ndarray, ...]
    phase: tuple[np.ndarray, ...]


class Layout:
    """A model of one or several spectra that are fitted jointly, before there are any.

    Args:
        names: of the metabolites, L of them.
        axes: one a spectrum.
        central_frequency: MHz.
        model: choices of the user.
        noise: covariance of the noise of the spectra, one real channel of `to_spectrum`, shape (S, S).

    Attributes:
        blocks: the axes.
        groups: group of each metabolite, shape (L,), numbers below `group_count`.
        parameters: the nonlinear parameters theta, in order, K of them.
        lower, upper: their bounds, shape (K,).
        prior_precision: precision matrix of Gaussian priors on theta with mean zero, shape (K, K), in units of the
            noise of the spectra, or of what else they were weighed against.
        baseline, baseline_penalty: rows of the baseline, shape (m, R), and quadratic penalty on their coefficients.
    """

    def __init__(
        self, names: Sequence[str], axes: Sequence[Axis], central_frequency: float, model: FitModel, noise: np.ndarray
    ):
        self.model, self.names, self.central_frequency, self.noise = model, tuple(names), central_frequency, noise
        self.groups = np.array(model.group_of(self.names))
        self.group_count = int(self.groups.max()) + 1
        self.blocks = tuple(axes)
        self._whitener = np.linalg.inv(np.linalg.cholesky(noise))
        self._member = (self.groups == np.arange(self.group_count)[:, None]).astype(float)  # (G, L)
        self._members = [np.flatnonzero(row) for row in self._member]
        self.parameters = _declare(model, len(self.blocks), self.group_count, self.central_frequency)
        self._index = {(p.kind, p.group, p.spectrum): k for k, p in enumerate(self.parameters)}
        self.lower = np.array([p.lower for p in self.parameters])
        self.upper = np.array([p.upper for p in self.parameters])
        self.prior_precision = self._ties = self._priors()
        self._columns = [_baseline_columns(block.ppm, model) for block in self.blocks]
        self.set_stiffness(model.baseline.number)

    # -- parameters ----------------------------------------------------------------------------------------------------

    def index(self, kind: str, group: int | None, spectrum: int) -> int | None:
        """Place in theta of a parameter as one spectrum sees it; None when the lineshape lacks it."""
        return self._index.get((kind, group, None), self._index.get((kind, group, spectrum)))

    def values(self, theta: np.ndarray, spectrum: int) -> dict[str, np.ndarray]:
        """Parameters of one spectrum: gamma, gauss and eps of shape (G,), phi0 and phi1 of shape (1,)."""
        found = {}
        for kind in KINDS:
            places = [self.index(kind, group, spectrum) for group in _groups(kind, self.group_count)]
            found[kind] = np.array([0.0 if place is None else theta[place] for place in places])
        return found

    def recentre(self, shifts: Sequence[float]) -> None:
        """Put the bounds of the shifts around `shifts` (rad/s, one a spectrum)."""
        for k, parameter in enumerate(self.parameters):
            if parameter.kind == "eps":
                centre = shifts[parameter.spectrum or 0]
                self.lower[k], self.upper[k] = centre + parameter.lower, centre + parameter.upper

    def _priors(self) -> np.ndarray:
        precision = np.zeros((len(self.parameters), len(self.parameters)))
        broad = [all(matches(self.names[k], BROAD[0]) for k in members) for members in self._members]
        shift_sd, width_sd = self.model.line_sds
        sd_of = {
            "eps": (shift_sd, 2.0 * np.pi * self.central_frequency),
            "gamma": (width_sd, np.pi),
            # The width of exp(-s t^2) is 2 sqrt(s ln 2) / pi: what a change of 1 Hz means for s, at lines of 5 Hz.
            "gauss": (width_sd, np.pi**2 * 5.0 / (2.0 * np.log(2.0))),
        }
        for k, parameter in enumerate(self.parameters):
            sd, unit = sd_of.get(parameter.kind, (None, 1.0))
            if sd is not None and parameter.group and not broad[parameter.group]:
                difference = np.zeros(len(self.parameters))
                difference[k], difference[self._index[(parameter.kind, 0, parameter.spectrum)]] = 1.0, -1.0
                precision += np.outer(difference, difference) / (sd * unit) ** 2
        return precision

    # -- rows ----------------------------------------------------------------------------------------------------------

    def whiten(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """Complex rows of every spectrum, each (k, size), to real rows in units of the noise, shape (k, R)."""
        rows = [np.ascontiguousarray(part).view(float) for part in parts]
        diagonal = np.diag(self._whitener)
        if len(rows) == 1:
            return rows[0] * diagonal[0]
        if np.count_nonzero(self._whitener - np.diag(diagonal)) == 0:
            return np.concatenate([row * w for row, w in zip(rows, diagonal, strict=True)], axis=1)
        mixed = np.einsum("st,tkr->skr", self._whitener, np.stack(rows))  # noise in common: one axis for all
        return np.concatenate(list(mixed), axis=1)

    def _alone(self, part: np.ndarray, spectrum: int) -> np.ndarray:
        """Rows, shape (k, R), of something that only one spectrum has: `part` complex, shape (k, size)."""
        parts = [np.zeros((len(part), block.size), complex) for block in self.blocks]
        parts[spectrum] = part
        return self.whiten(parts)

    # -- baseline ------------------------------------------------------------------------------------------------------

    def set_stiffness(self, dimension: float | None) -> None:
        """Lay out the baseline; `dimension`: degrees of freedom per ppm of a spline, None for a straight line."""
        rows, penalties = [np.zeros((0, 2 * sum(block.size for block in self.blocks)))], []
        for s, (columns, penalty) in enumerate(self._columns):
            rows.append(self._alone(np.concatenate([columns, 1j * columns]), s))
            strength = 0.0
            if penalty.any():
                span = sum(high - low for low, high in self.model.ranges)
                wanted = max((dimension or 0.0) * span, _baseline.STIFFEST)
                strength = _baseline.strength_for(columns, penalty, wanted) / self.noise[s, s]
            penalties += [strength * penalty, strength * penalty]
        self.baseline = np.concatenate(rows)
        self.baseline_penalty = _block_diagonal(*penalties)
        gram = self.baseline @ self.baseline.T + self.baseline_penalty
        self._factor = np.linalg.cholesky(gram + 1e-12 * np.diag(np.diag(gram)))
        # Products of rows on it are what the baseline takes off the products of the rows themselves.
        self._projector = np.linalg.solve(self._factor, self.baseline)  # once a stiffness, not worth importing scipy

    @property
    def baseline_dimension(self) -> float:
        """Effective degrees of freedom of the baseline, all real channels together."""
        return float(np.sum(self._projector**2))


class Problem(Layout):
    """Data, bases and model of one (joint) fit.

    Args:
        data: one FID a spectrum.
        bases: one basis a spectrum, on the time axis of its data, all with the same names.
        model: choices of the user.
        noise: covariance of the noise of the spectra, one real channel of `to_spectrum`, shape (S, S).

    Attributes:
        blocks: spectra with their bases.
        target: the data as one row, shape (R,).
        concentration_penalty: quadratic penalty on the concentrations, shape (L, L).
        Others are those of `Layout`.
    """

    def __init__(self, data: Sequence[FID], bases: Sequence[BasisSet], model: FitModel, noise: np.ndarray):
        blocks = [_block(fid, basis, model) for fid, basis in zip(data, bases, strict=True)]
        super().__init__(bases[0].names, blocks, data[0].central_frequency, model, noise)
        self.concentration_penalty = np.zeros((len(self.names), len(self.names)))
        self.target = self.whiten([block.data[None] for block in self.blocks])[0]
        self.weighed = False
        self.set_line(None)

    def set_basis(self, bases: Sequence[BasisSet]) -> None:
        """Fit other basis functions of the same names, on the same time axes."""
        self.blocks = tuple(replace(block, fids=each.fids) for block, each in zip(self.blocks, bases, strict=True))

    def set_soft_ratios(self, c: np.ndarray) -> None:
        """Turn the soft ratios into a quadratic penalty, their scale taken from concentrations `c`, shape (L,)."""
        self.concentration_penalty = np.zeros((len(c), len(c)))
        for soft in self.model.priors:
            below = np.array([matches(name, soft.reference) for name in self.names], float)
            weight = np.array([matches(name, soft.reference + soft.weight) for name in self.names], float)
            if soft.metabolite not in self.names or not below.any():
                continue
            own = self.names.index(soft.metabolite)
            # The sum below the line, as it and the numerator together tell it, so that it cannot vanish beside that.
            scale = soft.sd * (weight @ c + c[own]) / (1.0 + soft.ratio)
            if scale > 0.0:
                difference = -soft.ratio * below
                difference[own] += 1.0
                self.concentration_penalty += np.outer(difference, difference) / scale**2

    @property
    def tied(self) -> bool:
        """Whether priors tie the lines of groups to each other."""
        return bool(self._ties.any())

    def weigh_priors(self, variance: float) -> None:
        """Let priors on lines count as much as they say beside a residual of `variance` in units of the noise.

        A residual larger than the noise holds no more information on shifts and widths: without this, the priors
        would be the weaker the worse the model fits, and small signals free to follow what it misses.
        """
        self.prior_precision, self.weighed = variance * self._ties, True

    def retarget(self, target: np.ndarray) -> "Problem":
        """The same problem with other data, given as one row, shape (R,)."""
        other = copy.copy(self)
        other.target = target
        other.lower, other.upper = self.lower.copy(), self.upper.copy()
        return other

    # -- baseline ------------------------------------------------------------------------------------------------------

    def without_baseline(self, rows: np.ndarray, spectrum: int) -> np.ndarray:
        """Complex rows of one spectrum less their best quadratic polynomial, when the model has a baseline."""
        if self.model.baseline.kind == "off":
            return rows
        smooth = _baseline.polynomial(self.blocks[spectrum].ppm, 2)
        return rows - (rows @ smooth.T) @ smooth

    def residual_without_metabolites(self) -> float:
        """Chi-squared of the baseline alone."""
        of_target = self._projector @ self.target
        return float(self.target @ self.target - of_target @ of_target)

    def baseline_coefficients(self, linear: Linear, c: np.ndarray) -> np.ndarray:
        """Best coefficients of the baseline beside concentrations `c`, shape (m,)."""
        residual = self.target - c @ linear.rows
        return np.linalg.solve(self._factor.T, self._projector @ residual)

    def baseline_curve(self, coefficients: np.ndarray, spectrum: int) -> np.ndarray:
        """Baseline of one spectrum, complex, unweighted, shape (size,)."""
        first = sum(2 * len(columns) for columns, _ in self._columns[:spectrum])
        columns = self._columns[spectrum][0]
        real, imaginary = coefficients[first : first + 2 * len(columns)].reshape(2, -1)
        return (real + 1j * imaginary) @ columns

    def on_baseline(self, rows: np.ndarray) -> np.ndarray:
        """What products of rows, shape (k, R), lose to the baseline: rows whose products these are, shape (k, m)."""
        return rows @ self._projector.T

    # -- the linear half -----------------------------------------------------------------------------------------------

    def damp(self, theta: np.ndarray, spectrum: int) -> tuple[np.ndarray, np.ndarray]:
        """FIDs of one spectrum with damping and shift, shape (L, points), and its phase factors, shape (size,)."""
        block, v = self.blocks[spectrum], self.values(theta, spectrum)
        fids = self._lines(theta, spectrum, None if self.line is None else self.line[spectrum])
        return fids, np.exp(-1j * (v["phi0"] + v["phi1"] * block.frequency))

    def damped_by_voigt(self, theta: np.ndarray) -> list[np.ndarray]:
        """FIDs of every spectrum with damping and shift alone, each of shape (L, points)."""
        return [self._lines(theta, s, None) for s in range(len(self.blocks))]

    def _lines(self, theta: np.ndarray, spectrum: int, line: np.ndarray | None) -> np.ndarray:
        """FIDs with the Voigt line of their group, and a common one, shape (L, points)."""
        block, v = self.blocks[spectrum], self.values(theta, spectrum)
        t, fids = block.time, np.empty_like(block.fids)
        for group, members in enumerate(self._members):
            factor = np.exp(-(v["gamma"][group] + v["gauss"][group] * t + 1j * v["eps"][group]) * t)
            fids[members] = block.fids[members] * (factor if line is None else factor * line)
        return fids

    def set_line(self, line: Sequence[np.ndarray] | None, rows: np.ndarray | None = None, ridge: float = 0.0) -> None:
        """Multiply all FIDs of each spectrum by a common line, each (points,); None for Voigt lines alone.

        `rows`, shape (J, R), are the derivatives of the model with respect to the taps of that line, and `ridge` their
        penalty: both enter the information matrix.
        """
        self.line = line
        self.line_rows = np.zeros((0, len(self.target))) if rows is None else rows
        self.line_penalty = ridge * np.eye(len(self.line_rows))

    def components(self, theta: np.ndarray, spectrum: int) -> np.ndarray:
        """Spectra of the metabolites at unit concentration, complex, unweighted, shape (L, size)."""
        fids, phase = self.damp(theta, spectrum)
        return self.blocks[spectrum].transform(fids) * phase

    def linear(self, theta: np.ndarray) -> Linear:
        """Rows and normal equations of the concentrations at `theta`."""
        damped, phase = zip(*(self.damp(theta, s) for s in range(len(self.blocks))), strict=True)
        parts = [block.transform(f) * p for block, f, p in zip(self.blocks, damped, phase, strict=True)]
        rows = self.whiten(parts)
        on_baseline = rows @ self._projector.T
        of_target = self._projector @ self.target
        gram = rows @ rows.T - on_baseline @ on_baseline.T + self.concentration_penalty
        right = rows @ self.target - on_baseline @ of_target
        constant = self.target @ self.target - of_target @ of_target
        return Linear(rows, on_baseline, gram, right, float(constant), damped, phase)

    # -- the nonlinear half --------------------------------------------------------------------------------------------

    def jacobian(self, linear: Linear, c: np.ndarray) -> np.ndarray:
        """Derivatives of the model with respect to theta at concentrations `c`, shape (K, R)."""
        rows = np.zeros((len(self.parameters), len(self.target)))
        for s, block in enumerate(self.blocks):
            fids = (self._member * c) @ linear.damped[s]  # one a group
            found = derivatives(fids, block.time, block.frequency, partial(_phased, block, linear.phase[s]))
            for kind, part in found.items():
                places = [self.index(kind, group, s) for group in _groups(kind, self.group_count)]
                if None not in places:
                    rows[places] += self._alone(part, s)
        return rows

    def normal_equations(self, linear: Linear, c: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gauss-Newton matrix (K, K) and downhill gradient (K,) of half the cost, with c and baseline eliminated.

        Kaufman's form of variable projection (1975, doi:10.1007/BF01932995), which equals the Schur complement of the
        full Gauss-Newton matrix on the nonlinear parameters; metabolites at their bound c = 0 stay there.
        """
        jacobian = self.jacobian(linear, c)
        on_baseline = jacobian @ self._projector.T
        residual = self.target - c @ linear.rows
        gradient = jacobian @ residual - on_baseline @ (self._projector @ residual)
        matrix = jacobian @ jacobian.T - on_baseline @ on_baseline.T
        free = np.flatnonzero(c > 0.0)
        if free.size:
            cross = linear.rows[free] @ jacobian.T - linear.on_baseline[free] @ on_baseline.T
            gram = linear.gram[np.ix_(free, free)]
            matrix -= cross.T @ np.linalg.solve(gram + 1e-12 * np.diag(np.diag(gram)), cross)
        return matrix + self.prior_precision, gradient - self.prior_precision @ theta

    def held(self, theta: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Which nonlinear parameters lie at a bound and would go beyond it, shape (K,)."""
        _, downhill = self.normal_equations(self.linear(theta), c, theta)
        return ((theta <= self.lower) & (downhill < 0.0)) | ((theta >= self.upper) & (downhill > 0.0))

    def fisher(self, theta: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Information matrix of (concentrations, theta, baseline, free line) in units of the noise, priors included.

        Fisher = Re(J^H J) / sigma^2 with J the Jacobian of the complex model, shape (L + K + m + J, L + K + m + J).
        """
        linear = self.linear(theta)
        rows = np.concatenate([linear.rows, self.jacobian(linear, c), self.baseline, self.line_rows])
        return rows @ rows.T + _block_diagonal(
            self.concentration_penalty, self.prior_precision, self.baseline_penalty, self.line_penalty
        )


def noise_matrix(noise_sd: Sequence[float] | np.ndarray) -> np.ndarray:
    """Covariance of the noise of S spectra from SDs, shape (S,), of independent noise, or from a covariance, (S, S)."""
    noise = np.asarray(noise_sd, float)
    return np.diag(noise**2) if noise.ndim == 1 else noise


def _declare(model: FitModel, spectra: int, groups: int, central_frequency: float) -> tuple[Parameter, ...]:
    width, shift = np.pi * model.max_width, 2.0 * np.pi * model.max_shift * central_frequency
    limits = {
        "gamma": (0.0, width),
        "gauss": (0.0, width**2 / (4.0 * np.log(2.0))),  # width of exp(-s t^2): 2 sqrt(s ln 2) / pi
        "eps": (-shift, shift),
        "phi0": (-np.inf, np.inf),
        "phi1": (-MAX_PHASE1, MAX_PHASE1),
    }
    absent = {"lorentz": "gauss", "gauss": "gamma"}.get(model.line)
    return tuple(
        Parameter(kind, group, spectrum, *limits[kind])
        for kind, shared in KINDS.items()
        if kind != absent
        for spectrum in ((None,) if shared in model.shared or spectra == 1 else range(spectra))
        for group in _groups(kind, groups)
    )


def _groups(kind: str, count: int) -> Sequence[int | None]:
    return (None,) if kind.startswith("phi") else range(count)


def _block(fid: FID, basis: BasisSet, model: FitModel) -> Block:
    axis = Axis.of(fid.points, fid.dwell, fid.central_frequency, model)
    data = axis.transform(fid.samples)
    return Block(axis.time, axis.points, axis.frequency, axis.ppm, fid.samples, basis.fids, data)


def _block_diagonal(*matrices: np.ndarray) -> np.ndarray:
    """As scipy.linalg.block_diag, whose import would take longer than most fits."""
    ends = np.cumsum([0, *(len(matrix) for matrix in matrices)])
    whole = np.zeros((ends[-1], ends[-1]))
    for matrix, start, end in zip(matrices, ends, ends[1:], strict=False):
        whole[start:end, start:end] = matrix
    return whole


def _phased(block: Axis, phase: np.ndarray, fids: np.ndarray) -> np.ndarray:
    return block.transform(fids) * phase


def _baseline_columns(ppm: np.ndarray, model: FitModel) -> tuple[np.ndarray, np.ndarray]:
    kind, number = model.baseline.kind, model.baseline.number
    if kind == "spline":
        return _baseline.spline(ppm)
    columns = _baseline.polynomial(ppm, number) if kind == "poly" else np.zeros((0, len(ppm)))
    return columns, np.zeros((len(columns), len(columns)))
