"""The basis set that a fit is made of."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spinsculpt.core.conventions import ppm_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import quantity


@dataclass(frozen=True)
class BasisSet:
    """One FID a metabolite (or macromolecule), all on one time axis.

    Attributes:
        names: names, e.g. ("Glu", "Gln", "MM09").
        fids: complex128, FFT-positive, shape (len(names), points); one proton at full signal = 1.
        dwell: sampling interval in s.
        central_frequency: MHz.
        linewidth: Lorentzian full width at half maximum in Hz that is already in the FIDs of the metabolites.
        meta: provenance and description (JSON-serialisable).
    """

    names: tuple[str, ...]
    fids: np.ndarray
    dwell: float
    central_frequency: float
    linewidth: float = 0.0
    meta: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.fids.ndim != 2 or self.fids.shape[0] != len(self.names):
            raise SpinsculptError(f"A basis of {len(self.names)} names needs as many FIDs, not {self.fids.shape[0]}.")
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise SpinsculptError(f"The basis holds {twice[0]!r} twice; leave one of them out.")
        for key in ("dwell", "central_frequency", "linewidth"):
            quantity(getattr(self, key), key, "The basis")
        if not np.isfinite(self.fids).all():
            bad = self.names[int(np.flatnonzero(~np.isfinite(self.fids).all(axis=1))[0])]
            raise SpinsculptError(f"The basis function of {bad} is not finite; check pulses and widths.")

    def of_file(self, path: Path | str) -> "BasisSet":
        """The basis itself, as a reader returns it.

        Raises:
            SpinsculptError: it holds no signal at all, which no sequence leaves.
        """
        if not self.points or not np.any(self.fids):
            raise SpinsculptError(f"{path}: every basis function is zero; simulate the basis anew.")
        return self

    def decay(self, name: str, t1: float, t2: float, echo_time: float, locked: float = 1.0) -> float:
        """What T2, and T1 while it lies along z, leave of the signal of `name` until the first sample.

        By the times that were worked out with the basis; exp(-TE / T2) of one that has none.

        Args:
            name: metabolite or macromolecule.
            t1, t2: s.
            echo_time: s, of a basis without times.
            locked: T1rho during pulses over T2.
        """
        times = self.meta.get("decay_s", {}).get(name)
        if times is None:
            return float(np.exp(-echo_time / t2))
        plane = times["transverse"] - times["in_pulses"] * (1 - 1 / locked)
        return float(np.exp(-plane / t2 - times["along_z"] / t1))

    @property
    def water(self) -> complex | None:
        """What a proton of water gives at the start of the acquisition; None in bases that do not say it."""
        told = self.meta.get("water")
        return complex(*told) if isinstance(told, list) and len(told) == 2 else None

    @property
    def points(self) -> int:
        return self.fids.shape[1]

    @property
    def ppm(self) -> np.ndarray:
        return ppm_axis(self.points, self.dwell, self.central_frequency)

    @property
    def spectra(self) -> np.ndarray:
        """Spectra, frequencies ascending, shape (len(names), points)."""
        return to_spectrum(self.fids)

    def index(self, name: str) -> int:
        """Row of `name`; an unknown name is an error that lists the known ones."""
        if name not in self.names:
            raise SpinsculptError(f"The basis has no {name!r}; it has {', '.join(self.names)}.")
        return self.names.index(name)

    def __repr__(self) -> str:
        return (
            f"BasisSet({len(self.names)} functions: {', '.join(self.names)}; {self.points} points, "
            f"{1 / self.dwell:g} Hz, {self.central_frequency:.3f} MHz)"
        )

    def __getitem__(self, name: str) -> np.ndarray:
        return self.fids[self.index(name)]
