"""Waveforms from free parameters: band-limited where asked for, and never above the B1 limit."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.pulses import Pulse

KINDS = ("samples", "bspline", "fourier", "phase", "amplitude", "hard")


@dataclass(frozen=True)
class Parametrisation:
    """How a pulse is written in numbers.

    Attributes:
        kind: "samples": x and y of every sample; "bspline": cubic B-splines of x and y; "fourier": coefficients of the
            frequencies within `bandwidth`; "phase": constant amplitude, B-spline phase; "amplitude": B-spline amplitude
            of either sign, constant phase; "hard": rectangular pulses of `hard_duration` with delays between them that
            are variables, too.
        duration, dwell: s.
        b1_limit: in uT, kept by construction: B1 = b1_limit * tanh(r)/r * (u + i v), r = |u + i v|.
        knot_spacing: of the B-splines in s; features shorter than this cannot appear.
        bandwidth: full width in Hz of "fourier".
        hard_pulses, hard_duration: number of the rectangles of "hard" and length of each in s.
        carrier_hz: frequency around which the waveform is written, from the receiver.
    """

    kind: str
    duration: float
    dwell: float
    b1_limit: float
    knot_spacing: float = 1e-3
    bandwidth: float = 1000.0
    carrier_hz: float = 0.0
    hard_pulses: int = 8
    hard_duration: float = 5e-4

    def __post_init__(self):
        if self.kind not in KINDS:
            raise SpinsculptError(f"parametrisation must be one of {', '.join(KINDS)}, not {self.kind!r}.")
        if not self.b1_limit > 0:
            raise SpinsculptError(
                f"b1_limit is {self.b1_limit:g} uT: a pulse needs some B1; 13.5 uT is safe on most scanners."
            )
        if self.samples < 1 or abs(self.samples * self.dwell - self.duration) > 1e-9:
            raise SpinsculptError(
                f"A pulse of {self.duration * 1e3:g} ms is not a whole number of samples of {self.dwell * 1e6:g} us; "
                "choose the duration as a multiple of the dwell time."
            )
        if self.kind == "hard" and not self.dwell <= self.hard_duration <= self.duration / (self.hard_pulses + 1):
            raise SpinsculptError(
                f"{self.hard_pulses} hard pulses of {self.hard_duration * 1e3:g} ms do not fit into "
                f"{self.duration * 1e3:g} ms with delays between them, or are shorter than a sample; change "
                "hard_pulses or hard_duration."
            )

    @property
    def samples(self) -> int:
        return round(self.duration / self.dwell)

    @property
    def _time(self) -> np.ndarray:
        """Middle of each sample from the middle of the pulse, s."""
        return (np.arange(self.samples) + 0.5) * self.dwell - self.duration / 2

    @property
    def columns(self) -> np.ndarray:
        """Real basis functions of one component, shape (samples, m)."""
        if self.kind == "hard":
            return np.eye(self.hard_pulses)
        if self.kind == "samples":
            return np.eye(self.samples)
        if self.kind == "fourier":
            highest = int(self.bandwidth / 2 * self.duration)
            angle = 2 * np.pi * np.outer(self._time / self.duration, np.arange(1, highest + 1))
            return np.hstack([np.ones((self.samples, 1)), np.cos(angle), np.sin(angle)])
        return _bsplines(self._time + self.duration / 2, self.duration, self.knot_spacing)

    @property
    def components(self) -> int:
        return 1 if self.kind in ("phase", "amplitude") else 2

    @property
    def size(self) -> int:
        """Number of free parameters."""
        return self.columns.shape[1] * self.components + (self.hard_pulses + 1 if self.kind == "hard" else 0)

    def initial(
        self, generator: torch.Generator, starts: int, amplitude: float, pulses: int = 1, sampling: str = "sobol"
    ) -> Tensor:
        """Parameters to start from, shape (starts, pulses x size); normally distributed.

        Args:
            generator: of the random numbers, which also scramble the Sobol sequence.
            starts: number of rows.
            amplitude: SD of each component of B1 over the limit.
            pulses: pulses of this form, side by side.
            sampling: "sobol" covers the space evenly (Owen 1998, doi:10.1006/jcom.1998.0487), "random" does not.
        """
        width = self.size * pulses
        if sampling == "sobol" and width <= torch.quasirandom.SobolEngine.MAXDIM:
            seed = int(torch.randint(2**31, (1,), generator=generator, device="cpu"))
            with torch.device("cpu"):
                even = torch.quasirandom.SobolEngine(width, scramble=True, seed=seed).draw(starts, dtype=torch.float64)
            x = np.sqrt(2) * torch.erfinv(2 * even.clamp(1e-6, 1 - 1e-6) - 1)
        else:
            x = torch.randn(starts, width, generator=generator, dtype=torch.float64, device="cpu")
        spread = np.sqrt((self.columns**2).sum(1).mean())  # SD of a component for unit parameters
        return torch.as_tensor(x.numpy()) * ((np.pi if self.kind == "phase" else amplitude) / spread)

    def parameters(self, pulse: Pulse) -> np.ndarray:
        """Parameters of the waveform nearest to a known pulse, stretched to this duration, shape (size,)."""
        if self.kind not in ("samples", "bspline", "fourier"):
            raise SpinsculptError(f"starts_from: a {self.kind} waveform cannot take up a known pulse; use bspline.")
        there = (np.arange(len(pulse.b1)) + 0.5) / len(pulse.b1)
        here = (np.arange(self.samples) + 0.5) / self.samples
        b1 = np.interp(here, there, pulse.b1.real) + 1j * np.interp(here, there, pulse.b1.imag)
        b1 = b1 * np.exp(-2j * np.pi * self.carrier_hz * self._time) / self.b1_limit
        r = np.clip(np.abs(b1), 1e-12, 0.99)
        b1 = b1 / np.abs(b1).clip(1e-12) * np.arctanh(r)
        fitted, *_ = np.linalg.lstsq(self.columns, np.stack([b1.real, b1.imag], 1), rcond=None)
        return fitted.T.ravel()

    def waveform(self) -> "Waveform":
        """The differentiable map from parameters to B1."""
        return Waveform(self)


class Waveform:
    """Parameters (starts, size) -> B1x + i B1y in uT, complex128, shape (starts, samples)."""

    def __init__(self, form: Parametrisation):
        self.form = form
        self._columns = torch.as_tensor(form.columns)
        self._carrier = torch.as_tensor(np.exp(2j * np.pi * form.carrier_hz * form._time))

    def __call__(self, x: Tensor) -> Tensor:
        if self.form.kind == "hard":
            return self._hard(x)
        parts = x.unflatten(1, (self.form.components, -1)) @ self._columns.T
        if self.form.kind == "phase":
            shape = torch.polar(torch.ones_like(parts[:, 0]), parts[:, 0])
        elif self.form.kind == "amplitude":
            shape = torch.complex(torch.tanh(parts[:, 0]), torch.zeros_like(parts[:, 0]))
        else:
            shape = _limited(parts)
        return self.form.b1_limit * shape * self._carrier

    def _hard(self, x: Tensor) -> Tensor:
        """Rectangles between delays that share what the rectangles leave of the duration, as a softmax of x.

        A sample that a rectangle covers in part has that part of its amplitude, so that B1 follows the delays smoothly.
        """
        form, count = self.form, self.form.hard_pulses
        height = _limited(x[:, : 2 * count].unflatten(1, (2, count)))
        free = form.duration - count * form.hard_duration
        begin = (free * torch.softmax(x[:, 2 * count :], 1)[:, :-1] + form.hard_duration).cumsum(1) - form.hard_duration
        edges = torch.as_tensor(np.arange(form.samples + 1) * form.dwell)
        covered = (edges - begin[:, :, None]).clamp(0, form.hard_duration)  # of each rectangle until each edge
        shape = (height[:, :, None] * covered.diff(dim=-1) / form.dwell).sum(1)
        return form.b1_limit * shape * self._carrier


def _limited(parts: Tensor) -> Tensor:
    """u + i v of (starts, 2, n), its magnitude r made tanh(r)."""
    r = (parts**2).sum(1).clamp_min(1e-20).sqrt()
    return torch.complex(*(parts * (torch.tanh(r) / r)[:, None]).unbind(1))


def _bsplines(time: np.ndarray, duration: float, spacing: float) -> np.ndarray:
    """Uniform cubic B-splines whose knots divide the duration, shape (len(time), m)."""
    from scipy.interpolate import BSpline  # imports slowly

    intervals = max(1, round(duration / spacing))
    return BSpline.design_matrix(time / duration * intervals, np.arange(-3.0, intervals + 4.0), 3).toarray()
