"""Stage 2: sequences as data, and the basis sets simulated from them."""


rule build_sequence:
    input:
        pulses=pulses_of_sequence,
        own=pulse_files_of_sequence,
        files=files_of_sequence,
    output:
        "<results>/sequences/{sequence}.json",
    log:
        "<logs>/sequences/{sequence}.log",
    benchmark:
        "<benchmarks>/sequences/{sequence}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        entry=sequence_entry,
        basis=basis_section,
        system=system_section,
    script:
        "../scripts/build_sequence.py"


rule simulate_basis:
    input:
        sequence="<results>/sequences/{sequence}.json",
        measured=measured_macromolecules,
    output:
        "<results>/basis/{sequence}.json",
    log:
        "<logs>/basis/{sequence}.log",
    benchmark:
        "<benchmarks>/basis/{sequence}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        basis=basis_section,
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
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
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
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    script:
        "../scripts/draw_basis.py"
