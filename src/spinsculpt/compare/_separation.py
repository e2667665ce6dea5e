"""How well each sequence separates two metabolites: several numbers, because no single one decides."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from spinsculpt.basis import BasisSet
from spinsculpt.compare._analysis import (
    GROUPED_MM,
    Analysis,
    as_measured,
    broadened,
    grouped,
    noise_sd,
    same_time_noise,
    typical_concentrations,
)
from spinsculpt.config import Compare
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.system import head_sar
from spinsculpt.fit import Estimates, FitModel, predict_crlb
from spinsculpt.physics.pulses import slice_bandwidth
from spinsculpt.physics.sequences import ShapedPulse
from spinsculpt.physics.spins import Library

COLUMNS = ["sequence", "metric", "metabolite", "value", "unit", "baseline", "macromolecules", "t2_scale", "source"]


def separation_table(
    analyses: Sequence[Analysis],
    library: Library,
    model: FitModel,
    settings: Compare,
    references: Mapping[str, Mapping[str, BasisSet]] | None = None,
    repetition_time: float = 2.0,
) -> pd.DataFrame:
    """Every measure of separation of every analysis at equal total scan time, one row a number.

    Args:
        analyses: with their simulated (unrelaxed) basis sets.
        library: T2 and concentrations.
        model: the fit model; its baseline and its treatment of macromolecules are replaced by those of `settings`.
        settings: the validated section `compare` of the config.
        references: {"press": {analysis: basis}, "pulse-acquire": {...}} of the pair of metabolites, to relate peaks
            and energies to (see `reference_bases`); None leaves these rows out.
        repetition_time: TR in s, of the B1+rms.
    Returns:
        Columns COLUMNS. "sequence" is the name of the analysis. Empty cells where an assumption does not matter.
    """
    by_name = {analysis.name: analysis for analysis in analyses}
    noise = settings.noise
    anchor_name = noise.reference or analyses[0].name
    if anchor_name not in by_name:
        raise SpinsculptError(
            f"compare.noise.reference is {anchor_name!r}, which is not compared; choose of {', '.join(by_name)}."
        )
    names = tuple(dict.fromkeys(name for a in analyses for basis in a.bases.values() for name in basis.names))
    concentrations = typical_concentrations(names, library, settings.concentrations)
    anchor = by_name[anchor_name]
    anchor_basis = next(iter(anchor.bases.values()))
    measured = broadened(as_measured(anchor_basis, library, anchor.sequence.echo_time), settings.linewidth_hz)
    sd = noise_sd(measured, noise.metabolite, concentrations[noise.metabolite], noise.snr)

    source = "compare.noise of the configuration"
    rows = [_row(anchor, "reference SNR", noise.metabolite, noise.snr, "1", source)]
    for analysis in analyses:
        noise_sds = [
            factor * same_time_noise(sd, anchor_basis, basis)
            for factor, basis in zip(analysis.noise_factors, analysis.bases.values(), strict=True)
        ]
        if analysis.correlated:
            raise SpinsculptError(
                f"Analysis {analysis.name!r} fits a combination beside its shots; fit one or the other."
            )
        rows += _crlb_rows(analysis, library, model, settings, concentrations, noise_sds)
        rows += _floor_rows(analysis, model, settings, concentrations, noise_sds)
        rows += _loss_rows(analysis, library, model, settings, concentrations, noise_sds)
        rows += _overlap_rows(analysis, library, settings)
        rows += _reference_rows(analysis, settings, references or {})
        rows += _decay_rows(analysis, library, settings)
        rows += _pulse_rows(analysis, anchor, anchor_basis.central_frequency, repetition_time)
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def playable(separation: pd.DataFrame, wanted: bool = True) -> pd.DataFrame:
    """Rows of the sequences that can be played, or of those that cannot; a study of ideal ones alone ranks those."""
    ideal = set(separation.loc[(separation["metric"] == "playable") & (separation["value"] == 0), "sequence"])
    if ideal >= set(separation["sequence"]):
        ideal = set()
    return separation[separation["sequence"].isin(ideal) != wanted]


def _crlb_rows(
    analysis: Analysis,
    library: Library,
    model: FitModel,
    settings: Compare,
    concentrations: Mapping[str, float],
    noise_sds: Sequence[float],
) -> list[dict]:
    first, second = settings.pair
    rows = []
    assumptions = itertools.product(settings.baselines.items(), settings.macromolecules, settings.t2_scales)
    for (baseline, form), macromolecules, t2_scale in assumptions:
        bases = list(analysis.measured(library, t2_scale).values())
        truth = dict(concentrations)
        assumed = replace(model, baseline=form)
        if macromolecules == "grouped":
            bases = [grouped(basis, library, concentrations) for basis in bases]
            truth[GROUPED_MM] = 1.0
            assumed = replace(assumed, groups=_grouped_groups(model.grouping, library))
        crlb = predict_crlb(
            bases,
            {name: truth[name] for name in bases[0].names},
            assumed,
            noise_sds,
            linewidth_hz=settings.linewidth_hz,
        )
        percent = dict(zip(crlb.names, crlb.percent, strict=True))
        correlation = crlb.correlation(first, second)
        fractional = percent[first], percent[second]
        ratio = np.sqrt(fractional[0] ** 2 + fractional[1] ** 2 - 2 * correlation * fractional[0] * fractional[1])
        given = {
            "sequence": analysis.name,
            "baseline": baseline,
            "macromolecules": macromolecules,
            "t2_scale": t2_scale,
            "source": "Cramer-Rao bound of the fit model at equal scan time",
        }
        rows += [given | {"metric": "CRLB", "metabolite": m, "value": percent[m], "unit": "%"} for m in (first, second)]
        pair = f"{first}-{second}"
        rows.append(given | {"metric": "correlation", "metabolite": pair, "value": correlation, "unit": "1"})
        rows.append(given | {"metric": "ratio SD", "metabolite": f"{second}/{first}", "value": ratio, "unit": "%"})
    return rows


LOSSES = (
    *("each alone", "T2 decay", "the other of the pair", "other metabolites", "macromolecules"),
    *("widths, shifts and phases", "baseline"),
)


def _loss_rows(
    analysis: Analysis,
    library: Library,
    model: FitModel,
    settings: Compare,
    concentrations: Mapping[str, float],
    noise_sds: Sequence[float],
) -> list[dict]:
    """Bound of the ratio as what the fit does not know grows step by step (LOSSES), under the first baseline."""
    first, second = settings.pair
    names = next(iter(analysis.bases.values())).names
    place = {name: k for k, name in enumerate(names)}
    metabolites = [place[name] for name in names if name not in library.macromolecules]
    pair = [place[first], place[second]]

    def information(bases: Sequence[BasisSet]) -> np.ndarray:
        """Fisher matrix of relative amplitudes alone: Re(s_i^H s_j) c_i c_j / sigma^2 over the fit range."""
        total = np.zeros((len(names), len(names)))
        for basis, sd in zip(bases, noise_sds, strict=True):
            shaped = broadened(basis, settings.linewidth_hz)
            inside = np.any([_window(shaped.ppm, each) for each in model.ranges], axis=0)
            rows = shaped.spectra[:, inside] * [[concentrations[name]] for name in names]
            total += (rows.conj() @ rows.T).real / sd**2
        return total

    def bound(fisher: np.ndarray, wanted: Sequence[int]) -> float:
        a, b = (list(wanted).index(k) for k in pair)
        contrast = np.zeros(len(wanted))
        contrast[a], contrast[b] = -1.0, 1.0
        return 100 * float(
            np.sqrt(contrast @ np.linalg.pinv(fisher[np.ix_(wanted, wanted)], hermitian=True) @ contrast)
        )

    relaxed = list(analysis.measured(library).values())
    plain, fisher = information(list(analysis.bases.values())), information(relaxed)
    steps = [100 * float(np.sqrt((1 / np.diag(matrix)[pair]).sum())) for matrix in (plain, fisher)]
    steps += [bound(fisher, wanted) for wanted in (pair, metabolites, range(len(names)))]
    for baseline in ("off", next(iter(settings.baselines.values()))):
        assumed = replace(model, baseline=baseline)
        found = predict_crlb(relaxed, concentrations, assumed, noise_sds, linewidth_hz=settings.linewidth_hz)
        steps.append(100 * found.ratio([second], [first])[1] * concentrations[first] / concentrations[second])
    return [
        _row(analysis, "stepwise SD", f"{second}/{first}", value, "%", step)
        for step, value in zip(LOSSES, steps, strict=True)
    ]


def noise_of_study(reference: Analysis, library: Library, settings: Compare) -> tuple[float, BasisSet]:
    """SD of the noise of the sequence that all others share the scan time with, and the basis set it is of.

    Args:
        reference: the analysis; its first basis set needs the metabolite of `settings` only.
        library: T2 and concentrations.
        settings: the validated section `compare` of the config.
    """
    basis, noise = next(iter(reference.bases.values())), settings.noise
    measured = broadened(as_measured(basis, library, reference.sequence.echo_time), settings.linewidth_hz)
    concentration = typical_concentrations((noise.metabolite,), library, settings.concentrations)
    return noise_sd(measured, noise.metabolite, concentration[noise.metabolite], noise.snr), basis


def all_bounds(
    analysis: Analysis, library: Library, model: FitModel, settings: Compare, noise: tuple[float, BasisSet]
) -> Estimates:
    """Bounds of everything that an analysis fits, under the first baseline and macromolecule model of `settings`.

    Args:
        analysis, library, model, settings: as of `separation_table`.
        noise: as of `noise_of_study`.
    """
    sd, reference = noise
    bases = list(analysis.measured(library).values())
    truth = typical_concentrations(bases[0].names, library, settings.concentrations)
    assumed = replace(model, baseline=next(iter(settings.baselines.values())))
    if settings.macromolecules[0] == "grouped" and set(bases[0].names) & set(library.macromolecules):
        bases = [grouped(basis, library, truth) for basis in bases]
        truth[GROUPED_MM] = 1.0
        assumed = replace(assumed, groups=_grouped_groups(model.grouping, library))
    sds = [
        factor * same_time_noise(sd, reference, basis)
        for factor, basis in zip(analysis.noise_factors, bases, strict=True)
    ]
    wanted = {name: truth[name] for name in bases[0].names}
    return predict_crlb(bases, wanted, assumed, sds, linewidth_hz=settings.linewidth_hz)


def _grouped_groups(groups: tuple[tuple[str, ...], ...], library: Library) -> tuple[tuple[str, ...], ...]:
    """Groups of the fit model after all macromolecules became one function: it has its own group if one of them had."""
    patterns = [pattern for group in groups for pattern in group]
    own = any(fnmatchcase(name, pattern) for name in library.macromolecules for pattern in patterns)
    return (*groups, (GROUPED_MM,)) if own else groups


def _floor_rows(
    analysis: Analysis,
    model: FitModel,
    settings: Compare,
    concentrations: Mapping[str, float],
    noise_sds: Sequence[float],
) -> list[dict]:
    """One metabolite alone, its amplitude the only unknown: var(c) = 1 / sum |s|^2 / sigma^2 over the fit range."""
    rows = []
    for metabolite in settings.pair:
        information = 0.0
        for basis, sd in zip(analysis.bases.values(), noise_sds, strict=True):
            shaped = broadened(basis, settings.linewidth_hz)
            kept = np.logical_or.reduce([_window(shaped.ppm, each) for each in model.ranges])
            information += (np.abs(shaped.spectra[shaped.index(metabolite), kept]) ** 2).sum() / sd**2
        value = 100 / (concentrations[metabolite] * np.sqrt(information))
        rows.append(_row(analysis, "CRLB floor", metabolite, value, "%", "metabolite alone, no relaxation"))
    return rows


def _decay_rows(analysis: Analysis, library: Library, settings: Compare) -> list[dict]:
    """What decay leaves of each of the pair, and how much more it would be if T1rho during pulses were twice T2.

    Means over the shots of the analysis; without rows for a basis that does not know its times.
    """
    rows, names = [], settings.pair
    shots = analysis.shots or analysis.bases
    if not all("decay_s" in basis.meta for basis in shots.values()):
        return rows
    for name in names:
        t1, t2 = library[name].t1, library[name].t2
        left, locked = (
            float(np.mean([basis.decay(name, t1, t2, 0.0, factor) for basis in shots.values()]))
            for factor in (1.0, 2.0)
        )
        rows.append(
            _row(analysis, "signal after decay", name, left, "1", "T2 in the plane, T1 along z, of the library")
        )
        change = 100 * (locked / left - 1)
        rows.append(_row(analysis, "gain if T1rho = 2 T2", name, change, "%", "in the plane during pulses"))
    return rows


def _overlap_rows(analysis: Analysis, library: Library, settings: Compare) -> list[dict]:
    """Normalised overlap |<s1, s2>| / (|s1| |s2|) of the two, all sub-spectra side by side."""
    first, second = settings.pair
    rows = []
    for low, high in settings.windows:
        parts = []
        for relaxed in analysis.measured(library).values():
            shaped = broadened(relaxed, settings.linewidth_hz)
            kept = _window(shaped.ppm, (low, high))
            parts.append(shaped.spectra[[shaped.index(first), shaped.index(second)]][:, kept])
        a, b = np.hstack(parts)
        value = np.abs(np.vdot(a, b)) / (np.linalg.norm(a) * np.linalg.norm(b))
        source = f"basis spectra, {low:g}-{high:g} ppm"
        rows.append(_row(analysis, f"overlap {low:g}-{high:g} ppm", f"{first}-{second}", value, "1", source))
    return rows


def _reference_rows(
    analysis: Analysis, settings: Compare, references: Mapping[str, Mapping[str, BasisSet]]
) -> list[dict]:
    """Energy and peak in the first window relative to references, before relaxation and at the same linewidth.

    Of several sub-spectra the mean energy and the highest peak count.
    """
    window = settings.windows[0]
    rows = []
    for name, by_analysis in references.items():
        if analysis.name not in by_analysis:
            continue
        for metabolite in settings.pair:
            peak, energy = _peak_and_energy(analysis.bases.values(), metabolite, window, settings.linewidth_hz)
            reference = _peak_and_energy([by_analysis[analysis.name]], metabolite, window, settings.linewidth_hz)
            source = f"basis spectra, {window[0]:g}-{window[1]:g} ppm, no relaxation"
            rows.append(_row(analysis, f"peak relative to {name}", metabolite, peak / reference[0], "1", source))
            rows.append(_row(analysis, f"energy relative to {name}", metabolite, energy / reference[1], "1", source))
    return rows


def _peak_and_energy(bases, metabolite: str, window: Sequence[float], linewidth: float) -> tuple[float, float]:
    peaks, energies = [], []
    for basis in bases:
        shaped = broadened(basis, linewidth)
        magnitude = np.abs(shaped.spectra[shaped.index(metabolite), _window(shaped.ppm, window)])
        peaks.append(magnitude.max() * basis.dwell)
        energies.append((magnitude**2).sum() * basis.dwell / basis.points)
    return max(peaks), float(np.mean(energies))


def _pulse_rows(analysis: Analysis, anchor: Analysis, central_frequency: float, repetition_time: float) -> list[dict]:
    """Whether the sequence can be played, what its pulses heat, and how far they displace the slices.

    Ideal (infinitely short) pulses have no energy to speak of: of a sequence with any there is no SAR.
    """
    sequence = analysis.sequence
    rows = [
        _row(analysis, "playable", "", sequence.playable, "1 = yes", "every pulse of the sequence is a real one"),
        _row(analysis, "echo time", "", 1e3 * sequence.echo_time, "ms", "sequence"),
    ]
    events = [event for shot in sequence.shots for event in shot.events if isinstance(event, ShapedPulse)]
    if not any(event.pulse.peak_b1 for event in events):
        return rows
    energy, peak = sequence.energy, max(event.pulse.peak_b1 for event in events)
    source = "shaped pulses of the sequence, a shot" + ("" if sequence.playable else "; ideal pulses not counted")
    rows += [
        _row(analysis, "pulse energy", "", energy, "uT^2 ms", source),
        _row(analysis, "peak B1", "", peak, "uT", source),
    ]
    if sequence.playable:
        b1_rms = np.sqrt(energy * 1e-3 / repetition_time)  # uT^2 ms in uT^2 s
        every = f"{source}, every {repetition_time:g} s"
        rows.append(_row(analysis, "B1+rms", "", b1_rms, "uT", every))
        sphere = f"{every}; homogeneous sphere like a head (Hoult 1979, doi:10.1016/0022-2364(79)90019-8)"
        rows.append(_row(analysis, "head SAR", "", head_sar(b1_rms, central_frequency), "W/kg", sphere))
        if anchor.sequence.playable:
            relative = energy / anchor.sequence.energy
            rows.append(_row(analysis, f"SAR relative to {anchor.name}", "", relative, "1", every))
    slices = {e.gradient[0]: e for e in events if e.gradient and e.pulse.peak_b1}
    for axis, event in sorted(slices.items()):
        shift = 100 * central_frequency / slice_bandwidth(event.pulse)
        rows.append(_row(analysis, "displacement", axis, shift, "% of the slice a ppm", f"pulse {event.pulse.name}"))
    return rows


def _row(analysis: Analysis, metric: str, metabolite: str, value: float, unit: str, source: str) -> dict:
    return {
        "sequence": analysis.name,
        "metric": metric,
        "metabolite": metabolite,
        "value": float(value),
        "unit": unit,
        "source": source,
    }


def _window(ppm: np.ndarray, window: Sequence[float]) -> np.ndarray:
    return (ppm >= min(window)) & (ppm <= max(window))
