"""One scan from the converted file to the clean one, step by step.

The order: coils, align (averages of each condition), reject, average, eddy_current, water_removal, lipid_removal,
reference and phase, align (the conditions of edited data to each other). Each step but averaging is a switch of the
config. No step changes the scale against the water reference.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spinsculpt import __version__
from spinsculpt.config import SCHEMES, Align, Preprocess, Steps, plain
from spinsculpt.core.conventions import FID, WATER_PPM
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_json
from spinsculpt.core.provenance import provenance, write_json
from spinsculpt.data.nifti import MRSData, read_fids, write_fids
from spinsculpt.data.pairing import (
    TIMES,
    compare_facts,
    facts_of_data,
    refuse_exchanged,
    refuse_no_repetitions,
    refuse_no_water,
    refuse_same_samples,
)
from spinsculpt.preprocess import _quality
from spinsculpt.preprocess._align import align, outliers
from spinsculpt.preprocess._coils import coil_weights, combine_coils
from spinsculpt.preprocess._eddy import correct_eddy_currents
from spinsculpt.preprocess._fslmrs import Cleaned, clean_with_fsl_mrs
from spinsculpt.preprocess._match import match_real, shifted
from spinsculpt.preprocess._nuisance import remove_lines
from spinsculpt.preprocess._reference import SINGLETS, find_singlets, played_singlets

log = logging.getLogger(__name__)

_FAR_OFF = 0.1  # ppm: no drift or shim moves the axis of a scan by so much
_PARTS = 32  # of a scan at most, for the bootstrap of its averages

EDITED = {"ON", "OFF"}
SHARING = [{shot.upper() for shot in scheme.shots} for scheme in SCHEMES if scheme.edited]


@dataclass
class History:
    """What was done to a scan: records for the header (NIfTI-MRS standard), numbers for the quality control.

    `programs` has the versions of other programs that worked on it, for the provenance.
    """

    records: list[dict] = field(default_factory=list)
    numbers: dict = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)

    def note(self, method: str, details: str, **numbers: object) -> None:
        log.info("%s: %s", method, details)
        self.records.append({"Program": "spinsculpt", "Version": __version__, "Method": method, "Details": details})
        self.numbers.update(numbers)


def preprocess_scan(
    data: Path | str,
    water: Path | str | None,
    out_data: Path | str,
    out_qc: Path | str,
    out_picture: Path | str,
    section: Preprocess,
    conditions: Sequence[str] = (),
    basis: Path | str | None = None,
    out_averages: Path | str | None = None,
) -> dict:
    """Clean one scan and say how good it is.

    Args:
        data: NIfTI-MRS file of the scan, with or without DIM_COIL, DIM_DYN and other dimensions.
        water: NIfTI-MRS file of the unsuppressed water reference, or None.
        out_data: NIfTI-MRS file with one FID, or with one a condition along DIM_EDIT, in the order ON, OFF or A, B.
        out_qc: JSON with the numbers of the quality control, what was done and the provenance.
        out_picture: PNG, before and after on one page.
        section: the validated section `preprocess` of the config.
        conditions: of successive averages, repeated as needed, e.g. ON and OFF, or A and B of a designed pair; none for
            a sequence of one shot.
        basis: folder of the basis sets of a sequence with designed pulses, which may turn singlets; None for others.
        out_averages: NIfTI-MRS file of the clean scan in up to 32 successive parts along DIM_DYN, whose mean is the
            clean spectrum: what the fit resamples. One part where there are no single averages, or FSL-MRS cleaned it.
    Returns:
        the content of `out_qc`.
    """
    history = History()
    scan, reference = _read(data, water, section.steps, history)
    raw = _conditions(scan, conditions, str(data))
    if unpaired := _unpaired(scan, conditions):
        held = scan.size("DIM_DYN")
        details = (
            f"the last {unpaired} of {held} averages left out: {held} are no whole number of {', '.join(conditions)}"
        )
        log.warning("%s: %s", data, details)
        history.note("Removal of unpaired averages", details, unpaired_averages=unpaired)
    labels, dwell, central = list(raw), scan.dwell, scan.central_frequency
    singlets = SINGLETS if basis is None else played_singlets(basis, labels[-1])
    if section.engine == "fsl_mrs":
        cleaned = _run_fsl_mrs(data, water, conditions, section, reference)
        fids, with_water, drift = _take_over(cleaned, raw, scan, section, history, singlets)
        parts = fids[..., None]
    else:
        fids, with_water, drift, parts = _clean(raw, reference, scan, section, history, singlets)

    before = FID(with_water[:, -1], dwell, central)
    after = FID(fids[:, -1], dwell, central)
    numbers = _quality.measure(after, [float(np.angle(each)) for each in singlets.values()])
    numbers |= _quality.residual_water(before, after, section.water.ppm, numbers["snr"] * numbers["noise_sd"])
    numbers |= history.numbers
    if set(raw) == EDITED:
        numbers |= _quality.subtraction(fids, dwell, central)
    made = {"steps": history.records, "provenance": provenance(plain(section), **history.programs)}
    quality = {"engine": section.engine, **numbers, **made}

    result = _output(scan, fids, labels, history)
    from spinsculpt.preprocess._picture import draw_page  # matplotlib imports slowly

    originals = {label: fids.mean(axis=1) for label, fids in raw.items()}
    draw_page(out_picture, result, labels, originals, quality, drift, Path(data).name)
    write_fids(out_data, result)
    if out_averages is not None:
        shape, dims = (*result.fids.shape, -1), (*result.dims, "DIM_DYN")
        write_fids(out_averages, replace(result, fids=parts.reshape(shape), dims=dims))
    write_json(out_qc, quality)
    return quality


def preprocess_water(
    data: Path | str,
    water: Path | str,
    out: Path | str,
    section: Preprocess,
    conditions: Sequence[str] = (),
    qc: Path | str | None = None,
) -> None:
    """The water reference as one FID, its coils combined with the weights of the scan: what the fit scales by.

    `qc` is what `preprocess_scan` wrote of the scan, where its weights are; without it the coils are weighted anew.
    """
    history, steps = History(), section.steps
    _, reference = _read(data, water, steps, history, qc)
    history.note("Signal averaging", "all FIDs of the water reference")
    if section.engine == "fsl_mrs":
        quick = section.but(steps=steps.but(water_removal=False))
        cleaned = _run_fsl_mrs(data, water, conditions, quick, reference)
        reference, history.records = cleaned.water, cleaned.water_records
    header = read_fids(water)
    write_fids(out, _with_history(replace(header, fids=reference, dims=(), dim_headers={}), history))


def uncorrected(
    data: Path | str,
    water: Path | str | None,
    section: Preprocess,
    conditions: Sequence[str] = (),
    qc: Path | str | None = None,
) -> dict[str, np.ndarray]:
    """Mean of the averages of each condition as measured, coils combined: {label: shape (points,)}; `qc` as above."""
    scan, _ = _read(data, water, section.steps, History(), qc)
    raw = _conditions(scan, conditions, str(data))
    return {label: fids.mean(axis=1) for label, fids in raw.items()}


def _read(data, water, steps: Steps, history: History, qc=None) -> tuple[MRSData, np.ndarray | None]:
    """The scan with its coils combined, by the weights in `qc` or by its own, and the mean water FID combined alike."""
    scan = read_fids(data)
    refuse_no_repetitions(scan, str(data))
    reference = None if water is None else read_fids(water)
    if reference is not None:
        refuse_same_samples(scan, reference, str(water))
        facts = facts_of_data(scan, str(data)), facts_of_data(reference, str(water))
        # The fit corrects the water for its own echo and repetition time.
        compare_facts(*facts).refuse("Give the water reference of the same scan, or none.", TIMES)
    if "DIM_COIL" in scan.dims:
        if not steps.coils:
            raise SpinsculptError(
                f"{data}: the scan holds {scan.size('DIM_COIL')} coils; switch the step coils on or combine them first."
            )
        try:
            weights = _known_weights(qc, scan) if qc else coil_weights(scan if reference is None else reference, scan)
        except SpinsculptError as error:
            raise SpinsculptError(f"{data}: {error}") from error
        scan = combine_coils(scan, weights)
        reference = None if reference is None else combine_coils(reference, weights)
        source = "the scan" if reference is None else "the water reference"
        history.note("RF coil combination", f"noise-whitened singular vector of {source}", coils=len(weights))
        history.numbers["coil_weights"] = [[float(each.real), float(each.imag)] for each in weights]
    if reference is None:
        return scan, None
    mean = reference.fids.reshape(reference.points, -1).mean(axis=1)
    refuse_no_water(mean, reference.dwell, reference.central_frequency, str(water))
    return scan, mean


def _known_weights(qc: Path | str, scan: MRSData) -> np.ndarray:
    """Weights of the coils that `preprocess_scan` found, shape (coils,)."""
    weights = read_json(qc).get("coil_weights", [])
    if np.shape(weights) != (scan.size("DIM_COIL"), 2):
        raise SpinsculptError(f"{qc} holds no weights of these {scan.size('DIM_COIL')} coils; clean the scan again.")
    return np.asarray(weights, float) @ [1, 1j]


def _unpaired(scan: MRSData, order: Sequence[str]) -> int:
    """How many averages at the end of a scan have no partner of each condition: those of one that was stopped."""
    if not order or scan.dims != ("DIM_DYN",) or scan.size("DIM_DYN") < len(order):
        return 0
    return scan.size("DIM_DYN") % len(order)


def _conditions(scan: MRSData, order: Sequence[str], name: str) -> dict[str, np.ndarray]:
    """Averages of each condition, ON or A first: {label: shape (points, n)}; the one label "" where there are none."""
    wanted = sorted(set(order), key=lambda label: (label == "OFF", label))
    if not order:
        return {"": scan.fids.reshape(scan.points, -1)}
    if "DIM_EDIT" in scan.dims:
        labels = scan.dim_headers.get("DIM_EDIT", {}).get("EditCondition")
        named = list(dict.fromkeys(order)) if labels is None else [str(label).upper() for label in labels]
        if scan.size("DIM_EDIT") != len(wanted) or set(named) != set(wanted):
            raise SpinsculptError(
                f"{name}: DIM_EDIT holds {scan.size('DIM_EDIT')} conditions {named}, not {' and '.join(wanted)}; "
                "select those."
            )
        parts = {label: scan.select("DIM_EDIT", k).fids.reshape(scan.points, -1) for k, label in enumerate(named)}
    else:
        averages = scan.fids.reshape(scan.points, -1)
        unpaired = _unpaired(scan, order)
        averages = averages[:, : averages.shape[1] - unpaired]
        if averages.shape[1] < 2 or averages.shape[1] % len(order):
            raise SpinsculptError(
                f"{name}: {averages.shape[1]} averages cannot be divided into the conditions {', '.join(order)}; "
                "correct preprocess: edit_order, or convert the scan with its single averages."
            )
        places = np.resize(np.array(order), averages.shape[1])
        parts = {label: averages[:, places == label] for label in wanted}
    parts = {label: parts[label] for label in wanted}
    if set(parts) == EDITED:
        refuse_exchanged(parts, scan.dwell, scan.central_frequency, name)
    return parts


@dataclass(frozen=True)
class Drift:
    """What alignment and rejection found of the averages of one condition, each of shape (n,)."""

    shift: np.ndarray
    phase: np.ndarray
    rejected: np.ndarray

    def as_numbers(self) -> dict[str, list]:
        return {"shift_hz": self.shift.tolist(), "phase_rad": self.phase.tolist(), "rejected": self.rejected.tolist()}

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, list]) -> "Drift":
        return cls(np.array(numbers["shift_hz"]), np.array(numbers["phase_rad"]), np.array(numbers["rejected"], bool))


def _clean(
    raw: dict[str, np.ndarray],
    reference: np.ndarray | None,
    scan: MRSData,
    section: Preprocess,
    history: History,
    singlets: Mapping[float, complex],
) -> tuple[np.ndarray, np.ndarray, dict[str, Drift], np.ndarray]:
    """The steps of the builtin engine.

    Returns:
        clean FIDs and these with residual water, shape (points, conditions), the drift, and the clean FIDs in
        successive parts, shape (points, conditions, parts).
    """
    steps, labels, edited = section.steps, list(raw), set(raw) in SHARING
    dwell, central = scan.dwell, scan.central_frequency
    kept, drift = _clean_averages(raw, scan, section, history)
    mean = fids = np.stack([kept[label].mean(axis=1) for label in labels], axis=1)
    history.note("Signal averaging", ", ".join(f"{kept[label].shape[1]} averages {label}".strip() for label in labels))
    if steps.eddy_current and reference is not None:
        fids = correct_eddy_currents(fids, reference)
        history.note("Eddy current correction", "phase of the water reference (Klose 1990, doi:10.1002/mrm.1910140104)")
    fids = _roughly_placed(fids, scan, section, history, singlets)
    with_water = fids
    nuisances = (("water", steps.water_removal, section.water), ("lipids", steps.lipid_removal, section.lipids))
    for nuisance, wanted, lines in nuisances:
        if wanted:
            (low, high), components = lines.ppm, lines.components
            fids = np.stack([remove_lines(fid, dwell, central, (low, high), components) for fid in fids.T], axis=1)
            history.note("Nuisance peak removal", f"{nuisance}: HLSVD, {low}-{high} ppm, {components} components")
    shift, phase = _reference(fids[:, -1], scan, section, history, singlets)
    fids, with_water = (shifted(item, shift, phase, dwell) for item in (fids, with_water))
    if steps.align and edited:
        for k, label in enumerate(labels[:-1]):
            shift, phase = _between(fids[:, [k, -1]], scan, section.align, history, (label, labels[-1]))
            for item in (fids, with_water):
                item[:, k] = shifted(item[:, k], shift, phase, dwell)
    return fids, with_water, drift, _in_parts([kept[label] for label in labels], mean, with_water, fids)


def _in_parts(kept: Sequence[np.ndarray], mean: np.ndarray, with_water: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Successive parts of a scan, cleaned as their mean was, shape (points, conditions, parts).

    Args:
        kept: averages of each condition, shape (points, n).
        mean, with_water, clean: their mean as measured, turned and shifted, and without water, (points, conditions).
    """
    count = min(_PARTS, *(fids.shape[1] for fids in kept))
    parts = np.stack(
        [np.stack([each.mean(axis=1) for each in np.array_split(fids, count, axis=1)], axis=1) for fids in kept], axis=1
    )
    turn = np.exp(1j * np.angle(with_water * mean.conj()))  # every step but the removal of lines is a phase
    parts = parts * turn[..., None]
    return parts - parts.mean(axis=2, keepdims=True) + clean[..., None]


