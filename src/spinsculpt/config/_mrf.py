"""Section `mrf` of the configuration: molecular fingerprinting."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from spinsculpt.config._section import Interval, Positive, Section, key, mapping

Count = Annotated[int, Meta(ge=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Label = Annotated[str, Meta(pattern="^[A-Za-z0-9]+$")]


@dataclass(frozen=True, kw_only=True)
class MrfSubject(Section):
    """Files of one scanned subject."""

    data: Annotated[
        dict[str, str], key("stack of images of each stage: NIfTI, FILE.mat[:VARIABLE] or .npy", min_length=1)
    ]
    mask: Annotated[str, key("voxels to analyse; empty for all with any signal")] = ""
    maps: Annotated[
        dict[str, str], key("files of known maps by name: T1, T2 (s), B0 (ppm), B1 (a factor), fss, kssw, ...")
    ] = mapping()
    regions: Annotated[str, key("image of whole numbers, one a region; empty for the connected parts of the mask")] = ""
    region_names: Annotated[dict[str, str], key("names of the regions by their number")] = mapping()
    reference: Annotated[dict[str, str], key("maps to hold the results against, by name of the parameter")] = mapping()
    reference_name: Annotated[str, key("what figures and tables call them")] = "published"
    transfer: Annotated[str, key("subject whose trained networks are applied instead of training; empty to train")] = ""


@dataclass(frozen=True, kw_only=True)
class Phantom(Section):
    """The simulated scans of a study without subjects."""

    phantom: Annotated[Literal["brain", "vials"], key("brain (white and grey matter, fluid) or vials (L-arginine)")] = (
        "brain"
    )
    shape: Annotated[
        tuple[int, int, int], key("voxels along x, y and z; of vials the first number, which is their square's side")
    ] = (28, 34, 3)
    noise: Annotated[float, key("SD of the noise in units of the signal in equilibrium", ge=0, le=1)] = 0.002
    subjects: Annotated[tuple[Label, ...], key("labels of the subjects", min_length=1, unique=True)] = ("01", "02")
    transfer: Annotated[dict[str, str], key("which subject gets the networks of which")] = mapping(**{"02": "01"})
    seed: Annotated[int, key("of the first subject; the next ones have the next seeds", ge=0)] = 1


@dataclass(frozen=True, kw_only=True)
class MrfStage(Section):
    """What is looked for in one stack of images."""

    protocol: Annotated[
        str, key("Pulseq file (.seq), YAML table (.yaml), or a published schedule: mt, amide or arginine")
    ]
    ranges: Annotated[dict[str, Interval], key("lowest and highest value of each parameter to find", min_length=1)]
    fixed: Annotated[
        dict[str, float], key("other tissue parameters, one number each; a map of the subject comes before it")
    ] = mapping()
    solute: Annotated[bool, key("whether there is a CEST pool")] = True
    semisolid: Annotated[
        Literal["", "lorentzian", "super-lorentzian"], key("line of the semisolid (MT) pool; empty for none")
    ] = ""
    scale: Annotated[
        Literal["m0", "first", "free"],
        key(
            "m0: images are in units of the signal in equilibrium; first: they are divided by the first one; "
            "free: an unknown factor each voxel"
        ),
    ] = "m0"
    engine: Annotated[
        Literal["exact", "isar2"],
        key("exact, or the quick approximation isar2 of water and a semisolid pool far from resonance"),
    ] = "exact"
    readout: Annotated[
        float | None, key("degrees of one tip in place of the readout pulses of a .seq file; null plays what it says")
    ] = None
    steps: Annotated[int, key("pieces of a shaped saturation pulse; 0 for a rectangle of equal RMS", ge=0, le=1000)] = 0
    spoiling: Annotated[
        Literal["assumed", "played"],
        key(
            "assumed: no transverse magnetisation around readout pulses; played: of a .seq file only where it plays "
            "gradients, and images are of the transverse magnetisation (scale free)"
        ),
    ] = "assumed"
    noise: Annotated[
        Positive | None,
        key(
            "SD of the images in their own units (of scale first: of the first image), by which residuals are judged; "
            "null for R2 and slopes, or by the noise of simulated subjects"
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class DictionarySettings(Section):
    """Dictionary matching."""

    OPEN = True

    entries: Annotated[int | None, key("fingerprints, spread evenly over the ranges")] = None
    memory_mb: Annotated[Positive | None, key("MB that they take at most at once")] = None
    seed: Annotated[int | None, key("of their points")] = None
    grid: Annotated[
        dict[str, tuple[float, float, int]] | None,
        key(
            "in place of them [lowest, highest, number] of each parameter, all combinations; those that the stage does "
            "not look for are searched, too"
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class VoxelwiseSettings(Section):
    """Voxelwise fit (VBMF)."""

    OPEN = True

    iterations: Annotated[int | None, key("at most")] = None
    tolerance: Annotated[Positive | None, key("step, as a part of a range, at which a voxel has converged")] = None


@dataclass(frozen=True, kw_only=True)
class SupervisedSettings(Section):
    """Network that is trained on a dictionary."""

    OPEN = True

    entries: Annotated[int | None, key("fingerprints of the dictionary")] = None
    epochs: Annotated[int | None, key("at most")] = None
    batch: Annotated[int | None, key("voxels a step")] = None
    rate: Annotated[Positive | None, key("learning rate at the start of its cosine")] = None
    noise: Annotated[Positive | None, key("SD of what is added to the signals, relative to their largest")] = None
    patience: Annotated[int | None, key("epochs without a better loss that are a plateau")] = None
    seed: Annotated[int | None, key("of weights, batches and noise")] = None
    refine: Annotated[Count | None, key("steps of the voxelwise fit after the network has read the scan")] = None


@dataclass(frozen=True, kw_only=True)
class NeuralSettings(Section):
    """Network that is trained on the data themselves (NBMF)."""

    OPEN = True

    epochs: Annotated[int | None, key("at most")] = None
    steps: Annotated[int | None, key("of the optimiser for each simulation")] = None
    batch: Annotated[int | None, key("voxels a step")] = None
    rate: Annotated[Positive | None, key("learning rate at the start of its cosine")] = None
    noise: Annotated[Positive | None, key("SD of what is added to the signals, relative to their largest")] = None
    patience: Annotated[int | None, key("epochs without a better loss that are a plateau")] = None
    sequential: Annotated[
        bool | None, key("simulate each image from all that was played before, not from the measured one before it")
    ] = None
    voxels: Annotated[int | None, key("at most in an epoch")] = None
    augment: Annotated[
        NotNegative | None, key("simulated voxels beside each of them, for the reading of other scans")
    ] = None
    seed: Annotated[int | None, key("of weights, batches and noise")] = None
    refine: Annotated[
        Count | None, key("steps of the voxelwise fit after networks of another subject have read a scan")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Estimators(Section):
    """Settings of the estimators; what is left out is as their functions have it."""

    dictionary: DictionarySettings = DictionarySettings()
    vbmf: VoxelwiseSettings = VoxelwiseSettings()
    supervised: SupervisedSettings = SupervisedSettings()
    nbmf: NeuralSettings = NeuralSettings()


@dataclass(frozen=True, kw_only=True)
class MrfDesign(Section):
    """Schedules of smaller bounds (rule mrf_design), from the published or tabulated protocol of each named stage."""

    stages: Annotated[tuple[str, ...], key("stages whose protocol is designed", unique=True)] = ("amide",)
    b1_limit: Annotated[Positive, key("largest B1 in uT")] = 4.0
    rms_limit: Annotated[
        Positive | None, key("largest RMS of B1 over the saturated images in uT; null is that of the protocol")
    ] = None
    offsets: Annotated[
        Interval | None, key("lowest and highest offset in ppm; null leaves the offsets of the protocol")
    ] = None
    levels: Annotated[int, key("values of each range at which bounds are taken", ge=1, le=9)] = 3
    starts: Annotated[int, key("searches; those after the first begin at random schedules", ge=1)] = 2
    iterations: Annotated[int, key("steps of each", ge=1)] = 60
    seed: Annotated[int, key("of the random schedules", ge=0)] = 0


_BRAIN = {"T2ss": 40e-6, "shift_ss": 0.0}  # semisolid pool as the paper's authors simulate it


@dataclass(frozen=True, kw_only=True)
class Mrf(Section):
    """Molecular fingerprinting (CEST, MT): rule mrf, or a run without a target of the study fingerprints."""

    folder: Annotated[
        str, key("folder of the files below; one that is not here is looked for beside the workflow (the examples)")
    ] = "."
    field: Annotated[Positive, key("static field in T")] = 3.0
    subjects: Annotated[
        dict[Label, MrfSubject], key("scans by label of the subject; empty for simulated phantoms with known truth")
    ] = mapping()
    simulated: Phantom = Phantom()
    stages: Annotated[
        dict[Label, MrfStage],
        key("what is fitted, in order; what a stage finds is known to the next ones", min_length=1),
    ] = mapping(
        mt=MrfStage(
            protocol="mt",
            ranges={"fss": (0.0, 0.3), "kssw": (0.0, 150.0)},
            solute=False,
            semisolid="lorentzian",
            fixed=_BRAIN,
        ),
        amide=MrfStage(
            protocol="amide",
            ranges={"fs": (0.0, 0.012), "ksw": (0.0, 400.0)},
            semisolid="lorentzian",
            fixed={**_BRAIN, "T2s": 0.04, "shift_s": 3.5},
        ),
    )
    methods: Annotated[
        tuple[Literal["dictionary", "vbmf", "supervised", "nbmf"], ...],
        key("estimators to run side by side", min_length=1, unique=True),
    ] = ("vbmf", "supervised", "nbmf")
    settings: Estimators = Estimators()
    design: MrfDesign = MrfDesign()
