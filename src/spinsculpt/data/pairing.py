"""Whether two inputs belong together: scan and water reference, scan and basis, repetitions, conditions.

Each input is described by the facts that its header holds. Every fact that both hold is compared here, and nowhere
else: who combines two inputs asks `compare_facts`, refuses what differs, or corrects it by a formula of its own.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spinsculpt.core.conventions import ppm_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData

ECHO_TIME_TOLERANCE = 1e-3  # s; sequences state their echo time rounded to a millisecond
REPETITION_TIME_TOLERANCE = 0.01  # relative
PLACE_TOLERANCE = 1.0  # mm, of the corners of a voxel
LARGEST_VOXEL = 1000.0  # mm; headers without a place hold a placeholder above this
LARGEST_SECOND_LINE = 0.05  # of the height of water: eddy currents and metabolites stay below it, a metabolite scan not
TIMES = ("echo_time", "repetition_time", "mixing_time")  # of a water reference, whose relaxation has its own
_SUBJECT = ("PatientName", "PatientID", "PatientDoB", "PatientSex")  # compared, never shown


@dataclass(frozen=True)
class Facts:
    """What one input says of its acquisition.

    Attributes:
        name: of the input in messages: its file, or "the basis".
        values: by name of the fact (keys of `FACTS`); a fact that the input does not state is absent.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """How a fact is compared and written.

    Attributes:
        words: its name in a sentence.
        differ: whether two values exclude each other.
        show: a value with its unit.
    """

    words: str
    differ: Callable[[Any, Any], bool]
    show: Callable[[Any], str] = str


@dataclass(frozen=True)
class Comparison:
    """Two inputs, compared.

    Attributes:
        first, second: names of the inputs.
        differing: for each fact that differs, its value in either input as text with its unit.
        missing: facts that only one of them states.
    """

    first: str
    second: str
    differing: Mapping[str, tuple[str, str]]
    missing: tuple[str, ...]

    def refuse(self, advice: str, correctable: Collection[str] = ()) -> None:
        """Raise an error that names both inputs and both values of each difference.

        Args:
            advice: what the user can do, the end of the sentence.
            correctable: facts whose difference the caller corrects.
        Raises:
            SpinsculptError: a fact differs that is not correctable.
        """
        refused = [key for key in self.differing if key not in correctable]
        if refused:
            parts = [
                f"{FACTS[key].words} {self.differing[key][1]}, but {self.first} {self.differing[key][0]}"
                if self.differing[key][0]
                else FACTS[key].words
                for key in refused
            ]
            raise SpinsculptError(f"{self.second}: has {'; '.join(parts)}. {advice}")


def compare_facts(first: Facts, second: Facts) -> Comparison:
    """Compare every fact that both inputs state.

    Args:
        first, second: e.g. a scan and its water reference.
    Returns:
        The facts that differ, with both values, and those that only one input states.
    """
    differing, missing = {}, []
    for key, fact in FACTS.items():
        stated = [key in facts.values for facts in (first, second)]
        if all(stated):
            one, other = first.values[key], second.values[key]
            if fact.differ(one, other):
                differing[key] = (fact.show(one), fact.show(other))
        elif any(stated):
            missing.append(key)
    return Comparison(first.name, second.name, differing, tuple(missing))


def facts_of_data(data: MRSData, name: str) -> Facts:
    """The facts in the header of a NIfTI-MRS file.

    Args:
        data: the scan, a condition of it, or its water reference.
        name: what messages call it.
    """
    header = data.header
    values: dict[str, Any] = {
        "frequency": data.central_frequency,
        "dwell": data.dwell,
        "nucleus": data.nucleus,
        "coils": data.size("DIM_COIL"),
    }
    for key, field_name in (
        ("echo_time", "EchoTime"),
        ("repetition_time", "RepetitionTime"),
        ("mixing_time", "MixingTime"),
    ):
        if isinstance(value := header.get(field_name), int | float):
            values[key] = float(value)
    if vendor := str(header.get("Manufacturer") or "").split(" ")[0].lower():
        values["vendor"] = vendor
    if scanner := header.get("DeviceSerialNumber"):
        values["scanner"] = str(scanner)
    if subject := {key: str(header[key]) for key in _SUBJECT if header.get(key)}:
        values["subject"] = subject
    if data.affine is not None and _is_placed(data.affine):
        values["voxel"] = data.affine
    return Facts(name, values)


