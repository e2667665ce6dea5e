"""From files to figures: what the rules call. Every function takes the path of the PNG; PDF and table go beside it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt.basis import basis_library, listed_basis
from spinsculpt.compare import (
    Analysis,
    as_measured,
    best_histories,
    bounds_table,
    broadened,
    frontier_table,
    playable,
    read_analysis,
    read_table,
    spectra_before_after,
    typical_concentrations,
    windows,
    with_verdict,
)
from spinsculpt.config import Compare, Limits, Preprocess, Study
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData, read_fids
from spinsculpt.physics.pulses import read_designed
from spinsculpt.physics.spins import Library
from spinsculpt.preprocess import Drift, Trace, draw_page, failures, uncorrected
from spinsculpt.report.figures._cohort import draw_fits, draw_preprocessing, draw_recovery
from spinsculpt.report.figures._design import draw_design
from spinsculpt.report.figures._engines import draw_engines
from spinsculpt.report.figures._explain import draw_explanation
from spinsculpt.report.figures._ladder import draw_bounds, draw_frontier, draw_selectivity, draw_states
from spinsculpt.report.figures._ranking import (
    draw_errors,
    draw_losses,
    draw_power,
    draw_ranking,
    draw_retest,
    draw_time,
)
from spinsculpt.report.figures._separation import draw_crlb, draw_spectra
from spinsculpt.report.figures._style import Style
from spinsculpt.report.figures._sweep import draw_sweep


def study_style(study: Study) -> Style:
    """Colours and labels of a study: a colour an analysis, and a design the colour of the analysis that plays it.

    Args:
        study: of which `figures`, `compare`, `analyses` and `sequences` count.
    """
    compared = [*study.compare.analyses, *study.compare.rivals]
    style = Style.of_study(study.figures, [*compared, *study.figures.designs])
    played = {}
    for name in reversed(compared):
        entry = study.sequences[study.analyses[name].sequence]
        played |= {design: style.colour(name) for design in entry.slots.values()}
    return Style({**played, **style.colours}, style.labels, style.dpi)


def plot_designs(
    designs: Sequence[str],
    pulses: Iterable[Path | str],
    histories: Iterable[Path | str],
    png: Path | str,
    study: Study,
) -> None:
    """Draw designed pulses (pulse.json) and their convergence (history.tsv), in the order of `designs`."""
    shapes, runs = [], []
    for name, pulse, history in zip(designs, pulses, histories, strict=True):
        limit = json.loads(Path(pulse).read_text()).get("b1_limit_uT", np.nan)
        for slot, waveform in read_designed(pulse).pulses.items():
            shapes.append(
                pd.DataFrame(
                    {
                        "design": name,
                        "slot": slot,
                        "time_ms": 1e3 * waveform.dwell * np.arange(len(waveform.b1)),
                        "amplitude_uT": np.abs(waveform.b1),
                        "phase_deg": np.rad2deg(np.angle(waveform.b1)),
                        "peak_limit_uT": limit,
                    }
                )
            )
        runs.append(pd.read_csv(history, sep="\t").assign(design=name))
    draw_design(pd.concat(shapes), pd.concat(runs), Path(png).with_suffix(""), study_style(study))


def plot_explanation(metrics: Path | str, state: Path | str, png: Path | str, study: Study) -> None:
    """Draw why a design works (metrics.json, state.tsv): its first shot, and of each metabolite the first part."""
    found = json.loads(Path(metrics).read_text())
    if "operator_classes" not in found:
        raise SpinsculptError(f"{metrics} has no operator classes: an older version wrote it. Run the design again.")
    along = pd.concat(
        [_along(found["coherence_orders"], "coherence order"), _along(found["operator_classes"], "operator class")]
    )
    terms = pd.read_csv(state, sep="\t")
    first = terms.groupby("metabolite")[["part", "shot"]].transform("first")
    terms = terms[(terms[["part", "shot"]] == first).all(axis=1)]
    carried = {part: spins for part, spins in found["unitary_bound"].items() if part in set(terms["part"])}
    of = dict(zip(terms["part"], terms["metabolite"], strict=True))
    spins = [
        {"metabolite": of[part], "spin": spin, "reached": each["reached"], "bound": each["bound"]}
        for part, system in carried.items()
        for spin, each in system.items()
    ]
    conditions = ["b1_scale", "b0_hz"]
    grid = pd.DataFrame(found["robustness"]["map"]).melt(conditions, var_name="objective", value_name="loss")
    grid = grid[grid.groupby("objective")["loss"].transform("nunique") > 1]  # power depends on no condition
    draw_explanation(along, terms, pd.DataFrame(spins), grid, Path(png).with_suffix(""), study_style(study))


def _along(rows: Sequence[Mapping], kind: str) -> pd.DataFrame:
    """Shares along a pulse, one a line; metabolites of fewer spins have no share of the highest orders."""
    table = pd.DataFrame(rows).melt(["metabolite", "time_s"], var_name="name", value_name="share").dropna()
    table["time_ms"] = 1e3 * table.pop("time_s")
    return table.assign(kind=kind, name=table["name"].str.removeprefix("order_"))


def plot_spectra(
    names: Sequence[str], sequences: Sequence[Path | str], basis: Sequence[Path | str], png: Path | str, study: Study
) -> None:
    """Draw the spectra of the pair.

    Args:
        names: of sequences.
        sequences, basis: of each its JSON and the list of its basis.
        png: path of the figure.
        study: as of `study_style`; its `basis` counts, too.
    """
    analyses = {name: study.analyses[name] for name in study.compare.analyses}
    sequences = dict(zip(names, sequences, strict=True))
    basis = dict(zip(names, map(listed_basis, basis), strict=True))
    settings = study.compare
    library = basis_library(study.basis)
    low, high = study.figures.spectra_ppm
    table = pd.concat(
        _spectra(
            read_analysis(name, entry.spectra, sequences[entry.sequence], basis[entry.sequence]),
            library,
            settings,
        )
        for name, entry in analyses.items()
    )
    shown = table[table["ppm"].between(low, high)]
    draw_spectra(shown, Path(png).with_suffix(""), study_style(study), settings.windows[0])


def _spectra(analysis: Analysis, library: Library, settings: Compare) -> pd.DataFrame:
    """Real parts of the pair's spectra at typical concentrations; 1 = the peak of one uncoupled proton of 1 mM."""
    pair = settings.pair
    concentrations = typical_concentrations(pair, library, settings.concentrations)
    parts = []
    for spectrum, basis in analysis.bases.items():
        shaped = broadened(as_measured(basis, library, analysis.sequence.echo_time), settings.linewidth_hz)
        unit = 1 / (np.pi * settings.linewidth_hz * shaped.dwell)
        for name in pair:
            value = concentrations[name] * shaped.spectra[shaped.index(name)].real / unit
            given = {"sequence": analysis.name, "spectrum": spectrum, "metabolite": name}
            parts.append(pd.DataFrame({**given, "ppm": shaped.ppm, "value": value}))
    return pd.concat(parts)