def _roughly_placed(
    fids: np.ndarray, scan: MRSData, section: Preprocess, history: History, singlets: Mapping[float, complex]
) -> np.ndarray:
    """FIDs (points, conditions) with an axis that was far off put right, before water is looked for at its place."""
    if not section.steps.reference:
        return fids
    largest, least = section.reference.max_shift, section.reference.at_least
    last, central = fids[:, -1], scan.central_frequency
    shift, _, overlap = find_singlets(last, scan.dwell, central, largest, singlets)
    if overlap < least or abs(shift / central) > _FAR_OFF:  # residual water hides the singlets, wherever it is
        reach = (WATER_PPM - largest, WATER_PPM + largest)
        dry = remove_lines(last, scan.dwell, central, reach, section.water.components)
        shift, _, overlap = find_singlets(dry, scan.dwell, central, largest, singlets)
    moved = shift / central
    if overlap < least or abs(moved) < _FAR_OFF:
        return fids
    log.warning("the frequency axis is %.3f ppm off and is moved; see to the frequency in header or protocol", moved)
    history.note("Frequency and phase correction", f"axis moved by {-moved:.3f} ppm", axis_moved_ppm=-moved)
    return shifted(fids, -shift, 0.0, scan.dwell)


def _run_fsl_mrs(
    data: Path | str,
    water: Path | str | None,
    conditions: Sequence[str],
    section: Preprocess,
    reference: np.ndarray | None,
) -> Cleaned:
    """A scan and its water reference by FSL-MRS; where it combines coils, on the scale of ours, that of `reference`."""
    scan = read_fids(data)
    coils = [scan.select("DIM_COIL", k) for k in range(scan.size("DIM_COIL"))] if "DIM_COIL" in scan.dims else [scan]
    parts = [_conditions(coil, conditions, str(data)) for coil in coils]
    averages = {label: np.stack([part[label] for part in parts], axis=1) for label in parts[0]}
    cleaned = clean_with_fsl_mrs(averages, scan, None if water is None else read_fids(water), section, str(data))
    scale = np.linalg.norm(reference) / np.linalg.norm(cleaned.water) if len(coils) > 1 else 1.0
    return replace(cleaned, fids=scale * cleaned.fids, water=scale * cleaned.water)