def refuse_no_water(water: np.ndarray, dwell: float, central_frequency: float, name: str) -> None:
    """Refuse a water reference whose spectrum is not one line.

    The largest line of an unsuppressed reference is water. Metabolites are a thousandth of it, side bands of eddy
    currents a few hundredths. A second line above `LARGEST_SECOND_LINE`, more than 1 ppm away, means another scan.

    Args:
        water: FID, shape (points,).
        dwell: s.
        central_frequency: MHz.
        name: of the file.
    Raises:
        SpinsculptError: the spectrum holds a second line, or no signal above its noise.
    """
    # A quarter of a second is enough for lines; its end is weighted to zero so that a cut FID leaves no wiggles.
    points = min(len(water), max(16, round(0.25 / dwell)))
    spectrum = np.abs(to_spectrum(water[:points] * np.hanning(2 * points)[points:]))
    ppm = ppm_axis(points, dwell, central_frequency)
    top = int(np.argmax(spectrum))
    away = np.abs(ppm - ppm[top]) > 1.0
    if not spectrum[top] > 0.0 or not away.any():
        raise SpinsculptError(f"{name}: the water reference holds no signal; give the unsuppressed reference, or none.")
    noise = float(np.median(spectrum[away])) / 0.83  # median of a Rayleigh distribution over its root mean square
    second = max(0.0, float(spectrum[away].max()) - 4.0 * noise)
    if second > LARGEST_SECOND_LINE * spectrum[top]:
        place = float(ppm[away][np.argmax(spectrum[away])] - ppm[top])
        raise SpinsculptError(
            f"{name}: this is no unsuppressed water reference. Its spectrum holds a second line of "
            f"{100 * second / spectrum[top]:.0f} % of the largest one, {abs(place):.1f} ppm away; it looks like a "
            "water-suppressed scan, such as the eddy-current-corrected copy of one. Give the right file, or none."
        )


def refuse_same_samples(scan: MRSData, water: MRSData, name: str) -> None:
    """Refuse a water reference that is the scan itself, sample by sample."""
    if scan.fids.shape == water.fids.shape and np.array_equal(scan.fids, water.fids):
        raise SpinsculptError(
            f"{name}: holds the very samples of the scan, so it is no reference of its water; give the unsuppressed "
            "reference, or none."
        )


# What else than noise may change along a dimension of repetitions; keys of the NIfTI-MRS standard.
_CHANGING = (
    "EchoTime",
    "RepetitionTime",
    "InversionTime",
    "MixingTime",
    "ExcitationFlipAngle",
    "TxOffset",
    "WaterSuppressed",
    "ProtocolName",
    "SequenceName",
)
_REPETITIONS = ("DIM_DYN", "DIM_MEAS", "DIM_PHASE_CYCLE")  # averaged
_CONDITIONS = ("DIM_COIL", "DIM_EDIT")  # combined and selected by their own rules


def refuse_no_repetitions(data: MRSData, name: str) -> None:
    """Refuse data whose dimensions are not repetitions of one measurement, before they are averaged as such.

    Args:
        data: a scan, with the tags and dynamic headers of the NIfTI-MRS standard
            (doi:10.1002/mrm.29418; https://github.com/wtclarke/mrs_nifti_standard).
        name: of the file.
    Raises:
        SpinsculptError: a parameter changes along a dimension, or its tag says that it is no repetition (metabolite
            cycling, ISIS, indirect dimensions, a user's own).
    """
    for tag in data.dims:
        changing = {
            key: values
            for key, value in data.dim_headers.get(tag, {}).items()
            if key in _CHANGING and len(set(values := _along(value, data.size(tag)))) > 1
        }
        for key, values in changing.items():
            shown = ", ".join(map(str, dict.fromkeys(values)))
            raise SpinsculptError(
                f"{name}: {key} changes along {tag} ({shown}), so these are no repetitions of one measurement; write "
                "each value to a file of its own (mrs_tools split) and give each a line in the table of scans."
            )
        if tag not in _REPETITIONS + _CONDITIONS and data.size(tag) > 1:
            raise SpinsculptError(
                f"{name}: has a dimension {tag} of {data.size(tag)}, whose meaning is not known to be repetitions; "
                "combine or split it first (mrs_tools), or tag it DIM_DYN if it holds repetitions."
            )


def _along(value: Any, size: int) -> list:
    """The values of a field of a dynamic header along its dimension, in any form that the standard allows."""
    if isinstance(value, Mapping) and "Value" in value:
        value = value["Value"]
    if isinstance(value, Mapping) and {"start", "increment"} <= set(value):
        return [value["start"] + k * value["increment"] for k in range(size)]
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