def plot_crlb(separation: Path | str, png: Path | str, study: Study) -> None:
    """Draw the bounds of the separation table."""
    draw_crlb(playable(read_table(separation)), Path(png).with_suffix(""), study_style(study))


def plot_answer(
    separation: Path | str,
    errors: Path | str,
    ranking: Path | str,
    retest: Path | str,
    minutes: float,
    between: float,
    png: Sequence[Path | str],
    study: Study,
) -> None:
    """Draw ranking, errors, scan time, power, losses and repeatability into one folder.

    Args:
        separation, errors, ranking, retest: tables.
        minutes: time of a scan.
        between: coefficient of variation between subjects in %.
        png: paths of the figures, named as these are.
        study: as of `study_style`.
    """
    style, folder = study_style(study), Path(png[0]).parent
    ranked, found = read_table(ranking), read_table(errors)
    draw_ranking(ranked, found, folder / "ranking", style)
    draw_errors(ranked, found, folder / "errors", style)
    draw_time(ranked, found, minutes, folder / "time", style)
    draw_power(ranked, found, between, folder / "power", style)
    draw_losses(playable(read_table(separation)), folder / "losses", style)
    draw_retest(read_table(retest), folder / "retest", style)


def plot_fits(
    fits: Sequence[Path | str],
    labels: Sequence[Mapping[str, str]],
    quality: Path | str,
    sequences: Mapping[str, str],
    png: Path | str,
    study: Study,
) -> None:
    """Draw fits (fit.npz); other arguments as of `spinsculpt.compare.tabulate_fits`."""
    parts = []
    for path, label in zip(fits, labels, strict=True):
        with np.load(path) as arrays:
            for spectrum in arrays["spectra"].tolist():
                traces = {key: arrays[f"{spectrum}_{key}"].real for key in ("ppm", "data", "fit", "baseline")}
                parts.append(pd.DataFrame({**label, "spectrum": spectrum, **traces}))
    table = with_verdict(pd.concat(parts), read_table(quality), sequences)
    draw_fits(table, Path(png).with_suffix(""), study_style(study))


