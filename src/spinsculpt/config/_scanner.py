"""Section `scanner` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from spinsculpt.config._fit import RelaxationSD
from spinsculpt.config._section import Names, NonNegative, Positive, Section, key, mapping

# Macromolecules of the consensus (Cudalbu 2021, doi:10.1002/nbm.4393), as the library names them.
CONSENSUS = (
    *("M092", "M121", "M139", "M167", "M204", "M226", "M256"),
    *("M270", "M299", "M321", "M362", "M375", "M386", "M403"),
)


@dataclass(frozen=True, kw_only=True)
class VoxelWater(Section):
    """Water of the voxel, grey and white matter in equal parts."""

    concentration: Annotated[
        Positive, key("mM; pure water, since the concentrations of metabolites are in mM of tissue water")
    ] = 55510
    t1: Annotated[tuple[Positive, Positive], key("T1 of water in grey and in white matter in s")] = (1.5, 0.97)
    t2: Annotated[tuple[Positive, Positive], key("T2 of water in grey and in white matter in s")] = (0.088, 0.073)


@dataclass(frozen=True, kw_only=True)
class OtherTruth(Section):
    """Further subjects whose spectra are not of the model that is fitted, so that bias is not zero by construction."""

    subjects: Annotated[
        tuple[Annotated[str, Meta(pattern="^[A-Za-z0-9]+$")], ...],
        key("names of these subjects, beside those of the cohort; empty for none", unique=True),
    ] = ()
    alternatives: Annotated[dict[str, str], key("their spin systems, as in basis.alternatives")] = mapping(
        GABA="govindaraju2000"
    )
    macromolecules: Annotated[
        Names, key("their macromolecules and lipids; by default the 14 resonances of the consensus and some lipids")
    ] = (*CONSENSUS, "Lip13a", "Lip13b")
    lipids: Annotated[NonNegative, key("mM of each of their lipids")] = 1.0
    relaxation_sd: Annotated[
        RelaxationSD,
        key("how far in % T1 and T2 of each metabolite lie around the library's; by default, what fits allow for"),
    ] = RelaxationSD()
    shoulder: Annotated[
        float, key("share of each line of water and metabolites that a poor shim puts beside it", ge=0, le=0.9)
    ] = 0.2
    shoulder_hz: Annotated[NonNegative, key("SD of its distance in Hz")] = 4.0


@dataclass(frozen=True, kw_only=True)
class Scanner(Section):
    """Simulated scanner; the cohort that is analysed when there is no table of scans."""

    subjects: Annotated[
        tuple[Annotated[str, Meta(pattern="^[A-Za-z0-9]+$")], ...],
        key("names of the simulated subjects, letters and digits", min_length=1, unique=True),
    ] = ("01", "02", "03", "04")
    seed: Annotated[
        int, key("seed of the cohort; a subject's values depend on it and on the subject's name only", ge=0)
    ] = 1
    averages: Annotated[
        int,
        key(
            "transients of every scan, the same for all sequences (equal scan time); edited sequences divide them",
            ge=1,
        ),
    ] = 128
    dynamics: Annotated[
        int,
        key(
            "rows that a scan is stored in, each the mean of averages / dynamics transients; a multiple of the shots "
            "of a sequence",
            ge=1,
        ),
    ] = 32
    water_averages: Annotated[int, key("transients of the water reference", ge=1)] = 8
    repetition_time: Annotated[Positive, key("repetition time TR in s")] = 2.0
    snr: Annotated[
        Positive,
        key("height of the unweighted NAA singlet over the SD of one real channel of the spectrum of all averages"),
    ] = 250
    cv: Annotated[
        float,
        key("coefficient of variation of the concentrations between subjects, around those of the library", ge=0, le=1),
    ] = 0.15
    lorentzian: Annotated[
        NonNegative, key("Lorentzian full width at half maximum in Hz, added to that of the basis")
    ] = 2.5
    gaussian: Annotated[NonNegative, key("Gaussian full width at half maximum in Hz")] = 3.0
    linewidth_cv: Annotated[float, key("coefficient of variation of both widths between subjects", ge=0, le=1)] = 0.15
    drift: Annotated[NonNegative, key("largest frequency drift over a scan in Hz, either way")] = 5.0
    frequency_jitter: Annotated[NonNegative, key("SD of the frequency from dynamic to dynamic in Hz")] = 0.3
    phase: Annotated[float, key("largest constant phase of a scan in degrees, either way", ge=0, le=180)] = 40
    phase_jitter: Annotated[NonNegative, key("SD of the phase from dynamic to dynamic in degrees")] = 3
    eddy_phase: Annotated[
        NonNegative,
        key("largest eddy-current phase at the first sample in rad, either way; the water reference has the same"),
    ] = 0.6
    eddy_time: Annotated[Positive, key("time in s in which the eddy-current phase decays to 1/e")] = 0.03
    residual_water: Annotated[
        float, key("typical share of the water signal that its suppression leaves", ge=0, le=1)
    ] = 0.002
    gain: Annotated[
        Positive, key("typical receiver gain; varies from scan to scan, so that only the water reference gives mM")
    ] = 0.001
    water: VoxelWater = VoxelWater()
    other_truth: OtherTruth = OtherTruth()

    @property
    def minutes(self) -> float:
        """Time of a scan."""
        return self.averages * self.repetition_time / 60
