"""Stage 4: from converted to clean spectra, one scan a job."""

# Whose environment cleans.
CLEANING = "fsl-mrs" if study.preprocess.engine == "fsl_mrs" else "spinsculpt"


rule preprocess_scan:
    input:
        data="<results>/bids/{folder}/mrs/{scan}_svs.nii.gz",
        water=jobs.water_reference,
        basis=jobs.basis_of_designed,
    output:
        data="<results>/preproc/{folder}/{scan}_svs.nii.gz",
        averages="<results>/preproc/{folder}/{scan}_averages.nii.gz",
        qc="<results>/preproc/{folder}/{scan}_qc.json",
        picture=report(
            "<results>/preproc/{folder}/{scan}_preproc.png",
            category="Preprocessing",
            labels={"scan": "{scan}"},
        ),
    log:
        "<logs>/preprocess/{folder}/{scan}.log",
    benchmark:
        "<benchmarks>/preprocess/{folder}/{scan}.tsv"
    wildcard_constraints:
        scan=jobs.staged_scans,
    conda:
        f"../../envs/{CLEANING}.yaml"
    params:
        code=code_of("preprocess_scan"),
        preprocess=plain(study.preprocess),
        conditions=jobs.conditions,
    script:
        "../scripts/preprocess_scan.py"


rule preprocess_water:
    input:
        data="<results>/bids/{folder}/mrs/{scan}_svs.nii.gz",
        water="<results>/bids/{folder}/mrs/{scan}_mrsref.nii.gz",
        qc="<results>/preproc/{folder}/{scan}_qc.json",
    output:
        "<results>/preproc/{folder}/{scan}_mrsref.nii.gz",
    log:
        "<logs>/preprocess/{folder}/{scan}_mrsref.log",
    benchmark:
        "<benchmarks>/preprocess/{folder}/{scan}_mrsref.tsv"
    wildcard_constraints:
        scan=jobs.staged_scans,
    conda:
        f"../../envs/{CLEANING}.yaml"
    params:
        code=code_of("preprocess_water"),
        preprocess=plain(study.preprocess),
        conditions=jobs.conditions,
    script:
        "../scripts/preprocess_water.py"
