"""The command `spinsculpt` in the process of the tests: the same `main`, without the start of a Python for each."""

import io
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from spinsculpt.app.cli import main


def spinsculpt(*arguments: str, folder: Path | str = ".") -> CompletedProcess:
    """Run a command in `folder`; its exit status and what it printed."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    command, status = ["spinsculpt", *arguments], 0
    with chdir(folder), patch.object(sys, "argv", command), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:  # what Python does at its end
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return CompletedProcess(command, status, *said)
