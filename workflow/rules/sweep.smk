"""Parameter sweeps: one small design for every point of the grid in `sweep`, one table, one figure."""

from itertools import product

import pandas as pd
from snakemake.utils import Paramspace

SWEEP = Paramspace(
    pd.DataFrame(product(*config["sweep"]["grid"].values()), columns=list(config["sweep"]["grid"])),
    filename_params="*",
)


rule sweep:
    input:
        "<results>/sweep/table.tsv",
        "<results>/figures/sweep.png",


rule design_sweep_point:
    output:
        f"<results>/sweep/designs/{SWEEP.wildcard_pattern}.json",
    log:
        f"<logs>/sweep/{SWEEP.wildcard_pattern}.log",
    benchmark:
        f"<benchmarks>/sweep/{SWEEP.wildcard_pattern}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=20,
    group:
        "sweep"
    params:
        point=SWEEP.instance,
        sweep=config["sweep"],
        design=config["designs"].get(config["sweep"]["design"]),
        basis=config["basis"],
    conda:
        "../../envs/spinsculpt.yaml"
    script:
        "../scripts/design_sweep_point.py"


rule tabulate_sweep:
    input:
        expand("<results>/sweep/designs/{point}.json", point=SWEEP.instance_patterns),
    output:
        "<results>/sweep/table.tsv",
    log:
        "<logs>/sweep/table.log",
    benchmark:
        "<benchmarks>/sweep/table.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    conda:
        "../../envs/spinsculpt.yaml"
    script:
        "../scripts/tabulate_sweep.py"


rule plot_sweep:
    input:
        "<results>/sweep/table.tsv",
    output:
        pdf="<results>/figures/sweep.pdf",
        png=report("<results>/figures/sweep.png", category="Sweep", caption="../report/sweep.rst"),
    log:
        "<logs>/figures/sweep.log",
    benchmark:
        "<benchmarks>/figures/sweep.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    conda:
        "../../envs/spinsculpt.yaml"
    script:
        "../scripts/plot_sweep.py"
