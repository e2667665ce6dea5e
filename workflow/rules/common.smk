"""Validated config, the table of scans, wildcards, and the named functions that rules use."""

import gc
import os
from functools import cache, partial
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import update_config

from spinsculpt.study import default_config, nearest_name, workflow_folder
from spinsculpt.gate import read_yaml
from spinsculpt.study import DesignEntry, Study, Tissue, can_fit, plain
from spinsculpt.study import parse as parse_section  # a name that Snakemake has, too
from spinsculpt.convert import files_on_disk, named_files, scanner_of
from spinsculpt.bids import scans_of_dataset
from spinsculpt.fingerprints import (
    NETWORKS,
    PHANTOM_MAPS,
    PHANTOM_TRUTH,
    PUBLISHED,
    FingerprintStudy,
    file_of,
    map_files,
)
from spinsculpt.workflow.locks import forget_run, remove_stale_lock, sign_run
from spinsculpt.problems import problem
from spinsculpt.plan import (
    as_measured_at,
    check_study,
    design_seconds,
    measured_name,
    settle,
    shots_of,
    spectra_of,
    with_measured,
)
from spinsculpt.subjects import place_of_scans, read_subjects, simulated_cohort
from spinsculpt.workflow.warm import use_warm_starts

RESULTS = f"results/{config['run']}" if config.get("run") else "results"  # what <results> stands for
# Scripts find the package of this checkout also in environments that Snakemake makes (--sdm conda).
os.environ.update(PYTHONPATH=os.pathsep.join([f"{workflow_folder()}/src", *filter(None, [os.getenv("PYTHONPATH")])]))
# The objects of a plan live to its end: looking through those of 500 subjects for garbage takes a tenth of the time.
gc.set_threshold(200_000)
use_warm_starts()  # also within a group of jobs on a cluster


def over_defaults(given):
    """Configuration laid over config/config.yaml, as Snakemake does unless the workflow is used as a module."""
    whole = read_yaml(default_config())
    update_config(whole, given)
    return whole


def example_folder(wildcards=None):
    """Where the public example data go."""
    return study.example_data


def uses_conda():
    """Whether Snakemake makes the environments of the rules by itself."""
    return any("conda" in str(method).lower() for method in workflow.deployment_settings.deployment_method)


if workflow.is_main_process and (unlocked := remove_stale_lock()):
    logger.warning(unlocked)


onstart:
    # Jobs of this machine end with their run; those of a cluster may not.
    sign_run() if workflow.local_exec else forget_run()
    if sentence := expected_time():
        logger.warning(sentence)


try:
    study = parse_section(Study, over_defaults(config))  # a module is given its own config alone
    found = place_of_scans(study.subjects)
    if found and not study.subjects and workflow.is_main_process:
        logger.info(f"The scans of {found} are analysed; --config subjects=simulated takes the simulated cohort.")
    study = study.but(subjects=found)
    check_study(study)
    study = settle(study)
    MRF = FingerprintStudy.of(study.mrf, RESULTS)
    if "fsl_mrs" in study.fit.engines and not uses_conda():
        from spinsculpt.fit import find_fsl_mrs

        find_fsl_mrs(study.fit.fsl_mrs_command)
    if study.preprocess.engine == "fsl_mrs" and not uses_conda():
        from spinsculpt.preprocess import find_fsl_mrs_preproc

        find_fsl_mrs_preproc()
    IS_DATASET = bool(study.subjects) and Path(study.subjects).is_dir()
    if IS_DATASET:
        SCANS, left_out = scans_of_dataset(study.subjects, study.sequences)
        if workflow.is_main_process:
            for sentence in left_out:
                logger.warning(sentence)
    elif study.subjects:
        SCANS = read_subjects(
            study.subjects,
            list(study.sequences),
        )
    else:
        cohort = [*study.scanner.subjects, *study.scanner.other_truth.subjects]
        measured = sorted({study.analyses[name].sequence for name in study.compare.analyses})
        SCANS = simulated_cohort(cohort, measured)
except Exception as error:
    raise WorkflowError(problem(error))

