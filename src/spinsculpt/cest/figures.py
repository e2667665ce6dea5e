"""Figures of fingerprints: maps, scatter, regions, training, protocol and what it can tell apart."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm

from spinsculpt.core.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, VERMILION
from spinsculpt.core.plotting import PAGE_WIDTH, house_style
from spinsculpt.report.figures import Style, save

COLOURS = {"dictionary": GREEN, "vbmf": VERMILION, "supervised": ORANGE, "nbmf": BLUE}
FINGERPRINT_WORDS = {"dictionary": "dictionary", "vbmf": "VBMF", "supervised": "supervised", "nbmf": "NBMF"}
# What a parameter is called, its factor and its unit in figures
SHOWN = {
    "fs": ("$f_s$", 100.0, "%"),
    "ksw": ("$k_{sw}$", 1.0, "s$^{-1}$"),
    "fss": ("$f_{ss}$", 100.0, "%"),
    "kssw": ("$k_{ssw}$", 1.0, "s$^{-1}$"),
    "T1": ("$T_1$", 1.0, "s"),
    "T2": ("$T_2$", 1e3, "ms"),
    "rsquare": ("$R^2$", 1.0, ""),
}


def shown(name: str, unit: str = "") -> tuple[str, float, str]:
    """Name, factor and unit of a parameter in figures."""
    return SHOWN.get(name, (name, 1.0, unit if unit != "1" else ""))


def _axis(name: str, unit: str = "") -> str:
    words, _, unit = shown(name, unit)
    return f"{words} ({unit})" if unit else words


def draw_maps(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Maps of one slice: a row a source, a column a parameter; voxels that are not trusted are grey.

    Args:
        table: columns source, parameter, unit, right, up, value, trusted.
        stem, style: as everywhere.
    """
    sources, names = list(dict.fromkeys(table["source"])), list(dict.fromkeys(table["parameter"]))
    reference = [source for source in sources if source not in COLOURS]
    sources = [*reference, *(source for source in sources if source in COLOURS)]
    wide, high = int(table["right"].max()) + 1, int(table["up"].max()) + 1
    x0, y0 = int(table["right"].min()), int(table["up"].min())
    cell = PAGE_WIDTH / max(len(names), 2)
    with house_style():
        height = min(cell * (high - y0) / (wide - x0), 2.2) * len(sources) + 0.4
        figure, grid = plt.subplots(len(sources), len(names), figsize=(PAGE_WIDTH, height), squeeze=False)
        for column, name in enumerate(names):
            part = table[table["parameter"] == name]
            words, factor, unit = shown(name, part["unit"].iloc[0])
            good = factor * part["value"][part["trusted"] == "yes"]
            good = good if len(good) else factor * part["value"]
            limits = np.nanpercentile(good, (1, 99)) if name != "rsquare" else (min(0.9, np.nanmin(good)), 1.0)
            drawn = None
            for row, source in enumerate(sources):
                axes = grid[row, column]
                axes.set_xticks([]), axes.set_yticks([])
                for spine in axes.spines.values():
                    spine.set_visible(False)
                here = part[part["source"] == source]
                if row == 0:
                    axes.set_title(f"{words} ({unit})" if unit else words)
                if column == 0:
                    axes.set_ylabel(FINGERPRINT_WORDS.get(source, source))
                if here.empty:
                    continue
                image, flagged = np.full((2, high, wide), np.nan)
                rows, columns = here["up"].to_numpy(), here["right"].to_numpy()
                trusted = (here["trusted"] == "yes").to_numpy()
                image[rows, columns] = np.where(trusted, factor * here["value"], np.nan)
                flagged[rows[~trusted], columns[~trusted]] = 0.5
                box = {"origin": "lower", "interpolation": "nearest"}
                axes.imshow(flagged[y0:, x0:], cmap="gray", vmin=0, vmax=1, **box)
                colours = "viridis" if name != "rsquare" else "magma"
                drawn = axes.imshow(image[y0:, x0:], cmap=colours, vmin=limits[0], vmax=limits[1], **box)
            if drawn is not None:
                figure.colorbar(drawn, ax=list(grid[:, column]), shrink=0.7, location="bottom", aspect=25, pad=0.02)
        if (table["trusted"] == "no").any():
            figure.supxlabel("grey: flagged, not to be trusted", x=0.995, ha="right", fontsize=7, color=GREY)
        return save(figure, stem, style, table=table)


