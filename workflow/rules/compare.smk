"""Stage 6: tidy tables; one row is one number with its unit."""


rule compare_separation:
    input:
        sequences=expand("<results>/sequences/{sequence}.json", sequence=plan.sequences_of(plan.ranked)),
        basis=expand("<results>/basis/{sequence}.json", sequence=plan.sequences_of(plan.ranked)),
    output:
        "<results>/compare/separation.tsv",
    log:
        "<logs>/compare/separation.log",
    benchmark:
        "<benchmarks>/compare/separation.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("compare_separation"),
        sequences=plan.sequences_of(plan.ranked),
        analyses=plan.entries(plan.ranked),
        basis=plain(study.basis),
        fit=plain(study.fit),
        compare=plain(study.compare),
        repetition_time=study.scanner.repetition_time,
    script:
        "../scripts/compare_separation.py"


rule tabulate_designs:
    input:
        expand("<results>/design/{design}/metrics.json", design=plan.drawn_designs),
    output:
        "<results>/compare/designs.tsv",
    log:
        "<logs>/compare/designs.log",
    benchmark:
        "<benchmarks>/compare/designs.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("tabulate_designs"),
        designs=plan.drawn_designs,
    script:
        "../scripts/tabulate_designs.py"


rule tabulate_quality:
    input:
        plan.quality_files(),
    output:
        "<results>/compare/quality.tsv",
    log:
        "<logs>/compare/quality.log",
    benchmark:
        "<benchmarks>/compare/quality.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("tabulate_quality"),
        labels=plan.scan_labels(),
        limits=plain(study.quality.limits),
    script:
        "../scripts/tabulate_quality.py"


rule fill_checklist:
    input:
        sidecars=plan.sidecars(),
        preprocessing=plan.quality_files(),
        fits_quality=plan.fits("qc.json"),
        quality="<results>/compare/quality.tsv",
        fits="<results>/compare/fits.tsv",
    output:
        "<results>/compare/mrsinmrs.tsv",
    log:
        "<logs>/compare/mrsinmrs.log",
    benchmark:
        "<benchmarks>/compare/mrsinmrs.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("fill_checklist"),
        labels=plan.scan_labels(),
        fit_labels=plan.fit_labels(),
        config=plain(study),
    script:
        "../scripts/fill_checklist.py"


rule tabulate_fits:
    input:
        fits=plan.fits("summary.csv"),
        quality="<results>/compare/quality.tsv",
    output:
        "<results>/compare/fits.tsv",
    log:
        "<logs>/compare/fits.log",
    benchmark:
        "<benchmarks>/compare/fits.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("tabulate_fits"),
        labels=plan.fit_labels(),
        sequences=plan.measured_with,
    script:
        "../scripts/tabulate_fits.py"


rule compare_engines:
    input:
        "<results>/compare/fits.tsv",
    output:
        "<results>/compare/engines.tsv",
    log:
        "<logs>/compare/engines.log",
    benchmark:
        "<benchmarks>/compare/engines.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("compare_engines"),
        engines=list(plan.engines),
    script:
        "../scripts/compare_engines.py"


rule compare_recovery:
    input:
        fits="<results>/compare/fits.tsv",
        truth=plan.truths(),
    output:
        "<results>/compare/recovery.tsv",
    log:
        "<logs>/compare/recovery.log",
    benchmark:
        "<benchmarks>/compare/recovery.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("compare_recovery"),
        sequences=plan.measured_with,
        reference=list(study.fit.reference),
    script:
        "../scripts/compare_recovery.py"


rule compare_expected:
    input:
        "<results>/compare/fits.tsv",
    output:
        "<results>/compare/expected.tsv",
    log:
        "<logs>/compare/expected.log",
    benchmark:
        "<benchmarks>/compare/expected.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("compare_expected"),
        expected=plain(study.compare.expected),
    script:
        "../scripts/compare_expected.py"


rule run_monte_carlo:
    input:
        sequences=expand("<results>/sequences/{sequence}.json", sequence=plan.sequences_of(plan.ranked)),
        basis=expand("<results>/basis/{sequence}.json", sequence=plan.sequences_of(plan.ranked)),
    output:
        errors="<results>/compare/montecarlo.tsv",
        ranking="<results>/compare/ranking.tsv",
        retest="<results>/compare/retest.tsv",
    log:
        "<logs>/compare/montecarlo.log",
    benchmark:
        "<benchmarks>/compare/montecarlo.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 2
    params:
        code=code_of("run_monte_carlo"),
        sequences=plan.sequences_of(plan.ranked),
        analyses=plan.entries(plan.ranked),
        basis=plain(study.basis),
        fit=plain(study.fit),
        compare=plain(study.compare),
        between=study.scanner.cv,
    script:
        "../scripts/run_monte_carlo.py"


rule tabulate_power:
    input:
        "<results>/compare/separation.tsv",
    output:
        "<results>/compare/power.tsv",
    log:
        "<logs>/compare/power.log",
    benchmark:
        "<benchmarks>/compare/power.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("tabulate_power"),
        minutes=plan.minutes,
        between=plan.between,
    script:
        "../scripts/tabulate_power.py"
