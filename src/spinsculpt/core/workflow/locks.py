"""The lock that a killed Snakemake leaves behind: taken away when it is certain that its run is dead.

Snakemake locks the folder that it works in, and a killed one cannot unlock it. A run of ours therefore says who it is
once it has the lock. A later one removes the lock if that process, of this machine, is no more, and nothing else of
Snakemake works in the folder. In any doubt the lock stays, and Snakemake says how to unlock by hand.
"""

import json
import os
import platform
from contextlib import suppress
from pathlib import Path

from spinsculpt.core.provenance import write_json

_LOCKS, _RUN = Path(".snakemake/locks"), Path(".snakemake/spinsculpt_run.json")


def sign_run(folder: Path | str = ".") -> None:
    """Say who holds the lock of a folder; to be called by its holder, when it starts its jobs on this machine."""
    write_json(Path(folder) / _RUN, {"machine": _machine(), "pid": os.getpid(), "began": _began(os.getpid())})


def forget_run(folder: Path | str = ".") -> None:
    """Take the signature away, of a run whose jobs go to other machines, where they may outlive it."""
    with suppress(OSError):
        (Path(folder) / _RUN).unlink()


def remove_stale_lock(folder: Path | str = ".") -> str:
    """Remove the lock of a run of this machine that was killed.

    Returns:
        What was done, as a sentence; "" if nothing was.
    """
    folder = Path(folder)
    with suppress(OSError):
        locks = {lock: lock.stat() for lock in (folder / _LOCKS).glob("*.lock")}
        if not locks or not _is_stale(folder, max(found.st_mtime for found in locks.values())):
            return ""
        for lock, found in locks.items():
            if os.path.samestat(lock.stat(), found):  # not that of another run, which was quicker than this one
                lock.unlink()
        return "The run before was killed; its lock on this folder was removed, and this one goes on where it stopped."
    return ""


def _is_stale(folder: Path, newest: float) -> bool:
    try:
        run = json.loads((folder / _RUN).read_text())
        signed_after = (folder / _RUN).stat().st_mtime >= newest  # else it is the signature of an earlier run
        same = run["machine"] == _machine()
        alive = same and _began(run["pid"]) == run["began"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return bool(run["machine"]) and signed_after and same and not alive and not _others_work_in(folder)


def _machine() -> str:
    """This boot of this machine, or of this container on it; "" where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When a process of that number began, in ticks since the boot; "" if there is none (or none that still runs)."""
    with suppress(OSError, IndexError, ValueError):
        # The name of the process, in brackets, may hold spaces.
        fields = Path(f"/proc/{int(pid)}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""


def _others_work_in(folder: Path) -> bool:
    """Whether another process of Snakemake, such as a job that outlived its run, works in the folder."""
    here = folder.resolve()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if b"snakemake" in command and (process / "cwd").resolve(strict=True) == here and _began(int(process.name)):
                return True
    return False
