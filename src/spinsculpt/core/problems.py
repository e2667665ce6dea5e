"""What the user is told when something fails: what to put right, or that it is a bug and how to report it."""

import errno
import os
import platform
import sys
import tempfile
import time
import traceback
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from spinsculpt import __version__
from spinsculpt.core.errors import SpinsculptError, brief

_ADVICE = {
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "free some space and run again",
    errno.EACCES: "make it accessible, or name another place",
    errno.EPERM: "make it accessible, or name another place",
    errno.EROFS: "name another place",
    errno.ENOENT: "correct the path",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "name a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run again",
}


_EXTRAS = {  # packages that one use needs: the extra that brings them, and that use
    "torch": ("design", "the design of pulses"),
    "numba": ("design", "the design of pulses and fingerprinting"),
    "pingouin": ("mrf", "the agreement of maps"),
    "skimage": ("mrf", "the agreement of maps"),
    "panel": ("explore", "the workbench"),
    "emcee": ("sampling", "sampling of posteriors"),
    "pypulseq": ("pulseq", "the exchange of Pulseq files"),
    "snakemake": ("workflow", "the workflow (spinsculpt run)"),
}


def sentence_of(error: BaseException) -> str:
    """What the user can do about an error; "" when it is a bug of ours."""
    match error:
        case SpinsculptError():
            return str(error)
        case ModuleNotFoundError(name=str(name)) if name.partition(".")[0] in _EXTRAS:
            package = name.partition(".")[0]
            extra, use = _EXTRAS[package]
            return (
                f"{package}, which {use} needs, is not installed; install the extra {extra}: "
                f"pip install '.[{extra}]' in a clone, or pip install 'WHEEL[{extra}]'."
            )
        case MemoryError():
            return "There is not enough memory; ask for fewer points, metabolites or starts, or use a larger machine."
        case OSError(errno=int()):
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}{error.strerror}; {_ADVICE.get(error.errno, 'check the file system, then run again')}."
    return ""


def problem(error: BaseException, log: Path | None = None) -> str:
    """The sentence for an error; an unexpected one is called a bug and stands, whole, in a log file.

    Args:
        error: that was raised.
        log: where the traceback is already; a new file is written if None.
    """
    if sentence := sentence_of(error):
        return sentence
    place = log or _write_log(error)
    return (
        f"This is a bug of spinsculpt, not of yours ({type(error).__name__}: {brief(error)}). Please report it"
        f"{_address()} with the file {place}."
    )


def _address() -> str:
    """at URL, if the package says one."""
    try:
        urls = metadata("spinsculpt").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    found = dict(url.split(", ", 1) for url in urls)
    address = next((found[key] for key in ("Issues", "Bug Tracker", "Repository", "Source") if key in found), "")
    return address and f" at {address}"


def _write_log(error: BaseException) -> Path | str:
    """The traceback in a new file here, or where temporary files go."""
    text = "\n".join(
        [
            f"spinsculpt {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
            f"arguments: {sys.argv[1:]}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    for folder in (os.curdir, tempfile.gettempdir()):
        try:
            name = f"spinsculpt-bug-{time.strftime('%Y%m%d-%H%M%S')}-"
            handle, path = tempfile.mkstemp(suffix=".log", prefix=name, dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            continue
        return Path(path)
    print(text, file=sys.stderr)
    return "(none could be written, so it stands above)"
