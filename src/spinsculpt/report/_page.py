"""Fill the page with what the workflow made."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, Template, select_autoescape
from markupsafe import Markup

from spinsculpt.compare import playable, read_table
from spinsculpt.config import Figures, Study, default_of, plain
from spinsculpt.core.provenance import atomic_path, provenance
from spinsculpt.data.subjects import Scan
from spinsculpt.fit import describe_model
from spinsculpt.report._answer import (
    answer,
    axis_summary,
    bounds_summary,
    cost_summary,
    design_verdicts,
    error_summary,
    headline,
    power_summary,
    ranked_names,
    recovery_summary,
    retest_summary,
)
from spinsculpt.report._checklist import read_checklist
from spinsculpt.report._concentrations import (
    cohort_table,
    concentration_tables,
    engines_summary,
    expected_rows,
    number,
    own_answer,
    scan_page,
)
from spinsculpt.report._pack import Pack, pack_fits
from spinsculpt.report._scans import checklist_sections, quality_summary
from spinsculpt.report.figures import study_style

HERE = Path(__file__).parent

CAPTIONS = {
    "crlb": "Cramér-Rao bounds at equal total scan time, under each baseline and macromolecule model. Bars: the T₂ of "
    "all signals scaled by the factors of compare.t2_scales. Ticks: the metabolite alone, without relaxation.",
    "spectra": "The pair by sequence, at typical concentrations, on one scale; shaded: the window of the overlaps.",
    "designs": "Designed pulses: amplitude and phase, and the objective of every start against the optimiser's step.",
    "recovery": "Estimated against true concentrations of the simulated cohort, and the errors of all metabolites. "
    "Open: rejected scans.",
    "engines": "Bland-Altman plots of the fit engines: mean against difference, beside the Cramér-Rao bounds of the "
    "first (bars). Dashed: limits of agreement, mean ± 1.96 SD, over all scans, rejected ones too.",
    "fits": "Every scan: data, fit, baseline, and residual on the same scale; rejected scans are named so.",
    "preprocessing": "Quality of every preprocessed scan. Dotted: the limits; open: rejected scans.",
    "ranking": "Error of each sequence over matched and mismatched models (root mean square, bias included), its "
    "95 % interval by bootstrap of the fits; the bound of an unbiased fit as a tick.",
    "errors": "Bias and SD of the ratio in fits of noisy data, by model of the fit, SNR, linewidth and true ratio.",
    "time": "Error of the ratio against scan time: noise averages out, bias does not; and the scan "
    "time that gives the precision of the first sequence.",
    "power": "Subjects in each of two groups against the effect, by the SD of the fits and that between subjects.",
    "losses": "How each sequence loses what it loses: the bound of the ratio as unknowns are added one after another.",
    "retest": "A simulated cohort measured twice: difference of the two days against their mean (Bland-Altman).",
    "explain": "Why a designed pulse works: coherence orders and classes of product operators along it, the leading "
    "terms of the state at the first sample, the in-phase signal of each spin beside its unitary bound, the loss over "
    "B₁ and B₀.",
}


def write_report(
    tables: Iterable[Path | str],
    figures: Iterable[Path | str],
    config: Study,
    out: Path | str,
    fits: Sequence[tuple[Path | str, Mapping[str, str]]] = (),
    unfinished: Mapping | None = None,
) -> None:
    """Write the page.

    Args:
        tables: compare/*.tsv; each that is there adds its section.
        figures: PNG files in the order of the page; a file of the same name with the suffix .tsv is named beside each.
        config: the validated configuration.
        out: HTML file, self-contained.
        fits: fit.npz of each fit, and engine, subject, session and sequence (name of the analysis) of it.
        unfinished: of a run that did not end well: failures, how many jobs wait, scans through and planned.
    """
    paths = {Path(path).stem: Path(path) for path in tables}
    read = {name: read_table(path) for name, path in paths.items() if name != "mrsinmrs"}
    answers = read_checklist(paths["mrsinmrs"]) if "mrsinmrs" in paths else None
    separation, quality, measured = read.get("separation"), read.get("quality"), read.get("fits")
    summary = None if quality is None else quality_summary(quality, config)
    pack = Pack()
    rejected = set() if summary is None else {scan["name"] for scan in summary["scans"] if scan["verdict"] == "reject"}
    curves, left_out = pack_fits(pack, [(path, _fit_words(label, config, rejected)) for path, label in fits])
    style, model = study_style(config), config.fit.model(bool(config.subjects))
    names = ranked_names(config)
    header = {
        "fits": curves,
        "pair": list(config.compare.pair),
        "labels": {name: style.label(name) for name in names},
        "colours": {name: style.colour(name) for name in names},
        "measured": {name: entry.sequence for name, entry in config.analyses.items()},
        "tables": {name: path.read_text(encoding="utf-8") for name, path in paths.items()},
    }
    if separation is not None:
        bounds = playable(separation)
        bounds = bounds[bounds["metric"].isin(["CRLB", "ratio SD"])]
        ideal = playable(separation, wanted=False)
        cost = cost_summary(separation, config)
        shown = ["sequence", "metabolite", "value", "baseline", "macromolecules", "t2_scale"]
        header["separation"] = bounds[bounds["value"].map(np.isfinite)][shown].to_dict("records")
        header["measures"] = list(dict.fromkeys(bounds["metabolite"]))
    ranked = (read["montecarlo"], read["ranking"]) if {"montecarlo", "ranking"} <= set(read) else None
    if ranked:
        of_models = ranked[0][ranked[0]["axis"] == "model"]
        shown = ["sequence", "condition", "metabolite", "rmse", "repeats"]
        header["errors"] = of_models[of_models["rmse"].map(np.isfinite)][shown].to_dict("records")
        header["intervals"] = ranked[1][["sequence", "metabolite", "low", "high", "conditions"]].to_dict("records")
    first, sentences = [], []
    if separation is not None:
        first = [] if ranked is None else headline(read["ranking"], read["montecarlo"], separation, config)
        sentences = answer(separation, config, cost=ranked is None)
    verdicts = {} if "designs" not in read else design_verdicts(read["designs"], config)
    header["verdicts"] = {name: found["words"] for name, found in verdicts.items()}
    page = template("page.html").render(
        title=_title(config, summary),
        model=describe_model(model),
        averaged=model.baseline.kind == "average",
        own_answer=[] if measured is None else own_answer(measured, quality, config),
        data=pack.text(header),
        config=config,
        own=bool(config.subjects),
        unfinished=unfinished and _unfinished(unfinished),
        headline=first,
        sentences=sentences,
        bounds=None if separation is None else html_of(bounds_summary(playable(separation), config), index=True),
        ideal=None if separation is None or ideal.empty else html_of(bounds_summary(ideal, config), index=True),
        verdicts=verdicts,
        cost=None if separation is None or cost.empty else html_of(cost, index=True),
        errors=None if ranked is None else html_of(error_summary(*ranked, config), index=True),
        axes=None if ranked is None else html_of(axis_summary(*ranked, config), index=True),
        retest=html_of(retest_summary(read["retest"], config), index=True) if "retest" in read else None,
        power=html_of(power_summary(read["power"], config)) if "power" in read else None,
        system=asdict(config.system.limits()),
        quality=summary,
        rejected=len(rejected),
        concentrations=[] if measured is None else concentration_tables(measured, config),
        cohort=[] if measured is None else _cohort(measured, config),
        several=measured is not None and measured["engine"].nunique() > 1,
        spectra={"count": len(curves), **left_out} if curves else None,
        checklist=None if answers is None else checklist_sections(answers),
        measured=[] if answers is None else list(dict.fromkeys(answers["sequence"])),
        recovery=html_of(recovery_summary(read["recovery"], config)) if "recovery" in read else None,
        expected=expected_rows(read["expected"], config) if "expected" in read else None,
        engines=engines_summary(read["engines"], measured, config) if "engines" in read else None,
        designs=html_of(read["designs"]) if "designs" in read else None,
        figures=[figure_of(Path(path)) for path in figures if Path(path).stem not in LIVE],
        tables=sorted(paths),
        provenance=provenance(plain(config)),
        config_text=json.dumps(plain(config), indent=1),
    )
    with atomic_path(out) as path:
        path.write_text(page, encoding="utf-8")


def _title(config: Study, quality: Mapping | None) -> str:
    """Title of the page: that of the configuration; its default is a question that one's own scans do not ask."""
    title, pair = config.figures.title, config.compare.pair
    if quality is None or not config.subjects or title != default_of(Figures, "title"):
        return title
    count = len(quality["scans"])
    return f"{pair[0]} and {pair[1]} in {count} scan{'s' if count > 1 else ''}"


LIVE = ("fits", "preprocessing")  # figures whose numbers the page draws itself: they grow with the cohort


def template(name: str) -> Template:
    """A page of this package; text that is filled in is escaped, and `asset` gives a file of ours as it stands."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["asset"] = lambda file: Markup((HERE / "assets" / file).read_text(encoding="utf-8"))
    return environment.get_template(name)


def _fit_words(label: Mapping[str, str], config: Study, rejected: set[str]) -> dict:
    """What the page says of a fit."""
    analysis = label["sequence"]
    scan = Scan(label["subject"], label["session"], config.analyses[analysis].sequence, data="")
    words = config.figures.labels.get(analysis, analysis)
    engine = f", {label['engine']}" if len(config.fit.engines) > 1 else ""
    page = scan_page(scan.subject, scan.session, scan.sequence)
    title = f"{scan.folder.replace('/', ' ')}: {words}{engine}"
    return {"title": title, "page": page, "rejected": scan.name in rejected}


def _cohort(fits: pd.DataFrame, config: Study) -> list[dict]:
    """Rows of the table over the cohort; none of a single scan."""
    if len(fits[["subject", "session"]].drop_duplicates()) < 2:
        return []
    labels = config.figures.labels
    return [
        {
            **row,
            "analysis": labels.get(row["sequence"], row["sequence"]),
            **{key: number(row[key], 3 if key == "mean" else 2) for key in ("mean", "sd", "own_sd", "cv")},
        }
        for row in cohort_table(fits, config).to_dict("records")
    ]


def _unfinished(state: Mapping) -> dict:
    failures = [{**asdict(failure), "count": len(failure.jobs)} for failure in state["failures"]]
    return {**state, "failures": failures, "go_on": HOW_TO_GO_ON}


HOW_TO_GO_ON = (
    "To go on: put right what the sentences name (or take the scan out of the table of scans), then start the same "
    "command again. It computes only what is missing; with --keep-going one failure stops nothing else."
)


def figure_of(path: Path) -> dict:
    """Name, caption and content of a picture, as pages show it."""
    return {
        "name": path.stem,
        "caption": CAPTIONS.get(path.stem.partition("_")[0], path.stem),
        "data": base64.b64encode(path.read_bytes()).decode(),
    }


def html_of(table: pd.DataFrame, index: bool = False) -> str:
    """A table that can be sorted, as pages show it."""
    html = table.to_html(index=index, border=0, na_rep="", float_format=lambda value: f"{value:.3g}")
    above, empty, below = html.rpartition("<th></th>")  # a head without words says nothing to a screen reader
    html = above.replace("<th></th>", "<td></td>") + ("<th>sequence</th>" if empty else "") + below
    return html.replace('class="dataframe"', f'class="dataframe sortable{" compact" if index else ""}"')
