"""The workbench shows what the library computes, says what it refuses, and saves what reproduces the screen."""

import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.request

import numpy as np
import pytest
import yaml

from spinsculpt.basis import basis_library
from spinsculpt.compare import Analysis, separation_table
from spinsculpt.errors import SpinsculptError
from spinsculpt.explore import configuration, diagram, notebook_text, profiles, show, yaml_text
from spinsculpt.explore._bench import _simulated
from spinsculpt.explore._serve import free_port
from spinsculpt.fit import FitModel

BASIS = {"metabolites": ["NAA", "Cr", "Glu", "Gln"], "macromolecules": ["MM09", "MM20"], "points": 1024}
COMPARE = {"pair": ["Glu", "Gln"], "baselines": {"chosen": "poly:2"}, "macromolecules": ["free"], "t2_scales": [1.0]}
CHROMIUM = shutil.which("chromium")


def study(**entries) -> dict:
    spectra = {name: ["on", "off"] for name, entry in entries.items() if entry["type"] == "megapress"}
    return configuration(entries, spectra, BASIS, COMPARE, {})


@pytest.fixture(scope="module")
def config() -> dict:
    return study(now={"type": "press", "echo_time": 0.036}, mega={"type": "megapress", "echo_time": 0.068})


def test_bounds_are_those_of_the_workflow(config):
    """What the sliders show is what compare/separation.tsv would say, joint fits and equal scan time included."""
    section = config["basis"]
    analyses = []
    for name in config["compare"]["analyses"]:
        texts = (json.dumps(config["sequences"][name], sort_keys=True), json.dumps(section, sort_keys=True))
        sequence, sets = _simulated(name, *texts, "{}", "{}")
        chosen = config["analyses"][name]["spectra"] or list(sets)[:1]
        analyses.append(Analysis(name, sequence, {label: sets[label] for label in chosen}))
    model = FitModel.from_config(config["fit"])
    table = separation_table(analyses, basis_library(section), model, config["compare"])
    for name, one in show(config).items():
        rows = table[(table["sequence"] == name)].set_index(["metric", "metabolite"])["value"]
        assert one.bounds["Gln"] == pytest.approx(rows["CRLB", "Gln"], rel=1e-6)
        assert one.ratio == pytest.approx(rows["ratio SD", "Gln/Glu"], rel=1e-6)
        assert one.correlation == pytest.approx(rows["correlation", "Glu-Gln"], rel=1e-6)


def test_the_saved_configuration_and_notebook_show_the_same(config):
    before = show(config)
    saved = yaml.safe_load(yaml_text(config))
    spectra = {name: entry["spectra"] for name, entry in saved["analyses"].items()}
    again = show(configuration(saved["sequences"], spectra, saved["basis"], saved["compare"], saved["fit"]))
    assert {name: one.bounds for name, one in again.items()} == {name: one.bounds for name, one in before.items()}
    cell = json.loads(notebook_text(config))["cells"][0]["source"]
    names: dict = {}
    exec(cell, names)
    assert names["shown"]["now"].bounds == before["now"].bounds


def test_macromolecules_as_one_function_cost_no_more_than_many(config):
    grouped = configuration(
        {"now": config["sequences"]["now"]}, {}, BASIS, COMPARE | {"macromolecules": ["grouped"]}, {}
    )
    assert show(grouped)["now"].bounds["Gln"] <= show(config)["now"].bounds["Gln"]


def test_the_diagram_lasts_as_long_as_the_sequence(config):
    for one in show(config).values():
        for shot, rows in zip(one.sequence.shots, diagram(one.sequence).values(), strict=True):
            assert rows["duration"].sum() == pytest.approx(1e3 * shot.duration)


def test_profiles_are_of_the_shaped_pulses(config):
    shown = show(config)
    assert {pulse["name"] for pulse in profiles(shown["now"].sequence)} >= {"slr"}
    assert all(np.all(pulse["refocuses"] <= 1 + 1e-9) for pulse in profiles(shown["mega"].sequence))


def test_a_taken_port_is_a_sentence():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SpinsculptError, match="is taken; choose another"):
            free_port(taken.getsockname()[1])