def draw_scatter(table: pd.DataFrame, agreement: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Values against the reference, voxel by voxel: a row a parameter, a column a method.

    Args:
        table: columns stage, method, parameter, unit, against, reference, value, bound, trusted, of one subject.
        agreement: columns method, parameter, against, over, nrmse, r, icc, of the same subject.
        stem, style: as everywhere.
    """
    methods, names = list(dict.fromkeys(table["method"])), list(dict.fromkeys(table["parameter"]))
    with house_style():
        size = (PAGE_WIDTH, PAGE_WIDTH / max(len(methods), 2) * len(names) + 0.3)
        figure, grid = plt.subplots(len(names), len(methods), figsize=size, squeeze=False)
        for row, name in enumerate(names):
            part = table[table["parameter"] == name]
            _, factor, _ = shown(name)
            low, high = factor * np.nanmin(part["reference"]), factor * np.nanmax(part["reference"])
            room = 0.08 * (high - low) or 1.0
            for column, method in enumerate(methods):
                axes, here = grid[row, column], part[part["method"] == method]
                good = here["trusted"] == "yes"
                axes.plot([low - room, high + room], [low - room, high + room], color=BLACK, linewidth=0.8, zorder=3)
                if len(flagged := here[~good]):
                    reference, value = factor * flagged["reference"], factor * flagged["value"]
                    axes.plot(reference, value, "x", color=GREY, markersize=2.5, markeredgewidth=0.6, label="flagged")
                trusted = here[good]
                colour = COLOURS.get(method, GREY)
                dots = {"color": colour, "markersize": 3, "alpha": 0.4, "markeredgewidth": 0, "rasterized": True}
                axes.plot(factor * trusted["reference"], factor * trusted["value"], ".", label="trusted", **dots)
                axes.set_xlim(low - room, high + room), axes.set_ylim(low - room, high + room)
                axes.set_aspect("equal")
                said = agreement[
                    (agreement["method"] == method)
                    & (agreement["parameter"] == name)
                    & (agreement["against"] == part["against"].iloc[0])
                    & (agreement["over"] == "trusted")
                ]
                if len(said):
                    line = said.iloc[0]
                    text = f"NRMSE {line['nrmse']:.1f} %\nICC {line['icc']:.3f}"
                    axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=7)
                if row == 0:
                    axes.set_title(FINGERPRINT_WORDS.get(method, method))
                if column == 0:
                    axes.set_ylabel(f"{_axis(name)}, found")
                axes.set_xlabel(f"{_axis(name)}, {part['against'].iloc[0]}")
        if (table["trusted"] == "no").any():
            grid[0, -1].legend(loc="lower right", handletextpad=0.2)
        return save(figure, stem, style, table=table)


def draw_regions(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Boxes of each region: median, quartiles, and whiskers from 5 to 95 % of the trusted voxels.

    Args:
        table: columns method (or the name of the reference), region, parameter, unit, voxels, trusted, p5, p25, median,
            p75, p95, of one subject.
        stem, style: as everywhere.
    """
    names, regions = list(dict.fromkeys(table["parameter"])), list(dict.fromkeys(table["region"]))
    methods = list(dict.fromkeys(table["method"]))
    methods = [*(m for m in methods if m not in COLOURS), *(m for m in methods if m in COLOURS)]
    width = 0.8 / len(methods)
    with house_style():
        figure, column = plt.subplots(
            len(names), 1, figsize=(PAGE_WIDTH, 1.5 * len(names) + 0.5), squeeze=False, sharex=True
        )
        for axes, name in zip(column[:, 0], names, strict=True):
            part = table[table["parameter"] == name]
            _, factor, _ = shown(name)
            for number, method in enumerate(methods):
                here = part[(part["method"] == method) & (part["trusted"] > 0)]
                boxes = [
                    {
                        "med": factor * row.median,
                        "q1": factor * row.p25,
                        "q3": factor * row.p75,
                        "whislo": factor * row.p5,
                        "whishi": factor * row.p95,
                    }
                    for row in here.itertuples()
                ]
                at = [regions.index(region) + (number - (len(methods) - 1) / 2) * width for region in here["region"]]
                colour = COLOURS.get(method, BLACK)
                line = {"color": colour, "linewidth": 0.8}
                if boxes:
                    axes.bxp(
                        boxes, positions=at, widths=0.8 * width, showfliers=False, manage_ticks=False,
                        patch_artist=True, boxprops={"facecolor": "none", "edgecolor": colour, "linewidth": 0.8},
                        medianprops={**line, "linewidth": 1.6}, whiskerprops=line, capprops=line,
                    )  # fmt: skip
                axes.plot([], [], color=colour, linewidth=2, label=FINGERPRINT_WORDS.get(method, method))
            axes.set_ylabel(_axis(name, part["unit"].iloc[0]))
        last = column[-1, 0]
        counts = table[table["method"].isin(COLOURS)].groupby("region")[["trusted", "voxels"]].min()
        last.set_xticks(range(len(regions)), [_region(region, counts) for region in regions])
        last.set_xlim(-0.6, len(regions) - 0.4)
        column[0, 0].legend(ncols=len(methods), loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
        return save(figure, stem, style, table=table)


def _region(name: str, counts: pd.DataFrame) -> str:
    words = name.replace(" ", "\n", 1) if len(name) > 12 else name
    if name not in counts.index:
        return words
    return f"{words}\n{int(counts.loc[name, 'trusted'])} of {int(counts.loc[name, 'voxels'])}"


def draw_training(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """Learning curves: RMS of what is left against the epoch, one line a training.

    Args:
        table: columns subject, stage, method, epoch, loss.
        stem, style: as everywhere.
    """
    methods = list(dict.fromkeys(table["method"]))
    stages = list(dict.fromkeys(table["stage"]))
    lines = ("-", "--", ":", "-.")
    words = {"nbmf": "RMS residual (of largest signal)", "supervised": "RMS error (part of the range)"}
    with house_style():
        figure, row = plt.subplots(1, max(len(methods), 1), figsize=(PAGE_WIDTH, 2.4), squeeze=False)
        for axes, method in zip(row[0], methods, strict=True):
            for (subject, stage), part in table[table["method"] == method].groupby(["subject", "stage"], sort=False):
                line = lines[stages.index(stage) % len(lines)]
                axes.semilogy(
                    part["epoch"], part["loss"], line, color=COLOURS.get(method, GREY), label=f"{subject}, {stage}"
                )
            axes.set_title(FINGERPRINT_WORDS.get(method, method))
            axes.set_xlabel("epoch"), axes.set_ylabel(words.get(method, "loss"))
            axes.legend()
        return save(figure, stem, style, table=table)


def draw_schedule(table: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """A protocol, image by image: B1, its offset, and the seconds with and without RF before each.

    Args:
        table: columns stage, image, b1_uT, offset_ppm, on_s, off_s.
        stem, style: as everywhere.
    """
    with house_style():
        figure, (top, middle, bottom) = plt.subplots(
            3, 1, figsize=(PAGE_WIDTH, 3.6), sharex=True, height_ratios=(1.4, 1, 1)
        )
        image = table["image"]
        top.bar(image, table["b1_uT"], color=BLUE, width=0.8)
        top.set_ylabel("B$_1$ (µT)")
        on = table["b1_uT"] > 0
        middle.plot(image[on], table["offset_ppm"][on], "o", color=VERMILION, markersize=3)
        middle.set_ylabel("offset (ppm)")
        low, high = table["offset_ppm"][on].min(), table["offset_ppm"][on].max()
        middle.set_ylim(min(0, low) - 0.5, high + 1)
        bottom.bar(image, table["off_s"], color=PALE, width=0.8, label="without RF")
        bottom.bar(image, table["on_s"], bottom=table["off_s"], color=ORANGE, width=0.8, label="saturation")
        bottom.set_ylabel("time (s)"), bottom.set_xlabel("image")
        bottom.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
        minutes = (table["on_s"] + table["off_s"]).sum() / 60
        top.set_title(f"{table['stage'].iloc[0]}: {len(table)} images in {minutes:.1f} min", loc="left")
        return save(figure, stem, style, table=table)


def draw_designed_schedule(images: pd.DataFrame, bounds: pd.DataFrame, stem: Path | str, style: Style) -> list[Path]:
    """A designed schedule beside the given one: B1 and offset of each image, and the bounds of both.

    Args:
        images: columns schedule (given, designed), image, b1_uT, offset_ppm.
        bounds: columns schedule, parameter, unit, bound.
        stem, style: as everywhere.
    """
    names, colours = list(dict.fromkeys(bounds["parameter"])), {"given": GREY, "designed": BLUE}
    with house_style():
        figure = plt.figure(figsize=(PAGE_WIDTH, 3.2))
        parts = figure.add_gridspec(2, 3)
        top, bottom = figure.add_subplot(parts[0, :2]), figure.add_subplot(parts[1, :2])
        for number, (name, rows) in enumerate(images.groupby("schedule", sort=False)):
            shift, on = 0.4 * number - 0.2, rows["b1_uT"] > 0
            top.bar(rows["image"] + shift, rows["b1_uT"], width=0.4, color=colours[name], label=name)
            bottom.plot(rows["image"][on] + shift, rows["offset_ppm"][on], "o", markersize=3, color=colours[name])
        top.set_ylabel("B$_1$ (µT)")
        top.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
        bottom.set_ylabel("offset (ppm)"), bottom.set_xlabel("image")
        sides = parts[:, 2].subgridspec(1, len(names))
        for place, name in zip(sides, names, strict=True):
            axes, here = figure.add_subplot(place), bounds[bounds["parameter"] == name]
            values = shown(name)[1] * here["bound"]
            axes.bar(here["schedule"], values, color=[colours[each] for each in here["schedule"]], width=0.6)
            axes.tick_params(axis="x", rotation=60)
            axes.set_title(f"bound of\n{_axis(name)}", fontsize=8)
        return save(figure, stem, style, images=images, bounds=bounds)


def draw_bounds_plane(table: pd.DataFrame, names: Sequence[str], stem: Path | str, style: Style) -> list[Path]:
    """Cramér-Rao bounds over the plane of two parameters, in % of the value, and where they are told apart at all.

    Args:
        table: columns NAME of both parameters and NAME_bound of each (same units, infinite where they cannot be told
            apart), of a full grid.
        names: the two parameters, horizontal first.
        stem, style: as everywhere.
    """
    first, second = names
    with house_style():
        figure, row = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3), sharey=True)
        for axes, name in zip(row, names, strict=True):
            relative = table.assign(shown=100 * table[f"{name}_bound"] / table[name])
            plane = relative.pivot(index=second, columns=first, values="shown")
            x = shown(first)[1] * plane.columns.to_numpy()
            y = shown(second)[1] * plane.index.to_numpy()
            values = np.clip(plane.to_numpy(), 0.05, 1e3)
            levels = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
            drawn = axes.pcolormesh(
                x, y, values, norm=LogNorm(0.2, 100), cmap="cividis", shading="nearest", rasterized=True
            )
            lines = axes.contour(x, y, values, levels=levels, colors="white", linewidths=0.7)
            axes.clabel(lines, fmt=lambda v: f"{v:g} %", fontsize=6.5)
            axes.contourf(x, y, values, levels=[100, 2e3], colors="none", hatches=["xxx"])
            axes.set_xlabel(_axis(first)), axes.set_title(f"bound of {shown(name)[0]}")
        row[0].set_ylabel(_axis(second))
        bar = figure.colorbar(drawn, ax=row, extend="both", label="smallest SD (% of the value)")
        bar.set_ticks(levels, labels=[f"{level:g}" for level in levels])
        return save(figure, stem, style, table=table)


def plot_fingerprints(
    paths: Iterable[Path | str],
    maps: Mapping[tuple[str, str], pd.DataFrame],
    scatter: pd.DataFrame,
    training: pd.DataFrame,
    agreement: Path | str,
    regions: Path | str,
    style: Style,
) -> None:
    """Draw what each of `paths` names: mrf_KIND_SUBJECT_STAGE.png of maps, scatter and regions, and mrf_training.png.

    Args:
        paths: of the PNG files.
        maps: tables of `draw_maps` by subject and stage.
        scatter, training: tables of all subjects.
        agreement, regions: compare/mrf_agreement.tsv and compare/mrf_regions.tsv.
        style: as everywhere.
    """
    text = {"subject": str, "region": str}
    agreed, boxes = (pd.read_csv(path, sep="\t", dtype=text) for path in (agreement, regions))
    for path in map(Path, paths):
        stem, (_, kind, *which) = path.with_suffix(""), path.stem.split("_")
        if kind == "training":
            draw_training(training, stem, style)
            continue
        subject, stage = which
        if kind == "maps":
            draw_maps(maps[subject, stage], stem, style)
        elif kind == "scatter":
            draw_scatter(_of(scatter, subject, stage), _of(agreed, subject, stage), stem, style)
        else:
            draw_regions(_of(boxes, subject, stage), stem, style)


def _of(table: pd.DataFrame, subject: str, stage: str) -> pd.DataFrame:
    return table[(table["subject"] == subject) & (table["stage"] == stage)]
