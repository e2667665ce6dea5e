"""The page of the fingerprints."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from spinsculpt.cest.figures import FINGERPRINT_WORDS, shown
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.config import Mrf, plain
from spinsculpt.core.provenance import atomic_path, provenance
from spinsculpt.report import Pack, figure_of, html_of, template

_SPOILING = {
    "assumed": "transverse magnetisation is taken as spoiled before and after each readout tip",
    "played": "transverse magnetisation is spoiled by the gradients of the file only",
}
CAPTIONS = {
    "maps": "The fullest slice of {where}: a row an estimator, a column a parameter. Grey voxels are flagged.",
    "scatter": "Voxels of {where} against the {reference}; crosses are flagged. The line is identity.",
    "regions": "Regions of {where}: median, quartiles, and 5 to 95 % of the trusted voxels, whose number stands below.",
    "training": "Learning curves of the networks.",
    "protocol": "Protocol of the stage {where}, image by image.",
    "bounds": "What the protocol of the stage {where} can tell apart: smallest SD of an unbiased estimate at noise of "
    "0.1 % of the signal in equilibrium, in % of the value; crossed: more than 100 %.",
}


def write_fingerprint_report(
    study: FingerprintStudy,
    tables: Iterable[Path | str],
    figures: Iterable[Path | str],
    section: Mrf,
    out: Path | str,
) -> None:
    """Write the page.

    Args:
        study: who was mapped, and how.
        tables: compare/mrf_agreement.tsv, mrf_regions.tsv and mrf_timing.tsv.
        figures: PNG files, in the order of the page.
        section: the section `mrf`, for the provenance.
        out: HTML file, self-contained.
    """
    paths = {Path(path).stem: Path(path) for path in tables}
    read = {name: _read(path) for name, path in paths.items()}
    agreement, regions, timing = (read[f"mrf_{name}"] for name in ("agreement", "regions", "timing"))
    drawn: dict[str, list[dict]] = {kind: [] for kind in ("maps", "scatter", "regions", "training", "protocol")}
    protocols = []
    for path in map(Path, figures):
        _, kind, *where = path.stem.split("_")
        subject = study.subjects.get(where[0]) if where else None
        words = f"subject {where[0]}, {where[1]}" if len(where) == 2 else "".join(where)
        caption = CAPTIONS[kind].format(where=words, reference=subject.reference_name if subject else "")
        drawn["protocol" if kind == "bounds" else kind].append({**figure_of(path), "caption": caption})
        if kind == "protocol":
            protocols.append(_protocol(study, where[0], path.with_suffix(".tsv")))
    pack, origin = Pack(), provenance(plain(section))
    page = template("fingerprints.html").render(
        data=pack.text({"tables": {name: path.read_text(encoding="utf-8") for name, path in paths.items()}}),
        subjects=list(study.subjects),
        stages=list(study.stages),
        simulated=study.simulated,
        field=study.field,
        sentences=headline(study, agreement, timing),
        agreement=html_of(_agreement(agreement)) if len(agreement) else None,
        regions=html_of(_regions(regions)),
        timing=html_of(_timing(timing)),
        machine=origin["machine"],
        figures=drawn,
        protocols=protocols,
        provenance=origin,
        config_text=json.dumps(plain(section), indent=1, default=str),
    )
    with atomic_path(out) as path:
        path.write_text(page, encoding="utf-8")


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep="\t", dtype={"subject": str, "region": str})
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def headline(study: FingerprintStudy, agreement: pd.DataFrame, timing: pd.DataFrame) -> list[str]:
    """Sentences that say how well each estimator did, over voxels that are trusted, and how many those are."""
    sentences = []
    for subject in study.subjects:
        for method in study.methods:
            here = timing[(timing["subject"] == subject) & (timing["method"] == method)]
            if here.empty:
                continue
            share = 100 * here["trusted"].sum() / here["voxels"].sum()
            words = FINGERPRINT_WORDS.get(method, method)
            how = " with networks of another subject" if "transfer" in set(here["mode"]) else ""
            how += f" and {steps} steps of the voxelwise fit" if (steps := int(here["refine"].max())) else ""
            said = f"{subject}, {words}{how}: {share:.0f} % of the values trusted, {here['seconds'].sum():.1f} s"
            if len(agreement):
                reference = study.subjects[subject].reference_name
                rows = agreement[(agreement["subject"] == subject) & (agreement["method"] == method)]
                rows = rows[(rows["against"] == reference) & (rows["over"] == "trusted")].dropna(subset=["nrmse"])
                errors = ", ".join(f"{_name(row.parameter)} {row.nrmse:.1f} %" for row in rows.itertuples())
                said += f"; NRMSE against the {reference} maps: {errors}" if errors else ""
            sentences.append(said.replace("truth maps", "truth") + ".")
    return sentences


def _name(parameter: str) -> str:
    words = shown(parameter)[0].strip("$")
    return words.replace("_{", "").replace("_", "").replace("}", "")


def _agreement(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    keys = ["subject", "stage", "method", "parameter", "against"]
    for key, part in table.groupby(keys, sort=False):
        sides = {row.over: row for row in part.itertuples()}
        row = dict(zip(keys, key, strict=True)) | {"voxels": f"{sides['trusted'].voxels} ({sides['all'].voxels})"}
        row["method"] = FINGERPRINT_WORDS.get(row["method"], row["method"])
        row["against"] = FINGERPRINT_WORDS.get(row["against"], row["against"])
        for name, words, digits in (
            ("nrmse", "NRMSE (%)", 1),
            ("mape", "MAPE (%)", 1),
            ("r", "r", 3),
            ("icc", "ICC(2,1)", 3),
            ("ssim", "SSIM", 3),
        ):
            good, every = (getattr(sides[over], name) for over in ("trusted", "all"))
            row[words] = "" if pd.isna(good) else f"{good:.{digits}f} ({every:.{digits}f})"
        rows.append(row)
    return pd.DataFrame(rows)


def _regions(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in table.itertuples():
        _, factor, unit = shown(row.parameter, row.unit)
        values = [factor * getattr(row, key) for key in ("median", "p25", "p75")]
        said = "none trusted" if row.trusted == 0 else f"{values[0]:.3g} ({values[1]:.3g} to {values[2]:.3g})"
        unit = unit.replace("s$^{-1}$", "/s")
        rows.append(
            {
                "subject": row.subject,
                "stage": row.stage,
                "region": row.region,
                "parameter": f"{_name(row.parameter)}{f' ({unit})' if unit else ''}",
                "from": FINGERPRINT_WORDS.get(row.method, row.method),
                "median": said,
                "trusted": f"{row.trusted} of {row.voxels}",
            }
        )
    return pd.DataFrame(rows)


def _timing(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject": table["subject"],
            "stage": table["stage"],
            "estimator": [FINGERPRINT_WORDS.get(name, name) for name in table["method"]],
            "mode": table["mode"],
            "steps after reading": table["refine"],
            "voxels": table["voxels"],
            "images": table["images"],
            "seconds": [f"{value:.2f}" for value in table["seconds"]],
            "voxels a second": [f"{value:.0f}" for value in table["voxels_per_second"]],
            "trusted": table["trusted"],
            "at an end of a range": table["out_of_range"],
            "lost in noise": table["low_snr"],
            "unlike the training": table["unfamiliar"],
            "not explaining the data": table["inconsistent"],
            "median R²": [f"{value:.4f}" for value in table["median_r2"]],
            "median dot product": ["" if pd.isna(v) else f"{v:.5f}" for v in table["median_dot_product"]],
        }
    )


def _protocol(study: FingerprintStudy, stage: str, table: Path) -> dict:
    rows = pd.read_csv(table, sep="\t")
    source = Path(study.stages[stage].protocol).name
    return {
        "name": stage,
        "images": len(rows),
        "minutes": (rows["on_s"] + rows["off_s"]).sum() / 60,
        "source": source if "." in source else f"published schedule {source}",
        "readout": _readout(study.stages[stage].readout),
        "spoiling": _SPOILING[study.stages[stage].spoiling],
    }


def _readout(degrees: float | None) -> str:
    return "as the protocol plays it" if degrees is None else f"one tip of {degrees:g} degrees in its place"
