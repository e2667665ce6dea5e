"""Every kind of input of docs/your_data.md through the real Snakefile, by default settings, from raw file to fit."""

import shutil

import pandas as pd
import pytest
import yaml
from test_chain import snakemake
from typer.testing import CliRunner

from browser import complaints, opened, overflow
from raw_files import write_p_file, write_philips_dicom
from spinsculpt.cli import app

pytestmark = pytest.mark.xdist_group("workflow")

# Few metabolites and few pulses keep bases quick; what is fitted and how is the default.
SMALL = {
    "designs": {},
    "sequences": {"press30": {"type": "press", "echo_time": 0.030}, "press35": {"type": "press", "echo_time": 0.035}},
    "basis": {"metabolites": ["NAA", "NAAG", "Cr", "PCr", "GPC", "PCh", "Glu", "Gln", "GABA", "GSH", "Ins", "Scyllo"]},
    "analyses": {"press30": {"sequence": "press30"}, "press35": {"sequence": "press35"}},
    "compare": {"analyses": ["press30", "press35"], "rivals": []},
    "figures": {"designs": []},
}


def study(folder, **changes):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


def imported(folder, monkeypatch):
    """The table that `spinsculpt import` writes of the folder `raw`."""
    monkeypatch.chdir(folder)
    run = CliRunner().invoke(app, ["import", "raw", "--out", "scans.tsv"])
    assert run.exit_code == 0, run.output
    return pd.read_csv("scans.tsv", sep="\t", dtype=str, keep_default_na=False), run.output


@pytest.fixture(scope="module")
def strangers(evidence, tmp_path_factory):
    """Two vendors, four formats, with and without water, a nulled scan, and one file that is broken; in one study."""
    folder = tmp_path_factory.mktemp("stranger")
    data, raw = evidence / "data", folder / "raw"
    shutil.copytree(data / "philips_press35", raw / "sub-p35")
    shutil.copytree(data / "philips_press30", raw / "sub-p30")
    for number, name in enumerate(("SVS_30.rda", "SVS_XA60.dcm"), 1):
        (raw / f"sub-s{number}").mkdir()
        shutil.copy(data / "siemens_exports" / name, raw / f"sub-s{number}")
    (raw / "sub-broken").mkdir()
    whole = (data / "siemens_exports/SVS_30.rda").read_bytes()
    (raw / "sub-broken/SVS_30.rda").write_bytes(whole[: len(whole) // 2])
    with pytest.MonkeyPatch.context() as patch:
        table, said = imported(folder, patch)
    arguments = ["--config", "subjects=scans.tsv", "data=raw", "--keep-going"]
    status, text = snakemake(folder, "results/report.html", *arguments, configfile=study(folder))
    return folder, table, said, status, text


def fit_of(folder, place):
    return pd.read_csv(folder / f"results/fit/builtin/{place}/summary.csv").set_index("Metab")


def test_the_broken_scan_fails_with_its_sentence_and_all_others_are_reported(strangers):
    folder, _, _, status, text = strangers
    assert status != 0 and "sub-broken" in text
    assert "Traceback" not in text.replace("Traceback is", "")
    report = (folder / "results/report.html").read_text()
    assert "sub-01_acq-press35" in report and "sub-broken" in report


def test_a_real_press_35_comes_out_as_lcmodel_found_it_by_default_settings(strangers):
    """LCModel 6.3: Glu 1.17, tNAA 1.33, Ins 0.85; 10 % is what the defaults promise for large signals."""
    found = fit_of(strangers[0], "sub-01/press35")
    for name, expected in {"Glu": 1.17, "NAA+NAAG": 1.33, "Ins": 0.85}.items():
        assert found.loc[name, "/Cr+PCr"] == pytest.approx(expected, rel=0.10), name
    gln = found.loc["Gln"]
    assert abs(gln["/Cr+PCr"] - 0.15) < gln["%SD"] / 100 * gln["/Cr+PCr"] + 0.05  # LCModel's own SD is 0.05
    assert (found.loc[found["%SD"] > 50, "reliable"] == "no").all()


def test_without_a_water_reference_there_are_ratios_and_no_molarities(strangers):
    for place in ("sub-s1/press30", "sub-s2/press30"):
        found = fit_of(strangers[0], place)
        assert found["mM"].isna().all() and found.loc["NAA+NAAG", "/Cr+PCr"] > 0.5


def test_each_scan_has_the_basis_of_its_frequency_and_vendor(strangers):
    folder, table, *_ = strangers
    assert set(table["vendor"]) == {"philips", "siemens"}
    names = {path.name for path in (folder / "results/basis").iterdir() if "@" in path.name and path.is_dir()}
    assert {name.partition("@")[0] for name in names} == {"press30", "press35"}
    assert any(name.endswith("MHz-philips") for name in names) and any("@123.25MHz-siemens" in name for name in names)


def test_a_nulled_scan_gives_the_macromolecules_of_its_sequence_and_is_not_fitted(strangers):
    folder, table, *_ = strangers
    assert list(table["use"]).count("nulled") == 1
    assert (folder / "results/macromolecules/press30.json").is_file()
    found = fit_of(folder, "sub-01/ses-01/press30")
    assert "MMexp" in found.index and "MM09" not in found.index
    assert "MM09" in fit_of(folder, "sub-01/press35").index
    assert not list((folder / "results/fit").rglob("*nulled*"))


def test_the_report_of_real_scans_opens_with_them_and_leads_to_their_pages(strangers):
    """In a browser: what failed, then the scans and the pair; each page of a scan is there and says the same SD."""
    folder, *_ = strangers
    with opened(viewport={"width": 1200, "height": 900}) as page:
        page.goto((folder / "results/report.html").as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        assert "sub-broken" in page.locator("#failed").inner_text()
        said = page.locator(".answer").inner_text()
        assert said.startswith("1 of 4 scans is rejected: sub-s2_acq-press30 (SNR of NAA")
        assert "Glu: PRESS TE 35 1.2" in said and "PRESS TE 35 gives no reliable value (SD above 50 %)" in said
        assert complaints(page) == [] and overflow(page) <= 0
        row = page.locator("table.concentrations").first.locator("tr", has_text="sub-01_acq-press35")
        glu = row.locator("td[data-value]").nth(3).inner_text()
        row.get_by_role("link", name="sub-01_acq-press35").click()
        page.wait_for_selector("html[data-ready=yes]")
        page.locator("#estimates ~ .wide tr", has_text="Glu").filter(has_text=glu).first.wait_for()
        assert "models of the fit" in page.locator("caption").first.inner_text()
        assert complaints(page) == [] and overflow(page) <= 0


def test_files_of_ge_and_of_philips_dicom_reach_a_fit_or_a_sentence(tmp_path, monkeypatch):
    """Made from their descriptions, 64 points long: too short for a fit, which their own job must say."""
    write_p_file(tmp_path / "raw/sub-g/P1.7")
    write_philips_dicom(tmp_path / "raw/sub-d/a.dcm")
    table, _ = imported(tmp_path, monkeypatch)
    assert set(table["vendor"]) <= {"ge", "philips"}
    arguments = ["--config", "subjects=scans.tsv", "data=raw", "--keep-going"]
    status, text = snakemake(tmp_path, *arguments, configfile=study(tmp_path))
    assert "unexpected" not in text and "Traceback (most" not in text
    assert list((tmp_path / "results/bids").rglob("*_svs.nii.gz"))
    assert status == 0 or "too few" in text or "too short" in text or "points" in text
