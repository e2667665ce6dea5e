"""Time of one move of a slider of the workbench; JSON on the last line.

"seconds": in the library, from configuration to spectra and bounds. "browser": from the key on the slider to the page
that has computed, where chromium and playwright are.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time

from spinsculpt.explore import configuration, show
from spinsculpt.study import Basis, Compare, NoiseLevel, SequenceEntry

CASES = {
    "PRESS, Glu and Gln": ("press", ["Glu", "Gln"], 0.030),
    "PRESS, 20 metabolites": ("press", list(Basis.metabolites), 0.030),
    "MEGA-PRESS, Glu and Gln": ("megapress", ["Glu", "Gln"], 0.068),
    "MEGA-PRESS, 20 metabolites": ("megapress", list(Basis.metabolites), 0.068),
}


def move(kind: str, metabolites: list[str], echo_time: float) -> float:
    """Seconds from an echo time that was not seen before to what is shown."""
    compare = Compare(noise=NoiseLevel(metabolite=metabolites[0], snr=100), baselines={"chosen": "poly:2"})
    spectra = {"now": ("on", "off")} if kind == "megapress" else {}
    began = time.perf_counter()
    basis = Basis(metabolites=metabolites, macromolecules=())
    show(configuration({"now": SequenceEntry(type=kind, echo_time=echo_time)}, spectra, basis, compare))
    return time.perf_counter() - began


SERVER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from spinsculpt.explore import begun, serve
serve(begun(START), browser=False)
"""


def in_browser(kind: str, metabolites: list[str], echo_time: float) -> float:
    """Median seconds from an arrow key on the slider of the echo time to a page that has computed."""
    from playwright.sync_api import sync_playwright

    entry = {"type": kind, "echo_time": echo_time}
    spectra = ["on", "off"] if kind == "megapress" else []
    compare = {"analyses": ["now"], "noise": {"metabolite": metabolites[0]}, "baselines": {"chosen": "poly:2"}}
    start = {"sequences": {"now": entry}, "analyses": {"now": {"sequence": "now", "spectra": spectra}}}
    start |= {"basis": {"metabolites": metabolites, "macromolecules": []}, "compare": compare}
    code = SERVER.replace("START", repr(start))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-u", "-c", code], **pipes) as server, sync_playwright() as play:
        try:
            address = re.search(r"http\S+", server.stdout.readline()).group()
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(address)
            page.get_by_text("computed in").wait_for()
            page.wait_for_timeout(1000)
            took, counter = [], page.locator(".took small")
            slider = page.locator(".bk-Slider .noUi-handle").first
            slider.focus()
            for _ in range(7):
                before, began = counter.get_attribute("data-move"), time.perf_counter()
                page.keyboard.press("ArrowRight")
                while counter.get_attribute("data-move") == before:
                    time.sleep(0.002)
                took.append(time.perf_counter() - began)
                page.wait_for_timeout(200)
            browser.close()
            return sorted(took[2:])[2]
        finally:
            server.stdin.close()


def main() -> None:
    found = {}
    for name, (kind, metabolites, echo_time) in CASES.items():
        move(kind, metabolites, echo_time)
        times = sorted(move(kind, metabolites, echo_time + 0.001 * k) for k in range(1, 6))
        found[name] = round(times[len(times) // 2], 4)
        print(f"{name}: {1e3 * found[name]:.0f} ms in the library")
    browser = {}
    if shutil.which("chromium") and importlib.util.find_spec("playwright"):
        for name, case in CASES.items():
            browser[name] = round(in_browser(*case), 4)
            print(f"{name}: {1e3 * browser[name]:.0f} ms in the browser")
    print(json.dumps({"seconds": found, "browser": browser}))


if __name__ == "__main__":
    main()
