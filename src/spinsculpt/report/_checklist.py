"""The checklist of the minimum reporting standards (MRSinMRS, Lin et al. 2021, doi:10.1002/nbm.4484) of a study.

Filled from the BIDS sidecars, the configuration and the results. What none of them states is asked for, not guessed.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt import __version__
from spinsculpt.compare import read_table
from spinsculpt.config import SequenceEntry, Study, plain
from spinsculpt.core.tables import write_frame
from spinsculpt.fit import describe_model
from spinsculpt.preprocess import MEASURES, in_words

COLUMNS = ["section", "item", "key", "sequence", "value", "source"]
NOT_STATED = "not stated"  # as a source


@dataclass(frozen=True)
class Facts:
    """What is known of the scans of one measured sequence.

    Attributes:
        sequence: its name in the config.
        sidecars: BIDS fields of each scan.
        preprocessing: content of each _qc.json.
        misfits: reduced chi-squared of each fit, by engine and analysis.
        quality, fits: the rows of compare/quality.tsv and compare/fits.tsv that are of these scans.
        config: the whole validated configuration.
    """

    sequence: str
    sidecars: Sequence[Mapping]
    preprocessing: Sequence[Mapping]
    misfits: Mapping[tuple[str, str], Sequence[float]]
    quality: pd.DataFrame
    fits: pd.DataFrame
    config: Study

    @property
    def entry(self) -> SequenceEntry:
        return self.config.sequences[self.sequence]

    @property
    def counted(self) -> pd.DataFrame:
        """The quality of the scans that count in numbers of the cohort."""
        everything = self.config.quality.count_rejected
        return self.quality if everything else self.quality[self.quality["verdict"] != "reject"]


def stated(facts: Facts, field: str, words: Callable = str) -> str:
    """The value of a header field in words; several with how many scans have them; "" where no scan states it."""
    values = [sidecar[field] for sidecar in facts.sidecars if sidecar.get(field) not in (None, "", [])]
    found = Counter(words(value[0] if isinstance(value, list) and len(value) == 1 else value) for value in values)
    if len(values) < len(facts.sidecars) and found:
        found["not stated"] = len(facts.sidecars) - len(values)
    return next(iter(found)) if len(found) == 1 else ", ".join(f"{value} (n = {n})" for value, n in found.items())


def together(*parts: tuple[str, str]) -> str:
    """Parts of an item as (what it is, value); one that is missing is named, all missing give ""."""
    if not any(value for _, value in parts):
        return ""
    return ", ".join(f"{what} {value or NOT_STATED}".strip() for what, value in parts)


def _field_strength(facts: Facts) -> str:
    frequency = stated(facts, "SpectrometerFrequency", lambda value: f"{value:.3f} MHz")
    strength = stated(facts, "MagneticFieldStrength", lambda value: f"{value:g} T")
    return ", ".join(filter(None, [strength, frequency]))


def _model(facts: Facts) -> str:
    return together(("model", stated(facts, "ManufacturersModelName")), ("software", stated(facts, "SoftwareVersions")))


def _coils(facts: Facts) -> str:
    channels = Counter(numbers["coils"] for numbers in facts.preprocessing if numbers.get("coils"))
    name = stated(facts, "ReceiveCoilName")
    return ", ".join(filter(None, [name, " or ".join(f"{count} channels" for count in channels)]))


def _pulse_sequence(facts: Facts) -> str:
    designs = [f"designed {slot} pulse {design}" for slot, design in facts.entry.slots.items()]
    named = stated(facts, "SequenceName") or stated(facts, "ProtocolName") or stated(facts, "SeriesDescription")
    kind = stated(facts, "PulseSequenceType") or facts.entry.type.upper()
    return ", ".join(filter(None, [kind, *designs, f"named {named} in the headers" if named else ""]))


def _voxel_size(facts: Facts) -> str:
    def words(size: Sequence[float]) -> str:
        return " × ".join(f"{side:g}" for side in size) + f" mm³ ({np.prod(size) / 1000:.3g} cm³)"

    return stated(facts, "AcquisitionVoxelSize", words)


def _timing(facts: Facts) -> str:
    def milliseconds(field: str) -> str:
        return stated(facts, field, lambda value: f"{1000 * value:g} ms")

    more = [(name, milliseconds(field)) for name, field in (("TM", "MixingTime"), ("TI", "InversionTime"))]
    given = [part for part in more if part[1]]
    return together(("TR", milliseconds("RepetitionTime")), ("TE", milliseconds("EchoTime")), *given)


def _editing(facts: Facts) -> dict:
    """Chemical shifts of the editing pulses of each shot; none where a designed pulse takes their place."""
    edited = facts.entry.type in ("megapress", "megaslaser") and not facts.entry.edit
    return facts.entry.editing.ppm if edited else {}


def _averages(facts: Facts) -> str:
    total = stated(facts, "NumberOfTransients")
    shots = len(_editing(facts))
    return f"{total}, shared by {shots} editing conditions" if total and shots > 1 else total


def _parameters(facts: Facts) -> str:
    width = stated(facts, "SpectralWidth", lambda value: f"{value:g} Hz")
    parts = [("spectral width", width), ("", stated(facts, "NumberOfSpectralPoints", lambda value: f"{value} points"))]
    for shot, ppm in _editing(facts).items():
        bands = [ppm] if isinstance(ppm, int | float) else ppm
        parts.append((f"editing {shot.upper()}", f"at {' and '.join(f'{band:g}' for band in bands)} ppm"))
    return together(*parts)


def _water_suppression(facts: Facts) -> str:
    return stated(facts, "WaterSuppressionTechnique")


def _shimming(facts: Facts) -> str:
    return stated(facts, "B0ShimmingTechnique")


def _software(facts: Facts) -> str:
    names = {"builtin": f"spinsculpt {__version__}", "fsl_mrs": "FSL-MRS"}
    fitting = " and ".join(names[engine] for engine in facts.config.fit.engines)
    cleaning = names[facts.config.preprocess.engine]
    return f"spinsculpt {__version__} for conversion (with spec2nii), {cleaning} for preprocessing, {fitting} for fits"


def _processing(facts: Facts) -> str:
    """Every step that was done, in its order."""
    steps = [step["Method"] for numbers in facts.preprocessing for step in numbers["steps"]]
    return ", ".join(dict.fromkeys(steps)) + " (settings: section preprocess of the configuration)"


def _output(facts: Facts) -> str:
    units = {"ratio": "ratios to {}", "concentration": "{} against water", "molality": "{} against water"}
    pairs = facts.fits[["quantity", "unit"]].drop_duplicates().itertuples(index=False)
    return ", ".join(units[quantity].format(unit.removeprefix("/")) for quantity, unit in pairs if quantity in units)


def _assumptions(facts: Facts) -> str:
    basis, section = facts.config.basis, facts.config.fit
    parts = [
        f"basis simulated for this sequence: {', '.join(basis.names)}",
        describe_model(section.model(bool(facts.config.subjects))),
    ]
    if "concentration" in set(facts.fits["quantity"]):
        tissue = "in the config" if section.water.tissue else "in the table of scans where it has them"
        parts.append(f"water as reference after Near et al. 2021 (doi:10.1002/nbm.4257); tissue fractions {tissue}")
    return "; ".join(parts)


def _measured(facts: Facts) -> str:
    """SNR and widths over the scans that count, as mean ± SD."""
    numbers = facts.counted.pivot_table(index=["subject", "session"], columns="measure", values="value")
    scans = facts.quality[["subject", "session"]].drop_duplicates()
    parts = [f"{len(numbers)} of {len(scans)} scans"]
    for measure in ("snr", "linewidth_hz", "linewidth_ppm"):
        if measure in numbers:
            words, unit = MEASURES[measure]
            spread = f" ± {in_words(numbers[measure].std(), unit)}" if len(numbers) > 1 else ""
            parts.append(f"{words} {in_words(numbers[measure].mean(), unit)}{spread}")
    return "; ".join(parts)


def _exclusion(facts: Facts) -> str:
    criteria = [
        f"{MEASURES[measure][0]} {'below' if bound == 'min' else 'above'} {in_words(number, MEASURES[measure][1])}"
        for measure, limit in plain(facts.config.quality.limits).items()
        for bound, number in limit.items()
    ]
    return "; ".join(criteria) or "none"


def _fit_quality(facts: Facts) -> str:
    """CRLBs of the pair, and the misfit, by analysis and engine: medians over the scans."""
    of_pair = facts.fits[facts.fits["metabolite"].isin(facts.config.compare.pair)]
    parts = []
    for (engine, analysis), misfits in facts.misfits.items():
        mine = (of_pair["sequence"] == analysis) & (of_pair["engine"] == engine)
        bounds = of_pair[mine].groupby("metabolite", sort=False)["crlb"].median()
        crlb = ", ".join(f"{metabolite} {value:.2g} %" for metabolite, value in bounds.items())
        parts.append(f"{analysis} ({engine}): CRLB {crlb}; reduced χ² {np.median(misfits):.3g}")
    return "; ".join(parts)


def _sample(facts: Facts) -> str:
    return "every scan with its fit and residual: figures/fits and figures/sub-*/"


def _unknown(facts: Facts) -> str:
    return ""


@dataclass(frozen=True)
class Item:
    """One item: where it stands, what it asks, the key of the config that answers it, and who knows it otherwise."""

    section: str
    words: str
    key: str
    answer: Callable[[Facts], str]
    source: str = "headers"


HARDWARE, ACQUISITION, ANALYSIS, QUALITY = (
    "1. Hardware",
    "2. Acquisition",
    "3. Data analysis methods and outputs",
    "4. Data quality",
)
ITEMS = (
    Item(HARDWARE, "a. Field strength", "field_strength", _field_strength),
    Item(HARDWARE, "b. Manufacturer", "manufacturer", lambda facts: stated(facts, "Manufacturer")),
    Item(HARDWARE, "c. Model (software version)", "model", _model),
    Item(HARDWARE, "d. RF coils: nuclei, number of channels, type, body part", "coils", _coils),
    Item(HARDWARE, "e. Additional hardware", "additional_hardware", _unknown),
    Item(ACQUISITION, "a. Pulse sequence", "pulse_sequence", _pulse_sequence, "config"),
    Item(ACQUISITION, "b. Volume of interest (VOI) locations", "voxel_location", _unknown),
    Item(ACQUISITION, "c. Nominal VOI size", "voxel_size", _voxel_size),
    Item(ACQUISITION, "d. Repetition time (TR), echo time (TE)", "timing", _timing),
    Item(ACQUISITION, "e. Total number of excitations per spectrum", "averages", _averages),
    Item(ACQUISITION, "f. Additional sequence parameters", "parameters", _parameters),
    Item(ACQUISITION, "g. Water suppression method", "water_suppression", _water_suppression),
    Item(ACQUISITION, "h. Shimming method, reference peak, acceptance threshold", "shimming", _shimming),
    Item(ACQUISITION, "i. Triggering or motion correction", "motion_correction", _unknown),
    Item(ANALYSIS, "a. Analysis software", "software", _software, "config"),
    Item(ANALYSIS, "b. Processing steps", "processing", _processing, "results"),
    Item(ANALYSIS, "c. Output measure", "output", _output, "results"),
    Item(ANALYSIS, "d. Quantification references, assumptions of the fit", "assumptions", _assumptions, "config"),
    Item(QUALITY, "a. SNR, linewidth (with reference peaks)", "snr_linewidth", _measured, "results"),
    Item(QUALITY, "b. Data exclusion criteria", "exclusion", _exclusion, "config"),
    Item(QUALITY, "c. Quality of the fit (CRLB, goodness of fit)", "fit_quality", _fit_quality, "results"),
    Item(QUALITY, "d. Sample spectrum", "sample_spectrum", _sample, "results"),
)


def checklist(facts: Sequence[Facts]) -> pd.DataFrame:
    """The checklist, one row an item and sequence.

    Returns:
        Columns COLUMNS. What the config states under `checklist` stands before all else. `source` is "headers",
        "config", "results" or "not stated"; then `value` says where to add it.
    """
    return pd.DataFrame([_row(item, each) for item in ITEMS for each in facts], columns=COLUMNS)


def _row(item: Item, facts: Facts) -> dict[str, str]:
    given = getattr(facts.config.checklist, item.key)
    value, source = (given, "config") if given else (item.answer(facts), item.source)
    if not value and not facts.config.subjects:
        value, source = "does not apply: simulated scanner", "config"
    elif not value:
        value, source = f"not stated in the headers; add it to checklist.{item.key} of the config", NOT_STATED
    elif NOT_STATED in value:
        value += f" (checklist.{item.key} of the config takes the whole answer)"
    where = {"section": item.section, "item": item.words, "key": item.key, "sequence": facts.sequence}
    return where | {"value": value, "source": source}


def read_checklist(path: Path | str) -> pd.DataFrame:
    """The table of `fill_checklist`, all text; "N/A" is an answer and stays one."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def fill_checklist(
    sidecars: Sequence[Path | str],
    preprocessing: Sequence[Path | str],
    labels: Sequence[Mapping[str, str]],
    fits_quality: Sequence[Path | str],
    fit_labels: Sequence[Mapping[str, str]],
    quality: Path | str,
    fits: Path | str,
    config: Study,
    out: Path | str,
) -> None:
    """Write the checklist of a study.

    Args:
        sidecars, preprocessing: BIDS sidecar and _qc.json of each scan.
        labels: subject, session and sequence of each of these.
        fits_quality: qc.json of each fit.
        fit_labels: engine, subject, session and sequence (name of the analysis) of each of these.
        quality, fits: the tables of this name.
        config: the whole validated configuration.
        out: the table.
    """
    tables = read_table(quality), read_table(fits)
    read = [[json.loads(Path(path).read_text()) for path in paths] for paths in (sidecars, preprocessing, fits_quality)]
    names = dict.fromkeys(label["sequence"] for label in labels)
    write_frame(checklist([_facts(name, read, labels, fit_labels, tables, config) for name in names]), out)


def _facts(sequence: str, read, labels, fit_labels, tables, config: Study) -> Facts:
    """What belongs to one measured sequence; arguments as of `fill_checklist`, files read."""
    sidecars, preprocessing, fits_quality = read
    quality, fits = tables
    mine = [label["sequence"] == sequence for label in labels]
    analyses = [name for name in config.compare.analyses if config.analyses[name].sequence == sequence]
    misfits: dict[tuple[str, str], list[float]] = {}
    for label, numbers in zip(fit_labels, fits_quality, strict=True):
        if label["sequence"] in analyses:
            misfits.setdefault((label["engine"], label["sequence"]), []).append(numbers["reduced_chi_squared"])
    return Facts(
        sequence,
        [sidecar for sidecar, wanted in zip(sidecars, mine, strict=True) if wanted],
        [numbers for numbers, wanted in zip(preprocessing, mine, strict=True) if wanted],
        misfits,
        quality[quality["sequence"] == sequence],
        fits[fits["sequence"].isin(analyses)],
        config,
    )
