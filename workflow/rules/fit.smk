"""Stage 5: linear-combination fits with Cramer-Rao lower bounds, by the engines that the config names."""


rule fit_scan:
    input:
        data=jobs.preprocessed_scan,
        averages=jobs.averages_of_scan,
        water=jobs.preprocessed_water,
        basis=jobs.basis_of_analysis,
    output:
        summary="<results>/fit/builtin/{folder}/{analysis}/summary.csv",
        covariance="<results>/fit/builtin/{folder}/{analysis}/covariance.csv",
        parameters="<results>/fit/builtin/{folder}/{analysis}/parameters.csv",
        qc="<results>/fit/builtin/{folder}/{analysis}/qc.json",
        fit="<results>/fit/builtin/{folder}/{analysis}/fit.npz",
        picture=report(
            "<results>/fit/builtin/{folder}/{analysis}/fit.png",
            category="Fits",
            labels={"engine": "builtin", "scan": "{folder}", "analysis": "{analysis}"},
        ),
    log:
        "<logs>/fit/builtin/{folder}/{analysis}.log",
    benchmark:
        "<benchmarks>/fit/builtin/{folder}/{analysis}.tsv"
    wildcard_constraints:
        analysis=jobs.staged_analyses,
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("fit_scan"),
        engine="builtin",
        spectra=jobs.spectra_of_analysis,
        fit=jobs.fit_section,
    script:
        "../scripts/fit_scan.py"


use rule fit_scan as fit_scan_fsl_mrs with:
    output:
        summary="<results>/fit/fsl_mrs/{folder}/{analysis}/summary.csv",
        covariance="<results>/fit/fsl_mrs/{folder}/{analysis}/covariance.csv",
        parameters="<results>/fit/fsl_mrs/{folder}/{analysis}/parameters.csv",
        qc="<results>/fit/fsl_mrs/{folder}/{analysis}/qc.json",
        fit="<results>/fit/fsl_mrs/{folder}/{analysis}/fit.npz",
        picture=report(
            "<results>/fit/fsl_mrs/{folder}/{analysis}/fit.png",
            category="Fits",
            labels={"engine": "fsl_mrs", "scan": "{folder}", "analysis": "{analysis}"},
        ),
    log:
        "<logs>/fit/fsl_mrs/{folder}/{analysis}.log",
    benchmark:
        "<benchmarks>/fit/fsl_mrs/{folder}/{analysis}.tsv"
    wildcard_constraints:
        analysis="[A-Za-z0-9]+",
    conda:
        "../../envs/fsl-mrs.yaml"
    params:
        code=code_of("fit_scan"),
        engine="fsl_mrs",
        spectra=jobs.spectra_of_analysis,
        fit=jobs.fit_section,
