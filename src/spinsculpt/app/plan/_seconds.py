"""How long the jobs take that take minutes."""

import math

from spinsculpt.config import DesignEntry, MonteCarlo

FIT_SECONDS = 0.02  # of a fit of noisy spectra on one core, over the default sequences
MODELS = 10  # right and wrong ones, of the Monte Carlo


def noisy_fits(settings: MonteCarlo, analyses: int) -> int:
    """Fits of noisy spectra that the Monte Carlo makes of so many analyses."""
    conditions = MODELS + len(settings.snr) + len(settings.linewidth_hz) + len(settings.ratio)
    return analyses * (conditions * settings.repeats + 2 * settings.subjects)


def design_seconds(entry: DesignEntry, names: int) -> float:
    """How long a design takes on one core, to a factor of two or three: spin steps and bounds of all evaluations.

    Args:
        entry: of the section `designs`.
        names: metabolites and macromolecules of the basis, where the entry names none itself.
    """
    screens = sorted(entry.screening)
    kept = sum((b - a) * 0.5**k for k, (a, b) in enumerate(zip([0.0, *screens], [*screens, 1.0], strict=True)))
    members = math.prod(map(len, entry.robustness.axes))
    count = len(entry.metabolites) + len(entry.macromolecules or ()) if entry.metabolites else names
    duration = entry.echo_time / 2 if entry.duration == "fit" else entry.duration
    shots = 2 if entry.kind.endswith("pair") else entry.shots
    given = entry.models
    models = max(1, len(given.baselines)) * len(given.macromolecules) * len(given.t2_scales)
    bounds = models * any(goal.type in ("crlb", "ratio") for goal in entry.objectives)
    each = shots * count * (2.4e-5 * duration / entry.dwell + 1.8e-3 * bounds)  # s, timed on the default designs
    return 12 + (entry.starts * kept * entry.iterations + entry.polish) * members * each
