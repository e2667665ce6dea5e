"""What a design can be asked for: small losses, each of shape (starts, conditions), 0 = as good as the reference."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spinsculpt.core.conventions import ppm_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.design._simulate import Acquisition, Signals
from spinsculpt.fit import Axis, FitModel, Layout, derivatives
from spinsculpt.physics.spins import unitary_bound


class Objective(Protocol):
    """A differentiable loss of the signals."""

    def __call__(self, signals: Signals) -> Tensor:
        """Loss of every start under every condition, shape (starts, conditions)."""


class Window:
    """The spectrum of named metabolites between two chemical shifts, first shot unless another is named."""

    def __init__(self, acquisition: Acquisition, ppm: Sequence[float], shot: str | None = None):
        axis = np.fft.ifftshift(ppm_axis(acquisition.points, acquisition.dwell, acquisition.central_frequency))
        self.shot = shot
        self.points = torch.as_tensor(np.flatnonzero((axis >= ppm[0]) & (axis <= ppm[1])))
        if not len(self.points):
            raise SpinsculptError(f"No point of the spectrum lies in {ppm[0]:g} to {ppm[1]:g} ppm; widen the window.")

    def __call__(self, signals: Signals, metabolites: Sequence[str]) -> Tensor:
        """Complex spectra, shape (starts, conditions, len(metabolites), points)."""
        shot = self.shot or next(iter(signals.fids))
        rows = [signals.names.index(name) for name in metabolites]
        return torch.fft.fft(signals.fids[shot][..., rows, :])[..., self.points]


class TargetSpectrum:
    r"""1 - |<s, t>| / (|s| |t|): the wanted spectrum t up to scale and phase, in a window of chemical shifts."""

    def __init__(self, metabolite: str, target: np.ndarray, window: Window):
        self.metabolite, self.window, self.target = metabolite, window, torch.as_tensor(target)

    def __call__(self, signals: Signals) -> Tensor:
        s = self.window(signals, [self.metabolite])[..., 0, :]
        overlap = (s.conj() @ self.target).abs()
        return 1 - overlap / (s.norm(dim=-1) * self.target.norm()).clamp_min(1e-12)


class TargetState:
    r"""1 - Re<B, rho> / (<B, B> b): the wanted operator B at the first sample, b its unitary bound from F_z.

    Zero is the best that any pulse can do (Sorensen 1989, doi:10.1016/0079-6565(89)80006-8).

    Args:
        metabolite: one of `keep_states` of the simulation.
        operator: B in the product basis, shape (d, d), Hermitian.
        basis: eigenvectors of the free Hamiltonian (columns), in which the simulation gives its states.
        equilibrium: F_z in the product basis.
    """

    def __init__(self, metabolite: str, operator: np.ndarray, basis: np.ndarray, equilibrium: np.ndarray):
        self.metabolite = metabolite
        self.operator = torch.as_tensor(basis.T @ operator @ basis)
        self.norm = float(np.vdot(operator, operator).real) * unitary_bound(equilibrium, operator)

    def __call__(self, signals: Signals) -> Tensor:
        rho = next(state for (_, name), state in signals.states.items() if name == self.metabolite)
        return 1 - (self.operator.conj() * rho).sum((-2, -1)).real / self.norm


class Enhance:
    r"""-log of the smooth maximum of |s| of the wanted metabolites, relative to a reference sequence.

    log max ~ log (mean |s|^p)^(1/p), p = 12. The logarithm, unlike a difference of peak and residual, cannot be
    satisfied by making everything vanish.
    """

    power = 12

    def __init__(self, metabolites: Sequence[str], window: Window, reference: Signals):
        self.metabolites, self.window = tuple(metabolites), window
        self.reference = self._height(reference)[0, 0]

    def _height(self, signals: Signals) -> Tensor:
        magnitude = self.window(signals, self.metabolites).sum(-2).abs()
        largest = magnitude.amax(-1, keepdim=True).detach().clamp_min(1e-12)
        return (largest[..., 0]) * ((magnitude / largest) ** self.power).mean(-1) ** (1 / self.power)

    def __call__(self, signals: Signals) -> Tensor:
        return -torch.log(self._height(signals) / self.reference)


class Suppress:
    r"""log(E / E_ref + f): energy of the unwanted metabolites in the window, relative to a reference sequence.

    The floor f (1e-4 = 1 % of the amplitude) ends the reward where nobody would see the residue.
    """

    def __init__(self, metabolites: Sequence[str], window: Window, reference: Signals, floor: float = 1e-4):
        self.metabolites, self.window, self.floor = tuple(metabolites), window, floor
        self.reference = self._energy(reference)[0, 0]

    def _energy(self, signals: Signals) -> Tensor:
        return (self.window(signals, self.metabolites).abs() ** 2).sum((-2, -1))

    def __call__(self, signals: Signals) -> Tensor:
        return torch.log(self._energy(signals) / self.reference + self.floor)


class CRLB:
    r"""sum_i w_i log(CRLB_i / CRLB_i,ref), sum_i w_i = 1: the geometric mean of the bounds relative to a reference.

    Fisher = Re(J^H J) / sigma^2 with J over concentrations, width, shift and phase of each group, and baseline: the
    model of `spinsculpt.fit`, whose parameters, baseline and formulas this class takes from there. n shots share the
    scan time: each has sqrt(n) times the noise.

    Args:
        metabolites: weight of each.
        concentrations: of all names in the signals.
        model: the model that will be fitted.
        acquisition: sampling of the signals.
        shots: names of the shots that are fitted jointly.
        noise_sd: of one real channel of the spectrum of a one-shot sequence.
        reference: value of sum_i w_i log(CRLB_i) that counts as zero.
        longer: factor on the T2 of all names, and what they are in s, shape (L,); None leaves the decay as it is.
        grouped: names that have one amplitude together, in the ratio of their concentrations.
    """

    def __init__(
        self,
        metabolites: Mapping[str, float],
        names: Sequence[str],
        concentrations: Mapping[str, float],
        model: FitModel,
        acquisition: Acquisition,
        shots: Sequence[str],
        noise_sd: float = 1.0,
        reference: float = 0.0,
        longer: tuple[float, np.ndarray] | None = None,
        grouped: Sequence[str] = (),
    ):
        self.shots, self.targets, self.weighted = tuple(shots), tuple(metabolites), dict(metabolites)
        self._rate = None if longer is None else torch.as_tensor((1 / longer[0] - 1) / longer[1])
        together = [k for k, name in enumerate(names) if name in grouped]
        self._apart, self._together = [k for k in range(len(names)) if k not in together], together
        self._amounts = torch.tensor([concentrations[names[k]] for k in together], dtype=torch.float64)
        if together:
            names = [*(names[k] for k in self._apart), "MM"]
            concentrations = {**concentrations, "MM": 1.0}
        weights = torch.tensor(list(metabolites.values()), dtype=torch.float64)
        self.weights = weights / weights.sum()
        for name in self.targets:
            if name not in names:
                raise SpinsculptError(
                    f"objective crlb: {name!r} is not among the metabolites of the design; add it there."
                )
        self.rows = [names.index(name) for name in self.targets]
        self.c = torch.tensor([concentrations[name] for name in names], dtype=torch.float64)
        self.reference = reference
        self.noise = noise_sd * np.sqrt(len(self.shots))
        axis = Axis.of(acquisition.points, acquisition.dwell, acquisition.central_frequency, model)
        covariance = np.eye(len(self.shots)) * self.noise**2
        self.layout = Layout(names, [axis] * len(self.shots), acquisition.central_frequency, model, covariance)
        self._baseline = torch.as_tensor(self.layout.baseline)
        self._penalty = torch.block_diag(
            torch.zeros(len(names), len(names)),
            torch.as_tensor(self.layout.prior_precision),
            torch.as_tensor(self.layout.baseline_penalty),
        ).to(torch.float64)
        self._group = torch.as_tensor(self.layout.groups)

    def covariance(self, signals: Signals) -> Tensor:
        """Covariance of the concentrations, everything else marginalised, shape (starts, conditions, L, L)."""
        fids = [self._assumed(signals, shot) for shot in self.shots]
        rows = torch.cat([self._rows(fid, s) for s, fid in enumerate(fids)], -1)
        rows = torch.cat([rows, self._baseline.expand(*rows.shape[:-2], *self._baseline.shape)], -2)
        if signals.shares is not None:  # of more averages less noise
            louder = (signals.shares * len(self.shots)).sqrt().repeat_interleave(rows.shape[-1] // len(self.shots), -1)
            rows = rows * louder[:, None, None]
        fisher = rows @ rows.mT + self._penalty
        scale = fisher.diagonal(dim1=-2, dim2=-1).clamp_min(1e-30).rsqrt()
        scaled = fisher * scale[..., None] * scale[..., None, :]
        inverse = torch.linalg.inv(scaled) * scale[..., None] * scale[..., None, :]
        return inverse[..., : len(self.c), : len(self.c)]

    def _assumed(self, signals: Signals, shot: str) -> Tensor:
        """FIDs of one spectrum with the T2 and the groups of this model."""
        fid = signals.fids[shot]
        if self._rate is not None:
            fid = fid * torch.exp(-signals.decayed[shot] * self._rate)[:, None, :, None]
        if self._together:
            whole = (fid[..., self._together, :] * self._amounts[:, None]).sum(-2, keepdim=True)
            fid = torch.cat([fid[..., self._apart, :], whole], -2)
        return fid

    def sd(self, signals: Signals) -> Tensor:
        """CRLBs of the metabolites that count, shape (starts, conditions, len(targets))."""
        return self.covariance(signals).diagonal(dim1=-2, dim2=-1)[..., self.rows].clamp_min(1e-30).sqrt()

    def log_mean(self, signals: Signals) -> Tensor:
        """sum_i w_i log(CRLB_i), shape (starts, conditions)."""
        return self.sd(signals).log() @ self.weights

    def __call__(self, signals: Signals) -> Tensor:
        return self.log_mean(signals) - self.reference

    def _rows(self, fid: Tensor, spectrum: int) -> Tensor:
        """Rows of one spectrum: metabolites, then the nonlinear parameters, real, shape (..., L + K, 2 points)."""
        layout, axis = self.layout, self.layout.blocks[spectrum]
        time, frequency, points = map(torch.as_tensor, (axis.time, axis.frequency, axis.points))
        grouped = torch.zeros(*fid.shape[:-2], layout.group_count, fid.shape[-1], dtype=fid.dtype)
        grouped = grouped.index_add(-2, self._group, fid * self.c[:, None])

        def transform(signal: Tensor) -> Tensor:
            return torch.fft.fft(signal)[..., points]

        found = derivatives(grouped, time, frequency, transform)
        rows = [transform(fid)]
        for parameter in layout.parameters:
            mine = parameter.spectrum in (None, spectrum)
            row = found[parameter.kind][..., parameter.group or 0, :]
            rows.append((row if mine else torch.zeros_like(row)).unsqueeze(-2))
        return torch.view_as_real(torch.cat(rows, -2)).flatten(-2) / self.noise


class Ratio(CRLB):
    r"""log of the SD of log(a / b), relative to a reference: sqrt(va/a^2 + vb/b^2 - 2 vab/(ab)), covariance included.

    Args:
        metabolites: the two of the ratio.
        Others are those of `CRLB`.
    """

    def log_mean(self, signals: Signals) -> Tensor:
        """Logarithm of the SD of the ratio, shape (starts, conditions)."""
        return self.fractional(signals).log()

    def fractional(self, signals: Signals) -> Tensor:
        """SD of log(a / b), shape (starts, conditions)."""
        a, b = self.rows
        scaled = self.covariance(signals) / (self.c[:, None] * self.c)
        variance = scaled[..., a, a] + scaled[..., b, b] - 2 * scaled[..., a, b]
        return variance.clamp_min(1e-30).sqrt()


class UnderModels:
    """The same bound under several models of the fit, beside the conditions: (starts, models x conditions)."""

    def __init__(self, bounds: Sequence[CRLB]):
        self.bounds = tuple(bounds)

    def __call__(self, signals: Signals) -> Tensor:
        return torch.cat([bound(signals) for bound in self.bounds], 1)


class Power:
    r"""sum_slots integral B1^2 dt / reference: the proxy of the specific absorption rate; reference in uT^2 ms."""

    def __init__(self, dwell: Mapping[str, float], reference: float):
        self.dwell, self.reference = dict(dwell), reference

    def __call__(self, signals: Signals) -> Tensor:
        energy = sum((b1.abs() ** 2).sum(-1) * self.dwell[slot] * 1e3 for slot, b1 in signals.waveforms.items())
        return (energy / self.reference)[:, None]


class Smooth:
    r"""sum_slots integral |dB1/dt|^2 dt / (integral B1^2 dt (2 pi b)^2): mean square bandwidth in units of b Hz."""

    def __init__(self, dwell: Mapping[str, float], bandwidth: float):
        self.dwell, self.bandwidth = dict(dwell), bandwidth

    def __call__(self, signals: Signals) -> Tensor:
        loss = 0.0
        for slot, b1 in signals.waveforms.items():
            rate = 2 * np.pi * self.bandwidth * self.dwell[slot]
            loss = loss + (b1.diff(dim=-1).abs() ** 2).sum(-1) / ((b1.abs() ** 2).sum(-1) + 1e-12) / rate**2
        return loss[:, None]


def robust(loss: Tensor, mode: str, tail: float = 0.3, sharpness: float = 20.0) -> Tensor:
    r"""One number from the losses under all conditions, (starts, conditions) -> (starts,).

    "mean"; "worst": soft maximum log(mean exp(k L)) / k; "cvar": mean of the worst `tail` of the conditions
    (Rockafellar & Uryasev 2000, doi:10.21314/JOR.2000.038).
    """
    if mode == "worst":
        return (torch.logsumexp(sharpness * loss, 1) - np.log(loss.shape[1])) / sharpness
    if mode == "cvar":
        return loss.topk(max(1, round(tail * loss.shape[1])), dim=1).values.mean(1)
    return loss.mean(1)
