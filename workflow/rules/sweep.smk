"""Parameter sweeps: one small design for every point of the grid in `sweep`, one table, one figure."""

from itertools import product

import pandas as pd
from snakemake.utils import Paramspace

GRID = study.sweep.grid.given()
SWEEP = Paramspace(pd.DataFrame(product(*GRID.values()), columns=list(GRID)))


rule sweep:
    input:
        "<results>/sweep/table.tsv",
        "<results>/figures/sweep.png",


rule design_sweep_point:
    output:
        pulse=f"<results>/sweep/{SWEEP.wildcard_pattern}/pulse.json",
        history=f"<results>/sweep/{SWEEP.wildcard_pattern}/history.tsv",
        metrics=f"<results>/sweep/{SWEEP.wildcard_pattern}/metrics.json",
        state=f"<results>/sweep/{SWEEP.wildcard_pattern}/state.tsv",
        spectra=f"<results>/sweep/{SWEEP.wildcard_pattern}/spectra.tsv",
    log:
        f"<logs>/sweep/{SWEEP.wildcard_pattern}.log",
    benchmark:
        f"<benchmarks>/sweep/{SWEEP.wildcard_pattern}.tsv"
    group:
        "sweep"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("design_sweep_point"),
        name=study.sweep.design,
        design=jobs.sweep_entry,
        basis=plain(study.basis),
        system=plain(study.system),
    script:
        "../scripts/design_sweep_point.py"


rule tabulate_sweep:
    input:
        expand("<results>/sweep/{point}/metrics.json", point=SWEEP.instance_patterns),
    output:
        "<results>/sweep/table.tsv",
    log:
        "<logs>/sweep/table.log",
    benchmark:
        "<benchmarks>/sweep/table.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    params:
        code=code_of("tabulate_sweep"),
    script:
        "../scripts/tabulate_sweep.py"


use rule plot_crlb as plot_sweep with:
    input:
        table="<results>/sweep/table.tsv",
    output:
        pdf="<results>/figures/sweep.pdf",
        png=report("<results>/figures/sweep.png", category="Sweep", caption="../report/sweep.rst"),
    log:
        "<logs>/figures/sweep.log",
    benchmark:
        "<benchmarks>/figures/sweep.tsv"
    params:
        code=code_of("plot_figure"),
        figure="sweep",
        study=plan.style,
