"""The simulated scanner: raw vendor files of a cohort with known truth, so that the main job has an answer to compare with."""


rule simulate_scan:
    input:
        sequence="<results>/sequences/{sequence}.json",
        basis=jobs.basis_of_truth,
    output:
        data="<results>/scanner/{folder}/{sequence}_act.SDAT",
        data_header="<results>/scanner/{folder}/{sequence}_act.SPAR",
        water="<results>/scanner/{folder}/{sequence}_ref.SDAT",
        water_header="<results>/scanner/{folder}/{sequence}_ref.SPAR",
        truth="<results>/scanner/{folder}/{sequence}_truth.tsv",
    log:
        "<logs>/scanner/{folder}/{sequence}.log",
    benchmark:
        "<benchmarks>/scanner/{folder}/{sequence}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("simulate_scan"),
        subject=jobs.simulated_subject,
        scanner=plain(plan.scanner_of_each),
        basis=jobs.basis_section_of_truth,
    script:
        "../scripts/simulate_scan.py"


use rule simulate_basis as simulate_other_truth with:
    output:
        "<results>/scanner/basis/{sequence}.json",
    log:
        "<logs>/scanner/basis/{sequence}.log",
    benchmark:
        "<benchmarks>/scanner/basis/{sequence}.tsv"
    params:
        code=code_of("simulate_basis"),
        basis=plain(plan.other_truth),
