"""Stage 7: figures, each a function of a tidy table, and the report that holds them.

plot_crlb is what a rule of a figure looks like; the others say what differs. `figure` names the function of
spinsculpt.report.figures that draws, and the other inputs and parameters are its arguments.
"""


rule plot_crlb:
    input:
        separation="<results>/compare/separation.tsv",
    output:
        pdf="<results>/figures/crlb.pdf",
        png=report("<results>/figures/crlb.png", category="Separation", caption="../report/crlb.rst"),
    log:
        "<logs>/figures/crlb.log",
    benchmark:
        "<benchmarks>/figures/crlb.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("plot_figure"),
        figure="crlb",
        study=plan.style,
    script:
        "../scripts/plot_figure.py"


use rule plot_crlb as plot_designs with:
    input:
        pulses=expand("<results>/design/{design}/pulse.json", design=plan.drawn_designs),
        histories=expand("<results>/design/{design}/history.tsv", design=plan.drawn_designs),
    output:
        pdf="<results>/figures/designs.pdf",
        png=report("<results>/figures/designs.png", category="Designs", caption="../report/designs.rst"),
    log:
        "<logs>/figures/designs.log",
    benchmark:
        "<benchmarks>/figures/designs.tsv"
    params:
        code=code_of("plot_figure"),
        figure="designs",
        designs=plan.drawn_designs,
        study=plan.style,


use rule plot_crlb as plot_explanation with:
    input:
        metrics="<results>/design/{design}/metrics.json",
        state="<results>/design/{design}/state.tsv",
    output:
        pdf="<results>/figures/explain_{design}.pdf",
        png=report("<results>/figures/explain_{design}.png", category="Designs", caption="../report/explain.rst"),
    log:
        "<logs>/figures/explain_{design}.log",
    benchmark:
        "<benchmarks>/figures/explain_{design}.tsv"
    params:
        code=code_of("plot_figure"),
        figure="explanation",
        study=plan.style,


use rule plot_crlb as plot_spectra with:
    input:
        sequences=expand("<results>/sequences/{sequence}.json", sequence=plan.sequences_of(plan.compared)),
        basis=expand("<results>/basis/{sequence}.json", sequence=plan.sequences_of(plan.compared)),
    output:
        pdf="<results>/figures/spectra.pdf",
        png=report("<results>/figures/spectra.png", category="Separation", caption="../report/spectra.rst"),
    log:
        "<logs>/figures/spectra.log",
    benchmark:
        "<benchmarks>/figures/spectra.tsv"
    params:
        code=code_of("plot_figure"),
        figure="spectra",
        names=plan.sequences_of(plan.compared),
        study=plan.style,


use rule plot_crlb as plot_answer with:
    input:
        separation="<results>/compare/separation.tsv",
        errors="<results>/compare/montecarlo.tsv",
        ranking="<results>/compare/ranking.tsv",
        retest="<results>/compare/retest.tsv",
    output:
        pdf=[f"<results>/figures/{name}.pdf" for name in ANSWERS],
        png=report(
            [f"<results>/figures/{name}.png" for name in ANSWERS], category="Answer", caption="../report/answer.rst"
        ),
    log:
        "<logs>/figures/answer.log",
    benchmark:
        "<benchmarks>/figures/answer.tsv"
    params:
        code=code_of("plot_figure"),
        figure="answer",
        minutes=plan.minutes,
        between=plan.between,
        study=plan.style,


use rule plot_crlb as plot_fits with:
    input:
        fits=plan.fits("fit.npz", plan.engines[:1]),
        quality="<results>/compare/quality.tsv",
    output:
        pdf="<results>/figures/fits.pdf",
        png=report("<results>/figures/fits.png", category="Fits", caption="../report/fits.rst"),
    log:
        "<logs>/figures/fits.log",
    benchmark:
        "<benchmarks>/figures/fits.tsv"
    params:
        code=code_of("plot_figure"),
        figure="fits",
        labels=plan.fit_labels(plan.engines[:1]),
        sequences=plan.measured_with,
        study=plan.style,


use rule plot_crlb as plot_recovery with:
    input:
        recovery="<results>/compare/recovery.tsv",
    output:
        pdf="<results>/figures/recovery.pdf",
        png=report("<results>/figures/recovery.png", category="Fits", caption="../report/recovery.rst"),
    log:
        "<logs>/figures/recovery.log",
    benchmark:
        "<benchmarks>/figures/recovery.tsv"
    params:
        code=code_of("plot_figure"),
        figure="recovery",
        pair=list(study.compare.pair),
        count_rejected=study.quality.count_rejected,
        study=plan.style,


use rule plot_crlb as plot_engines with:
    input:
        engines="<results>/compare/engines.tsv",
    output:
        pdf="<results>/figures/engines.pdf",
        png=report("<results>/figures/engines.png", category="Fits", caption="../report/engines.rst"),
    log:
        "<logs>/figures/engines.log",
    benchmark:
        "<benchmarks>/figures/engines.tsv"
    params:
        code=code_of("plot_figure"),
        figure="engines",
        pair=list(study.compare.pair),
        study=plan.style,


use rule plot_crlb as plot_preprocessing with:
    input:
        quality="<results>/compare/quality.tsv",
    output:
        pdf="<results>/figures/preprocessing.pdf",
        png=report(
            "<results>/figures/preprocessing.png", category="Preprocessing", caption="../report/preprocessing.rst"
        ),
    log:
        "<logs>/figures/preprocessing.log",
    benchmark:
        "<benchmarks>/figures/preprocessing.tsv"
    params:
        code=code_of("plot_figure"),
        figure="preprocessing",
        study=plan.style,


rule plot_scan:
    input:
        data="<results>/bids/{folder}/mrs/{scan}_svs.nii.gz",
        water=jobs.water_reference,
        clean="<results>/preproc/{folder}/{scan}_svs.nii.gz",
        qc="<results>/preproc/{folder}/{scan}_qc.json",
        fits=jobs.fits_of_scan,
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
    params:
        code=code_of("plot_scan"),
        preprocess=plain(study.preprocess),
        limits=plain(study.quality.limits),
        conditions=jobs.conditions,
        study=plan.style,
        report="<results>/report.html",
        siblings=jobs.scans_beside,
    script:
        "../scripts/plot_scan.py"


rule write_report:
    input:
        tables=plan.tables(),
        figures=plan.figures(),
        pages=plan.scan_pages(),
        fits=plan.fits("fit.npz"),
    output:
        report("<results>/report.html", category="Report", caption="../report/report.rst"),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("write_report"),
        config=plain(study),
        labels=plan.fit_labels(),
    script:
        "../scripts/write_report.py"


rule write_run_record:
    input:
        "<results>/report.html",
        mine=[*workflow.configfiles, *plan.files_of_user()],
    output:
        "<results>/provenance.json",
    log:
        "<logs>/provenance.log",
    benchmark:
        "<benchmarks>/provenance.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("write_run_record"),
        config=plain(study),
    script:
        "../scripts/write_run_record.py"
