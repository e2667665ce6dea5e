"""Section `preprocess` of the configuration."""

from dataclasses import dataclass
from typing import Annotated, Literal

from spinsculpt.config._section import Interval, Positive, Section, key


@dataclass(frozen=True, kw_only=True)
class Steps(Section):
    """Which steps are done, in this order (averaging comes after reject and cannot be switched off)."""

    coils: Annotated[bool, key("combine receiver coils, noise-whitened, with weights from the water reference")] = True
    align: Annotated[
        bool, key("bring averages to one frequency and phase, within each editing condition and then between them")
    ] = True
    reject: Annotated[bool, key("leave out averages that differ from the rest")] = True
    eddy_current: Annotated[bool, key("take the phase of the water reference off (where there is a reference)")] = True
    water_removal: Annotated[bool, key("take residual water off by HLSVD")] = True
    lipid_removal: Annotated[
        bool,
        key(
            "take lipids off by HLSVD; lactate, alanine and macromolecules below 1.7 ppm go with them, so a fit "
            "of lipids is better"
        ),
    ] = False
    reference: Annotated[bool, key("put NAA, creatine and choline at 2.008, 3.027 and 3.21 ppm")] = True
    phase: Annotated[bool, key("zero-order phase from the same singlets")] = True


@dataclass(frozen=True, kw_only=True)
class Align(Section):
    """Alignment of averages (spectral registration)."""

    ppm: Annotated[
        Interval,
        key(
            "range in ppm of the signals that align averages of one condition; residual water is among them, "
            "without its flank alone deciding"
        ),
    ] = (1.8, 5.2)
    between_ppm: Annotated[
        Interval,
        key("range in ppm of the signals that align ON with OFF; editing must leave them alone (choline by default)"),
    ] = (3.1, 3.35)
    max_shift: Annotated[Positive, key("largest shift in Hz")] = 30


@dataclass(frozen=True, kw_only=True)
class Reject(Section):
    """Averages that are left out."""

    threshold: Annotated[
        Positive,
        key(
            "distance from the median spectrum, in robust standard deviations of the distances, above which an "
            "average goes"
        ),
    ] = 5
    at_least: Annotated[int, key("number of averages (of one condition) below which none is left out", ge=3)] = 6


@dataclass(frozen=True, kw_only=True)
class WaterRemoval(Section):
    """Removal of residual water."""

    ppm: Annotated[Interval, key("range in ppm whose lines are removed")] = (4.3, 5.1)
    components: Annotated[int, key("number of decaying exponentials that HLSVD models the whole signal with", ge=1)] = (
        30
    )


@dataclass(frozen=True, kw_only=True)
class LipidRemoval(Section):
    """Removal of lipids."""

    ppm: Annotated[Interval, key("range in ppm whose lines are removed")] = (0.6, 1.7)
    components: Annotated[int, key("number of decaying exponentials that HLSVD models the whole signal with", ge=1)] = (
        30
    )


@dataclass(frozen=True, kw_only=True)
class FrequencyReference(Section):
    """Frequency reference and phase."""

    max_shift: Annotated[Positive, key("largest error of the frequency axis in ppm that is looked for")] = 0.6
    at_least: Annotated[
        float,
        key(
            "correlation (0-1) of the data with the three singlets below which frequency and phase are left as "
            "measured",
            ge=0,
            le=1,
        ),
    ] = 0.4


@dataclass(frozen=True, kw_only=True)
class Preprocess(Section):
    """From converted to clean spectra."""

    engine: Annotated[
        Literal["builtin", "fsl_mrs"],
        key(
            "which program cleans; builtin, or fsl_mrs (the real FSL-MRS commands, to be installed apart), for "
            "which `steps` and reject.at_least count and all else is its own"
        ),
    ] = "builtin"
    steps: Steps = Steps()
    edit_order: Annotated[
        tuple[Literal["ON", "OFF"], ...],
        key(
            "editing conditions of successive averages where the file does not say (no DIM_EDIT); repeated as needed",
            min_length=2,
        ),
    ] = ("ON", "OFF")
    align: Align = Align()
    reject: Reject = Reject()
    water: WaterRemoval = WaterRemoval()
    lipids: LipidRemoval = LipidRemoval()
    reference: FrequencyReference = FrequencyReference()
