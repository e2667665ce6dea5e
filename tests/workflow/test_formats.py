"""Every kind of input of docs/your_data.md through the real Snakefile, by default settings, from raw file to fit."""

import shutil
from functools import cache

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

import spinsculpt as ss
from browser import complaints, opened, overflow
from raw_files import DWELL, FREQUENCY, write_data_list, write_p_file, write_philips_dicom, write_rda
from snakefile import snakemake
from spinsculpt.app.cli import app
from spinsculpt.data.nifti import MRSData, write_fids
from spinsculpt.data.philips import write_sdat, write_spar

pytestmark = pytest.mark.xdist_group("workflow")

# Without designs and rivals, which take minutes; what is fitted and how is the default.
SMALL = {
    "designs": {},
    "sequences": {"press30": {"type": "press", "echo_time": 0.030}, "press35": {"type": "press", "echo_time": 0.035}},
    "analyses": {"press30": {"sequence": "press30"}, "press35": {"sequence": "press35"}},
    "compare": {"analyses": ["press30", "press35"], "rivals": []},
    "figures": {"designs": []},
}


def study(folder, config=SMALL):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def imported(folder, monkeypatch, *configs):
    """The table that `spinsculpt import` writes of the folder `raw`."""
    monkeypatch.chdir(folder)
    options = [option for path in configs for option in ("--config", str(path))]
    run = CliRunner().invoke(app, ["import", "raw", "--out", "scans.tsv", *options])
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
    for subject in ("short", "alone"):  # an SDAT that ends too soon, a SPAR that lost its SDAT
        (raw / f"sub-{subject}").mkdir()
        for path in (data / "philips_press35").iterdir():
            shutil.copy(path, raw / f"sub-{subject}" / path.name.removeprefix("sub-01_"))
    cut = raw / "sub-short/press_act_noID.sdat"
    cut.write_bytes(cut.read_bytes()[:1000])
    with pytest.MonkeyPatch.context() as patch:
        table, said = imported(folder, patch)
    (raw / "sub-alone/press_act_noID.sdat").unlink()  # since the table was made
    arguments = ["--config", "subjects=scans.tsv", "data=raw", "--keep-going"]
    status, text = snakemake(folder, "results/report.html", *arguments, configfile=study(folder))
    return folder, table, said, status, text


def fit_of(folder, place):
    return pd.read_csv(folder / f"results/fit/builtin/{place}/summary.csv").set_index("Metab")


def test_broken_scans_fail_alone_with_their_sentences_and_all_others_are_reported(strangers):
    folder, _, _, status, text = strangers
    assert status != 0 and "sub-broken" in text and "sub-alone/press_act_noID.sdat: there is no such raw file" in text
    assert "Traceback" not in text.replace("Traceback is", "")
    report = (folder / "results/report.html").read_text()
    assert "This report is not whole" in report and "press_act_noID.sdat: there is no such raw file" in report
    assert report.index("sub-01_acq-press35.html") < report.index('id="quality"')
    assert (folder / "results/figures/sub-01/sub-01_acq-press35.html").is_file()
    for subject in ("broken", "short", "alone"):
        assert f"sub-{subject}" in report
        assert not list((folder / "results").rglob(f"sub-{subject}*_svs.nii.gz"))
        assert not list((folder / "results/fit/builtin").glob(f"sub-{subject}/**/*.csv"))


def test_a_real_press_35_comes_out_as_lcmodel_found_it_by_default_settings(strangers):
    """LCModel 6.3 found 1.169, 1.333, 0.849 and, with an SD of 32 %, 0.153."""
    found = fit_of(strangers[0], "sub-01/press35")
    for name, expected in {"Glu": 1.169, "NAA+NAAG": 1.333, "Ins": 0.849}.items():
        assert found.loc[name, "/Cr+PCr"] == pytest.approx(expected, rel=0.10), name
    gln = found.loc["Gln"]  # of which LCModel's own SD is 32 %
    assert abs(gln["/Cr+PCr"] - 0.153) < gln["/Cr+PCr"] * gln["%SD"] / 100
    assert (found.loc[found["%SD"] > 50, "reliable"] == "no").all()


