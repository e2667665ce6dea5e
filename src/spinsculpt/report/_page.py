"""Fill the page with what the workflow made."""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, select_autoescape

from spinsculpt.compare import read_table
from spinsculpt.provenance import atomic_path, provenance
from spinsculpt.report._answer import answer, bounds_summary, recovery_summary
from spinsculpt.report._checklist import read_checklist
from spinsculpt.report._scans import checklist_sections, quality_summary

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
    "explain": "Why a designed pulse works: coherence orders and classes of product operators along it, the leading "
    "terms of the state at the first sample, the in-phase signal of each spin beside its unitary bound, the loss over "
    "B₁ and B₀.",
}


def write_report(tables: Iterable[Path | str], figures: Iterable[Path | str], config: Mapping, out: Path | str) -> None:
    """Write the page.

    Args:
        tables: compare/*.tsv; separation.tsv is always among them, others add their section.
        figures: PNG files in the order of the page; a file of the same name with the suffix .tsv is named beside each.
        config: the validated configuration.
        out: HTML file, self-contained.
    """
    read = {Path(path).stem: read_table(path) for path in tables if Path(path).stem != "mrsinmrs"}
    answers = next((read_checklist(path) for path in tables if Path(path).stem == "mrsinmrs"), None)
    template = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(), trim_blocks=True
    ).get_template("page.html")
    page = template.render(
        config=config,
        sentences=answer(read["separation"], config),
        bounds=_html(bounds_summary(read["separation"], config), index=True),
        quality=quality_summary(read["quality"], config) if "quality" in read else None,
        checklist=None if answers is None else checklist_sections(answers),
        measured=[] if answers is None else list(dict.fromkeys(answers["sequence"])),
        recovery=_html(recovery_summary(read["recovery"], config)) if "recovery" in read else None,
        expected=_html(read["expected"]) if "expected" in read else None,
        engines=_html(read["engines"]) if "engines" in read else None,
        designs=_html(read["designs"]) if "designs" in read else None,
        figures=[_figure(Path(path)) for path in figures],
        tables=sorted(Path(path).stem for path in tables),
        provenance=provenance(dict(config)),
        config_text=json.dumps(config, indent=1, default=str),
    )
    with atomic_path(out) as path:
        path.write_text(page, encoding="utf-8")


def _figure(path: Path) -> dict:
    return {
        "name": path.stem,
        "caption": CAPTIONS.get(path.stem.partition("_")[0], path.stem),
        "data": base64.b64encode(path.read_bytes()).decode(),
    }


def _html(table: pd.DataFrame, index: bool = False) -> str:
    return table.to_html(index=index, border=0, na_rep="", float_format=lambda value: f"{value:.3g}")
