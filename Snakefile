"""spinsculpt, run from the top of a clone; the workflow itself is workflow/Snakefile, where catalogues look for it."""


include: "workflow/Snakefile"


rule study:
    default_target: True
    input:
        rules.all.input,