def refuse_exchanged(conditions: Mapping[str, np.ndarray], dwell: float, central_frequency: float, name: str) -> None:
    """Compare the labels ON and OFF with the signals, where the editing pulse removes NAA.

    An editing pulse at 1.9 ppm saturates NAA (2.01 ppm) in ON. So NAA over creatine and choline in a condition that is
    called ON must not be several times that of OFF, and must not change between the halves of a condition. Editing
    elsewhere (glutathione, lactate) leaves NAA alone, and nothing is refused.

    Args:
        conditions: "ON" and "OFF", averages of shape (points, n).
        dwell: s.
        central_frequency: MHz.
        name: of the file.
    Raises:
        SpinsculptError: the labels are exchanged, or the averages come in blocks where they were taken in turn.
    """

    def naa(fids: np.ndarray) -> float:
        spectrum = np.abs(to_spectrum(fids.mean(axis=1) * np.exp(-15.0 * dwell * np.arange(len(fids)))))
        ppm = ppm_axis(len(fids), dwell, central_frequency)
        others = spectrum[(ppm > 2.9) & (ppm < 3.35)].max()
        return float(spectrum[(ppm > 1.85) & (ppm < 2.2)].max() / others) if others > 0.0 else 0.0

    by_label = {label: naa(fids) for label, fids in conditions.items()}
    if by_label["ON"] > 3.0 * by_label["OFF"] > 0.0:
        raise SpinsculptError(
            f"{name}: ON and OFF are exchanged: NAA is {by_label['ON'] / by_label['OFF']:.1f} times as strong in the "
            "spectra that are called ON, where the editing pulse removes it. Correct the order (preprocess: "
            "edit_order, --edited, or the order of the files)."
        )
    for label, fids in conditions.items():
        half = fids.shape[1] // 2
        if half == 0:
            continue
        first, last = naa(fids[:, :half]), naa(fids[:, half:])
        if max(first, last) > 3.0 * min(first, last) > 0.0 and max(first, last) > 0.5:
            raise SpinsculptError(
                f"{name}: the averages that are called {label} hold both conditions: NAA over creatine is {first:.2f} "
                f"in the first half and {last:.2f} in the second. The conditions come in blocks, or in another order; "
                "state the order of all averages (preprocess: edit_order)."
            )


def _is_placed(affine: np.ndarray) -> bool:
    """Whether an affine is that of a voxel: not a placeholder for an unknown place or size."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    return bool(sizes.max() < LARGEST_VOXEL and not np.array_equal(affine[:3, :3], np.eye(3)))


def _is_elsewhere(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether a corner of one voxel is far from every corner of the other; order and sign of the axes do not count."""
    corners = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1)
    one, other = (affine[:3, :3] @ corners + affine[:3, 3:] for affine in (first, second))
    apart = np.linalg.norm(one[:, :, None] - other[:, None, :], axis=0)
    return bool(apart.min(axis=1).max() > PLACE_TOLERANCE)


def _show_voxel(affine: np.ndarray) -> str:
    sizes = " x ".join(f"{size:.0f}" for size in np.linalg.norm(affine[:3, :3], axis=0))
    place = ", ".join(f"{value:.0f}" for value in affine[:3, 3])
    return f"of {sizes} mm at ({place}) mm"


def _is_relative(tolerance: float) -> Callable[[float, float], bool]:
    return lambda one, other: abs(one - other) > tolerance * max(abs(one), abs(other))


def _are_others(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return any(one[key] != other[key] for key in one.keys() & other.keys())


def _show_milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:g} ms"


FACTS: dict[str, Fact] = {
    "nucleus": Fact("the nucleus", lambda one, other: one != other),
    "frequency": Fact("the frequency", _is_relative(2e-3), lambda value: f"{value:.4f} MHz"),
    "echo_time": Fact("echo time", lambda one, other: abs(one - other) > ECHO_TIME_TOLERANCE, _show_milliseconds),
    "mixing_time": Fact("mixing time", lambda one, other: abs(one - other) > ECHO_TIME_TOLERANCE, _show_milliseconds),
    "repetition_time": Fact("repetition time", _is_relative(REPETITION_TIME_TOLERANCE), _show_milliseconds),
    "dwell": Fact("a sampling interval of", _is_relative(1e-6), lambda value: f"{1e6 * value:g} µs"),
    "vendor": Fact("the vendor", lambda one, other: one != other),
    "scanner": Fact("another scanner (serial number)", lambda one, other: one != other, lambda value: ""),
    "subject": Fact("another subject in its header", _are_others, lambda value: ""),
    "coils": Fact("a number of coils of", lambda one, other: one != other),
    "voxel": Fact("a voxel", _is_elsewhere, _show_voxel),
}
