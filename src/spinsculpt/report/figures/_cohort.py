"""What was measured and fitted: quality of the data, every fit with its residual, estimates against the truth."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from spinsculpt.core.colours import DARK, GREY, PALE, VERMILION
from spinsculpt.core.plotting import PAGE_WIDTH, bare_spectrum, house_style, ppm_axis
from spinsculpt.report.figures._style import Style, save


def scan_name(row) -> str:
    """e.g. "sub-01" or "sub-01 ses-1" of anything with `subject` and `session`."""
    return f"sub-{row['subject']}" + (f" ses-{row['session']}" if row["session"] else "")


REJECTED = {"marker": "o", "markerfacecolor": "white", "zorder": 3}  # how points of rejected scans look in every figure


def _halves(table: pd.DataFrame) -> list[tuple[pd.DataFrame, dict]]:
    """Rows of accepted and of rejected scans, each with the look of its points."""
    rejected = table["verdict"] == "reject"
    return [(table[~rejected], {"marker": "o"}), (table[rejected], REJECTED)]


def _legend(figure, names: list[str], style: Style, table: pd.DataFrame) -> None:
    """Colours of the sequences, and the open point of rejected scans where there are any."""
    handles = [Line2D([], [], marker="o", linestyle="", color=style.colour(n), label=style.label(n)) for n in names]
    if (table["verdict"] == "reject").any():
        handles.append(Line2D([], [], linestyle="", color=GREY, label="rejected scan", **REJECTED))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))


def _with_scans(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(session=table["session"].fillna(""))
    keys = table[["subject", "session"]].drop_duplicates()
    names = {(row["subject"], row["session"]): scan_name(row) for _, row in keys.iterrows()}
    return table.assign(scan=[names[key] for key in zip(table["subject"], table["session"], strict=True)])


def draw_fits(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Data, fit, baseline and residual of every scan: one row a subject and session, one column an analysis.

    Of a large cohort MOST rows are drawn, those with rejected scans first; every scan has a page of its own besides.

    Args:
        table: columns subject, session, sequence, spectrum, ppm, data, fit, baseline (real parts after phasing),
            verdict on the scan.
        stem, style: as everywhere.
    """
    table = _with_scans(table)
    everyone, names = sorted(set(table["scan"])), style.ordered(table["sequence"])
    rejected = set(table.loc[table["verdict"] == "reject", "scan"])
    scans = sorted(sorted(everyone, key=lambda scan: scan not in rejected)[:MOST])
    table = table[table["scan"].isin(scans)]
    with house_style():
        figure, grid = plt.subplots(
            len(scans),
            len(names),
            figsize=(max(PAGE_WIDTH, 1.9 * len(names)) if len(names) > 1 else 5, 0.7 + 1.75 * len(scans)),
            sharex=True,
            squeeze=False,
        )
        for row, scan in zip(grid, scans, strict=True):
            for axes, name in zip(row, names, strict=True):
                part = table[(table["scan"] == scan) & (table["sequence"] == name)]
                _fit_panel(axes, part, style.colour(name))
                bare_spectrum(axes)
                ppm_axis(axes, table["ppm"].max(), table["ppm"].min(), label=axes in grid[-1])
            row[0].set_ylabel(scan)
        for axes, name in zip(grid[0], names, strict=True):
            axes.set_title(style.label(name), color=style.colour(name), fontsize=8.5)
        handles = [
            Line2D([], [], color=GREY, linewidth=1.2, label="data"),
            Line2D([], [], color=BASELINE, linewidth=0.8, linestyle="--", label="baseline"),
            Line2D([], [], color=style.colour(names[0]), label="fit (colour of the sequence)"),
            Line2D([], [], color="black", linewidth=0.6, label="residual (top, same scale)"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
        if len(scans) < len(everyone):
            figure.suptitle(f"{len(scans)} of {len(everyone)} subjects and sessions, those with rejected scans first")
        return save(figure, stem, style, table=table.drop(columns="scan"))


MOST = 24  # rows of the figure of fits
BASELINE = DARK
RESIDUAL = 1.28  # where the residual lies above a spectrum, in heights of the fit


def _fit_panel(axes, part: pd.DataFrame, colour: str) -> None:
    """Sub-spectra below one another, each scaled to its own range, its residual on the same scale above it.

    A rejected scan is drawn all the same, and named so.
    """
    if part.empty:
        axes.annotate("not measured", (0.5, 0.5), xycoords="axes fraction", ha="center", color=GREY, fontsize=7)
        return
    if (part["verdict"] == "reject").any():
        place = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "top"}
        axes.annotate("rejected", (0.98, RESIDUAL - 0.12), color=VERMILION, fontsize=7, **place)
    spectra = list(part.groupby("spectrum", sort=False))
    for i, (spectrum, trace) in enumerate(spectra):
        trace = trace.sort_values("ppm")
        scale = np.ptp(trace["fit"].to_numpy()) or 1.0
        offset = -1.75 * i - trace["fit"].min() / scale
        ppm = trace["ppm"]
        axes.plot(ppm, trace["data"] / scale + offset, color=GREY, linewidth=1.2, alpha=0.7)
        axes.plot(ppm, trace["baseline"] / scale + offset, color=BASELINE, linewidth=0.7, linestyle="--")
        axes.plot(ppm, trace["fit"] / scale + offset, color=colour, linewidth=0.9)
        residual = (trace["data"] - trace["fit"]) / scale
        level = -1.75 * i + RESIDUAL
        axes.axhline(level, color=PALE, linewidth=0.6)
        axes.plot(ppm, residual + level, color="black", linewidth=0.5)
        if len(spectra) > 1:
            axes.annotate(
                spectrum.upper(), (0.02, level - 0.1), xycoords=("axes fraction", "data"), fontsize=6.5, va="top"
            )


def draw_recovery(
    table: pd.DataFrame, stem: Path | str, style: Style, metabolites=("Glu", "Gln"), count_rejected: bool = False
) -> list[Path]:
    """Estimated against true concentrations, and the relative errors of all metabolites with a known truth.

    Scans whose truth is another than the model of the fit (`scanner.other_truth`) have a panel of errors of their own.

    Args:
        table: the recovery table; only its quantity "concentration" is drawn.
        stem, style: as everywhere.
        metabolites: those with a panel of their own.
        count_rejected: whether rejected scans, which are drawn open, count in the means.
    """
    part = table[table["quantity"] == "concentration"]
    shown = [m for m in metabolites if m in set(part["metabolite"])]
    names = style.ordered(part["sequence"])
    models = [(model, rows) for model, rows in part.groupby("model")] if "model" in part else [("right", part)]
    with house_style():
        figure = plt.figure(figsize=(PAGE_WIDTH, 3.0 + 2.4 * len(models)))
        top, *below = figure.subfigures(1 + len(models), 1, height_ratios=[1.25, *[1] * len(models)])
        for axes, metabolite in zip(top.subplots(1, max(len(shown), 1), squeeze=False)[0], shown, strict=False):
            _identity_panel(axes, part[part["metabolite"] == metabolite], names, style)
            axes.set_title(metabolite, loc="left")
        for bottom, (model, rows) in zip(below, models, strict=True):
            axes = bottom.subplots()
            _error_panel(axes, rows, names, style, count_rejected)
            if len(models) > 1:
                axes.set_title(f"truth of the {model} model", loc="left", fontsize=7)
        _legend(figure, names, style, part)
        return save(figure, stem, style, table=part)


def _identity_panel(axes, part: pd.DataFrame, names: list[str], style: Style) -> None:
    low = min(part["truth"].min(), (part["estimate"] - part["sd"]).min())
    high = max(part["truth"].max(), (part["estimate"] + part["sd"]).max())
    margin = 0.06 * (high - low)
    limits = (max(0.0, low - margin), high + margin)
    axes.plot(limits, limits, color=GREY, linewidth=0.8, linestyle="--", zorder=1)
    spread = 0.012 * (part["truth"].max() - part["truth"].min() or high - low)
    for i, name in enumerate(names):
        here = part[part["sequence"] == name]
        shift = (i - (len(names) - 1) / 2) * spread  # a hair to the side: bars of several sequences stay readable
        for scans, look in _halves(here):
            axes.errorbar(
                scans["truth"] + shift,
                scans["estimate"],
                scans["sd"],
                linestyle="",
                color=style.colour(name),
                markersize=4,
                elinewidth=0.9,
                **look,
            )
    axes.set_ylim(limits)
    axes.set_xlabel(f"true concentration ({part['unit'].iloc[0]})")
    axes.set_ylabel(f"estimated ± CRLB ({part['unit'].iloc[0]})")


def _error_panel(axes, part: pd.DataFrame, names: list[str], style: Style, count_rejected: bool) -> None:
    # The fit corrects all signals with the T2 of metabolites; for macromolecules and lipids that means nothing.
    part = part[~part["metabolite"].str.match(r"MM|M\d|Lip")]
    order = list(part.groupby("metabolite")["truth"].mean().sort_values(ascending=False).index)
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle="--")
    shifts = np.linspace(-0.3, 0.3, len(names)) if len(names) > 1 else np.zeros(1)
    error = 100 * (part["estimate"] / part["truth"] - 1)
    counted = (part["verdict"] != "reject") | count_rejected
    for name, shift in zip(names, shifts, strict=True):
        here = part["sequence"] == name
        for scans, look in _halves(part[here]):
            x = scans["metabolite"].map({m: i for i, m in enumerate(order)}) + shift
            axes.plot(x, error[scans.index], linestyle="", color=style.colour(name), markersize=3, alpha=0.65, **look)
        mean = error[here & counted].groupby(part.loc[here & counted, "metabolite"]).mean().reindex(order)
        axes.hlines(
            mean, np.arange(len(order)) + shift - 0.07, np.arange(len(order)) + shift + 0.07, color=style.colour(name)
        )
    axes.set_xticks(range(len(order)), order, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(order) - 0.4)
    bound = np.nanpercentile(np.abs(error), 97) * 1.15 if len(error) else 100
    bound = float(np.clip(bound, 10, 60))
    axes.set_ylim(-bound, bound)
    outside = int((error.abs() > bound).sum())
    axes.set_ylabel("error of the estimate (%)")
    axes.set_title(
        ("points: scans; bars: mean" if counted.all() else "points: scans; bars: mean of the accepted ones")
        + (f"; {outside} points beyond the axis" if outside else ""),
        loc="right",
        fontsize=7,
        fontweight="normal",
    )