def plot_recovery(
    recovery: Path | str, pair: Sequence[str], count_rejected: bool, png: Path | str, study: Study
) -> None:
    """Draw the recovery table; the metabolites of `pair` get panels of their own."""
    draw_recovery(read_table(recovery), Path(png).with_suffix(""), study_style(study), pair, count_rejected)


def plot_engines(engines: Path | str, pair: Sequence[str], png: Path | str, study: Study) -> None:
    """Draw the engines table; the metabolites of `pair` get panels of their own."""
    draw_engines(read_table(engines), Path(png).with_suffix(""), study_style(study), pair)


def plot_preprocessing(quality: Path | str, png: Path | str, study: Study) -> None:
    """Draw the quality table."""
    draw_preprocessing(read_table(quality), Path(png).with_suffix(""), study_style(study))


@dataclass(frozen=True)
class ScanView:
    """One scan, as it is shown.

    Attributes:
        result: the clean scan.
        originals: mean of the averages of each condition as measured, shape (points,).
        numbers: of the quality control.
        drift: of each condition; may be empty.
        reasons: why it is rejected, {measure: sentence}; empty for an accepted scan.
    """

    result: MRSData
    originals: Mapping[str, np.ndarray]
    numbers: Mapping
    drift: Mapping[str, Drift]
    reasons: Mapping[str, str]


def plot_scan(
    data: Path | str,
    water: Path | str | None,
    clean: Path | str,
    qc: Path | str,
    fits: Iterable[Path | str],
    png: Path | str,
    section: Preprocess,
    limits: Limits,
    conditions: Sequence[str],
    study: Study,
) -> ScanView:
    """Draw one scan on one page; returns what was read for it.

    Args:
        data, water, section, conditions: as of `preprocess_scan`, which wrote `clean` and `qc`.
        fits: fit.npz of each analysis of the scan, in a folder of its name.
        png: the picture.
        limits: of the config.
        study: as of `study_style`.
    """
    result, numbers = read_fids(clean), json.loads(Path(qc).read_text())
    originals = uncorrected(data, water, section, conditions, qc)
    drift = {label: Drift.from_numbers(each) for label, each in numbers.get("drift", {}).items()}
    traces = [trace for path in fits for trace in _traces(Path(path), study_style(study))]
    title, reasons = Path(png).stem, failures(numbers, limits)
    draw_page(png, result, list(originals), originals, numbers, drift, title, reasons, traces)
    return ScanView(result, originals, numbers, drift, reasons)


def _traces(path: Path, style: Style) -> list[Trace]:
    """The fitted spectra of one analysis."""
    name = style.label(path.parent.name)
    with np.load(path) as arrays:
        spectra = arrays["spectra"].tolist()
        titles = [f"{name}: {spectrum.upper()}" for spectrum in spectra] if spectra != ["spectrum"] else [name]
        keys = ("ppm", "data", "fit", "baseline")
        return [
            Trace(title, *(arrays[f"{spectrum}_{key}"].real for key in keys))
            for title, spectrum in zip(titles, spectra, strict=True)
        ]


def plot_sweep(table: Path | str, png: Path | str, study: Study) -> None:
    """Draw the table of a sweep."""
    draw_sweep(read_table(table), Path(png).with_suffix(""), study_style(study))


def plot_ladder(rung: str, metrics: Iterable[Path | str], png: Path | str, study: Study) -> None:
    """Draw one rung of the ladder of designs.

    Args:
        rung: "states", "selectivity", "frontier" or "bounds".
        metrics: metrics.json of its designs; histories and spectra are beside them.
        png: path of the figure.
        study: as of `study_style`.
    """
    folders = {Path(path).parent.name: Path(path).parent for path in metrics}
    stem = Path(png).with_suffix("")
    style = Style.of_study(study.figures, folders)
    match rung:
        case "states":
            draw_states(best_histories(folders), spectra_before_after(folders, "pulse_acquire"), stem, style)
        case "selectivity":
            draw_selectivity(spectra_before_after(folders, "press"), windows(folders), stem, style)
        case "frontier":
            draw_frontier(frontier_table(folders), stem, style)
        case "bounds":
            draw_bounds(bounds_table(folders), stem, style)
