"""The plan of the study, which rules ask for their files and parameters, and what holds for all rules."""

import gc
import os
from functools import partial

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from spinsculpt.app.plan import ANSWERS, ANY_SCAN, Jobs, Plan
from spinsculpt.core.problems import problem
from spinsculpt.config import plain, workflow_folder
from spinsculpt.core.workflow.code import digest_script
from spinsculpt.core.workflow.locks import forget_run, remove_stale_lock, sign_run
from spinsculpt.core.workflow.warm import use_warm_starts

# Scripts find the package of this checkout also in environments that Snakemake makes (--sdm conda).
os.environ.update(PYTHONPATH=os.pathsep.join([f"{workflow_folder()}/src", *filter(None, [os.getenv("PYTHONPATH")])]))
# The objects of a plan live to its end: looking through those of 500 subjects for garbage takes a tenth of the time.
gc.set_threshold(200_000)
use_warm_starts()  # also within a group of jobs on a cluster

if workflow.is_main_process and (unlocked := remove_stale_lock()):
    logger.warning(unlocked)

RESULTS = f"results/{config['run']}" if config.get("run") else "results"  # what <results> stands for
METHODS = [str(method).lower() for method in workflow.deployment_settings.deployment_method]
try:
    plan = Plan.of(config, RESULTS, deploys=any("conda" in method for method in METHODS))
except Exception as error:
    raise WorkflowError(problem(error))

study, jobs = plan.study, Jobs(plan)

# Digest of the package files that a script runs: a job is run again when they change.
code_of = partial(digest_script, workflow_folder())


if workflow.is_main_process:
    if plan.found:
        logger.info(f"The scans of {plan.found} are analysed; --config subjects=simulated takes the simulated cohort.")
    for sentence in plan.remarks:
        logger.warning(sentence)


onstart:
    # Jobs of this machine end with their run; those of a cluster may not.
    sign_run() if workflow.local_exec else forget_run()
    needed = list(workflow.dag.needrun_jobs())
    designs = [job.wildcards.design for job in needed if job.rule.name == "design_pulse"]
    fits = any(job.rule.name == "run_monte_carlo" for job in needed)
    if sentence := plan.expected_time(designs, workflow.resource_settings.cores or 1, fits):
        logger.warning(sentence)


onerror:
    # Whatever failed: the scans that are through are reported, with the sentences of the jobs that failed.
    from spinsculpt.report import unfinished_jobs

    logger.error(plan.report_what_is_there(unfinished_jobs(workflow.dag.needrun_jobs(), workflow.scheduler.failed)))


wildcard_constraints:
    design=r"[A-Za-z0-9_]+",
    sequence=r"[A-Za-z0-9]+(@[0-9.]+MHz(-[a-z]+)?)?",
    basis=r"[A-Za-z0-9]+(_[a-z]+)?",
    rung=r"[a-z]+",
    analysis=r"[A-Za-z0-9]+",
    folder=r"sub-[A-Za-z0-9]+(/ses-[A-Za-z0-9]+)?",
    scan=ANY_SCAN,
    suffix="svs|mrsref",