def draw_preprocessing(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Quality of every preprocessed scan, one panel a measure; its limits are dotted, rejected scans open.

    Args:
        table: columns subject, session, sequence, measure, value, unit, min, max, verdict (compare/quality.tsv).
        stem, style: as everywhere.
    """
    table = _with_scans(table)
    scans, names = sorted(set(table["scan"])), style.ordered(table["sequence"])
    measures = [measure for measure in DRAWN if measure in set(table["measure"])]
    columns = min(3, len(measures))
    rows = -(-len(measures) // columns)
    with house_style():
        figure, grid = plt.subplots(rows, columns, figsize=(PAGE_WIDTH, 0.6 + 1.6 * rows), sharex=True, squeeze=False)
        for axes, measure in zip(grid.flat, measures, strict=False):
            _measure_panel(axes, table[table["measure"] == measure], scans, names, style)
        for axes, above in zip(grid.flat[len(measures) :], grid.flat[len(measures) - columns :], strict=False):
            axes.set_visible(False)
            above.tick_params(labelbottom=True)
        _legend(figure, names, style, table)
        return save(figure, stem, style, table=table.drop(columns="scan"))


DRAWN = {  # measures with a panel, and what it is called
    "snr": "SNR of NAA",
    "linewidth_ppm": "linewidth of NAA (ppm)",
    "drift_hz": "drift (Hz)",
    "residual_water_ratio": "residual water (× NAA)",
    "lipid_ratio": "1.0-1.6 ppm (× NAA)",
    "outside_ratio": "outside the range (× NAA)",
    "rejected_fraction": "averages left out",
    "subtraction_artefact": "choline in DIFF (× OFF)",
    "singlets": "correlation with singlets",
}


def _measure_panel(axes, part: pd.DataFrame, scans: list[str], names: list[str], style: Style) -> None:
    shifts = np.linspace(-0.22, 0.22, len(names)) if len(names) > 1 else np.zeros(1)
    for name, shift in zip(names, shifts, strict=True):
        for rows, look in _halves(part[part["sequence"] == name]):
            x = rows["scan"].map({scan: i for i, scan in enumerate(scans)}) + shift
            axes.plot(x, rows["value"], linestyle="", color=style.colour(name), markersize=4, **look)
    for bound in ("min", "max"):
        for limit in part[bound].dropna().unique():
            axes.axhline(limit, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylabel(DRAWN[part["measure"].iloc[0]])
    top = np.nanmax(part[["value", "min", "max"]].to_numpy(float))
    axes.set_ylim(-0.04 * (top or 1.0), 1.08 * (top or 1.0))
    named = range(0, len(scans), -(-len(scans) // 12))  # as many as have room
    crowded = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if len(scans) > 4 else {}
    axes.set_xticks(named, [scans[i] for i in named], **crowded)
    axes.set_xlim(-0.5, len(scans) - 0.5)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
