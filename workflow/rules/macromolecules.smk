"""Macromolecules from a measured metabolite-nulled scan (`basis.nulled`), as a noise-free basis function."""


rule fit_macromolecules:
    input:
        data=study.basis.nulled.data or [],
        water=study.basis.nulled.water or [],
    output:
        json="<results>/macromolecules/MMexp.json",
        picture="<results>/macromolecules/MMexp.png",
    log:
        "<logs>/fit_macromolecules.log",
    benchmark:
        "<benchmarks>/fit_macromolecules.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("fit_macromolecules"),
    script:
        "../scripts/fit_macromolecules.py"


use rule fit_macromolecules as fit_nulled_scan with:
    input:
        unpack(jobs.nulled_inputs),
    output:
        json="<results>/macromolecules/{sequence}.json",
        picture="<results>/macromolecules/{sequence}.png",
    log:
        "<logs>/fit_nulled_scan/{sequence}.log",
    benchmark:
        "<benchmarks>/fit_nulled_scan/{sequence}.tsv"


ruleorder: fit_macromolecules > fit_nulled_scan
