"""Molecular fingerprinting: maps of exchange from raw stacks (section mrf), with figures and a page of their own."""

MRF_METHODS = "|".join(MRF.methods)


rule mrf:
    input:
        mrf_files(),


rule mrf_design:
    input:
        mrf_design_files(),


if MRF.simulated is not None:

    rule simulate_fingerprints:
        output:
            mrf_phantom_files("{subject}"),
        log:
            "<logs>/mrf/simulate_{subject}.log",
        benchmark:
            "<benchmarks>/mrf/simulate_{subject}.tsv"
        wildcard_constraints:
            subject="|".join(MRF.subjects),
        conda:
            "../../envs/spinsculpt.yaml"
        threads: 2
        resources:
            mem_mb=2000,
            runtime=20,
        params:
            prefix=mrf_phantom_prefix,
            number=mrf_number,
            section=plain(study.mrf),
        script:
            "../scripts/simulate_fingerprints.py"


# One rule a stage and method, because they make different maps.
for stage in MRF.stages:
    for method in MRF.methods:

        rule:
            name:
                f"fit_{stage}_{method}"
            input:
                files=partial(mrf_inputs, stage),
                found=partial(mrf_maps_before, stage, method),
                reconstructor=partial(mrf_reconstructor, stage, method),
            output:
                **mrf_outputs("{subject}", stage, method),
            log:
                f"<logs>/mrf/{{subject}}_{stage}_{method}.log",
            benchmark:
                f"<benchmarks>/mrf/{{subject}}_{stage}_{method}.tsv"
            wildcard_constraints:
                subject="|".join(MRF.subjects),
            conda:
                "../../envs/spinsculpt.yaml"
            threads: 2
            resources:
                mem_mb=3000,
                runtime=120,
            params:
                stage=stage,
                method=method,
                scan=partial(mrf_scan, stage, method),
                entry=MRF.stages[stage],
                settings=MRF.settings.get(method, {}),
            script:
                "../scripts/fit_fingerprints.py"


rule tabulate_fingerprints:
    input:
        mrf_fits(),
        [path for subject in MRF.subjects.values() for path in mrf_references(subject)],
    output:
        agreement="<results>/compare/mrf_agreement.tsv",
        regions="<results>/compare/mrf_regions.tsv",
        timing="<results>/compare/mrf_timing.tsv",
    log:
        "<logs>/mrf/tables.log",
    benchmark:
        "<benchmarks>/mrf/tables.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        root=mrf_root,
        section=plain(study.mrf),
        results=mrf_results,
    script:
        "../scripts/tabulate_fingerprints.py"


rule plot_fingerprints:
    input:
        mrf_fits(),
        agreement="<results>/compare/mrf_agreement.tsv",
        regions="<results>/compare/mrf_regions.tsv",
    output:
        [report(path, category="Fingerprints", caption="../report/mrf.rst") for path in mrf_pictures()],
    log:
        "<logs>/mrf/figures.log",
    benchmark:
        "<benchmarks>/mrf/figures.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        root=mrf_root,
        section=plain(study.mrf),
        results=mrf_results,
        dpi=study.figures.dpi,
    script:
        "../scripts/plot_fingerprints.py"


rule plot_fingerprint_protocol:
    input:
        mrf_protocol_files,
    output:
        schedule="<results>/figures/mrf_protocol_{stage}.png",
        bounds="<results>/figures/mrf_bounds_{stage}.png",
    log:
        "<logs>/mrf/protocol_{stage}.log",
    benchmark:
        "<benchmarks>/mrf/protocol_{stage}.tsv"
    wildcard_constraints:
        stage="|".join(MRF.stages),
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        section=plain(study.mrf),
        results=mrf_results,
        dpi=study.figures.dpi,
    script:
        "../scripts/plot_fingerprint_protocol.py"


rule write_fingerprint_report:
    input:
        tables=expand("<results>/compare/mrf_{name}.tsv", name=["agreement", "regions", "timing"]),
        figures=mrf_figures(),
    output:
        report("<results>/mrf.html", category="Report", caption="../report/mrf.rst"),
    log:
        "<logs>/mrf/report.log",
    benchmark:
        "<benchmarks>/mrf/report.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        section=plain(study.mrf),
        results=mrf_results,
    script:
        "../scripts/write_fingerprint_report.py"


rule describe_fingerprints:
    output:
        "<results>/mrf/dataset_description.json",
        "<results>/mrf/README",
        "<results>/mrf/participants.tsv",
        "<results>/mrf/.bidsignore",
    log:
        "<logs>/mrf/description.log",
    benchmark:
        "<benchmarks>/mrf/description.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        name=study.run or "spinsculpt",
        subjects=sorted(MRF.subjects),
        kind="mrf",
        source="../mrf_phantom" if MRF.simulated is not None else "",
    script:
        "../scripts/describe_dataset.py"


rule design_fingerprint_protocol:
    input:
        mrf_protocol_files,
    output:
        protocol="<results>/mrf_design/{stage}.yaml",
        figure=report("<results>/figures/mrf_design_{stage}.png", category="Fingerprints", caption="../report/mrf.rst"),
    log:
        "<logs>/mrf/design_{stage}.log",
    benchmark:
        "<benchmarks>/mrf/design_{stage}.tsv"
    wildcard_constraints:
        stage="|".join(MRF.stages),
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 2
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        section=plain(study.mrf),
        dpi=study.figures.dpi,
    script:
        "../scripts/design_fingerprint_protocol.py"
