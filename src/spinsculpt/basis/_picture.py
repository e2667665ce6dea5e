"""A picture of a basis set: every function of it, one above the other."""

from pathlib import Path

import numpy as np

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.core.colours import BLUE, VERMILION
from spinsculpt.core.conventions import to_spectrum
from spinsculpt.core.provenance import atomic_path
from spinsculpt.core.spectra import decay

_BROADENING = 3.0  # Hz, so that the picture resembles a good spectrum in vivo
_RANGE = (0.2, 4.4)  # ppm


def draw_basis(sets: dict[str, BasisSet], path: Path | str) -> None:
    """Draw the basis sets of a sequence side by side (real parts, each function scaled by its own peak over all sets).

    Args:
        sets: by sub-spectrum.
        path: .png, .pdf or what else matplotlib writes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    first = next(iter(sets.values()))
    window = (first.ppm > _RANGE[0]) & (first.ppm < _RANGE[1])
    broadening = decay(first.points, first.dwell, _BROADENING)
    spectra = {name: to_spectrum(basis.fids * broadening).real[:, window] for name, basis in sets.items()}
    peak = np.max([np.abs(s).max(axis=1) for s in spectra.values()], axis=0)
    figure = Figure(figsize=(1.2 + 3.4 * len(sets), 0.6 + 0.32 * len(first.names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axis, (name, values) in zip(axes, spectra.items(), strict=True):
        for row, spectrum in enumerate(values):
            macromolecule = first.names[row] in first.meta.get("macromolecules", ())
            colour = VERMILION if macromolecule else BLUE
            axis.plot(first.ppm[window], spectrum / (peak[row] or 1) * 0.9 - row, color=colour, linewidth=0.8)
        axis.set(title=name if len(sets) > 1 else "", xlabel="chemical shift (ppm)", xlim=_RANGE[::-1])
        axis.spines[["top", "right", "left"]].set_visible(False)
    axes[0].set_yticks(-np.arange(len(first.names)), first.names)
    axes[0].set_ylabel("amplitude, each relative to its peak")
    figure.suptitle(f"{first.meta.get('sequence', 'basis')}, {first.central_frequency:.3f} MHz")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