def _take_over(
    cleaned: Cleaned,
    raw: dict[str, np.ndarray],
    scan: MRSData,
    section: Preprocess,
    history: History,
    singlets: Mapping[float, complex],
) -> tuple[np.ndarray, np.ndarray, dict[str, Drift]]:
    """What FSL-MRS made, as of `_clean`. It writes neither the drift nor an FID with water: both are measured here."""
    dwell, central, settings = scan.dwell, scan.central_frequency, section.align
    drift, with_water = {}, []
    for label, fids in raw.items():
        numbers = np.arange(fids.shape[1])
        shift, phase = align(fids, dwell, central, settings.ppm, settings.max_shift)
        rejected = ~np.isin(numbers, numbers if cleaned.kept is None else cleaned.kept)
        drift[label] = Drift(shift, phase, rejected)
        with_water.append(shifted(fids, -shift, -phase, dwell)[:, ~rejected].mean(axis=1))
    *_, overlap = find_singlets(cleaned.fids[:, -1], dwell, central, section.reference.max_shift, singlets)
    history.numbers |= {**_drift_numbers(drift, measured=True), "singlets": overlap}
    history.records = cleaned.records
    history.programs["fsl_mrs_version"] = cleaned.version
    return cleaned.fids, np.stack(with_water, axis=1), drift


