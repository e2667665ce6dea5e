"""Stage 3: raw scanner files into NIfTI-MRS with BIDS names."""


rule convert_scan:
    input:
        jobs.raw_files,
    output:
        "<results>/bids/{folder}/mrs/{scan}_{suffix}.nii.gz",
        sidecar="<results>/bids/{folder}/mrs/{scan}_{suffix}.json",
    log:
        "<logs>/convert/{folder}/{scan}_{suffix}.log",
    benchmark:
        "<benchmarks>/convert/{folder}/{scan}_{suffix}.tsv"
    wildcard_constraints:
        scan=jobs.staged_scans,
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("convert_scan"),
        raw=jobs.raw,
        scan=jobs.scan,
        convert=plain(study.convert),
        sequence=jobs.claimed_sequence,
    script:
        "../scripts/convert_scan.py"


rule fetch_example_data:
    # No output: Snakemake removes outputs before a job, and the folder is the user's. The job sees what is missing.
    log:
        "<logs>/fetch_example_data.log",
    benchmark:
        "<benchmarks>/fetch_example_data.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("fetch_example_data"),
        folder=study.example_data,
    script:
        "../scripts/fetch_example_data.py"


rule fetch_megapress:
    # Of a licence of its own (GPL-3), hence not among the others; no output for the same reason.
    log:
        "<logs>/fetch_megapress.log",
    benchmark:
        "<benchmarks>/fetch_megapress.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("fetch_megapress"),
        folder=study.example_data,
    script:
        "../scripts/fetch_megapress.py"


rule describe_dataset:
    output:
        "<results>/bids/dataset_description.json",
        "<results>/bids/README",
        "<results>/bids/participants.tsv",
    log:
        "<logs>/convert/dataset_description.log",
    benchmark:
        "<benchmarks>/convert/dataset_description.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("describe_dataset"),
        name=study.run or "spinsculpt",
        subjects=plan.subjects,
        kind="raw",
        source="",
    script:
        "../scripts/describe_dataset.py"


use rule describe_dataset as describe_derivative with:
    output:
        "<results>/{derivative}/dataset_description.json",
        "<results>/{derivative}/README",
        "<results>/{derivative}/participants.tsv",
        "<results>/{derivative}/.bidsignore",
    log:
        "<logs>/convert/{derivative}_description.log",
    benchmark:
        "<benchmarks>/convert/{derivative}_description.tsv"
    wildcard_constraints:
        derivative="preproc|fit/(builtin|fsl_mrs)",
    params:
        code=code_of("describe_dataset"),
        name=study.run or "spinsculpt",
        subjects=plan.subjects,
        kind=lambda wildcards: wildcards.derivative.split("/")[0],
        source=lambda wildcards: {"preproc": "../bids"}.get(wildcards.derivative, "../../preproc"),