def test_without_a_water_reference_there_are_ratios_and_no_molarities(strangers):
    brain, phantom = (fit_of(strangers[0], f"{place}/press30") for place in ("sub-s1", "sub-s2"))
    assert brain["mM"].isna().all() and phantom["mM"].isna().all()
    assert 1.0 < brain.loc["NAA+NAAG", "/Cr+PCr"] < 2.2
    assert phantom.loc["NAA+NAAG", "reliable"] == "no"  # it holds ethanol


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
        assert "Glu: PRESS TE 35 1." in said and "PRESS TE 35 gives no reliable value (SD above 50 %)" in said
        assert complaints(page) == [] and overflow(page) <= 0
        row = page.locator("table.concentrations").first.locator("tr", has_text="sub-01_acq-press35")
        glu = row.locator("td[data-value]").nth(3).inner_text()
        row.get_by_role("link", name="sub-01_acq-press35").click()
        page.wait_for_selector("html[data-ready=yes]")
        page.locator("#estimates ~ .wide tr", has_text="Glu").filter(has_text=glu).first.wait_for()
        assert "models of the fit" in page.locator("caption").first.inner_text()
        assert complaints(page) == [] and overflow(page) <= 0


# Every format, from one simulated brain: what was put in comes out of each file, whoever wrote it.

BRAIN = {"NAA": 1.0, "Cr": 0.8, "GPC": 0.25, "Glu": 0.9, "Gln": 0.3, "Ins": 0.6}  # any unit
QUICK = {
    "designs": {},
    "sequences": {
        "press30": {"type": "press", "echo_time": 0.030},
        "press35": {"type": "press", "echo_time": 0.035},
        "megapress": {"type": "megapress", "echo_time": 0.068},
    },
    "basis": {"metabolites": list(BRAIN), "macromolecules": [], "lipids": [], "points": 1024},
    "analyses": {name: {"sequence": name} for name in ("press30", "press35")}
    | {"mega": {"sequence": "megapress", "spectra": ["on", "off"]}},
    "compare": {"analyses": ["press30", "press35", "mega"], "rivals": []},
    "fit": {"baseline": "poly:2", "reference": ["Cr"]},
    "figures": {"designs": []},
}


@cache
def brain(sequence: str, averages: int, seed: int, system: str = "philips-like") -> np.ndarray:
    """Averages of the simulated brain, shots alternating, 5 Hz wide, drifting; FFT-positive, shape (averages, 1024)."""
    echo_time = 1e3 * QUICK["sequences"][sequence]["echo_time"]
    te1 = None if system == "philips-like" else 12  # of the default configuration, or the shortest where it is shorter
    edited = sequence == "megapress"
    played = ss.megapress(system=system) if edited else ss.press(te=echo_time, te1=te1, system=system)
    settings = {"points": 1024, "bandwidth": 1 / DWELL, "central_frequency": FREQUENCY}
    sets = ss.simulate_basis(played, list(BRAIN), [], **settings).sets
    shots = [sets["on"], sets["off"]] if edited else list(sets.values())
    t = np.arange(1024) * DWELL
    fids = [sum(value * shot[name] for name, value in BRAIN.items()) for shot in shots]
    rows = np.array([fids[k % len(fids)] for k in range(averages)]) * np.exp(-5 * np.pi * t)
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(2, averages, 1024)) * 0.02 * np.sqrt(averages)
    return rows * np.exp(2j * np.pi * np.outer(np.linspace(0, 2, averages), t)) + noise[0] + 1j * noise[1]


