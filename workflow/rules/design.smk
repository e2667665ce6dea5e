"""Stage 1: RF pulses by gradient descent through the spin physics."""


rule design_pulse:
    output:
        pulse="<results>/design/{design}/pulse.json",
        history="<results>/design/{design}/history.tsv",
        metrics="<results>/design/{design}/metrics.json",
        state="<results>/design/{design}/state.tsv",
        spectra="<results>/design/{design}/spectra.tsv",
    log:
        "<logs>/design/{design}.log",
    benchmark:
        "<benchmarks>/design/{design}.tsv"
    priority: 1  # what takes longest begins first
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("design_pulse"),
        design=jobs.design_entry,
        basis=plain(study.basis),
        system=plain(study.system),
    script:
        "../scripts/design_pulse.py"
