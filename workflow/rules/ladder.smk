"""The ladder of designs of the seed paper and beyond: snakemake paper --configfile config/paper.yaml"""

LADDER = {rung: designs for rung, designs in plain(study.ladder).items() if designs}
LADDER_DESIGNS = list(dict.fromkeys(design for designs in LADDER.values() for design in designs))
EXPLAINED = [
    design for design in LADDER_DESIGNS if any(design in LADDER[rung] for rung in LADDER if rung != "frontier")
]


rule paper:
    input:
        expand("<results>/figures/ladder_{rung}.png", rung=LADDER),
        expand("<results>/figures/explain_{design}.png", design=EXPLAINED),
        "<results>/compare/ladder.tsv",


rule tabulate_ladder:
    input:
        expand("<results>/design/{design}/metrics.json", design=LADDER_DESIGNS),
    output:
        "<results>/compare/ladder.tsv",
    log:
        "<logs>/compare/ladder.log",
    benchmark:
        "<benchmarks>/compare/ladder.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        designs=LADDER_DESIGNS,
    script:
        "../scripts/tabulate_designs.py"


rule plot_ladder:
    input:
        metrics=lambda wildcards: expand("<results>/design/{design}/metrics.json", design=LADDER[wildcards.rung]),
        histories=lambda wildcards: expand("<results>/design/{design}/history.tsv", design=LADDER[wildcards.rung]),
        spectra=lambda wildcards: expand("<results>/design/{design}/spectra.tsv", design=LADDER[wildcards.rung]),
    output:
        pdf="<results>/figures/ladder_{rung}.pdf",
        png=report(
            "<results>/figures/ladder_{rung}.png",
            category="Ladder of designs",
            caption="../report/ladder.rst",
        ),
    log:
        "<logs>/figures/ladder_{rung}.log",
    benchmark:
        "<benchmarks>/figures/ladder_{rung}.tsv"
    conda:
        "../../envs/spinsculpt.yaml"
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        style=STYLE,
    script:
        "../scripts/plot_ladder.py"
