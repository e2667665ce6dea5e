"""Stage 2: sequences as data, and the basis sets simulated from them."""


rule build_sequence:
    input:
        pulses=jobs.designed_pulses,
        own=jobs.pulse_files,
        files=jobs.files_of_sequence,
    output:
        "<results>/sequences/{sequence}.json",
    log:
        "<logs>/sequences/{sequence}.log",
    benchmark:
        "<benchmarks>/sequences/{sequence}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("build_sequence"),
        entry=jobs.sequence_entry,
        basis=jobs.basis_section,
        system=jobs.system_section,
    script:
        "../scripts/build_sequence.py"


rule simulate_basis:
    input:
        sequence="<results>/sequences/{sequence}.json",
        measured=jobs.measured_macromolecules,
    output:
        "<results>/basis/{sequence}.json",
    log:
        "<logs>/basis/{sequence}.log",
    benchmark:
        "<benchmarks>/basis/{sequence}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("simulate_basis"),
        basis=jobs.basis_section,
    script:
        "../scripts/simulate_basis.py"


rule export_lcmodel:
    input:
        lambda wildcards: f"<results>/basis/{wildcards.basis.split('_')[0]}.json",
    output:
        "<results>/basis/{basis}.basis",
    log:
        "<logs>/lcmodel/{basis}.log",
    benchmark:
        "<benchmarks>/lcmodel/{basis}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("export_lcmodel"),
        subspectrum=lambda wildcards: wildcards.basis.partition("_")[2],
    script:
        "../scripts/export_lcmodel.py"


rule draw_basis:
    input:
        "<results>/basis/{sequence}.json",
    output:
        "<results>/figures/basis_{sequence}.png",
    log:
        "<logs>/draw_basis/{sequence}.log",
    benchmark:
        "<benchmarks>/draw_basis/{sequence}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("draw_basis"),
    script:
        "../scripts/draw_basis.py"