def philips(folder, name, rows, water=False, **header):
    """SDAT and SPAR of `rows`, and of water where asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {"samples": 1024, "dwell": DWELL, "central_frequency": FREQUENCY, "repetition_time": 2.0, "averages": 1}
    for label, fids in {"act": rows, "ref": WATER}.items() if water else {"act": rows}.items():
        path = folder / f"{name}_{label}.SDAT"
        write_sdat(path, fids)
        write_spar(path.with_suffix(".SPAR"), rows=len(fids), scan_id=name, **given | header)


WATER = 3e3 * np.exp(-8 * np.pi * np.arange(1024) * DWELL)[None] * (1 + 0j)
COILS = np.array([1.0, 0.6j, -0.3])


@pytest.fixture(scope="module")
def every_format(tmp_path_factory):
    """One study of simulated brains in files of each vendor, and the table that `import` made of them."""
    folder = tmp_path_factory.mktemp("formats")
    raw = folder / "raw"
    philips(raw / "sub-sdat", "press30", brain("press30", 1, 1), water=True, echo_time=0.030)
    for session in "ab":  # single averages, two sessions, the second without water
        rows = brain("press30", 8, 2)
        philips(raw / f"sub-rows/ses-{session}", "press30", rows, water=session == "a", echo_time=0.030)
    philips(raw / "sub-mega", "megapress", brain("megapress", 8, 3), echo_time=0.068)
    for number, fid in enumerate(brain("press30", 3, 4, "prisma-like"), 1):  # a file an average
        write_rda(raw / f"sub-rda/{number}.rda", fid.conj())
    frames = np.concatenate([WATER, WATER, brain("press35", 4, 5, "ge-like")])
    write_p_file(raw / "sub-ge/P1.7", frames=1e4 * frames.conj())
    write_philips_dicom(raw / "sub-dicom/a.dcm", frames=np.concatenate([brain("press30", 1, 6), WATER]))
    rows = brain("press30", 4, 7)
    vectors = [("STD", 0, c, d, COILS[c] * rows[d]) for c in range(3) for d in range(4)]
    vectors += [("STD", 1, c, 0, COILS[c] * WATER[0]) for c in range(3)]
    write_data_list(raw / "sub-list", vectors, samples=1024, rows=4)
    fids = brain("press30", 4, 8, "clinical").T[:, :, None] * COILS
    header = {"EchoTime": 0.03, "RepetitionTime": 2.0, "SequenceName": "press"}
    for name, content in (("svs", fids), ("mrsref", WATER.T[:, :, None] * COILS)):
        place = raw / f"sub-nifti/mrs/sub-nifti_acq-press30_{name}.nii.gz"
        place.parent.mkdir(parents=True, exist_ok=True)
        dims = ("DIM_DYN", "DIM_COIL")
        write_fids(place, MRSData(content, DWELL, FREQUENCY, dims, header))
    with pytest.MonkeyPatch.context() as patch:
        table, said = imported(folder, patch, study(folder, QUICK))
    # What a user does by hand: three averages of one scan on one line.
    joined = ";".join(f"sub-rda/{number}.rda" for number in (1, 2, 3))
    mine = table[~table["data"].str.contains(r"[23]\.rda")].replace({"sub-rda/1.rda": joined})
    mine.to_csv(folder / "scans.tsv", sep="\t", index=False)
    targets = [f"results/fit/builtin/{fit_place(line)}/summary.csv" for line in mine.itertuples() if line.sequence]
    status, text = snakemake(
        folder, *targets, "--config", "subjects=scans.tsv", "data=raw", configfile=study(folder, QUICK)
    )
    assert status == 0, said + text
    return folder, mine


def fit_place(line) -> str:
    session = f"/ses-{line.session}" if line.session else ""
    return f"sub-{line.subject}{session}/{'mega' if line.sequence == 'megapress' else line.sequence}"


def test_import_knows_each_scan_and_its_water(every_format):
    _, table = every_format
    lines = {(line.subject, line.session): line for line in table.itertuples()}
    assert {key: line.sequence for key, line in lines.items()} == {
        ("sdat", ""): "press30", ("rows", "a"): "press30", ("rows", "b"): "press30", ("mega", ""): "megapress",
        ("rda", ""): "press30", ("ge", ""): "press35", ("dicom", ""): "press30", ("list", ""): "press30",
        ("nifti", ""): "press30",
    }  # fmt: skip
    assert {subject for (subject, _), line in lines.items() if not line.water} == {"rows", "mega", "rda"}
    assert {line.vendor for line in table.itertuples()} >= {"philips", "siemens", "ge"}


@pytest.mark.parametrize("subject", ["sdat", "rows", "mega", "rda", "ge", "dicom", "list", "nifti"])
def test_what_was_put_in_comes_out_of_every_format(every_format, subject):
    folder, table = every_format
    for line in table[table["subject"] == subject].itertuples():
        found = fit_of(folder, fit_place(line))
        for name in ("NAA", "GPC", "Glu", "Ins"):
            assert found.loc[name, "/Cr"] == pytest.approx(BRAIN[name] / BRAIN["Cr"], rel=0.06), (line.session, name)
        assert found["mM"].notna().all() == bool(line.water)


def test_the_bids_folder_that_conversion_wrote_is_an_input_itself(every_format, tmp_path):
    """Without a table, from raw NIfTI-MRS of all vendors: the same numbers."""
    folder, _ = every_format
    places = ["sub-ge/press35", "sub-rows/ses-a/press30"]
    targets = [f"results/fit/builtin/{place}/summary.csv" for place in places]
    bids = f"subjects={folder / 'results/bids'}"
    status, text = snakemake(tmp_path, *targets, "--config", bids, configfile=study(tmp_path, QUICK))
    assert status == 0, text
    for place in places:
        again, first = fit_of(tmp_path, place), fit_of(folder, place)
        assert again["/Cr"].to_numpy() == pytest.approx(first["/Cr"].to_numpy(), rel=1e-3)