def test_commands_and_jobs_do_not_import_the_workbench():
    code = "import sys, spinsculpt, spinsculpt.cli; print({'panel', 'bokeh', 'spinsculpt.explore'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("panel", reason="panel (extra explore) is not installed")
    code = "from spinsculpt.explore import serve; serve(browser=False)"
    run = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(120, run.kill)
    watchdog.start()
    yield re.search(r"http\S+", run.stdout.readline()).group()
    watchdog.cancel()
    run.terminate()
    run.wait()


def test_only_this_machine_is_served(address):
    assert address.startswith("http://127.0.0.1:")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_controls_work_in_a_browser(address):
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1100})
        said, asked = [], set()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        page.goto(address.split("?")[0])
        page.get_by_text("lacks its token").wait_for()
        page.goto(address)
        page.get_by_text("computed in").wait_for()
        page.get_by_label("Sequence", exact=True).select_option("megapress")
        page.get_by_text("Echo time (ms): 68").wait_for()
        page.get_by_text("Keep this sequence beside").click()
        page.get_by_text("■ megapress68").wait_for()
        for label, value in (("Sequence", "steam"), ("Baseline", "spline:7"), ("Macromolecules", "grouped")):
            page.get_by_label(label, exact=True).select_option(value)
        for label, value in (("Sequence", "press"), ("Refocusing pulses", "sinc"), ("Pair: second", "NAA")):
            page.get_by_label(label, exact=True).select_option(value)
        page.get_by_text("NAA, now").wait_for()
        for tab in ("Bounds", "Sequence", "Pulses and profiles", "Ranking"):
            page.locator(".bk-tab", has_text=tab).click()
        with page.expect_download() as loading:
            page.get_by_text("Save as config").click()
        saved = yaml.safe_load(loading.value.path().read_text())
        assert saved["sequences"]["now"]["refocusing"]["shape"] == "sinc" and "megapress68" in saved["sequences"]
        page.get_by_label("Pair: second", exact=True).select_option("Glu")
        page.get_by_text("Choose two different metabolites").wait_for()
        browser.close()
    assert said == [] and asked == {address.split("/")[2]}


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_design_is_watched_stopped_and_played(address):
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1400})
        page.goto(address)
        page.get_by_text("computed in").wait_for()
        page.locator(".bk-tab", has_text="Design a pulse").click()
        page.get_by_text("Start a design").click()
        page.get_by_text("smallest loss").first.wait_for(timeout=60_000)
        page.get_by_text("Stop and keep the best").click()
        page.get_by_text("It is played now").wait_for(timeout=60_000)
        page.locator(".bk-tab", has_text="Fit a scan again").click()
        page.get_by_text("Find its fits").click()
        page.get_by_text("holds no fits").wait_for()
        browser.close()


def test_a_scan_is_fitted_again_beside_its_fit(tmp_path):
    """Through the tab itself, on a phantom: the new fit stands beside the old one, and nothing is written."""
    pytest.importorskip("panel", reason="panel (extra explore) is not installed")
    from fit_phantom import phantom, phantom_basis
    from spinsculpt.basis import write_fslmrs
    from spinsculpt.explore._tabs import RefitTab
    from spinsculpt.fit import fit_files
    from spinsculpt.nifti import MRSData, write_fids

    basis = phantom_basis()
    write_fslmrs(basis, tmp_path / "basis/press30")
    fid = phantom(basis, noise_sd=0.02)
    data = tmp_path / "preproc/sub-01/sub-01_acq-press30_svs.nii.gz"
    data.parent.mkdir(parents=True)
    write_fids(data, MRSData(fid.samples, fid.dwell, fid.central_frequency))
    out = tmp_path / "fit/builtin/sub-01/press30"
    fit_files(data, {"": tmp_path / "basis/press30"}, out, {"groups": [["MM*"]]})
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    tab = RefitTab()
    tab.results.value = str(tmp_path)
    tab._find(None)
    tab.fit.value = str(out / "fit.npz")
    tab.baseline.value = "poly:4"
    tab._again(None)
    assert "nothing was written" in tab.status.object, tab.status.object
    table = tab.table.object.set_index("Metab")
    assert table.loc["Glu", "/Cr poly:4"] == pytest.approx(table.loc["Glu", "/Cr before"], rel=0.1)
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_a_stranger_without_the_token_gets_no_workbench(address):
    with urllib.request.urlopen(address.split("?")[0], timeout=20) as answer:
        assert b"Metabolites" not in answer.read()
