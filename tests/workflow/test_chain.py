"""The real Snakefile on a tiny config in a temporary directory."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest

from browser import complaints, opened, overflow
from snakefile import command, snakemake, tiny_config, write_config
from spinsculpt.physics.pulses import DesignedPulses, Pulse, write_designed

pytestmark = pytest.mark.xdist_group("workflow")


def test_chain_ends_in_report_tables_and_figures(finished):
    results = finished / "results"
    assert (results / "report.html").stat().st_size > 10_000
    table = pd.read_csv(results / "compare/separation.tsv", sep="\t")
    assert {"sequence", "metric", "metabolite", "value", "unit", "source"} <= set(table.columns)
    assert list((results / "figures").glob("*.png")) and list((results / "figures").glob("*.pdf"))
    assert (results / "basis/press30.basis").is_file()


def test_designed_shots_are_designed_played_measured_and_fitted(tmp_path):
    """A plain shot and one with a pulse, each with its echo time, alternate like ON and OFF and are fitted jointly."""
    config = tiny_config()
    goal = [{"type": "enhance", "metabolites": ["Glu"]}]  # without the search for rivals that a bound would have
    shots = {"shots": 2, "echo_times": [None, 0.030], "duration": "fit", "objectives": goal}
    config["designs"]["gap_crlb"] |= {"iterations": 2, "starts": 1, **shots}
    config["sequences"]["gapcrlb"] |= {"echo_time": 0}  # times as the design found them
    config["analyses"] = {"gapcrlb": {"spectra": ["a", "b"]}}
    fit = "results/fit/builtin/sub-01/gapcrlb"
    status, text = snakemake(tmp_path, f"{fit}/summary.csv", configfile=write_config(tmp_path, config))
    assert status == 0, text
    assert sorted(path.name for path in (tmp_path / "results/basis/gapcrlb").iterdir() if path.is_dir()) == ["a", "b"]
    assert np.load(tmp_path / fit / "fit.npz")["spectra"].tolist() == ["a", "b"]
    assert "Glu" in set(pd.read_csv(tmp_path / fit / "summary.csv")["Metab"])


def test_a_shot_of_more_averages_counts_more_from_raw_file_to_table(tmp_path):
    """A pulse file with shares of the averages: the noise of the spectra in the joint fit, and the table of bounds."""
    config = tiny_config()
    pulses = {f"gap_{shot}": Pulse(shot, np.full(8, 2.0 + 0j), 5e-4) for shot in "ab"}
    times = {"te1": 0.012, "te2": 0.024, "gap_shift": 0.0}
    write_designed(tmp_path / "pulse.json", DesignedPulses("gap", pulses, times, {"a": 0.8, "b": 0.2}))
    config["sequences"] = {"press30": {"type": "press", "echo_time": 0.030}}
    config["sequences"]["uneven"] = {"type": "press", "gap": str(tmp_path / "pulse.json")}
    config["analyses"] = {"uneven": {"sequence": "uneven", "spectra": ["a", "b"]}}
    config["compare"] |= {"analyses": ["press30", "uneven"], "rivals": []}
    targets = ["results/fit/builtin/sub-01/uneven/qc.json", "results/compare/separation.tsv"]
    status, text = snakemake(tmp_path, *targets, configfile=write_config(tmp_path, config))
    assert status == 0, text
    noise = json.loads((tmp_path / targets[0]).read_text())["signal_free_noise_sd"]
    assert noise["b"] / noise["a"] == pytest.approx(2.0, rel=0.15)
    truth = pd.read_csv(tmp_path / "results/scanner/sub-01/uneven_truth.tsv", sep="\t")
    assert truth.set_index("quantity")["value"]["averages_per_shot"] == pytest.approx(0.8 * 128)


def test_every_scan_has_a_verdict_a_page_and_a_filled_checklist(finished):
    results = finished / "results"
    table = pd.read_csv(results / "compare/quality.tsv", sep="\t", dtype=str)
    scans = table[["subject", "sequence"]].drop_duplicates().itertuples(index=False)
    pages = [results / f"figures/sub-{subject}/sub-{subject}_acq-{sequence}.png" for subject, sequence in scans]
    assert len(pages) == 3 and all(page.is_file() for page in pages)
    checklist = pd.read_csv(results / "compare/mrsinmrs.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert checklist.groupby("sequence").size().to_dict() == {"press30": 22, "megapress": 22, "gapcrlb": 22}
    assert (checklist["value"] != "").all()


def test_a_moved_limit_rejects_a_scan_that_stays_visible_and_computes_no_scan_again(spoilable):
    config = write_config(spoilable, tiny_config() | {"quality": {"limits": {"snr": {"min": 1e6}}}})
    _, plan = snakemake(spoilable, "--dry-run", configfile=config)
    assert "plot_fits" in plan and "preprocess_scan" not in plan and "fit_scan" not in plan
    tables = [
        "tabulate_quality",
        "tabulate_fits",
        "write_report",
    ]  # figures take longer and are in the plan
    status, text = snakemake(spoilable, "--allowed-rules", *tables, "--", "results/report.html", configfile=config)
    assert status == 0, text
    fits = pd.read_csv(spoilable / "results/compare/fits.tsv", sep="\t")
    assert len(fits) and set(fits["verdict"]) == {"reject"}
    page = (spoilable / "results/report.html").read_text()
    assert "3 of 3 scans rejected" in page and "below 1e+06" in page


def test_no_temporary_file_is_left_behind(finished):
    hidden = [path for path in (finished / "results").rglob(".*") if path.is_file() and "snakemake" not in path.name]
    assert {path.name for path in hidden} == {".bidsignore"}


def test_results_carry_provenance(finished):
    for name in ("metrics.json", "pulse.json"):
        assert json.loads((finished / "results/design/gap_crlb" / name).read_text())["provenance"]["version"]


def test_second_run_does_nothing(finished):
    assert "Nothing to be done" in snakemake(finished, "--dry-run")[1]


def test_new_subject_computes_only_that_subject(finished):
    config = tiny_config()
    config["scanner"]["subjects"].append("new")
    status, text = snakemake(finished, "--dry-run", "--quiet", "host", configfile=write_config(finished, config))
    assert status == 0, text
    assert "sub-new" in text
    planned = [line for line in text.splitlines() if line.startswith(("rule ", "localrule "))]
    assert not [rule for rule in planned if "design_pulse" in rule or "simulate_basis" in rule]
    folders = [line for line in text.splitlines() if line.strip().startswith("wildcards:") and "folder=" in line]
    assert folders and all("folder=sub-new" in line for line in folders)


def test_wrong_config_key_names_the_nearest_one_and_starts_nothing(tmp_path):
    config = tiny_config()
    config["basis"]["bandwith"] = config["basis"].pop("bandwidth", 2000)
    status, text = snakemake(tmp_path, configfile=write_config(tmp_path, config))
    assert status != 0
    assert "unknown key 'basis.bandwith'; did you mean 'bandwidth'?" in text
    assert "Traceback" not in text and not (tmp_path / "results").exists()


def test_unknown_metabolite_is_named_before_anything_runs(tmp_path):
    config = tiny_config()
    config["basis"]["metabolites"] = ["NAA", "Glutamat"]
    status, text = snakemake(tmp_path, configfile=write_config(tmp_path, config))
    assert status != 0
    assert "Glutamat" in text and "Glu" in text
    assert "Traceback" not in text and not (tmp_path / "results").exists()


@pytest.mark.parametrize("subject", ["a b", "../x", "sub-01"])
def test_bad_subject_ids_are_refused_with_file_and_line(tmp_path, subject):
    table = tmp_path / "subjects.tsv"
    table.write_text(f"subject\tsequence\tdata\n{subject}\tpress30\ta.SDAT\n")
    config = tiny_config() | {"subjects": str(table)}
    status, text = snakemake(tmp_path, configfile=write_config(tmp_path, config))
    assert status != 0
    assert "subjects.tsv, line 2: subject" in text and "letters and digits" in text
    assert "Traceback" not in text


def test_chosen_and_absent_fsl_mrs_stops_before_any_job(tmp_path):
    if shutil.which("fsl_mrs"):
        pytest.skip("fsl_mrs is on PATH here")
    config = tiny_config()
    config["fit"] = config.get("fit", {}) | {"engines": ["builtin", "fsl_mrs"]}
    status, text = snakemake(tmp_path, configfile=write_config(tmp_path, config))
    assert status != 0
    assert "fsl_mrs" in text and "conda" in text
    assert "Traceback" not in text and not (tmp_path / "results").exists()


def test_a_killed_design_resumes_to_the_identical_result(tmp_path):
    config = tiny_config()
    config["designs"]["excite_glu"] |= {"iterations": 30, "checkpoint_every": 1}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    target = "results/design/excite_glu/pulse.json"
    for folder in (whole, broken):
        folder.mkdir()
        write_config(folder, config)
    status, text = snakemake(whole, target, configfile=whole / "altered.yaml")
    assert status == 0, text

    run = subprocess.Popen(
        command(broken, target, configfile=broken / "altered.yaml"),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoint = broken / "results/design/excite_glu/checkpoint.npz"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGSTOP)
    status, text = snakemake(broken, target, configfile=broken / "altered.yaml")
    assert status != 0 and "cannot be locked" in text and "its lock" not in text  # two runs at once: the second waits
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert checkpoint.exists() and not (broken / target).exists()

    assert list((broken / ".snakemake/locks").glob("*.lock"))
    status, text = snakemake(broken, target, configfile=broken / "altered.yaml")
    assert status == 0 and "its lock on this folder was removed" in text, text
    pulses = [json.loads((folder / target).read_text()) for folder in (whole, broken)]
    for component in ("b1_x_uT", "b1_y_uT"):
        assert pulses[0][component] == pulses[1][component]


def test_the_report_moves_in_a_browser_and_leads_to_the_pages_of_the_scans(finished):
    with opened(viewport={"width": 1200, "height": 900}, accept_downloads=True) as page:
        page.goto((finished / "results/report.html").as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        sentence = page.locator("[data-view=ranking] [role=status]")
        before = sentence.inner_text()
        page.locator("[data-view=ranking]").get_by_label("Gln", exact=True).check()
        assert sentence.inner_text() != before and "Gln" in sentence.inner_text()
        page.locator("summary", has_text="Every scan in a table").click()
        table = page.locator("table.concentrations").first
        table.get_by_role("button", name="Glu", exact=True).click()
        column = [head.inner_text().rstrip(" ▲") for head in table.locator("thead th").all()].index("Glu")
        values = [row.locator("td").nth(column).get_attribute("data-value") for row in table.locator("tbody tr").all()]
        assert [float(value) for value in values if value] == sorted(float(value) for value in values if value)
        with page.expect_download() as loading:
            page.locator("[data-table=fits]").click()
        assert loading.value.path().read_bytes() == (finished / "results/compare/fits.tsv").read_bytes()
        page.locator("details", has_text="Every estimate").locator("summary").click()
        page.locator("[data-view=estimates]").get_by_label("filter rows").fill("nothing has this")
        page.get_by_text("no row").wait_for()
        page.locator("#theme").click()
        assert complaints(page) == []  # in the dark, with all that JavaScript made
        page.emulate_media(media="print")
        assert not page.locator("nav.top, .bar, .screen").locator("visible=true").count()
        page.emulate_media(media="screen")
        page.locator("[data-view=cohort] a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/figures/sub-01/sub-01_acq-*.html")
        page.get_by_role("navigation").get_by_text("megapress", exact=True).click()
        page.wait_for_url("**/sub-01_acq-megapress.html")
        page.wait_for_selector("html[data-ready=yes]")
        assert complaints(page) == []
        place = page.locator("[data-view=fits]")
        for name in ("residual", "ON", "Glu"):
            box = place.get_by_label(name, exact=True)
            box.set_checked(not box.is_checked())
        readout = place.locator(".readout")
        place.locator(".u-over").hover(position={"x": 200, "y": 100})
        assert re.match(r"\d\.\d+ ppm: OFF data -?[\d.e-]+, OFF fit", readout.inner_text()), readout.inner_text()
        place.locator(".plot").focus()
        before = [readout.element_handle(), readout.inner_text()]
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("([element, before]) => element.textContent !== before", arg=before)
        for key in ("+", "ArrowRight", "Shift+ArrowLeft", "-", "0"):
            page.keyboard.press(key)
        assert "ppm: " in readout.inner_text() and "OFF Glu" in readout.inner_text()
        links = [link.get_attribute("href") for link in page.locator("#files ~ ul a").all()]
        folder = finished / "results/figures/sub-01"
        assert len(links) > 5 and all((folder / link).resolve().is_file() for link in links)


def test_pages_fit_a_phone_in_the_dark(finished):
    with opened(viewport={"width": 390, "height": 800}, color_scheme="dark", has_touch=True) as page:
        for name in ("report.html", "figures/sub-01/sub-01_acq-press30.html"):
            page.goto((finished / "results" / name).as_uri())
            page.wait_for_selector("html[data-ready=yes]")
            assert overflow(page) <= 0 and complaints(page) == []
            assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_scan_of_the_study_is_fitted_again_in_the_workbench(finished):
    """The new fit stands beside the old one, sub-spectra and basis are found, and nothing is written."""
    pytest.importorskip("panel", reason="panel (extra explore) is not installed")
    from spinsculpt.app.explore._tabs import RefitTab

    results = finished / "results"
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    tab = RefitTab()
    tab.results.value = str(results)
    tab._find(None)
    assert tab.status.object == "4 fits"
    tab.fit.value, tab.baseline.value = str(results / "fit/builtin/sub-01/megapress/fit.npz"), "poly:4"
    tab._again(None)
    assert "nothing was written" in tab.status.object, tab.status.object
    table = tab.table.object.set_index("Metab")
    ratio = next(column.removesuffix(" before") for column in table if column.startswith("/"))
    assert table.loc["Glu", f"{ratio} poly:4"] == pytest.approx(table.loc["Glu", f"{ratio} before"], rel=0.3)
    assert list(tab.part.options) == ["on", "off"] and len(tab.lines["data"].data["x"]) > 100
    assert before == {path: path.stat().st_mtime_ns for path in results.rglob("*")}