# Metabolite-nulled scans, by their sequence: they give macromolecules and are not fitted.
NULLED_SCANS = {scan.sequence: scan for scan in SCANS if scan.use}
SCANS = [scan for scan in SCANS if not scan.use]
ANALYSES = study.analyses
COMPARED = study.compare.analyses
RANKED = list(dict.fromkeys([*COMPARED, *study.compare.rivals]))  # also what nobody measures
COMPARED_SEQUENCES = list(dict.fromkeys(ANALYSES[name].sequence for name in COMPARED))
RANKED_SEQUENCES = list(dict.fromkeys(ANALYSES[name].sequence for name in RANKED))
COMPARED_SCANS = [scan for scan in SCANS if scan.sequence in COMPARED_SEQUENCES]
MINUTES = study.scanner.averages * study.scanner.repetition_time / 60  # scan time of a simulated scan
ANSWERS = ["ranking", "errors", "time", "power", "losses", "retest"]  # figures of the answer
ENGINES = study.fit.engines
CLEANING = "fsl-mrs" if study.preprocess.engine == "fsl_mrs" else "spinsculpt"  # whose environment cleans
# A scan depends on its own subject only, so that a new one recomputes no other.
SCANNER = plain(study.scanner.but(subjects=type(study.scanner).subjects))


wildcard_constraints:
    design=r"[A-Za-z0-9_]+",
    sequence=r"[A-Za-z0-9]+(@[0-9.]+MHz(-[a-z]+)?)?",
    basis=r"[A-Za-z0-9]+(_[a-z]+)?",
    rung=r"[a-z]+",
    analysis=r"[A-Za-z0-9]+",
    folder=r"sub-[A-Za-z0-9]+(/ses-[A-Za-z0-9]+)?",
    scan=r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?_acq-[A-Za-z0-9]+",
    suffix="svs|mrsref",


