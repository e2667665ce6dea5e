"""The workbench shows what the library computes, says what it refuses, and saves what reproduces the screen."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
import yaml

from browser import complaints, opened, overflow
from entries import basis_library, build_sequence
from spinsculpt.app.explore import (
    begun,
    configuration,
    diagram,
    notebook_text,
    profiles,
    read_saved,
    saved,
    show,
    under,
    yaml_text,
)
from spinsculpt.app.explore._bench import _simulated
from spinsculpt.app.explore._serve import free_port
from spinsculpt.app.plan import settle
from spinsculpt.compare import Analysis, separation_table
from spinsculpt.config import Baseline, Basis, Compare, Fit, SequenceEntry, Study, parse, plain
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.pulses import DesignedPulses, scaled, slr, write_designed, write_pulse
from spinsculpt.physics.sequences import Sequence, ShapedPulse, write_pulseq

COARSE = {
    "points": 1024,
    "grid": {"points": 16, "extent": 2.0},
}  # few places in the slice: quick, and as good for tests
SMALL = {"metabolites": ["NAA", "Cr", "Glu", "Gln"], "macromolecules": [], **COARSE}
BASIS = parse(Basis, {**SMALL, "macromolecules": ["MM09", "MM20"]})
COMPARE = Compare(pair=("Glu", "Gln"), baselines={"chosen": "poly:2"}, macromolecules=("free",), t2_scales=(1.0,))
PRESS = SequenceEntry(type="press", echo_time=0.036)


def study(**entries) -> Study:
    spectra = {name: ("on", "off") for name, entry in entries.items() if entry.type == "megapress"}
    return configuration(entries, spectra, BASIS, COMPARE)


@pytest.fixture(scope="module")
def config() -> Study:
    return study(now=PRESS, mega=SequenceEntry(type="megapress", echo_time=0.068))


def test_bounds_are_those_of_the_workflow(config):
    """What the sliders show is what compare/separation.tsv would say, joint fits and equal scan time included."""
    section = config.basis
    analyses = []
    for name in config.compare.analyses:
        texts = (json.dumps(plain(config.sequences[name])), json.dumps(plain(section)))
        sequence, sets = _simulated(name, *texts, "{}", "{}")
        chosen = config.analyses[name].spectra or list(sets)[:1]
        analyses.append(Analysis(name, sequence, {label: sets[label] for label in chosen}))
    model = config.fit.model(measured=False)
    table = separation_table(analyses, basis_library(section), model, config.compare)
    for name, one in show(config).items():
        rows = table[(table["sequence"] == name)].set_index(["metric", "metabolite"])["value"]
        assert one.bounds["Gln"] == pytest.approx(rows["CRLB", "Gln"], rel=1e-6)
        assert one.ratio == pytest.approx(rows["ratio SD", "Gln/Glu"], rel=1e-6)
        assert one.correlation == pytest.approx(rows["correlation", "Glu-Gln"], rel=1e-6)


def test_the_saved_configuration_and_notebook_show_the_same(config):
    before = show(config)
    again = show(settle(begun(yaml.safe_load(yaml_text(config)))))
    assert {name: one.bounds for name, one in again.items()} == {name: one.bounds for name, one in before.items()}
    cell = json.loads(notebook_text(config))["cells"][0]["source"]
    names: dict = {}
    exec(cell, names)
    assert names["shown"]["now"].bounds == before["now"].bounds


def test_macromolecules_as_one_function_cost_no_more_than_many(config):
    grouped = configuration({"now": PRESS}, {}, BASIS, COMPARE.but(macromolecules=("grouped",)))
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
    code = (
        "import sys, spinsculpt, spinsculpt.app.cli; "
        "print({'panel', 'bokeh', 'spinsculpt.app.explore'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


@pytest.fixture
def benches(monkeypatch):
    """Workbenches that compute nothing: what they would compute is their configuration."""
    pytest.importorskip("panel", reason="panel (extra explore) is not installed")
    from spinsculpt.app.explore import _page

    monkeypatch.setattr(_page.Workbench, "update", lambda self: None)
    return _page.Workbench


def pulse_files(folder) -> dict[str, bytes]:
    """The same pulse as scanners store it, and as a design writes it."""
    pulse = slr(0.006, 180.0, 4.0)
    for suffix in ("pta", "RF", "txt", "exc"):
        write_pulse(folder / f"mine.{suffix}", pulse)
    write_designed(folder / "mine.json", DesignedPulses("gap", {"gap": pulse}, {}))
    return {path.name: path.read_bytes() for path in folder.glob("mine.*")}


STATES = [
    {},
    {"kind": "steam", "echo_time": 72, "mixing_time": 22.5, "baseline": "off"},
    {"kind": "megapress", "echo_time": 74, "te1": 13.5, "refocusing": "ideal", "spectra": ("diff",)},
    {"kind": "slaser", "shortest": True, "refocusing": "goia", "baseline": "spline:15", "system": "prisma-like"},
    {"kind": "special", "shortest": True, "macromolecules": "grouped", "field": 7.0, "snr": 150},
    {"shortest_te1": True, "linewidth": 8.5, "macromolecules": "free", "first": "NAA", "second": "Cr"},
    {"kind": "pulse_acquire", "baseline": "poly:4", "metabolites": ["Gln", "GABA", "Glu"]},
]


@pytest.mark.parametrize("state", STATES)
def test_a_saved_configuration_restores_every_widget(benches, state):
    bench = benches()
    for name, value in state.items():
        getattr(bench, name).value = value
    bench.kept["beside"] = (bench.entry(), tuple(bench.spectra.value))
    bench.concentrations["Glu"] = 11.0
    config = bench.configure()
    again = benches(begun(yaml.safe_load(yaml_text(config))))
    assert again.configure() == config
    for name in (*state, "baseline", "system"):
        assert getattr(again, name).value == getattr(bench, name).value


def test_what_has_no_slider_survives_and_what_cannot_be_shown_is_named(benches):
    sequences = {"mine": {"type": "megapress", "echo_time": 0.08, "editing": {"ppm": {"on": 4.56, "off": 8.0}}}}
    sequences["designed"] = {"type": "press", "gap": "not_made"}
    compare = {"baselines": {"odd": "poly:3"}, "analyses": ["mine", "designed"]}
    start = {"sequences": sequences, "basis": {"points": 1024, "metabolites": ["NAA", "Glu", "Gln"]}}
    analyses = {"mine": {"sequence": "mine", "spectra": ["on"]}, "designed": {"sequence": "designed"}}
    bench = benches(begun({**start, "compare": compare, "analyses": analyses, "system": {"b1": 15.0}}))
    config = bench.configure()
    assert config.sequences["mine"].editing.ppm == {"on": 4.56, "off": 8.0}
    assert config.analyses["mine"].spectra == ("on",) and config.basis.points == 1024
    assert config.compare.baselines == {"chosen": Baseline("poly", 3)} and config.system.b1 == 15.0
    assert any("not_made" in words for words in bench.left_out)


@pytest.mark.parametrize(
    ("name", "use"), [("mine.pta", "gap"), ("mine.RF", "refocusing"), ("mine.txt", "editing"), ("mine.exc", "gap")]
)
def test_own_pulses_of_any_format_are_played(benches, tmp_path, name, use):
    bench = benches()
    bench.kind.value = "megapress" if use == "editing" else "press"
    bench.echo_time.value, bench.te1.value, bench.use.value, bench.pulse_ms.value = 90, 30, use, 6.0
    bench._add(pulse_files(tmp_path)[name], name)
    bench.metabolites.value = ["Glu", "Gln"]
    sequence = show(bench.configure())["now"].sequence
    pulses = [e.pulse for shot in sequence.shots for e in shot.events if isinstance(e, ShapedPulse)]
    mine, wanted = (
        next(p for p in pulses if p.duration == pytest.approx(0.006)),
        scaled("mine", slr(0.006, 180.0, 4.0).b1, 0.006, 180.0),
    )
    assert mine.peak_b1 == pytest.approx(wanted.peak_b1, rel=0.01)


def test_a_saved_own_pulse_runs_in_another_folder(benches, tmp_path):
    """Upload, save, unpack, `spinsculpt run`: no editing by hand, and the bounds are those of the screen."""
    bench = benches(begun({"basis": SMALL}))
    bench.metabolites.value, bench.echo_time.value, bench.pulse_ms.value = ["Glu", "Gln"], 60, 6.0
    (tmp_path / "up").mkdir()
    bench._add(pulse_files(tmp_path / "up")["mine.pta"], "mine.pta")
    config = bench.configure()
    name, content = saved(config, "explored.yaml", yaml_text)
    assert name == "explored.zip"
    with zipfile.ZipFile(content) as archive:
        archive.extractall(tmp_path / "away")
    shown = show(config)["now"]
    again = benches(read_saved(tmp_path / "away/explored.yaml"))
    assert show(again.configure())["now"].bounds == shown.bounds
    bench.close()
    command = [
        sys.executable,
        "-c",
        "from spinsculpt.app.cli import main; main()",
        "run",
        "--configfile",
        "explored.yaml",
    ]
    command += ["--cores", "2", "results/compare/separation.tsv"]
    run = subprocess.run(command, cwd=tmp_path / "away", capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    played = Sequence.read(tmp_path / "away/results/sequences/now.json")
    assert played.echo_time == shown.sequence.echo_time
    table = pd.read_csv(tmp_path / "away/results/compare/separation.tsv", sep="\t")
    assert set(table["baseline"].dropna()) <= {"chosen", "none"}  # that of the screen, and none of the defaults
    mine = table[(table["sequence"] == "now") & table["t2_scale"].isin([1.0])]
    rows = mine.set_index(["metric", "metabolite"])["value"]
    assert {name: rows["CRLB", name] for name in shown.bounds} == pytest.approx(shown.bounds, rel=1e-4)
    assert rows["ratio SD", "Gln/Glu"] == pytest.approx(shown.ratio, rel=1e-4)
    pairs = zip(played.shots[0].events, shown.sequence.shots[0].events, strict=True)
    assert all(np.allclose(a.pulse.b1, b.pulse.b1) for a, b in pairs if isinstance(b, ShapedPulse))


def test_a_missing_pulse_file_is_a_sentence(tmp_path):
    path = tmp_path / "explored.yaml"
    path.write_text("sequences: {now: {type: press, echo_time: 0.03, gap: gone.json}}")
    with pytest.raises(SpinsculptError, match=r"sequences\.now plays gone\.json, which is neither here"):
        read_saved(path)


def test_a_pulseq_file_is_a_sequence_of_its_own(benches, tmp_path):
    pytest.importorskip("pypulseq", reason="pypulseq (extra pulseq) is not installed")
    config = configuration({"now": PRESS}, {}, Basis(metabolites=("Glu", "Gln")), Compare())
    built = build_sequence("now", config.sequences["now"], {}, config.basis.frequency)
    write_pulseq(built, tmp_path / "press.seq", 1024, 5e-4)
    bench = benches()
    bench.upload_sequence.param.update(value=[(tmp_path / "press.seq").read_bytes()], filename=["press.seq"])
    assert bench.kind.value == "file"
    entry = bench.configure().sequences["now"]
    read = build_sequence("now", entry, {}, config.basis.frequency)
    assert read.echo_time == pytest.approx(0.036, abs=1e-4) and len(read.shots) == 1


def test_deviations_of_b1_and_b0_are_those_of_the_field(config):
    """Without one it is the spectrum of the screen; B0 alone moves the lines of ideal pulses by itself."""
    _, spectra = under(config, "now", 1.0, 0.0)
    one = show(config)["now"]
    rows = [one.names.index(name) for name in ("Glu", "Gln")]
    assert np.allclose(next(iter(spectra.values())), next(iter(one.spectra.values()))[rows])
    ideal = study(now=SequenceEntry(type="press", echo_time=0.03, te1=0.012, ideal=True))
    (ppm, still), (_, moved) = (under(ideal, "now", 1.0, b0) for b0 in (0.0, 10.0))
    peaks = [ppm[np.argmax(np.abs(next(iter(each.values()))[0]))] for each in (still, moved)]
    assert abs(peaks[1] - peaks[0]) == pytest.approx(10.0 / ideal.basis.frequency, abs=0.01)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Folder of results with one fitted phantom."""
    from fit_phantom import phantom, phantom_basis
    from spinsculpt.basis import write_fslmrs
    from spinsculpt.data.nifti import MRSData, write_fids
    from spinsculpt.fit import fit_files

    root, basis = tmp_path_factory.mktemp("results"), phantom_basis()
    write_fslmrs(basis, root / "basis/press30")
    fid = phantom(basis, noise_sd=0.02)
    data = root / "preproc/sub-01/sub-01_acq-press30_svs.nii.gz"
    data.parent.mkdir(parents=True)
    write_fids(data, MRSData(fid.samples, fid.dwell, fid.central_frequency))
    fit_files(data, {"": root / "basis/press30"}, root / "fit/builtin/sub-01/press30", Fit(groups=[["MM*"]]))
    return root


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder in which the server keeps what it makes for its visitors."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(kept):
    """The address of a server that ends with this process, whatever becomes of it."""
    pytest.importorskip("panel", reason="panel (extra explore) is not installed")
    code = f"""
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from spinsculpt.app.explore import begun, serve
serve(begun({{"basis": {SMALL}}}), browser=False)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    pipes["env"] = {**os.environ, "TMPDIR": str(kept)}
    with subprocess.Popen([sys.executable, "-u", "-c", code], **pipes) as run:
        try:
            found = re.search(r"http\S+", run.stdout.readline())
            assert found, "the server did not start"
            yield found.group()
        finally:
            run.stdin.close()
            run.wait(20)


def test_no_other_host_is_served(address):
    """Whoever knocks at an address of this machine that others see is refused."""
    place = urlsplit(address)
    assert place.hostname == "127.0.0.1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks which address others would see
            outside = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no address that others see")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((outside, place.port), timeout=5)


def test_a_page_of_another_origin_gets_no_socket(address):
    place = urlsplit(address)
    answers = {}
    for origin in ("http://evil.example", f"http://{place.netloc}"):
        with socket.create_connection((place.hostname, place.port), timeout=10) as line:
            key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            head = f"GET /ws HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}"
            line.sendall(f"{head}Sec-WebSocket-Protocol: bokeh\r\nOrigin: {origin}\r\n\r\n".encode())
            answers[origin] = line.recv(100).split()[1]
    assert answers.pop("http://evil.example") == b"403" != answers.popitem()[1]


def test_a_stranger_without_the_token_gets_no_workbench(address):
    with urllib.request.urlopen(address.split("?")[0], timeout=20) as answer:
        assert b"Metabolites" not in answer.read()


@pytest.fixture(scope="module")
def page(address):
    """The workbench in a browser; nothing may be said in the console, nor any other host be asked."""
    with opened(address.split("?")[0], viewport={"width": 1300, "height": 1300}) as page:
        page.set_default_timeout(40_000)
        page.goto(address)
        page.get_by_text("computed in").wait_for()
        yield page


def moves(page) -> int:
    """How often the page has computed or refused something."""
    return int(page.locator(".took small").get_attribute("data-move"))


def after(page, action) -> None:
    """Do something, and wait until the page has computed or refused it."""
    before, deadline = moves(page), time.monotonic() + 40
    action()
    while moves(page) == before:
        assert time.monotonic() < deadline, "nothing happened"
        page.wait_for_timeout(20)


def choose(page, label: str, value: str) -> None:
    after(page, lambda: page.get_by_label(label, exact=True).select_option(value))


def box(page, number: int):
    """A box to tick, by its place on the page."""
    return page.locator(".bk-Checkbox input:visible").nth(number)


def nudge(page, title: str, key: str = "ArrowRight") -> None:
    """Move a slider by one step with the keyboard; its title tells the new value."""
    slider = page.locator(".bk-Slider").filter(has=page.locator(".bk-slider-title", has_text=title)).first
    before = slider.locator(".bk-slider-title").inner_text()
    slider.locator(".noUi-handle").press(key)
    page.wait_for_timeout(30)
    assert slider.locator(".bk-slider-title").inner_text() != before


def test_every_control_of_the_sequence_works(page, tmp_path):
    for title in ("Echo time (ms)", "TE1 (ms)", "Field (T)", "Linewidth (Hz)", "SNR of NAA"):
        after(page, lambda title=title: nudge(page, title))
    page.get_by_text("Echo time (ms): 31").wait_for()
    for number in range(2):  # shortest echo time, shortest TE1
        after(page, box(page, number).check)
        after(page, box(page, number).uncheck)
    for label, value in (("Refocusing pulses", "sinc"), ("Scanner", "prisma-like"), ("Baseline", "spline:7")):
        choose(page, label, value)
    for value in ("grouped", "free", "none"):
        choose(page, "Macromolecules", value)
    choose(page, "Sequence", "steam")
    after(page, lambda: nudge(page, "Mixing time (ms)"))
    choose(page, "Sequence", "megapress")
    page.get_by_text("Echo time (ms): 68").wait_for()
    choose(page, "Sub-spectra to fit", "diff alone")
    for value in ("diff", "on"):
        after(page, lambda value=value: page.get_by_label("Spectrum", exact=True).first.select_option(value))
    for tab in ("Bounds", "Sequence", "Pulses and profiles"):
        page.locator(".bk-tab", has_text=tab).first.click()
    page.get_by_text(re.compile("gaussian, .* µT: refocuses")).wait_for()  # the editing pulse
    page.locator(".bk-tab", has_text="Ranking").click()
    with page.expect_download() as loading:
        page.get_by_text("Save as config").click()
    text = yaml.safe_load(loading.value.path().read_text())
    assert loading.value.suggested_filename == "explored.yaml"
    assert text["sequences"]["now"]["refocusing"]["shape"] == "sinc"
    assert text["system"]["preset"] == "prisma-like" and text["analyses"]["now"]["spectra"] == ["diff"]
    with page.expect_download() as loading:
        page.get_by_text("Open in notebook").click()
    assert json.loads(loading.value.path().read_text())["nbformat"] == 4
    choose(page, "Sequence", "press")
    choose(page, "Refocusing pulses", "auto")


def test_every_control_has_a_name_for_who_hears_the_page(page):
    for tab in ("Design a pulse", "Fit a scan again", "Ranking"):
        page.locator(".bk-tab", has_text=tab).first.click()
        assert complaints(page) == []
    assert page.get_by_role("slider", name="Echo time (ms)", exact=True).is_visible()
    page.get_by_role("heading", name="spinsculpt workbench").wait_for()


def test_a_design_is_watched_stopped_saved_and_looked_at_under_the_pointer(page, kept):
    page.locator(".bk-tab", has_text="Design a pulse").click()
    for place in ("prep", "excitation", "gap"):
        page.get_by_label("Place of the pulse", exact=True).select_option(place)
    for title in ("Duration of the pulse", "Largest B1", "Starts", "Iterations"):
        nudge(page, title, "ArrowLeft")
    for label, value in (
        ("What it is for", "smallest SD of its ratio"),
        ("What it is for", "smallest CRLBs of the pair"),
    ):
        page.get_by_label(label, exact=True).select_option(value)
    page.get_by_text("Start a design").click()
    page.get_by_text("smallest loss").first.wait_for()
    page.get_by_text("Stop and keep the best").click()
    page.get_by_text("It is played now").wait_for(timeout=90_000)
    with page.expect_download() as loading:
        page.get_by_text("Save its pulse").click()
    assert (
        json.loads(loading.value.path().read_text())["kind"] == "gap"
        and loading.value.suggested_filename == "pulse.json"
    )
    page.get_by_text("pale: without deviation").wait_for()
    map_of_conditions = page.locator(".bk-Figure:visible").nth(2)
    deadline, b1, b0 = time.monotonic() + 30, 1.0, 0.0
    while not (b1 > 1.05 and b0 < -2):  # the page follows the pointer, over places on its way too
        assert time.monotonic() < deadline, f"the page looks at B1 {b1} and B0 {b0}, not where the pointer is"
        box = map_of_conditions.bounding_box()
        map_of_conditions.hover(position={"x": 0.25 * box["width"], "y": 0.2 * box["height"]})
        there = page.get_by_text("pale: without deviation").inner_text()
        b1, b0 = (float(re.search(words, there)[1]) for words in (r"B1 × ([\d.]+)", r"B0 ([-+\d.]+)"))
        page.wait_for_timeout(500)
    page.get_by_label("Product operators of", exact=True).select_option("Gln")
    nudge(page, "B0 (Hz)")
    nudge(page, "B1, relative")
    made = next(kept.glob("spinsculpt-*/explored/metrics.json")).parent
    page.get_by_label("Or the folder of a design", exact=True).fill(str(made))
    page.keyboard.press("Tab")
    after(page, lambda: page.get_by_text("Load it").click())
    page.get_by_text("It is played now").wait_for()
    page.locator(".bk-tab", has_text="Ranking").click()
    page.get_by_role(
        "cell", name=re.compile("its designed pulse|better than its comparison sequences|no sequence to compare")
    ).first.wait_for()


def test_six_stand_side_by_side_and_are_cleared(page):
    for k in range(6):
        page.get_by_text("Keep this sequence beside").click()
        if k < 5:
            expect_keys(page, k + 2)
    page.get_by_text("6 sequences are side by side already").wait_for()
    after(page, lambda: page.get_by_text("Clear what is kept").click())
    expect_keys(page, 1)


def expect_keys(page, count: int) -> None:
    """Wait until so many sequences have a key in their colour."""
    deadline = time.monotonic() + 40
    while page.get_by_text("■").count() != count:
        assert time.monotonic() < deadline, f"{page.get_by_text('■').count()} sequences, not {count}"
        page.wait_for_timeout(20)


def test_hostile_uploads_are_text_and_own_pulses_are_saved_beside_the_config(page, tmp_path):
    """Names of files are data: what would be markup stays text; a saved pulse comes with its configuration."""
    content = pulse_files(tmp_path)
    page.get_by_text("Own pulse", exact=True).first.click()
    upload = page.locator("input[type=file]").first
    after(page, lambda: upload.set_input_files({"name": HOSTILE, "mimeType": "", "buffer": b"<b>no pulse</b>"}))
    page.get_by_text("is no Siemens .pta file").wait_for()
    assert page.evaluate("window.harmed") is None
    upload.set_input_files({"name": "mine.RF", "mimeType": "", "buffer": content["mine.RF"]})
    page.get_by_label("Own pulse", exact=True).select_option("mine.RF")
    field = page.get_by_label("Its duration (ms), where the file has none", exact=True)
    field.fill("6")
    field.press("Enter")
    flip = page.get_by_label("Its flip angle (°), where the file has none", exact=True)
    flip.fill("90")
    flip.press("Enter")
    page.get_by_label("Play it as", exact=True).select_option("refocusing pulses")
    page.wait_for_timeout(500)
    page.get_by_text("■ now").wait_for()
    with page.expect_download() as loading:
        page.get_by_text("Save as config").click()
    assert loading.value.suggested_filename == "explored.zip"
    with zipfile.ZipFile(loading.value.path()) as archive:
        assert set(archive.namelist()) == {"explored.yaml", "explored_pulses/mine.RF"}
        text = yaml.safe_load(archive.read("explored.yaml"))
    assert text["sequences"]["now"]["refocusing"]["shape"] == "explored_pulses/mine.RF"
    after(page, box(page, 2).uncheck)


HOSTILE = "<img src=x onerror=window.harmed=1>.pta"


def test_a_pulseq_file_is_uploaded(page, tmp_path):
    pytest.importorskip("pypulseq", reason="pypulseq (extra pulseq) is not installed")
    built = build_sequence("now", {"type": "press", "echo_time": 0.04, "te1": 0.016}, {})
    write_pulseq(built, tmp_path / "mine.seq", 1024, 5e-4)
    page.get_by_text("Own sequence file", exact=True).click()
    after(page, lambda: page.locator("input[type=file]").last.set_input_files(tmp_path / "mine.seq"))
    page.get_by_text("■ now").wait_for()
    orders = page.get_by_label("Orders after each pulse, where the file has none", exact=True)
    orders.fill("one")
    orders.press("Enter")
    page.get_by_text("Orders are whole numbers or none").wait_for()
    orders.fill("")
    orders.press("Enter")
    choose(page, "Sequence", "press")


def test_a_folder_that_holds_no_design_or_fits_is_said_as_text(page):
    page.locator(".bk-tab", has_text="Design a pulse").click()
    page.get_by_label("Or the folder of a design", exact=True).fill(f"`{HOSTILE}")
    page.get_by_text("Load it").click()
    page.get_by_text("holds no design").wait_for()
    page.locator(".bk-tab", has_text="Fit a scan again").click()
    page.get_by_label("Folder of the results", exact=True).fill(f"`{HOSTILE}")
    page.get_by_text("Find its fits").click()
    page.get_by_text("holds no fits").wait_for()
    assert page.evaluate("window.harmed") is None


def test_a_scan_is_fitted_again_in_the_browser(page, fitted):
    page.locator(".bk-tab", has_text="Fit a scan again").click()
    page.get_by_label("Folder of the results", exact=True).fill(str(fitted))
    page.get_by_text("Find its fits").click()
    page.get_by_text("1 fits").wait_for()
    page.get_by_label("New baseline", exact=True).select_option("poly:4")
    page.get_by_text("Fit again").click()
    page.get_by_text("nothing was written").wait_for()
    page.get_by_text("/Cr poly:4").wait_for()
    page.get_by_label("Spectrum", exact=True).last.select_option("spectrum")


def test_metabolites_pair_and_concentrations(page):
    chosen = page.locator(".bk-MultiChoice").first
    after(page, lambda: chosen.locator(".choices__item", has_text="Cr").locator("button").first.click())
    choose(page, "Pair: first", "NAA")
    page.get_by_text("NAA, now").wait_for()
    choose(page, "Pair: first", "Glu")
    after(page, lambda: page.get_by_text("all 20 of the default basis").click())
    choose(page, "Pair: second", "GABA")
    page.get_by_text("GABA, now").wait_for()
    page.get_by_text("draw each metabolite").click()
    page.get_by_text("Tau, now").wait_for()
    field = page.get_by_label("Concentration (mM)", exact=True)
    others = field.input_value()
    page.get_by_label("Concentration of", exact=True).select_option("GABA")
    while field.input_value() == others:  # the field follows the choice
        page.wait_for_timeout(20)
    page.locator(".bk-tab", has_text="Bounds").click()
    before = bound(page, "GABA")
    after(page, lambda: (field.fill("20"), field.press("Enter")))
    page.wait_for_timeout(200)
    assert bound(page, "GABA") < 0.5 * before
    page.get_by_label("Pair: second", exact=True).select_option("Glu")
    page.get_by_text("Choose two different metabolites").wait_for()
    choose(page, "Pair: second", "Gln")
    page.locator(".bk-tab", has_text="Ranking").click()


def bound(page, name: str) -> float:
    """The bound that the table shows of a metabolite."""
    return float(page.locator(f"tr:has(td:text-is('{name}')) td").nth(1).inner_text())


def test_the_page_fits_a_phone(page):
    page.locator(".bk-tab", has_text="Ranking").click()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert overflow(page) <= 0
