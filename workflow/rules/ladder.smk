"""Everything at full size, the ladder of designs of the seed paper too: snakemake paper --configfile config/paper.yaml"""

LADDER = {rung: designs for rung, designs in plain(study.ladder).items() if designs}
LADDER_DESIGNS = list(dict.fromkeys(design for designs in LADDER.values() for design in designs))
EXPLAINED = [
    design for design in LADDER_DESIGNS if any(design in LADDER[rung] for rung in LADDER if rung != "frontier")
]


rule ladder:
    input:
        expand("<results>/figures/ladder_{rung}.png", rung=LADDER),
        expand("<results>/figures/explain_{design}.png", design=EXPLAINED),
        "<results>/compare/ladder.tsv",


rule paper:
    input:
        rules.ladder.input,
        plan.wanted_files(),


use rule tabulate_designs as tabulate_ladder with:
    input:
        expand("<results>/design/{design}/metrics.json", design=LADDER_DESIGNS),
    output:
        "<results>/compare/ladder.tsv",
    log:
        "<logs>/compare/ladder.log",
    benchmark:
        "<benchmarks>/compare/ladder.tsv"
    params:
        code=code_of("tabulate_designs"),
        designs=LADDER_DESIGNS,


use rule plot_crlb as plot_ladder with:
    input:
        lambda wildcards: expand("<results>/design/{design}/history.tsv", design=LADDER[wildcards.rung]),
        lambda wildcards: expand("<results>/design/{design}/spectra.tsv", design=LADDER[wildcards.rung]),
        metrics=lambda wildcards: expand("<results>/design/{design}/metrics.json", design=LADDER[wildcards.rung]),
    output:
        pdf="<results>/figures/ladder_{rung}.pdf",
        png=report("<results>/figures/ladder_{rung}.png", category="Ladder of designs", caption="../report/ladder.rst"),
    log:
        "<logs>/figures/ladder_{rung}.log",
    benchmark:
        "<benchmarks>/figures/ladder_{rung}.tsv"
    params:
        code=code_of("plot_figure"),
        figure="ladder",
        rung=lambda wildcards: wildcards.rung,
        study=plan.style,