def expected_time():
    """How long the designs of this run will take, where that is minutes; nothing else takes as long."""
    names = len(study.basis.metabolites) + len(study.basis.macromolecules)
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "design_pulse"]
    seconds = sum(design_seconds(study.designs[job.wildcards.design], names) for job in jobs)
    if seconds < 300:
        return ""
    beside = max(1, (workflow.resource_settings.cores or 1) // 2)
    return (
        f"{len(jobs)} designs will take about {seconds / 60 / beside:.0f} minutes on these cores, give or take a factor of "
        "two. A run that is stopped goes on where it was."
    )


def design_entry(wildcards):
    if wildcards.design not in study.designs:
        raise WorkflowError(nearest_name(wildcards.design, list(study.designs), "design"))
    return plain(study.designs[wildcards.design])


def sequence_entry(wildcards):
    sequence = wildcards.sequence.partition("@")[0]
    if sequence not in study.sequences:
        raise WorkflowError(nearest_name(sequence, list(study.sequences), "sequence"))
    return plain(study.sequences[sequence])


def files_of_sequence(wildcards):
    """Files that describe the shots of a sequence of type file."""
    return sequence_entry(wildcards)["files"].values()


def basis_section(wildcards):
    """The section `basis`, of a basis for real scans at their frequency and with their measured macromolecules."""
    section = as_measured_at(wildcards.sequence, study.basis, study.system)[0]
    nulled = nulled_scan(wildcards)
    return plain(with_measured(section, nulled.replace("<results>", RESULTS)) if nulled else section)


def nulled_scan(wildcards):
    """Macromolecules measured with the sequence of a basis for real scans; "" where none were."""
    sequence, at, _ = wildcards.sequence.partition("@")
    return f"<results>/macromolecules/{sequence}.json" if at and sequence in NULLED_SCANS else ""


def nulled_inputs(wildcards):
    """The converted metabolite-nulled scan of a sequence, and its water reference where there is one."""
    scan = NULLED_SCANS[wildcards.sequence]
    start = f"<results>/bids/{scan.folder}/mrs/{scan.name}"
    return {"data": f"{start}_svs.nii.gz", "water": f"{start}_mrsref.nii.gz" if scan.water else []}


def measured_macromolecules(wildcards):
    """The file of measured macromolecules that a basis needs; none where they are from the library."""
    return nulled_scan(wildcards) or study.basis.measured or []


def system_section(wildcards):
    """The section `system`, of a basis for real scans with the limits of their vendor."""
    return plain(as_measured_at(wildcards.sequence, study.basis, study.system)[1])


def designs_of_sequence(sequence):
    """Names of the designs that fill the slots of a sequence."""
    return [slot for slot in slots_of_sequence(sequence) if slot in study.designs]


def slots_of_sequence(sequence):
    """What fills the slots of a sequence: names of designs, or pulse files."""
    return list(study.sequences[sequence].slots.values())


def pulse_files_of_sequence(wildcards):
    slots = slots_of_sequence(wildcards.sequence.partition("@")[0])
    return [slot for slot in slots if slot not in study.designs]


def pulses_of_sequence(wildcards):
    played = designs_of_sequence(wildcards.sequence.partition("@")[0])
    return [f"<results>/design/{design}/pulse.json" for design in played]


SCAN_OF_NAME = {(scan.folder, scan.name): scan for scan in [*SCANS, *NULLED_SCANS.values()]}
SCAN_OF_SEQUENCE = {(scan.folder, scan.sequence): scan for scan in SCANS}


def scan_of(wildcards):
    """The line of the table of scans that a job works on."""
    if (wildcards.folder, wildcards.scan) not in SCAN_OF_NAME:
        raise WorkflowError(f"There is no scan {wildcards.folder}/{wildcards.scan} in the table of scans.")
    return SCAN_OF_NAME[wildcards.folder, wildcards.scan]


# Below which folder the raw files of the scans are.
RAW_FOLDER = study.subjects if IS_DATASET else study.data if study.subjects else "<results>/scanner"


def files_of_user():
    """What the study is made from: configuration files, the table of scans, raw files."""
    tables = [study.subjects] if study.subjects and not IS_DATASET else []
    entries = [entry for scan in [*SCANS, *NULLED_SCANS.values()] for entry in (scan.data, scan.water) if entry]
    raw = [file for entry in entries for file in files_on_disk(named_files(RAW_FOLDER, entry))]
    return [*workflow.configfiles, *tables, *(raw if study.subjects else [])]


def raw_named(wildcards):
    """The raw files of a scan (suffix svs) or of its water reference (suffix mrsref), missing ones too."""
    scan = scan_of(wildcards)
    return named_files(RAW_FOLDER, scan.data if wildcards.suffix == "svs" else scan.water)


def raw_files(wildcards):
    """What Snakemake watches: raw files that exist. A missing one fails its own job with a sentence, not the plan."""
    named = raw_named(wildcards)
    if not study.subjects:
        return [named[0], named[0].with_suffix(".SPAR")]
    return files_on_disk(named)


def raw_paths(wildcards, input):
    """What a job converts; also what is missing, so that its job says which."""
    return [str(path) for path in raw_named(wildcards)] if study.subjects else input[:1]


@cache
def basis_of_scan(scan):
    """The list of the basis of a scan: of its sequence, and of real scans of their frequency and vendor."""
    name = scan.sequence
    if study.subjects:
        frequency, vendor = scanner_of(scan, RAW_FOLDER)
        name = measured_name(name, study.basis.central_frequency or frequency, vendor)
    return f"<results>/basis/{name}.json"


def sequence_of_scan(wildcards):
    """Kind and echo time of the sequence that a scan is said to be; the echo time is 0 where it is not known."""
    entry = study.sequences[scan_of(wildcards).sequence]
    return {"type": entry.type, "echo_time": entry.echo_time}


def conditions_of(wildcards):
    """Conditions of successive averages of a scan; none of a sequence of one shot."""
    entry = study.sequences[scan_of(wildcards).sequence]
    spectra = spectra_of(entry, study.designs)
    if "diff" in spectra:
        return list(study.preprocess.edit_order)
    return [shot.upper() for shot in shots_of(entry, study.designs)]


def water_reference(wildcards):
    return f"<results>/bids/{wildcards.folder}/mrs/{wildcards.scan}_mrsref.nii.gz" if scan_of(wildcards).water else []


def basis_of_designed(wildcards):
    """Basis of a sequence that plays designed pulses, which may turn the singlets; none of any other sequence."""
    scan = scan_of(wildcards)
    return basis_of_scan(scan) if slots_of_sequence(scan.sequence) else []


def scan_of_analysis(wildcards):
    return SCAN_OF_SEQUENCE[wildcards.folder, ANALYSES[wildcards.analysis].sequence]


def preprocessed_scan(wildcards):
    return f"<results>/preproc/{wildcards.folder}/{scan_of_analysis(wildcards).name}_svs.nii.gz"


# What subjects with another truth are simulated with.
OTHER = study.scanner.other_truth
OTHER_BASIS = study.basis.but(alternatives=OTHER.alternatives, macromolecules=OTHER.macromolecules)


def subject_of_folder(wildcards):
    return wildcards.folder.removeprefix("sub-")


def has_other_truth(wildcards):
    return subject_of_folder(wildcards) in OTHER.subjects


def basis_of_truth(wildcards):
    return (
        "<results>/scanner/basis/{sequence}.json" if has_other_truth(wildcards) else "<results>/basis/{sequence}.json"
    )


def basis_section_of_truth(wildcards):
    return plain(OTHER_BASIS if has_other_truth(wildcards) else study.basis)


def water_of_fit(wildcards):
    scan = scan_of_analysis(wildcards)
    return f"<results>/preproc/{scan.folder}/{scan.name}_mrsref.nii.gz" if scan.water else []


def basis_of_analysis(wildcards):
    return basis_of_scan(scan_of_analysis(wildcards))


def fit_section(wildcards):
    """The section `fit`, with the tissue fractions of the scan where the table of scans has them."""
    scan, section = scan_of_analysis(wildcards), study.fit
    tissue = {name: float(value) for name in ("gm", "wm", "csf") if (value := getattr(scan, name))}
    return plain(section.but(water=section.water.but(tissue=Tissue(**tissue))) if tissue else section)


def spectra_of_analysis(wildcards):
    return list(ANALYSES[wildcards.analysis].spectra)


def planned_fits(engines=ENGINES):
    """(engine, scan, analysis) of every fit: all scans, all compared analyses of their sequence."""
    return [
        (engine, scan, analysis)
        for engine in engines
        for scan in SCANS
        for analysis in COMPARED
        if ANALYSES[analysis].sequence == scan.sequence
        if can_fit(engine, ANALYSES[analysis].spectra)
    ]


def fits(filename, engines=ENGINES):
    """Path of one file of every fit."""
    return [
        f"<results>/fit/{engine}/{scan.folder}/{analysis}/{filename}"
        for engine, scan, analysis in planned_fits(engines)
    ]


def fit_labels(engines=ENGINES):
    """What each path of `fits` is of."""
    return [
        {
            "engine": engine,
            "subject": scan.subject,
            "session": scan.session,
            "sequence": analysis,
        }
        for engine, scan, analysis in planned_fits(engines)
    ]


def quality_files():
    """Numbers of the quality control of every scan that is compared."""
    return [f"<results>/preproc/{scan.folder}/{scan.name}_qc.json" for scan in COMPARED_SCANS]


def sidecars():
    """BIDS sidecar of every scan that is compared."""
    return [f"<results>/bids/{scan.folder}/mrs/{scan.name}_svs.json" for scan in COMPARED_SCANS]


def scan_labels():
    """What each path of `quality_files` and `sidecars` is of."""
    return [{"subject": scan.subject, "session": scan.session, "sequence": scan.sequence} for scan in COMPARED_SCANS]


def fits_of_scan(wildcards, engine=ENGINES[0]):
    """What the first engine fits to a scan."""
    measured = scan_of(wildcards).sequence
    analyses = [name for name in COMPARED if ANALYSES[name].sequence == measured]
    fitted = [name for name in analyses if can_fit(engine, ANALYSES[name].spectra)]
    return [f"<results>/fit/{engine}/{wildcards.folder}/{name}/fit.npz" for name in fitted]


def scan_pages():
    """One page of every scan that is compared."""
    return [f"<results>/figures/{scan.folder}/{scan.name}.png" for scan in COMPARED_SCANS]


def scans_beside(wildcards):
    """Names of the compared scans of the same subject and session."""
    return [scan.name for scan in COMPARED_SCANS if scan.folder == wildcards.folder]


def drawn_designs():
    """Designs that the compared sequences play, and those that the figures want besides."""
    played = [design for sequence in COMPARED_SEQUENCES for design in designs_of_sequence(sequence)]
    return list(dict.fromkeys([*played, *study.figures.designs]))


def report_tables():
    """Tables of this study: always the separation, the others where there is something to tabulate."""
    wanted = {
        "separation": True,
        "montecarlo": not study.subjects,
        "ranking": not study.subjects,
        "retest": not study.subjects,
        "power": True,
        "designs": bool(drawn_designs()),
        "quality": bool(COMPARED_SCANS),
        "mrsinmrs": bool(planned_fits()),
        "fits": bool(planned_fits()),
        "recovery": bool(planned_fits()) and not study.subjects,
        "expected": bool(planned_fits()) and bool(study.compare.expected),
        "engines": bool(planned_fits()) and len(ENGINES) > 1,
    }
    return [f"<results>/compare/{name}.tsv" for name, there in wanted.items() if there]


def report_figures():
    """Figures of this study, in the order of the report."""
    wanted = dict.fromkeys(ANSWERS, not study.subjects) | {
        "crlb": True,
        "spectra": True,
        "designs": bool(drawn_designs()),
        "recovery": bool(planned_fits()) and not study.subjects,
        "engines": bool(planned_fits()) and len(ENGINES) > 1,
        "fits": bool(planned_fits()),
        "preprocessing": bool(COMPARED_SCANS),
    }
    names = [name for name, there in wanted.items() if there]
    names += [f"explain_{design}" for design in drawn_designs()]
    return [f"<results>/figures/{name}.png" for name in names]


def report_what_is_there():
    """Write the report of a run in which jobs failed; returns what to tell the user."""
    from spinsculpt.report import failures_of, in_words, report_failures, unfinished_jobs

    if study.study == "fingerprints":  # whose page is written from whole studies only
        jobs = unfinished_jobs(workflow.dag.needrun_jobs(), workflow.scheduler.failed)
        return in_words(failures_of(jobs), "")

    def real(paths):
        return [str(path).replace("<results>", RESULTS) for path in paths]

    return report_failures(
        f"{RESULTS}/report.html",
        jobs=unfinished_jobs(workflow.dag.needrun_jobs(), workflow.scheduler.failed),
        tables=real(report_tables()),
        figures=real(report_figures()),
        quality=(real(quality_files()), scan_labels()),
        fits=(real(fits("summary.csv")), fit_labels()),
        curves=real(fits("fit.npz")),
        config=study,
    )


def derivative_files():
    """What makes BIDS derivatives of the cleaned scans and of the fits of each engine."""
    folders = ["preproc", *(f"fit/{engine}" for engine in ENGINES)] if planned_fits() else []
    return [f"<results>/{folder}/dataset_description.json" for folder in folders]


def basis_files():
    """LCModel .basis of every compared sequence, one a shot or combination, and a picture of its basis set."""
    wanted = []
    for sequence in COMPARED_SEQUENCES:
        spectra = [name for name in spectra_of(study.sequences[sequence], study.designs) if name != "sum"]
        wanted += [f"{sequence}_{name}" for name in spectra] or [sequence]
    pictures = [f"<results>/figures/basis_{sequence}.png" for sequence in COMPARED_SEQUENCES]
    return [f"<results>/basis/{name}.basis" for name in wanted] + pictures


def sweep_entry(wildcards):
    """The design of one point: the named design, what the sweep overrides, and the values of the point."""
    sweep = study.sweep
    point = {name: type(values[0])(wildcards[name]) for name, values in sweep.grid.given().items()}
    changed = plain(study.designs[sweep.design]) | sweep.override | point
    return plain(parse_section(DesignEntry, changed, "sweep"))


def mrf_stem(subject, stage):
    """Path and first part of the names of the maps of one fit."""
    return f"<results>/mrf/sub-{subject}/anat", f"sub-{subject}_acq-{stage}"


def mrf_outputs(subject, stage, method):
    """Maps with their sidecars, summary, and of networks the training, by what they are."""
    folder, prefix = mrf_stem(subject, stage)
    maps = {key: f"{folder}/{name}" for key, name in map_files(prefix, MRF.names(stage), method).items()}
    sidecars = {f"{key}_json": path.replace(".nii.gz", ".json") for key, path in maps.items()}
    return {"summary": f"{folder}/{prefix}_desc-{method}_fit.json", **maps, **sidecars} | (
        {"reconstructor": f"{folder}/{prefix}_desc-{method}_reconstructor.pt"} if method in NETWORKS else {}
    )


def mrf_inputs(stage, wildcards):
    """Files that a fit reads. A missing one fails its own job with a sentence; those of phantoms are made."""
    subject = MRF.subjects[wildcards.subject]
    named = [*subject.files(stage), *mrf_protocol_files(stage)]
    return named if MRF.simulated is not None else [path for path in named if Path(path).exists()]


def mrf_protocol_files(stage):
    """The file of a protocol; none of published schedules and of what is missing, which its job says."""
    name = MRF.stages[getattr(stage, "stage", stage)]["protocol"]
    return [name] if name not in PUBLISHED and Path(name).exists() else []


def mrf_found_before(stage, method, subject):
    """Maps of earlier stages that a stage needs, by parameter."""
    return {
        name: mrf_outputs(subject, earlier, method)[name] for name, earlier in MRF.found_before(stage, subject).items()
    }


def mrf_maps_before(stage, method, wildcards):
    return list(mrf_found_before(stage, method, wildcards.subject).values())


def mrf_scan(stage, method, wildcards):
    """Files of a scan by what they are, those of earlier stages among the maps."""
    subject = MRF.subjects[wildcards.subject]
    found = mrf_found_before(stage, method, wildcards.subject)
    maps = {**subject.maps, **{name: path.replace("<results>", RESULTS) for name, path in found.items()}}
    return {"data": subject.data[stage], "mask": subject.mask or None, "maps": maps}


def mrf_reconstructor(stage, method, wildcards):
    """The network of the subject whose networks this one gets; none where it is trained."""
    teacher = MRF.subjects[wildcards.subject].transfer
    return mrf_outputs(teacher, stage, method)["reconstructor"] if teacher and method in NETWORKS else []


def mrf_fits():
    """Summary of every fit."""
    return [mrf_outputs(*fit)["summary"] for fit in MRF.fits()]


def mrf_references(subject):
    """Files that results are held against, and regions; those that are there or will be made."""
    named = [file_of(path) for path in [*subject.reference.values(), subject.regions] if path]
    return named if MRF.simulated is not None else [path for path in dict.fromkeys(named) if Path(path).exists()]


def mrf_phantom_files(subject):
    """What the simulated scan of a subject consists of."""
    start, kind = f"<results>/mrf_phantom/sub-{subject}/anat/sub-{subject}", MRF.simulated.phantom
    names = [f"acq-{stage}_mrf" for stage in MRF.stages] + ["mask", "dseg"]
    names += [f"{name}map" for name in PHANTOM_MAPS[kind]] + [f"desc-truth_{name}map" for name in PHANTOM_TRUTH[kind]]
    return [f"{start}_{name}{ending}" for name in names for ending in (".nii.gz", ".json")]


def mrf_pictures():
    """Figures of maps: of each subject and stage, and of the trainings."""
    pairs = dict.fromkeys((subject, stage) for subject, stage, _ in MRF.fits())
    kinds = ["maps", "regions"]
    names = [f"mrf_{kind}_{subject}_{stage}" for subject, stage in pairs for kind in kinds]
    names += [
        f"mrf_scatter_{subject}_{stage}"
        for subject, stage in pairs
        if set(MRF.names(stage)) & set(MRF.subjects[subject].reference)
    ]
    trained = set(MRF.methods) & set(NETWORKS)
    return [f"<results>/figures/{name}.png" for name in [*names, *(["mrf_training"] if trained else [])]]


def mrf_figures():
    """Figures of the page, in its order."""
    protocols = [f"<results>/figures/mrf_{kind}_{stage}.png" for stage in MRF.stages for kind in ("protocol", "bounds")]
    return [*mrf_pictures(), *protocols]


def mrf_files():
    """What the study of fingerprints makes."""
    return ["<results>/mrf.html", "<results>/mrf/dataset_description.json"]


def wanted_files():
    """What a run without a target makes."""
    if study.study == "fingerprints":
        return mrf_files()
    record = ["<results>/report.html", "<results>/provenance.json"]
    return [*record, "<results>/bids/dataset_description.json", *derivative_files(), *basis_files()]


def mrf_results(wildcards):
    """Where results are, for what scripts look up by subject, stage and method."""
    return RESULTS


def mrf_root(wildcards):
    """The BIDS derivative of the maps."""
    return f"{RESULTS}/mrf"


def mrf_phantom_prefix(wildcards):
    """Path and first part of the names of a simulated scan."""
    return f"{RESULTS}/mrf_phantom/sub-{wildcards.subject}/anat/sub-{wildcards.subject}"


def mrf_number(wildcards):
    """Which of the subjects a simulated one is, from 0."""
    return list(MRF.subjects).index(wildcards.subject)


def mrf_design_files():
    """Designed schedules of the stages that are to have one, with their figures."""
    named = [stage for stage in MRF.design.stages if stage in MRF.stages]
    return [
        path
        for stage in named
        for path in (f"<results>/mrf_design/{stage}.yaml", f"<results>/figures/mrf_design_{stage}.png")
    ]