def _drift_numbers(drift: dict[str, Drift], measured: bool) -> dict:
    """Numbers of all averages; none of a scan that has one a condition."""
    shifts = np.concatenate([item.shift - item.shift.mean() for item in drift.values()])
    if len(shifts) == len(drift):
        return {}
    rejected = {label or "all": np.flatnonzero(item.rejected).tolist() for label, item in drift.items()}
    numbers = {
        "averages": len(shifts),
        "rejected_fraction": sum(map(len, rejected.values())) / len(shifts),
        "rejected": rejected,
        "drift": {label: item.as_numbers() for label, item in drift.items()},
    }
    return {"drift_hz": float(np.ptp(shifts)), **numbers} if measured else numbers


def _clean_averages(
    raw: dict[str, np.ndarray], scan: MRSData, section: Preprocess, history: History
) -> tuple[dict[str, np.ndarray], dict[str, Drift]]:
    """Averages of each condition on one frequency and phase, without outliers."""
    steps, settings = section.steps, section.align
    kept, drift = {}, {}
    for label, fids in raw.items():
        count = fids.shape[1]
        shift, phase, rejected = np.zeros(count), np.zeros(count), np.zeros(count, bool)
        if steps.align and count > 1:
            where = settings.ppm
            shift, phase = align(fids, scan.dwell, scan.central_frequency, where, settings.max_shift)
            fids = shifted(fids, -shift, -phase, scan.dwell)
        if steps.reject and count >= section.reject.at_least:
            rejected = outliers(fids, scan.dwell, scan.central_frequency, section.reject.threshold)
        kept[label], drift[label] = fids[:, ~rejected], Drift(shift, phase, rejected)
    numbers = _drift_numbers(drift, measured=steps.align)
    if "drift_hz" in numbers:
        history.note("Frequency and phase correction", "spectral registration")
    history.numbers |= numbers
    return kept, drift


