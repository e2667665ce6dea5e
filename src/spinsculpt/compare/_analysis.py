"""What is fitted, with the noise and the relaxation that an honest comparison gives it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spinsculpt.basis import BasisSet, read_basis
from spinsculpt.core.conventions import time_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.sequences import Sequence
from spinsculpt.physics.spins import Library

GROUPED_MM = "MM"  # name of the one basis function that all macromolecules share when they are grouped


@dataclass(frozen=True)
class Analysis:
    """Sub-spectra of one sequence that are fitted together, e.g. "megapress" = ON and OFF, "megapressdiff" = DIFF.

    Attributes:
        name: as in the config and in the folders of the fits.
        sequence: the measurement.
        bases: basis set of each sub-spectrum that is fitted, unrelaxed, {"on": ..., "off": ...}.
        shots: the same of every shot of the sequence, whose combinations are made anew when a shot decays or changes.
    """

    name: str
    sequence: Sequence
    bases: Mapping[str, BasisSet]
    shots: Mapping[str, BasisSet] = field(default_factory=dict)

    def measured(
        self,
        library: Library,
        t2_scale: float = 1.0,
        change: Callable[[str, BasisSet], BasisSet] = lambda name, basis: basis,
    ) -> dict[str, BasisSet]:
        """The sub-spectra as a scanner gives them: each shot weighted by the decay over its own echo time.

        Args:
            library: T2 of everything.
            t2_scale: factor on all of them.
            change: (name of a shot, its decayed basis) -> what is measured instead.
        """
        times = {shot.name: shot.echo_time or self.sequence.echo_time for shot in self.sequence.shots}

        def shot(name: str, basis: BasisSet) -> BasisSet:
            return change(name, as_measured(basis, library, times.get(name, self.sequence.echo_time), t2_scale))

        found = {}
        for label, basis in self.bases.items():
            weights = self.sequence.combinations.get(label, {})
            if weights and set(weights) <= set(self.shots):
                parts = [weight * shot(name, self.shots[name]).fids for name, weight in weights.items()]
                found[label] = replace(basis, fids=sum(parts))
            else:
                found[label] = shot(label, basis)
        return found

    @property
    def noise_factors(self) -> tuple[float, ...]:
        r"""SD of the noise in each sub-spectrum; 1 = a one-shot sequence of the same total scan time.

        A shot with the share p of the averages has 1 / sqrt(p) times the noise of all averages in one; a combination
        sum_k w_k s_k of shots has sqrt(sum_k w_k^2 / p_k).
        """
        shares, spectra = self.sequence.shares, self._weights
        for name in self.bases:
            if name not in spectra:
                raise SpinsculptError(
                    f"Analysis {self.name!r} fits {name!r}, which the sequence {self.sequence.name!r} does not give; "
                    f"it gives {', '.join(spectra)}."
                )
        return tuple(
            float(np.sqrt(sum(weight**2 / shares[shot] for shot, weight in spectra[name].items())))
            for name in self.bases
        )

    @property
    def correlated(self) -> bool:
        """Whether the noise of two of the sub-spectra is correlated: both are made of one shot."""
        used = [shot for name in self.bases for shot in self._weights.get(name, (name,))]
        return len(set(used)) < len(used)

    @property
    def _weights(self) -> dict[str, dict[str, float]]:
        """Weights of the shots in each sub-spectrum."""
        return {shot.name: {shot.name: 1.0} for shot in self.sequence.shots} | dict(self.sequence.combinations)


def read_analysis(name: str, spectra: Iterable[str], sequence: Path | str, basis: Path | str) -> Analysis:
    """An analysis from the files of its sequence and of its basis sets.

    Args:
        name: of the analysis.
        spectra: sub-spectra that are fitted together; empty for a sequence of one shot.
        sequence: JSON file.
        basis: folder of the sequence's basis sets.
    """
    sets, spectra = read_basis(basis), tuple(spectra)
    missing = [label for label in spectra if label not in sets]
    if missing:
        raise SpinsculptError(f"Analysis {name!r} fits {missing[0]!r}, but {basis} holds only {', '.join(sets)}.")
    if not spectra and len(sets) > 1:
        raise SpinsculptError(f"Analysis {name!r} must say which spectra of {basis} it fits: {', '.join(sets)}.")
    played = Sequence.read(sequence)
    shots = {shot.name: sets[shot.name] for shot in played.shots if shot.name in sets}
    return Analysis(name, played, {label: sets[label] for label in spectra} or sets, shots)


def as_measured(basis: BasisSet, library: Library, echo_time: float, t2_scale: float = 1.0) -> BasisSet:
    r"""The basis with each signal weighted by its decay until the first sample (`BasisSet.decay`).

    The times that each spends in the plane and along z, or the echo time of a basis that does not know them; T2 is that
    of the library times `t2_scale`.
    """
    known = {**library.metabolites, **library.macromolecules}
    missing = [name for name in basis.names if name not in known]
    if missing:
        raise SpinsculptError(f"The library has no T2 of {', '.join(missing)}; add them to metabolites.yaml.")
    weights = np.array(
        [basis.decay(name, known[name].t1, known[name].t2 * t2_scale, echo_time) for name in basis.names]
    )
    return replace(basis, fids=basis.fids * weights[:, None])


def broadened(basis: BasisSet, linewidth: float) -> BasisSet:
    """The basis with Lorentzian lines of `linewidth` Hz (full width at half maximum), at least what it has already."""
    extra = max(linewidth - basis.linewidth, 0.0)
    decay = np.exp(-np.pi * extra * time_axis(basis.points, basis.dwell))
    return replace(basis, fids=basis.fids * decay, linewidth=basis.linewidth + extra)


def grouped(basis: BasisSet, library: Library, concentrations: Mapping[str, float]) -> BasisSet:
    """The basis with all macromolecules added up, in the ratios of `concentrations`, to one function of amplitude 1."""
    rows = [i for i, name in enumerate(basis.names) if name in library.macromolecules]
    if not rows:
        return basis
    others = [i for i in range(len(basis.names)) if i not in rows]
    together = sum(concentrations[basis.names[i]] * basis.fids[i] for i in rows)
    names = (*(basis.names[i] for i in others), GROUPED_MM)
    return replace(basis, names=names, fids=np.vstack([basis.fids[others], together]))


def typical_concentrations(
    names: tuple[str, ...], library: Library, overrides: Mapping[str, float]
) -> dict[str, float]:
    """Concentration in mM of each of `names`: the library's, unless `overrides` has it."""
    known = {**library.metabolites, **library.macromolecules}
    unknown = [name for name in overrides if name not in known]
    if unknown:
        raise SpinsculptError(f"compare.concentrations names {', '.join(unknown)}, which the library does not have.")
    return {name: float(overrides.get(name, known[name].concentration)) for name in names}


def noise_sd(reference: BasisSet, metabolite: str, concentration: float, snr: float) -> float:
    """SD of one real channel of the spectrum at which the peak of `metabolite` has the signal-to-noise ratio `snr`.

    Args:
        reference: basis of the reference sequence, relaxed and broadened as measured.
        metabolite: whose highest peak (magnitude) counts.
        concentration: mM.
        snr: peak height over SD of one real channel, no apodisation.
    """
    return float(concentration * np.abs(reference.spectra[reference.index(metabolite)]).max() / snr)


def same_time_noise(sd: float, reference: BasisSet, basis: BasisSet) -> float:
    """`sd` of the reference's spectrum, carried to the sampling of `basis` (white noise: SD ~ sqrt(points / dwell))."""
    return sd * float(np.sqrt((basis.points / basis.dwell) / (reference.points / reference.dwell)))
