"""Jobs without the start of a Python each: a process that has imported what they need forks for every script.

Starting Python and importing scipy, pandas and matplotlib takes longer than the work of most jobs. The *nursery* is a
process of one thread that runs each script in a fork of itself. What a script had to import the nursery imports before
it forks again, so that nothing is listed here and a run of one job pays nothing. A fork runs the very file that
Snakemake would have given to Python, with the same environment, folder, output streams and exit status.

Linux only: elsewhere (and in environments, containers and shadow folders) Snakemake starts scripts as it always does.
`SPINSCULPT_COLD_STARTS=1` asks for that everywhere. The nursery ends, with its jobs, when its Snakemake does.
"""

import atexit
import importlib
import io
import json
import logging
import multiprocessing
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from contextlib import nullcontext, suppress
from pathlib import Path

from spinsculpt.core.workflow import ONE_THREAD, THREADS

COLD = "SPINSCULPT_COLD_STARTS"  # of the environment: start a Python for every script
_START = "import sys; from spinsculpt.core.workflow.warm import serve; serve(int(sys.argv[1]))"
_LARGEST = 1 << 20  # bytes of a request: a path and the environment


# --- the side of Snakemake ---


def use_warm_starts() -> bool:
    """Let the scripts of this Snakemake process run in forks; returns whether they will."""
    if not sys.platform.startswith("linux") or os.environ.get(COLD):
        return False
    try:
        from snakemake.benchmark import benchmarked
        from snakemake.script import PythonScript

        start_cold = PythonScript.execute_script
    except (ImportError, AttributeError):  # another Snakemake than we know: its own way is never wrong
        return False
    if getattr(start_cold, "warm", False):
        return True

    def execute_script(self, fname, edit=False):
        """As PythonScript.execute_script, but in a fork where the job asks for no surroundings of its own."""
        elsewhere = (self.container_img, self.conda_env, self.env_modules, self.shadow_dir)
        if edit or any(elsewhere) or self.resources.get("shell_exec"):
            return start_cold(self, fname, edit)
        environment = dict.fromkeys(THREADS, str(self.threads))
        if tmpdir := self.resources.get("tmpdir"):
            environment |= dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), str(tmpdir))
        try:
            job = _nursery().run(fname, {**os.environ, **environment})
        except OSError:
            return start_cold(self, fname, edit)
        with benchmarked(job.pid, self.bench_record) if self.bench_record else nullcontext():
            status = job.wait()
        if status:
            raise subprocess.CalledProcessError(status, f"{sys.executable} {fname}")
        return None

    execute_script.warm = True
    PythonScript.execute_script = execute_script
    return True


class Job:
    """A fork that will run a script; it waits to be waited for, so that it can be watched from its first moment."""

    def __init__(self, line: socket.socket):
        self._line = line
        self._answers = line.makefile("r")
        if not (pid := self._answers.readline()):
            raise OSError("the nursery is no more")
        self.pid = int(pid)

    def wait(self) -> int:
        """Run the script; its exit status, negative for a signal, -9 when the nursery was killed."""
        with self._line, self._answers, suppress(OSError):
            self._line.sendall(b"\n")
            if status := self._answers.readline():
                return int(status)
        return -signal.SIGKILL


class Nursery:
    """The process that forks, and the line to it."""

    def __init__(self):
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _LARGEST)
        self._lock = threading.Lock()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, str(theirs.fileno()), "scripts of snakemake"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD},
            )

    def run(self, script: Path | str, environment: dict[str, str]) -> Job:
        """Start a script.

        Raises:
            OSError: the nursery is no more.
        """
        here, there = socket.socketpair()
        request = json.dumps({"script": os.path.abspath(script), "folder": os.getcwd(), "environment": environment})
        try:
            with there, self._lock:
                socket.send_fds(self._ours, [request.encode("utf-8", "surrogateescape")], [there.fileno()])
            return Job(here)
        except OSError:
            here.close()
            raise

    def close(self) -> None:
        """End it, with the scripts that run."""
        self._ours.close()
        self.process.wait()


_one: Nursery | None = None
_making = threading.Lock()


def _nursery() -> Nursery:
    global _one
    with _making:
        if _one is None or _one.process.poll() is not None:
            _one = Nursery()
            atexit.register(_one.close)
        return _one


# --- the side of the nursery ---