def _between(
    fids: np.ndarray, scan: MRSData, settings: Align, history: History, labels: Sequence[str]
) -> tuple[float, float]:
    """Shift (Hz) and phase (rad) that bring ON to OFF by signals that editing leaves alone; water is gone already."""
    low, high = settings.between_ppm
    shift, phase = match_real(fids[:, 0], fids[:, 1], scan.dwell, scan.central_frequency, (low, high))
    details = (
        f"{labels[0]} moved by {shift:.2f} Hz and {np.degrees(phase):.1f} degrees to {labels[1]}, {low}-{high} ppm"
    )
    history.note("Frequency and phase correction", details, between_shift_hz=-shift)
    return shift, phase


def _reference(
    fid: np.ndarray, scan: MRSData, section: Preprocess, history: History, singlets: Mapping[float, complex]
) -> tuple[float, float]:
    """Shift (Hz) and phase (rad) to apply so that the singlets lie where they belong, upright or as they are played."""
    settings, steps = section.reference, section.steps
    shift, phase, overlap = find_singlets(fid, scan.dwell, scan.central_frequency, settings.max_shift, singlets)
    history.numbers["singlets"] = overlap
    if overlap < settings.at_least:
        history.numbers |= {"applied_shift_hz": 0.0, "applied_phase_deg": 0.0}
        log.warning("NAA, creatine and choline were not found; frequency and phase are left as measured")
        return 0.0, 0.0
    if not steps.phase:
        phase = 0.0
    if not steps.reference:
        shift = 0.0
    if steps.reference:
        history.note("Frequency and phase correction", f"singlets moved by {-shift:.2f} Hz to their places")
    if steps.phase:
        history.note("Phasing", f"zero order, {-np.degrees(phase):.1f} degrees, from the singlets")
    history.numbers |= {"applied_shift_hz": -shift, "applied_phase_deg": -float(np.degrees(phase))}
    return -shift, -phase


def _output(scan: MRSData, fids: np.ndarray, labels: list[str], history: History) -> MRSData:
    if len(labels) == 1:
        return _with_history(replace(scan, fids=fids[:, 0], dims=(), dim_headers={}), history)
    conditions = {"DIM_EDIT": {"EditCondition": labels}}
    return _with_history(replace(scan, fids=fids, dims=("DIM_EDIT",), dim_headers=conditions), history)


def _with_history(data: MRSData, history: History) -> MRSData:
    earlier = data.header.get("ProcessingApplied", [])
    return replace(data, header={**data.header, "ProcessingApplied": [*earlier, *history.records]})
