"""A real SLURM on this machine, and on it a study with every mishap that clusters have: `make test-slurm`.

Jobs are cancelled, killed, run into their time limit and see slurmd restart; the run must end well all the same, with
results equal to those of a local run, byte for byte but for durations.

SLURM is installed and started in namespaces of its own (mounts and processes): nothing of the machine changes, and
whatever was started ends with them. That takes root on Debian or Ubuntu with their packages; elsewhere a sentence says
so, and with --if-possible that is no failure.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))
TARGETS = ["sweep", "results/compare/fits.tsv", "results/design/gap_crlb/pulse.json"]
NOT_INSTALLED = 75  # exit status where the packages cannot be had
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--if-possible", action="store_true", help="where there can be no SLURM, say so and end well")
    parser.add_argument("--patience", type=float, default=540, help="seconds that the run on the cluster may take")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        run_inside(arguments.inside, arguments.patience)
        return
    if reason := what_is_missing():
        print(f"SLURM cannot be tried on this machine: {reason}.")
        sys.exit(0 if arguments.if_possible else 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what follows is ended, too
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        inside = subprocess.Popen([*NAMESPACES, sys.executable, __file__, *sys.argv[1:], "--inside", folder])
        try:
            status = inside.wait()
        finally:
            inside.kill()  # and with it every process of its namespace
            inside.wait()
    sys.exit(0 if status == NOT_INSTALLED and arguments.if_possible else status)


def what_is_missing() -> str:
    """Why there can be no SLURM here; "" if there can."""
    if os.geteuid() != 0:
        return "it takes root to install and start it"
    if not shutil.which("apt-get"):
        return "it is installed by apt-get, which is not here"
    if not shutil.which("unshare") or subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode:
        return "namespaces (unshare) are not permitted"
    return ""


# --- in the namespaces ---


def run_inside(folder: Path, patience: float) -> None:
    if (main := os.fork()) != 0:  # the first process of a namespace has to bury the orphans, or SLURM waits for them
        while True:
            ended, status = os.wait()
            if ended == main:
                os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    began = time.monotonic()
    start_slurm(folder)
    say(f"SLURM runs after {time.monotonic() - began:.0f} s")
    here, there = folder / "local", folder / "cluster"
    began = time.monotonic()
    run = subprocess.run(snakemake(here, "--cores", "2", "--quiet", "all"), capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    say(f"the local run took {time.monotonic() - began:.0f} s")
    began = time.monotonic()
    suffer(folder, there, patience)
    say(f"the run on SLURM, with its mishaps, took {time.monotonic() - began:.0f} s")
    from results import differences

    found = differences(here / "results", there / "results")
    assert not found, f"results differ: {found}"
    say("results are equal")


def start_slurm(folder: Path) -> None:
    """Install it over a copy of the system that ends with us, and start its daemons."""
    layers = folder / "layers"
    layers.mkdir()
    call("mount", "-t", "tmpfs", "tmpfs", str(layers))
    for part in ("usr", "etc", "var"):
        upper, work = layers / part / "upper", layers / part / "work"
        upper.mkdir(parents=True)
        work.mkdir()
        options = f"lowerdir=/{part},upperdir={upper},workdir={work}"
        call("mount", "-t", "overlay", "overlay", "-o", options, f"/{part}")
    call("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    try:
        call("apt-get", "-qq", "update")
        call("apt-get", "-qq", "install", "--no-install-recommends", "--yes", "slurm-wlm", "munge")
    except AssertionError as error:
        say(f"SLURM cannot be tried on this machine: its packages cannot be installed ({str(error)[-300:].strip()}).")
        sys.exit(NOT_INSTALLED)
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    call("su", "-s", "/bin/sh", "munge", "-c", "/usr/sbin/munged")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    words = {"HOST": socket.gethostname(), "DIR": str(folder), "CORES": "2", "MEMORY": str(int(0.8 * memory))}
    text = (HERE / "slurm.conf").read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    Path("/etc/slurm").mkdir(exist_ok=True)
    Path("/etc/slurm/slurm.conf").write_text(text)  # jobs do not inherit SLURM_CONF, so it has to be this file
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    call("slurmctld")
    call("slurmd")
    wait_for(lambda: "idle" in told("sinfo", "-h", "-o", "%T"), "a node that is idle", 60)


def suffer(folder: Path, there: Path, patience: float) -> None:
    """The run on the cluster, and what befalls it."""
    command = snakemake(
        there,
        *("--profile", str(REPOSITORY / "profiles/slurm"), "--workflow-profile", "none", "--cores", "1"),
        *("--default-resources", "slurm_partition=main", "mem_mb=800", "runtime=5", "tmpdir=system_tmpdir"),
        *("--slurm-no-account", "--slurm-status-command", "squeue"),
        *("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"),
        *("--latency-wait", "10", "--group-components", "sweep=2", "scan=1"),
        *("--set-resources", "design_pulse:runtime=attempt"),
    )
    log = folder / "snakemake.log"
    with log.open("w") as file:
        run = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    ends = time.monotonic() + patience
    checkpoint = there / "results/design/gap_crlb/checkpoint.npz"
    done: set[str] = set()
    try:
        while run.poll() is None:
            assert time.monotonic() < ends, f"the run does not end; {done} befell it\n{log.read_text()[-5000:]}"
            for job, what in running():
                if "stopped" not in done and "design_pulse" in what and checkpoint.exists():
                    held = work_of(job)
                    for pid in held:
                        os.kill(pid, signal.SIGSTOP)
                    if held:
                        done.add("stopped")
                        say(f"a design stands still until its time limit of one minute (job {job})")
                elif "design_pulse" in what:
                    continue
                elif "cancelled" not in done:
                    call("scancel", job)
                    done.add("cancelled")
                    say(f"scancel {job} ({what[:60]})")
                elif "killed" not in done and len(held := work_of(job)) > 1:  # the process that forks, and a fork
                    for pid in held:
                        os.kill(pid, signal.SIGKILL)
                    done.add("killed")
                    say(f"SIGKILL to the processes {held} of job {job} ({what[:60]})")
                elif "killed" in done and "restarted" not in done:
                    os.kill(int((folder / "slurmd.pid").read_text()), signal.SIGTERM)
                    time.sleep(1)
                    call("slurmd")
                    done.add("restarted")
                    say(f"slurmd restarted under job {job}")
            time.sleep(0.2)
        text = log.read_text()
        assert run.returncode == 0, text[-8000:]
        assert done == {"stopped", "cancelled", "killed", "restarted"}, (done, text[-3000:])
        ended = (folder / "jobcomp.txt").read_text()
        assert "JobState=TIMEOUT" in ended and "JobState=CANCELLED" in ended and "JobState=FAILED" in ended, ended
    finally:
        if run.poll() is None:
            run.kill()


def snakemake(folder: Path, *arguments: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    files = ["--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(HERE / "study.yaml")]
    study = ["--config", "subjects=simulated"]
    return [sys.executable, "-m", "snakemake", *files, "--directory", str(folder), *arguments, *study, "--", *TARGETS]


def running() -> list[tuple[str, str]]:
    """Number and comment (rule or group) of the jobs that run."""
    lines = told("squeue", "-h", "-t", "RUNNING", "-o", "%i %k").splitlines()
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def work_of(job: str) -> list[int]:
    """Processes of a job that run a script of the workflow."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words, command = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
            except OSError:
                continue
            if f"SLURM_JOB_ID={job}\0".encode() in words and (
                b"scripts of snakemake" in command or b"/scripts/" in command
            ):
                found.append(int(process.name))
    return sorted(found)


def told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def call(*command: str) -> None:
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, f"{' '.join(command)}: {run.stdout}"


def wait_for(there, what: str, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < ends, f"there is no {what} after {seconds:.0f} s"
        time.sleep(0.2)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
