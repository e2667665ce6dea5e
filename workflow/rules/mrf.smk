"""Molecular fingerprinting: maps of exchange from raw stacks (section mrf), with figures and a page of their own."""

from functools import partial

from spinsculpt.cest.study import NETWORKS


rule mrf:
    input:
        plan.mrf.files(),


rule mrf_design:
    input:
        plan.mrf.designed_files(),


if plan.mrf.is_simulated:

    rule simulate_fingerprints:
        output:
            plan.mrf.phantom_files("{subject}"),
        log:
            "<logs>/mrf/simulate_{subject}.log",
        benchmark:
            "<benchmarks>/mrf/simulate_{subject}.tsv"
        wildcard_constraints:
            subject=plan.mrf.subject_pattern,
        conda:
            "../../envs/spinsculpt.yaml"
        threads: 2
        params:
            code=code_of("simulate_fingerprints"),
            prefix=plan.mrf.phantom_prefix,
            number=plan.mrf.phantom_number,
            section=plain(study.mrf),
        script:
            "../scripts/simulate_fingerprints.py"


# One rule a stage and method, because they make different maps.
for stage in plan.mrf.study.stages:
    for method in plan.mrf.study.methods:

        rule:
            name:
                f"fit_{stage}_{method}"
            input:
                files=partial(plan.mrf.inputs, stage),
                found=partial(plan.mrf.maps_before, stage, method),
                reconstructor=partial(plan.mrf.reconstructor, stage, method),
            output:
                **plan.mrf.outputs("{subject}", stage, method),
            log:
                f"<logs>/mrf/{{subject}}_{stage}_{method}.log",
            benchmark:
                f"<benchmarks>/mrf/{{subject}}_{stage}_{method}.tsv"
            wildcard_constraints:
                subject=plan.mrf.subject_pattern,
            conda:
                "../../envs/spinsculpt.yaml"
            threads: 1 if method in NETWORKS else 2  # networks train on one core, so that two of them run side by side
            resources:  # the study names these rules, so that no profile can
                mem_mb=lambda wildcards, attempt: 3000 * attempt,
                runtime=lambda wildcards, attempt: 120 * attempt,
            params:
                code=code_of("fit_fingerprints"),
                stage=stage,
                method=method,
                scan=partial(plan.mrf.scan, stage, method),
                entry=plain(plan.mrf.study.stages[stage]),
                field=plan.mrf.study.field,
                settings=plan.mrf.study.settings.get(method, {}),
            script:
                "../scripts/fit_fingerprints.py"


rule tabulate_fingerprints:
    input:
        plan.mrf.summaries(),
        plan.mrf.references(),
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
    params:
        code=code_of("tabulate_fingerprints"),
        root=plan.mrf.root,
        section=plain(study.mrf),
        results=plan.mrf.results_folder,
    script:
        "../scripts/tabulate_fingerprints.py"


rule plot_fingerprints:
    input:
        plan.mrf.summaries(),
        agreement="<results>/compare/mrf_agreement.tsv",
        regions="<results>/compare/mrf_regions.tsv",
    output:
        [report(path, category="Fingerprints", caption="../report/mrf.rst") for path in plan.mrf.pictures()],
    log:
        "<logs>/mrf/figures.log",
    benchmark:
        "<benchmarks>/mrf/figures.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("plot_fingerprints"),
        root=plan.mrf.root,
        section=plain(study.mrf),
        results=plan.mrf.results_folder,
        dpi=study.figures.dpi,
    script:
        "../scripts/plot_fingerprints.py"


rule plot_fingerprint_protocol:
    input:
        plan.mrf.protocol_files,
    output:
        schedule="<results>/figures/mrf_protocol_{stage}.png",
        bounds="<results>/figures/mrf_bounds_{stage}.png",
    log:
        "<logs>/mrf/protocol_{stage}.log",
    benchmark:
        "<benchmarks>/mrf/protocol_{stage}.tsv"
    wildcard_constraints:
        stage=plan.mrf.stage_pattern,
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 2
    params:
        code=code_of("plot_fingerprint_protocol"),
        section=plain(study.mrf),
        results=plan.mrf.results_folder,
        dpi=study.figures.dpi,
    script:
        "../scripts/plot_fingerprint_protocol.py"


rule write_fingerprint_report:
    input:
        tables=expand("<results>/compare/mrf_{name}.tsv", name=["agreement", "regions", "timing"]),
        figures=plan.mrf.figures(),
    output:
        report("<results>/mrf.html", category="Report", caption="../report/mrf.rst"),
    log:
        "<logs>/mrf/report.log",
    benchmark:
        "<benchmarks>/mrf/report.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("write_fingerprint_report"),
        section=plain(study.mrf),
        results=plan.mrf.results_folder,
    script:
        "../scripts/write_fingerprint_report.py"


use rule describe_dataset as describe_fingerprints with:
    output:
        "<results>/mrf/dataset_description.json",
        "<results>/mrf/README",
        "<results>/mrf/participants.tsv",
        "<results>/mrf/.bidsignore",
    log:
        "<logs>/mrf/description.log",
    benchmark:
        "<benchmarks>/mrf/description.tsv"
    params:
        code=code_of("describe_dataset"),
        name=study.run or "spinsculpt",
        subjects=sorted(plan.mrf.study.subjects),
        kind="mrf",
        source="../mrf_phantom" if plan.mrf.is_simulated else "",


rule design_fingerprint_protocol:
    input:
        plan.mrf.protocol_files,
    output:
        protocol="<results>/mrf_design/{stage}.yaml",
        figure=report("<results>/figures/mrf_design_{stage}.png", category="Fingerprints", caption="../report/mrf.rst"),
    log:
        "<logs>/mrf/design_{stage}.log",
    benchmark:
        "<benchmarks>/mrf/design_{stage}.tsv"
    wildcard_constraints:
        stage=plan.mrf.stage_pattern,
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 2
    params:
        code=code_of("design_fingerprint_protocol"),
        section=plain(study.mrf),
        dpi=study.figures.dpi,
    script:
        "../scripts/design_fingerprint_protocol.py"
