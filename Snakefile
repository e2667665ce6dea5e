"""spinsculpt: from pulse design to in-vivo fits. The front door; every stage has its file in workflow/rules."""

from snakemake.utils import min_version

min_version("9.14")


configfile: f"{workflow.basedir}/config/config.yaml"


pathvars:
    results=f"results/{config['run']}" if config.get("run") else "results",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


include: "workflow/rules/common.smk"
include: "workflow/rules/design.smk"
include: "workflow/rules/basis.smk"
include: "workflow/rules/macromolecules.smk"
include: "workflow/rules/scanner.smk"
include: "workflow/rules/convert.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/scan.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/ladder.smk"
include: "workflow/rules/mrf.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        plan.wanted_files(),
