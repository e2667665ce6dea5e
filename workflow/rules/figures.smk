"""Stage 7: figures, each a function of a tidy table, and the report that holds them."""

STYLE = {key: plain(getattr(study, key)) for key in ("figures", "compare", "analyses", "sequences")} | {"designs": {}}


rule plot_designs:
    input:
        pulses=expand("<results>/design/{design}/pulse.json", design=drawn_designs()),
        histories=expand("<results>/design/{design}/history.tsv", design=drawn_designs()),
    output:
        pdf="<results>/figures/designs.pdf",
        png=report(
            "<results>/figures/designs.png",
            category="Designs",
            caption="../report/designs.rst",
        ),
    log:
        "<logs>/figures/designs.log",
    benchmark:
        "<benchmarks>/figures/designs.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        designs=drawn_designs(),
        style=STYLE,
    script:
        "../scripts/plot_designs.py"


rule plot_spectra:
    input:
        sequences=expand("<results>/sequences/{sequence}.json", sequence=COMPARED_SEQUENCES),
        basis=expand("<results>/basis/{sequence}.json", sequence=COMPARED_SEQUENCES),
    output:
        pdf="<results>/figures/spectra.pdf",
        png=report(
            "<results>/figures/spectra.png",
            category="Separation",
            caption="../report/spectra.rst",
        ),
    log:
        "<logs>/figures/spectra.log",
    benchmark:
        "<benchmarks>/figures/spectra.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        sequences=COMPARED_SEQUENCES,
        analyses={name: plain(ANALYSES[name]) for name in COMPARED},
        basis=plain(study.basis),
        compare=plain(study.compare),
        style=STYLE,
    script:
        "../scripts/plot_spectra.py"


rule plot_answer:
    input:
        separation="<results>/compare/separation.tsv",
        errors="<results>/compare/montecarlo.tsv",
        ranking="<results>/compare/ranking.tsv",
        retest="<results>/compare/retest.tsv",
    output:
        pdf=[f"<results>/figures/{name}.pdf" for name in ANSWERS],
        png=report(
            [f"<results>/figures/{name}.png" for name in ANSWERS],
            category="Answer",
            caption="../report/answer.rst",
        ),
    log:
        "<logs>/figures/answer.log",
    benchmark:
        "<benchmarks>/figures/answer.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        style=STYLE,
        minutes=MINUTES,
        between=100 * study.scanner.cv,
    script:
        "../scripts/plot_answer.py"


rule plot_crlb:
    input:
        "<results>/compare/separation.tsv",
    output:
        pdf="<results>/figures/crlb.pdf",
        png=report(
            "<results>/figures/crlb.png",
            category="Separation",
            caption="../report/crlb.rst",
        ),
    log:
        "<logs>/figures/crlb.log",
    benchmark:
        "<benchmarks>/figures/crlb.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        style=STYLE,
    script:
        "../scripts/plot_crlb.py"


rule plot_fits:
    input:
        fits=fits("fit.npz", ENGINES[:1]),
        quality="<results>/compare/quality.tsv",
    output:
        pdf="<results>/figures/fits.pdf",
        png=report("<results>/figures/fits.png", category="Fits", caption="../report/fits.rst"),
    log:
        "<logs>/figures/fits.log",
    benchmark:
        "<benchmarks>/figures/fits.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        labels=fit_labels(ENGINES[:1]),
        sequences={name: ANALYSES[name].sequence for name in COMPARED},
        style=STYLE,
    script:
        "../scripts/plot_fits.py"


rule plot_recovery:
    input:
        "<results>/compare/recovery.tsv",
    output:
        pdf="<results>/figures/recovery.pdf",
        png=report(
            "<results>/figures/recovery.png",
            category="Fits",
            caption="../report/recovery.rst",
        ),
    log:
        "<logs>/figures/recovery.log",
    benchmark:
        "<benchmarks>/figures/recovery.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        pair=list(study.compare.pair),
        count_rejected=study.quality.count_rejected,
        style=STYLE,
    script:
        "../scripts/plot_recovery.py"


rule plot_explanation:
    input:
        metrics="<results>/design/{design}/metrics.json",
        state="<results>/design/{design}/state.tsv",
    output:
        pdf="<results>/figures/explain_{design}.pdf",
        png=report(
            "<results>/figures/explain_{design}.png",
            category="Designs",
            caption="../report/explain.rst",
        ),
    log:
        "<logs>/figures/explain_{design}.log",
    benchmark:
        "<benchmarks>/figures/explain_{design}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        style=STYLE,
    script:
        "../scripts/plot_explanation.py"


rule plot_engines:
    input:
        "<results>/compare/engines.tsv",
    output:
        pdf="<results>/figures/engines.pdf",
        png=report(
            "<results>/figures/engines.png",
            category="Fits",
            caption="../report/engines.rst",
        ),
    log:
        "<logs>/figures/engines.log",
    benchmark:
        "<benchmarks>/figures/engines.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        pair=list(study.compare.pair),
        style=STYLE,
    script:
        "../scripts/plot_engines.py"


rule plot_preprocessing:
    input:
        "<results>/compare/quality.tsv",
    output:
        pdf="<results>/figures/preprocessing.pdf",
        png=report(
            "<results>/figures/preprocessing.png",
            category="Preprocessing",
            caption="../report/preprocessing.rst",
        ),
    log:
        "<logs>/figures/preprocessing.log",
    benchmark:
        "<benchmarks>/figures/preprocessing.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        style=STYLE,
    script:
        "../scripts/plot_preprocessing.py"


rule plot_scan:
    input:
        data="<results>/bids/{folder}/mrs/{scan}_svs.nii.gz",
        water=water_reference,
        clean="<results>/preproc/{folder}/{scan}_svs.nii.gz",
        qc="<results>/preproc/{folder}/{scan}_qc.json",
        fits=fits_of_scan,
    output:
        html="<results>/figures/{folder}/{scan}.html",
        png=report(
            "<results>/figures/{folder}/{scan}.png",
            category="Scans",
            labels={"scan": "{scan}"},
            caption="../report/scan.rst",
        ),
    log:
        "<logs>/figures/{folder}/{scan}.log",
    benchmark:
        "<benchmarks>/figures/{folder}/{scan}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        preprocess=plain(study.preprocess),
        limits=plain(study.quality.limits),
        conditions=conditions_of,
        style=STYLE,
        report="<results>/report.html",
        siblings=scans_beside,
    script:
        "../scripts/plot_scan.py"


rule write_report:
    input:
        tables=report_tables(),
        figures=report_figures(),
        pages=scan_pages(),
        fits=fits("fit.npz"),
    output:
        report("<results>/report.html", category="Report", caption="../report/report.rst"),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        config=plain(study),
        labels=fit_labels(),
    script:
        "../scripts/write_report.py"


rule write_run_record:
    input:
        "<results>/report.html",
        mine=files_of_user(),
    output:
        "<results>/provenance.json",
    log:
        "<logs>/provenance.log",
    benchmark:
        "<benchmarks>/provenance.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        config=plain(study),
    script:
        "../scripts/write_run_record.py"


onerror:
    # Whatever failed: the scans that are through are reported, with the sentences of the jobs that failed.
    logger.error(report_what_is_there())