def serve(number: int) -> None:
    """Fork for each request until the line of that file number is closed."""
    with socket.socket(fileno=number) as line:
        _serve(line)


def _serve(line: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the scripts; we end with Snakemake
    running: dict[int, tuple[int, socket.socket, bytearray]] = {}  # by the pipe on which a fork says what it imported
    wanted: dict[str, None] = {}
    with selectors.DefaultSelector() as events:
        events.register(line, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is not line:
                    pid, asker, said = running[key.fd]
                    if piece := os.read(key.fd, 1 << 16):
                        said += piece
                        continue
                    events.unregister(key.fd)
                    os.close(key.fd)
                    del running[key.fd]
                    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    wanted |= dict.fromkeys(said.decode().split())
                    _answer(asker, status)
                    asker.close()
                    continue
                message, fds, _, _ = socket.recv_fds(line, _LARGEST, 1)
                if not message:
                    for pid, _, _ in running.values():
                        os.kill(pid, signal.SIGTERM)
                    return
                _import(wanted)
                wanted.clear()
                asker = socket.socket(fileno=fds[0])
                ears, mouth = os.pipe()
                if (pid := os.fork()) == 0:
                    _KNOWN.update(sys.modules)
                    events.close()
                    for end in (line, *(others for _, others, _ in running.values())):
                        end.close()
                    for end in (ears, *running):
                        os.close(end)
                    _run(json.loads(message.decode("utf-8", "surrogateescape")), asker, mouth)
                os.close(mouth)
                _answer(asker, pid)
                running[ears] = pid, asker, bytearray()
                events.register(ears, selectors.EVENT_READ)


def _answer(asker: socket.socket, number: int) -> None:
    with suppress(OSError):  # who asked may be no more
        asker.sendall(f"{number}\n".encode())


def _import(names: dict[str, None]) -> None:
    """What scripts had to import, in their order; what cannot be imported here they import for themselves."""
    for name in names:
        if name not in sys.modules:
            with suppress(BaseException), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(name)


_KNOWN: set[str] = set()  # of a fork: names of modules that it had from its first moment
_mouth: int | None = None  # of a fork: the pipe on which it says what it imported


def _run(request: dict, asker: socket.socket, mouth: int) -> None:
    """The script, as Python would run it, once it is waited for; does not return."""
    global _mouth
    _mouth, status = mouth, 1
    try:
        with asker:
            if not asker.recv(1):
                return
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.argv = [request["script"]]
        sys.path.insert(0, str(Path(request["script"]).parent))
        try:
            runpy.run_path(request["script"], run_name="__main__")
            status = 0
        except SystemExit as end:
            if end.code is not None and not isinstance(end.code, int):
                print(end.code, file=sys.stderr)
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        threading._shutdown()  # as at the end of Python: wait for threads, then what was left to be done at exit
        atexit._run_exitfuncs()
        _say_imports()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
    finally:
        os._exit(status)


def _say_imports() -> None:
    """What was imported since the nursery forked."""
    new = " ".join(name for name in sys.modules if name not in _KNOWN)
    with suppress(OSError):
        os.write(_mouth, f"{new} ".encode())


# --- the side of the script ---


def run_program(module: str, arguments: list[str], seconds: float) -> tuple[int, str]:
    """Run `main()` of a module in a process of its own, which may crash: a fork if this is one, else a new Python.

    Args:
        module: whose `main` reads sys.argv.
        arguments: of the command line.
        seconds: that it may take.
    Returns:
        Its exit status and all that it printed.
    Raises:
        TimeoutError: it took longer, and was ended.
    """
    if _mouth is None:
        command = [sys.executable, "-c", f"from {module} import main; main()", *arguments]
        try:
            run = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(str(error)) from None
        return run.returncode, run.stdout + run.stderr
    main = importlib.import_module(module).main
    with tempfile.TemporaryFile() as said:
        process = multiprocessing.get_context("fork").Process(target=_program, args=(main, arguments, said.fileno()))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{module} took longer than {seconds:.0f} s")
        said.seek(0)
        return process.exitcode, said.read().decode(errors="replace")


def _program(main, arguments: list[str], said: int) -> None:
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), line_buffering=True)
    logging.captureWarnings(False)  # those of a program belong to what it says
    warnings.resetwarnings()
    sys.argv = ["program", *arguments]
    main()
    _say_imports()
