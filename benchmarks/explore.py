"""Time of one move of a slider of the workbench; JSON on the last line.

"seconds": in the library, from configuration to spectra and bounds, for an echo time that was not seen before. "first":
the same for a field that was not seen, where nothing is remembered. "browser": from the key on the slider of the echo
time to the frame that the page has painted with the new spectra and tables, where chromium and playwright are. "cpu":
what server and browser compute for such a move, all their processes and threads added, which a busy machine hardly
changes.

    python benchmarks/explore.py
    python benchmarks/explore.py --picture docs/images/workbench.png     no times: the picture of the docs
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from spinsculpt.app.explore import configuration, show
from spinsculpt.config import Basis, Compare, NoiseLevel, SequenceEntry

CASES = {
    "PRESS, Glu and Gln": ("press", ["Glu", "Gln"], 0.030),
    "PRESS, 20 metabolites": ("press", list(Basis.metabolites), 0.030),
    "MEGA-PRESS, Glu and Gln": ("megapress", ["Glu", "Gln"], 0.068),
    "MEGA-PRESS, 20 metabolites": ("megapress", list(Basis.metabolites), 0.068),
}


def move(kind: str, metabolites: list[str], echo_time: float, field: float = 3.0) -> float:
    """Seconds from settings to what is shown."""
    compare = Compare(noise=NoiseLevel(metabolite=metabolites[0], snr=100), baselines={"chosen": "poly:2"})
    spectra = {"now": ("on", "off")} if kind == "megapress" else {}
    began = time.perf_counter()
    basis = Basis(metabolites=metabolites, macromolecules=(), field=field)
    show(configuration({"now": SequenceEntry(type=kind, echo_time=echo_time)}, spectra, basis, compare))
    return time.perf_counter() - began


SERVER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from spinsculpt.app.explore import begun, serve
serve(begun(START), browser=False)
"""


KEY_TO_FRAME = """(handle, counter) => new Promise(done => {
    const moves = () => counter.shadowRoot.querySelector("small").dataset.move
    const before = moves(), began = performance.now()
    const look = () => requestAnimationFrame(moves() === before ? look : () => done(performance.now() - began))
    handle.focus()
    handle.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}))
    look()
})"""


def cpu_of(root: int) -> float:
    """Seconds that a process and those below it have computed."""
    below, used = {}, {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = status.read_text().rpartition(") ")
        except OSError:  # it has ended since
            continue
        number, fields = int(head.split(" ")[0]), rest.split()
        below.setdefault(int(fields[1]), []).append(number)
        used[number] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    waiting, total = [root], 0.0
    while waiting:
        number = waiting.pop()
        total += used.get(number, 0.0)
        waiting += below.get(number, [])
    return total


@contextmanager
def opened(start: dict, **viewport: int) -> Iterator:
    """The page of a workbench that begins so, with what it computed."""
    from playwright.sync_api import sync_playwright

    code = SERVER.replace("START", repr(start))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-u", "-c", code], **pipes) as server, sync_playwright() as play:
        try:
            address = re.search(r"http\S+", server.stdout.readline()).group()
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(**({"viewport": viewport} if viewport else {}))
            page.goto(address)
            page.get_by_text("computed in").wait_for(timeout=90_000)
            page.wait_for_timeout(1000)
            yield page
            browser.close()
        finally:
            server.stdin.close()


def in_browser(kind: str, metabolites: list[str], echo_time: float) -> tuple[float, float]:
    """Median seconds from an arrow key on the slider of the echo time to the frame with the result, and of CPU."""
    entry = {"type": kind, "echo_time": echo_time}
    spectra = ["on", "off"] if kind == "megapress" else []
    compare = {"analyses": ["now"], "noise": {"metabolite": metabolites[0]}, "baselines": {"chosen": "poly:2"}}
    start = {"sequences": {"now": entry}, "analyses": {"now": {"sequence": "now", "spectra": spectra}}}
    start |= {"basis": {"metabolites": metabolites, "macromolecules": []}, "compare": compare}
    with opened(start) as page:
        slider, counter = page.locator(".bk-Slider .noUi-handle").first, page.locator(".took").element_handle()
        for _ in range(2):
            slider.evaluate(KEY_TO_FRAME, counter)
        took, before = [], cpu_of(os.getpid())
        for _ in range(7):
            took.append(slider.evaluate(KEY_TO_FRAME, counter) / 1e3)
            page.wait_for_timeout(200)
        used = (cpu_of(os.getpid()) - before) / len(took)
        return median(took), used


def picture(path: str) -> None:
    """The screen with a PRESS of TE 30 ms beside the shortest, SPECIAL and MEGA-PRESS."""
    sequences = {
        "pressmin": {"type": "press", "echo_time": None},
        "special": {"type": "special", "echo_time": None},
        "megapress": {"type": "megapress", "echo_time": 0.068},
        "now": {"type": "press", "echo_time": 0.030, "te1": 0.012},
    }
    spectra = {"special": ["diff"], "megapress": ["on", "off"]}
    analyses = {name: {"sequence": name, "spectra": spectra.get(name, [])} for name in sequences}
    with opened({"sequences": sequences, "analyses": analyses}, width=1280, height=620) as page:
        page.screenshot(path=path)


def main() -> None:
    found, first, browser, cpu = {}, {}, {}, {}
    move("press", ["Glu", "Gln"], 0.020)
    for name, case in CASES.items():
        kind, metabolites, echo_time = case
        first[name] = median([move(*case, field=2.9 + 0.05 * k) for k in range(3)])
        found[name] = median([move(kind, metabolites, echo_time + 0.001 * k, 3.0) for k in range(7)][2:])
        print(f"{name}: {1e3 * found[name]:.0f} ms in the library, {1e3 * first[name]:.0f} ms at a new field")
    if shutil.which("chromium") and importlib.util.find_spec("playwright"):
        for name, case in CASES.items():
            browser[name], cpu[name] = in_browser(*case)
            print(f"{name}: {1e3 * browser[name]:.0f} ms in the browser, {1e3 * cpu[name]:.0f} ms of CPU")
    rounded = [{name: round(value, 4) for name, value in each.items()} for each in (found, first, browser, cpu)]
    print(json.dumps(dict(zip(("seconds", "first", "browser", "cpu"), rounded, strict=True))))


if __name__ == "__main__":
    picture(sys.argv[2]) if sys.argv[1:2] == ["--picture"] else main()
