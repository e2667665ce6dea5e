"""What the tables say, in sentences and small tables; every number comes from a table."""

import pandas as pd

from spinsculpt.compare import playable, retest_table
from spinsculpt.config import Study

TIE = 0.05  # bounds closer than this are called equal


def _kind(analysis: str, config: Study) -> str:
    """ "designed", "edited" or "plain": what sort of sequence an analysis fits."""
    entry = config.sequences[config.analyses[analysis].sequence]
    if entry.slots:
        return "designed"
    return "edited" if entry.type in ("megapress", "megaslaser") else "plain"


def bounds(separation: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    """One row an analysis and assumption, columns: the CRLB of both metabolites and the SD of their ratio in %."""
    first, second = pair
    rows = separation[separation["metric"].isin(["CRLB", "ratio SD"])]
    wide = rows.pivot_table(
        index=["baseline", "macromolecules", "t2_scale", "sequence"], columns="metabolite", values="value", sort=False
    )
    return wide[[first, second, f"{second}/{first}"]]


def answer(separation: pd.DataFrame, config: Study, cost: bool = True) -> list[str]:
    """Who separates the pair best, under which assumption, by how much, and where plain PRESS is as good.

    Args:
        separation: compare/separation.tsv.
        config: the validated configuration.
        cost: say what the best asks of the scanner.
    Returns:
        Sentences, the most important one first; of sequences that can be played, unless the study has none.
    """
    separation = playable(separation)
    pair = tuple(config.compare.pair)
    ratio = f"{pair[1]}/{pair[0]}"
    wide = bounds(separation, pair)
    assumptions = wide.groupby(level=["baseline", "macromolecules", "t2_scale"], sort=False)
    central = _central(separation)
    sentences = [_ranking(wide.loc[central][ratio], central, ratio, config)]
    if cost:
        sentences += _cost(separation, wide.loc[central][ratio].idxmin(), config)
    winners = pd.DataFrame({key: part.droplevel([0, 1, 2])[ratio].sort_values() for key, part in assumptions})
    best = winners.idxmin()
    counts = best.value_counts()
    if len(best) > 1:
        parts = [f"{_label(name, config)} in {count}" for name, count in counts.items()]
        sentences.append(
            f"The smallest SD of {ratio}, over all {len(best)} combinations of baseline, macromolecule model and T₂: "
            f"{', '.join(parts)}."
        )
    designed, edited = ([n for n in winners.index if _kind(n, config) == kind] for kind in ("designed", "edited"))
    if designed and edited:
        sentences.append(_against_edited(wide.loc[central], ratio, designed, edited, config))
    plain = [name for name in winners.index if _kind(name, config) == "plain"]
    others = [name for name in winners.index if name not in plain]
    if plain and others:
        sentences.append(_plain_sentence(wide, pair, plain, others, config))
    return sentences


def _central(separation: pd.DataFrame) -> tuple:
    """The assumption of the headline: the first baseline and macromolecule model, the T2 nearest to the library's."""
    rows = separation[separation["metric"] == "CRLB"]
    nearest = min(rows["t2_scale"].unique(), key=lambda scale: abs(scale - 1))
    return rows["baseline"].iloc[0], rows["macromolecules"].iloc[0], nearest


def _ranking(values: pd.Series, central: tuple, ratio: str, config: Study) -> str:
    ordered = values.sort_values()
    best = ordered.index[0]
    rest = [f"{value:.1f} % with {_label(name, config)}" for name, value in ordered.iloc[1:].items()]
    baseline, macromolecules, _ = central
    return (
        f"With a {baseline} baseline and macromolecules {macromolecules}, {_label(best, config)} separates the pair "
        f"best: the Cramér-Rao bound of {ratio} is {ordered.iloc[0]:.1f} %"
        + (f", against {', '.join(rest)}." if rest else ".")
    )


def _cost(separation: pd.DataFrame, best: str, config: Study) -> list[str]:
    """What the best sequence asks of the scanner: echo time, peak B1, power, subtraction."""
    rows = separation[separation["sequence"] == best]
    numbers = rows.drop_duplicates("metric").set_index("metric")["value"]
    if not {"echo time", "B1+rms"} <= set(numbers.index):
        return []
    relative = next((name for name in numbers.index if name.startswith("SAR relative to ")), None)
    anchor = relative and relative.removeprefix("SAR relative to ")
    power = (
        f", {numbers[relative]:.2f} times the power of {_label(anchor, config)}" if relative and anchor != best else ""
    )
    spectra = config.analyses[best].spectra
    shots = "; it is the difference of two shots" if list(spectra) == ["diff"] else ""
    return [
        f"{_label(best, config)} has an echo time of {numbers['echo time']:.3g} ms and needs a peak B1 of "
        f"{numbers['peak B1']:.3g} µT and a B1+rms of {numbers['B1+rms']:.2f} µT{power}{shots}."
    ]


def _against_edited(values: pd.DataFrame, ratio: str, designed: list[str], edited: list[str], config: Study) -> str:
    """The best designed sequence beside every edited one, as fractions of its bounds."""
    best = values.loc[designed, ratio].idxmin()
    parts = []
    for name in edited:
        fractions = values.loc[best] / values.loc[name]
        bounds = ", ".join(f"{fraction:.2f} ({measure})" for measure, fraction in fractions.items())
        parts.append(f"{bounds} of those of {_label(name, config)}")
    return f"Under the same assumptions the bounds with {_label(best, config)} are {'; '.join(parts)}."


def _plain_sentence(wide: pd.DataFrame, pair, plain: list[str], others: list[str], config: Study) -> str:
    """Where the best plain sequence is as good as, or better than, the best of the others."""
    kept = []
    assumptions = wide.groupby(level=["baseline", "macromolecules", "t2_scale"], sort=False)
    for (baseline, macromolecules, t2_scale), part in assumptions:
        part = part.droplevel([0, 1, 2])
        for measure in part.columns:
            if part.loc[plain, measure].min() <= part.loc[others, measure].min() * (1 + TIE):
                kept.append((measure, f"{baseline} baseline, macromolecules {macromolecules}, T₂ × {t2_scale:g}"))
    total = len(wide.columns) * assumptions.ngroups
    press = f"Plain {_kinds(plain, config)}"
    if not kept:
        return f"{press} is nowhere within {100 * TIE:.0f} % of the best of the others ({total} comparisons)."
    measures = {}
    for measure, assumption in kept:
        measures.setdefault(measure, []).append(assumption)
    where = "; ".join(f"{measure} in {len(found)} of {assumptions.ngroups}" for measure, found in measures.items())
    return (
        f"{press} is as good as the best of the others, within {100 * TIE:.0f} %, or better in {len(kept)} of {total} "
        f"comparisons of bounds: {where}."
    )


def _kinds(names: list[str], config: Study) -> str:
    return "/".join(dict.fromkeys(config.sequences[config.analyses[name].sequence].type.upper() for name in names))


def design_verdicts(designs: pd.DataFrame, config: Study) -> dict[str, dict]:
    """What was found of the designed pulses that the ranked sequences play.

    Args:
        designs: compare/designs.tsv.
        config: the validated configuration.
    Returns:
        {analysis: {"label", "use" (True, False, or None without a rival), "words" for a ranking, "sentence"}}.
    """
    rows = designs[designs["metric"] == "verdict"].set_index("design")
    words = {
        True: "its pulse: use, by its own goal",
        False: "its pulse: do not use",
        None: "its pulse: no comparison sequence",
    }
    found = {}
    for name in ranked_names(config):
        entry = config.sequences[config.analyses[name].sequence]
        for design in entry.slots.values():
            if design in rows.index:
                value = rows.loc[design, "value"]
                use = None if pd.isna(value) else bool(value)
                said = {"label": _label(name, config), "use": use, "words": words[use]}
                found[name] = said | {"sentence": rows.loc[design, "source"]}
    return found


def _label(name: str, config: Study) -> str:
    return config.figures.labels.get(name, name)


def headline(ranking: pd.DataFrame, errors: pd.DataFrame, separation: pd.DataFrame, config: Study) -> list[str]:
    """Which sequence that can be played is best by RMSE, by how much, how sure, and what it costs; then its weak spot.

    Args:
        ranking, errors: compare/ranking.tsv and compare/montecarlo.tsv.
        separation: compare/separation.tsv.
        config: the validated configuration.
    """
    ratio = _ratio(config)
    table = ranking[ranking["metabolite"] == ratio].set_index("sequence")
    if table.empty:
        return []
    best = table.index[0]
    first = table.iloc[0]
    said = (
        f"Of {len(table)} sequences within hardware limits, {_label(best, config)} measures {ratio} best: its error is "
        f"{first['rmse']:.1f} %"
    )
    sure = f"Its 95 % interval is {first['low']:.1f}–{first['high']:.1f} %"
    if len(table) > 1:
        second = table.iloc[1]
        said += f", against {second['rmse']:.1f} % with {_label(table.index[1], config)}, the second"
        sure += (
            f", that of the second {second['low']:.1f}–{second['high']:.1f} %; it is the best in "
            f"{100 * first['best']:.0f} % of resampled studies"
        )
    sentences = [
        f"{said}.",
        f"The error is the root mean square over {int(first['conditions'])} matched and mismatched models, bias "
        f"included. {sure}.",
        *_cost(separation, best, config),
        *_scan_time(errors, best, config),
    ]
    rows = errors[(errors["sequence"] == best) & (errors["metabolite"] == ratio) & (errors["axis"] == "model")]
    worst = rows.loc[rows["bias"].abs().idxmax()]
    sentences.append(
        f"The largest bias of {_label(best, config)}, {worst['bias']:+.1f} %, comes with: {worst['condition']}."
    )
    return sentences


def _scan_time(errors: pd.DataFrame, best: str, config: Study) -> list[str]:
    """The scan time in which the best sequence has the precision of each edited one, by bounds (matched model)."""
    rows = errors[(errors["metabolite"] == _ratio(config)) & (errors["condition"] == "right model")]
    bounds = rows.set_index("sequence")["bound"]
    parts = [
        f"{_label(name, config)} in {100 * (bounds[best] / bounds[name]) ** 2:.0f} %"
        for name in bounds.index
        if name != best and _kind(name, config) == "edited"
    ]
    if not parts:
        return []
    return [
        f"By bounds, it reaches the precision of edited sequences in a part of their scan time: {', '.join(parts)}."
    ]


def _ratio(config: Study) -> str:
    pair = config.compare.pair
    return f"{pair[1]}/{pair[0]}"


def error_summary(errors: pd.DataFrame, ranking: pd.DataFrame, config: Study) -> pd.DataFrame:
    """RMSE of the ratio in % by sequence and model, the bias beside it; then over all with its interval."""
    ratio = _ratio(config)
    rows = errors[(errors["metabolite"] == ratio) & (errors["axis"] == "model")]
    words = rows.assign(text=[f"{r.rmse:.1f} ({r.bias:+.1f})" for r in rows.itertuples()])
    table = words.pivot(index="sequence", columns="condition", values="text").fillna("")
    table = table[list(dict.fromkeys(rows["condition"]))]
    order = ranking[ranking["metabolite"] == ratio].set_index("sequence")
    texts = [f"{r.rmse:.1f} ({r.low:.1f}–{r.high:.1f})" for r in order.itertuples()]
    table = table.loc[order.index]
    table.insert(0, "over all (95 %)", texts)
    return _named(table, config)


def axis_summary(errors: pd.DataFrame, ranking: pd.DataFrame, config: Study) -> pd.DataFrame:
    """SD, bias and bound of the ratio in % with the matched model at other SNR, linewidths and ratios."""
    ratio = _ratio(config)
    rows = errors[
        (errors["metabolite"] == ratio) & ((errors["axis"] != "model") | (errors["condition"] == "right model"))
    ]
    words = rows.assign(text=[f"{r.sd:.1f} ({r.bias:+.1f}; {r.bound:.1f})" for r in rows.itertuples()])
    table = words.pivot(index="sequence", columns="condition", values="text").fillna("")
    table = table[list(dict.fromkeys(rows["condition"]))]
    model = errors[(errors["metabolite"] == ratio) & (errors["axis"] == "model")]
    right = model["condition"] == "right model"
    for head, part in (("coverage, matched (%)", model[right]), ("coverage, mismatched (%)", model[~right])):
        table[head] = part.groupby("sequence")["coverage"].mean().map("{:.0f}".format)
    order = ranking.loc[ranking["metabolite"] == ratio, "sequence"]
    return _named(table.loc[list(order)], config)


def retest_summary(retest: pd.DataFrame, config: Study) -> pd.DataFrame:
    """Repeatability of the ratio by sequence, the smallest CV first."""
    table = retest_table(retest[retest["metabolite"] == _ratio(config)]).sort_values("cv")
    found = pd.DataFrame(
        {
            "CV within subjects (%), 95 % interval": [
                f"{r.cv:.1f} ({r.cv_low:.1f}–{r.cv_high:.1f})" for r in table.itertuples()
            ],
            "ICC": [f"{value:.2f}" for value in table["icc"]],
            "mean difference and limits of agreement (%)": [
                f"{r.difference:+.1f} ({r.lower_limit:+.1f} to {r.upper_limit:+.1f})" for r in table.itertuples()
            ],
        },
        index=pd.Index(table["sequence"], name="sequence"),
    )
    return _named(found, config)


def _named(table: pd.DataFrame, config: Study) -> pd.DataFrame:
    return table.rename(index=lambda name: _label(name, config)).rename_axis(None).rename_axis(columns=None)


def power_summary(power: pd.DataFrame, config: Study) -> pd.DataFrame:
    """Subjects and minutes of the ratio and of both metabolites, a row a sequence."""
    table = power.assign(sequence=[_label(name, config) for name in power["sequence"]])
    for column in ("paired", "groups"):  # 0 stands for more than can be counted
        table[column] = [f"{count:.0f}" if count else "> 100000" for count in table[column]]
    heads = {"sd": "SD (%)", "paired": "subjects, paired", "groups": "subjects a group", "minutes": "minutes for 10 %"}
    return table.rename(columns=heads)


def cost_summary(separation: pd.DataFrame, config: Study) -> pd.DataFrame:
    """What each sequence that can be played asks of the scanner: a row an analysis."""
    rows = playable(separation)
    displaced = rows[rows["metric"] == "displacement"].groupby("sequence", sort=False)["value"].max()
    rows = rows[rows["metric"].isin(_COSTS) | rows["metric"].str.startswith("SAR relative to ")]
    table = rows.pivot_table(index="sequence", columns="metric", values="value", sort=False)
    relative = [name for name in table if name.startswith("SAR relative to ")]
    table = table.reindex(columns=[*_COSTS, *relative])
    table["largest displacement (% of the slice a ppm)"] = displaced
    table = table.loc[[name for name in ranked_names(config) if name in table.index]]
    units = {name: f"{name} ({unit})" for name, unit in _COSTS.items()}
    units |= {name: f"SAR relative to {_label(name.removeprefix('SAR relative to '), config)}" for name in relative}
    return (
        table.rename(columns=units, index=lambda name: _label(name, config)).rename_axis(None).rename_axis(columns=None)
    )


_COSTS = {"echo time": "ms", "peak B1": "µT", "B1+rms": "µT", "head SAR": "W/kg"}


def ranked_names(config: Study) -> list[str]:
    """Analyses of the ranking: the measured ones, then the rivals that nobody measures."""
    compare = config.compare
    return list(dict.fromkeys([*compare.analyses, *compare.rivals]))


def bounds_summary(separation: pd.DataFrame, config: Study) -> pd.DataFrame:
    """The bounds at the T2 of the library: a row an analysis, a column an assumption and metabolite."""
    pair = tuple(config.compare.pair)
    wide = bounds(separation, pair).xs(_central(separation)[2], level="t2_scale")
    table = wide.unstack(["baseline", "macromolecules"]).reorder_levels([1, 2, 0], axis=1)
    columns = [(*assumption, measure) for assumption in dict.fromkeys(c[:2] for c in table.columns) for measure in wide]
    table = table.loc[[name for name in ranked_names(config) if name in table.index], columns]
    table.columns = pd.MultiIndex.from_tuples(
        [(f"{b} baseline", f"macromolecules {m}", f"{x} (%)") for b, m, x in columns]
    )
    return table.rename(index=lambda name: _label(name, config)).rename_axis(None)


def recovery_summary(recovery: pd.DataFrame, config: Study) -> pd.DataFrame:
    """Bias and SD of the errors over the cohort, beside the mean bound, of both metabolites.

    Rejected scans count only where the config says so; how many there are stands beside.
    """
    pair = list(config.compare.pair)
    rows = recovery[recovery["metabolite"].isin(pair) & (recovery["unit"] == "mM")]
    rejected = rows["verdict"] == "reject"
    counted = ~rejected | config.quality.count_rejected
    numbers = rows[["error", "crlb"]].where(counted)
    rows = rows.assign(**numbers, rejected=rejected, trusted=(rows["reliable"] == "yes") & counted)
    grouped = rows.groupby(["engine", "sequence", "metabolite"], sort=False)
    table = grouped.agg(
        scans=("error", "count"),
        rejected=("rejected", "sum"),
        bias=("error", "mean"),
        spread=("error", "std"),
        bound=("crlb", "mean"),
        reliable=("trusted", "sum"),
    ).reset_index()
    table["sequence"] = table["sequence"].map(lambda name: _label(name, config))
    return table.rename(
        columns={
            "rejected": "rejected scans",
            "bias": "mean error (%)",
            "spread": "SD of errors (%)",
            "bound": "mean CRLB (%)",
            "reliable": "reliable fits",
        }
    )
