"""The report says what the tables say, marks what is flagged, stands alone, and is written after failures too."""

import base64
import gzip
import re

import numpy as np
import pandas as pd
import pytest

from browser import complaints, opened, overflow
from entries import build_sequence
from spinsculpt.compare import engines_table, fits_table
from spinsculpt.config import Basis, Figures, MonteCarlo, Quality, Study, parse
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.tables import write_frame
from spinsculpt.report import (
    answer,
    bounds_summary,
    cohort_table,
    concentration_tables,
    recovery_summary,
    report_failures,
    write_report,
)
from spinsculpt.report._concentrations import engines_summary, own_answer
from spinsculpt.report._pack import Pack
from spinsculpt.report._scan_page import _estimates
from spinsculpt.report._unfinished import Job

CONFIG = parse(
    Study,
    {
        "designs": {},
        "sequences": {
            "press30": {"type": "press"},
            "mega": {"type": "megapress"},
            "new": {"type": "press", "gap": "d"},
        },
        "analyses": {"press30": {"sequence": "press30"}, "mega": {"sequence": "mega"}, "new": {"sequence": "new"}},
        "compare": {"analyses": ["press30", "mega", "new"]},
        "figures": {"labels": {"new": "designed"}, "title": "Which one?"},
        "fit": {"baseline": "poly:2", "ppm": [0.2, 4.2]},
    },
)


def separation(values: dict[str, tuple[float, float, float]], flexible: dict | None = None) -> pd.DataFrame:
    """Bounds of (Glu, Gln, Gln/Glu) by analysis, for a quadratic and, where given, a flexible baseline."""
    rows = []
    for baseline, content in (("quadratic", values), ("flexible", flexible or {})):
        for name, (glu, gln, ratio) in content.items():
            given = {"sequence": name, "unit": "%", "baseline": baseline, "macromolecules": "free", "t2_scale": 1.0}
            rows.append(given | {"metric": "CRLB", "metabolite": "Glu", "value": glu})
            rows.append(given | {"metric": "CRLB", "metabolite": "Gln", "value": gln})
            rows.append(given | {"metric": "ratio SD", "metabolite": "Gln/Glu", "value": ratio})
    return pd.DataFrame(rows)


def test_the_best_sequence_comes_first_with_its_number():
    sentences = answer(separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}), CONFIG)
    assert re.search(r"designed separates the pair best.*6\.0 %.*8\.0 % with press30.*10\.0 % with mega", sentences[0])


def test_the_designed_sequence_is_held_against_the_edited_one():
    sentences = answer(separation({"press30": (2, 7, 8), "mega": (4, 10, 10), "new": (2, 5, 6)}), CONFIG)
    assert any("0.50 (Glu), 0.50 (Gln), 0.60 (Gln/Glu) of those of mega" in sentence for sentence in sentences)


def test_where_plain_press_wins_it_is_said():
    table = separation({"press30": (2, 5, 6), "mega": (3, 9, 10), "new": (2.5, 6, 7)})
    sentences = answer(table, CONFIG)
    assert "press30 separates the pair best" in sentences[0]
    assert "Plain PRESS is as good" in sentences[-1] and "in 3 of 3 comparisons" in sentences[-1]


def test_where_plain_press_wins_nowhere_it_is_said():
    sentences = answer(separation({"press30": (9, 9, 9), "mega": (3, 9, 10), "new": (2, 5, 6)}), CONFIG)
    assert "nowhere within 5 %" in sentences[-1]


def test_a_ranking_that_turns_with_the_baseline_is_not_hidden():
    table = separation(
        {"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)},
        {"press30": (2, 7, 8), "mega": (3, 5, 5), "new": (2, 6, 7)},
    )
    assert "designed in 1" in answer(table, CONFIG)[1] and "mega in 1" in answer(table, CONFIG)[1]


def test_summary_has_a_row_a_sequence_and_a_column_an_assumption():
    flexible = {"press30": (3, 8, 9), "new": (2, 6, 7)}
    table = bounds_summary(separation({"press30": (2, 7, 8), "new": (1, 5, 6)}, flexible), CONFIG)
    assert list(table.index) == ["press30", "designed"]
    assert table.loc["designed", ("quadratic baseline", "macromolecules free", "Gln/Glu (%)")] == 6
    assert table.loc["press30", ("flexible baseline", "macromolecules free", "Glu (%)")] == 3


def recovery(*errors: float, last: str = "accept") -> pd.DataFrame:
    """Errors of Glu in as many scans; `last` is the verdict on the last one."""
    given = {"engine": "builtin", "sequence": "new", "metabolite": "Glu", "unit": "mM", "crlb": 2.0, "reliable": "yes"}
    rows = [given | {"error": error, "verdict": "accept"} for error in errors]
    return pd.DataFrame([*rows[:-1], rows[-1] | {"verdict": last, "reliable": "no"}])


def test_recovery_is_bias_and_spread():
    row = recovery_summary(recovery(1.0, 3.0), CONFIG).iloc[0]
    assert row["mean error (%)"] == 2 and row["SD of errors (%)"] == pytest.approx(2**0.5) and row["reliable fits"] == 1


@pytest.mark.parametrize(("counted", "mean"), [(False, 2.0), (True, 12.0)])
def test_rejected_scans_count_only_where_the_config_says_so(counted, mean):
    config = CONFIG.but(quality=Quality(count_rejected=counted))
    row = recovery_summary(recovery(1.0, 3.0, 32.0, last="reject"), config).iloc[0]
    assert row["mean error (%)"] == pytest.approx(mean)
    assert (row["scans"], row["rejected scans"]) == (2 + counted, 1)


def test_a_sequence_without_an_accepted_scan_does_not_vanish():
    row = recovery_summary(recovery(32.0, last="reject"), CONFIG).iloc[0]
    assert (row["scans"], row["rejected scans"]) == (0, 1) and pd.isna(row["mean error (%)"])


def test_a_rejected_scan_stands_in_the_report_with_its_reason(tmp_path):
    given = {"session": "", "sequence": "press30", "measure": "snr", "unit": "1", "min": 10.0, "max": None}
    rows = [
        given | {"subject": "01", "value": 80.0, "reason": "", "verdict": "accept"},
        given | {"subject": "02", "value": 5.0, "reason": "SNR of NAA 5, below 10", "verdict": "reject"},
    ]
    tables = [tmp_path / "separation.tsv", tmp_path / "quality.tsv"]
    write_frame(separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}), tables[0])
    write_frame(pd.DataFrame(rows), tables[1])
    write_report(tables, [], CONFIG, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "1 of 2 scans rejected" in page and "count in no mean" in page
    row = re.search(r'<tr class="rejected">.*?</tr>', page, re.DOTALL).group()
    assert "figures/sub-02/sub-02_acq-press30.html" in row and "SNR of NAA 5, below 10" in row


def test_the_page_stands_alone(tmp_path):
    table = tmp_path / "separation.tsv"
    separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}).to_csv(table, sep="\t", index=False)
    figure = tmp_path / "crlb.png"
    figure.write_bytes(b"\x89PNG")
    write_report([table], [figure], CONFIG, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "data:image/png;base64,iVBORw==" in page and "designed separates the pair best" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def estimates(*rows: tuple, verdict: str = "accept") -> pd.DataFrame:
    """Estimates as (subject, metabolite, value, flag), as ratio and as concentration."""
    given = {"engine": "builtin", "session": "", "sequence": "press30", "sd": 0.1, "crlb": 5.0, "verdict": verdict}
    units = {"ratio": "/Cr+PCr", "concentration": "mM"}
    return pd.DataFrame(
        [
            given
            | {"subject": subject, "metabolite": name, "quantity": quantity, "value": value, "unit": unit, "flag": flag}
            | {"reliable": "no" if flag else "yes"}
            for subject, name, value, flag in rows
            for quantity, unit in units.items()
        ]
    )


def test_what_is_flagged_or_rejected_enters_no_mean_and_is_counted_beside():
    good = estimates(("01", "Glu", 8.0, ""), ("02", "Glu", 10.0, ""), ("03", "Glu", 90.0, "at zero"))
    table = cohort_table(pd.concat([good, estimates(("04", "Glu", 70.0, ""), verdict="reject")]), CONFIG)
    row = table[table["quantity"] == "concentration"].iloc[0]
    assert (row["counted"], row["mean"], row["flagged"], row["rejected"]) == (2, 9.0, 1, 1)


def test_a_scan_links_to_its_page_and_a_flag_stands_at_its_number():
    ratios, molar = concentration_tables(estimates(("01", "Glu", 8.0, ""), ("02", "Glu", 10.0, "at zero")), CONFIG)
    assert (ratios["title"], molar["title"]) == ("Ratios to Cr+PCr", "Concentrations (mM)")
    assert molar["rows"][0]["page"] == "figures/sub-01/sub-01_acq-press30.html"
    assert [row["cells"][0]["flag"] for row in molar["rows"]] == ["", "at zero"]


def test_ones_own_scans_come_before_the_bounds_and_simulated_ones_after(tmp_path):
    tables = [tmp_path / "separation.tsv", tmp_path / "fits.tsv", tmp_path / "quality.tsv"]
    write_frame(separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}), tables[0])
    write_frame(estimates(("01", "Glu", 8.0, "")), tables[1])
    quality = {"subject": "01", "session": "", "sequence": "press30", "measure": "snr", "value": 80.0, "unit": "1"}
    write_frame(pd.DataFrame([quality | {"min": 10.0, "max": None, "reason": "", "verdict": "accept"}]), tables[2])
    order = {}
    for subjects in ("", "scans.tsv"):
        write_report(tables, [], CONFIG.but(subjects=subjects), tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text()
        order[subjects] = page.index('<h2 id="concentrations"') < page.index('<h2 id="bounds"')
    assert order == {"": False, "scans.tsv": True}


def test_hostile_names_are_text(tmp_path):
    hostile = "<img src=x onerror=alert(1)>"
    config = CONFIG.but(figures=Figures(labels={"new": hostile}, title="</script><script>alert(1)</script>"))
    table = tmp_path / "separation.tsv"
    write_frame(separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}), table)
    write_report([table], [], config, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert hostile not in page and "<script>alert(1)" not in page and "&lt;img src=x" in page


def failed(log, text: str) -> Job:
    log.write_text(text)
    return Job("convert_scan", ("sub-02",), log, ("b.nii.gz",), failed=True)


def test_after_failures_the_report_says_what_failed_why_and_how_to_go_on(tmp_path):
    job = failed(tmp_path / "a.log", "2026-01-01 10:00:00,000 ERROR b.SDAT: too short;\nexport it again.\n")
    waiting = Job("fit_scan", ("sub-02",), None, ("fit.npz",), failed=False)
    table, out = tmp_path / "separation.tsv", tmp_path / "report.html"
    write_frame(separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}), table)
    none = ([str(tmp_path / "no_qc.json")], [{"subject": "02", "session": "", "sequence": "press30"}])
    study = {"tables": [str(table), "no.tsv"], "figures": ["no.png"], "quality": none, "fits": ([], []), "curves": []}
    text = report_failures(out, jobs=[job, waiting], config=CONFIG, **study)
    page = out.read_text()
    for words in ("b.SDAT: too short", "export it again.", "convert scan sub-02", "To go on"):
        assert words in page and words in text
    assert "designed separates the pair best" in page
    assert out.stat().st_mtime < table.stat().st_mtime, "the next run must replace it"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "stopped from outside"),
        ("2026-01-01 10:00:00,000 ERROR Traceback (most recent call last):\n  x\nKeyError: 3\n", "KeyError: 3"),
    ],
)
def test_a_job_that_was_killed_or_broke_is_named_too(tmp_path, text, words):
    job = failed(tmp_path / "a.log", text)
    empty = {"tables": [], "figures": [], "quality": ([], []), "fits": ([], []), "curves": []}
    assert words in report_failures(tmp_path / "report.html", jobs=[job], config=CONFIG, **empty)


def test_ratios_to_an_unreliable_reference_are_not_reliable(tmp_path):
    path = tmp_path / "summary.csv"
    rows = ["Glu,1.2,0.1,8,0.4,8,5,50,6,,yes", "Cr+PCr,1,0,7,5,7,80,90,6,CRLB above 50 %,no"]
    path.write_text(
        "\n".join(["Metab,/Cr+PCr,/Cr+PCr CRLB,mM,mM CRLB,mMol/kg,%CRLB,SNR,FWHM,flag,reliable", *rows]) + "\n"
    )
    table = fits_table([path], [{"engine": "builtin", "subject": "01", "session": "", "sequence": "press30"}])
    glu = table[table["metabolite"] == "Glu"].set_index("quantity")
    assert glu.loc["ratio", "reliable"] == "no" and "reference Cr+PCr" in glu.loc["ratio", "flag"]
    assert glu.loc["concentration", "reliable"] == "yes"


@pytest.mark.parametrize(("scans", "megabytes"), [(20, 6), (200, 15)])
def test_the_report_stays_small(tmp_path, scans, megabytes):
    """Noise, which packs worst; a figure of 1.5 MB stands for those that do not grow with the cohort."""
    rng = np.random.default_rng(1)
    fits, labels, rows = [], [], []
    for k in range(scans):
        arrays = {"names": np.array([f"M{i}" for i in range(27)]), "spectra": np.array(["spectrum"])}
        arrays["spectrum_ppm"] = np.linspace(0.2, 4.2, 524)
        smooth = np.exp(-((arrays["spectrum_ppm"] - rng.uniform(1, 4, (27, 1))) ** 2) / 0.002)
        arrays |= {"spectrum_components": smooth, "spectrum_baseline": 0.1 * np.sin(arrays["spectrum_ppm"])}
        arrays |= {"spectrum_fit": smooth.sum(0), "spectrum_data": smooth.sum(0) + 0.02 * rng.standard_normal(524)}
        fits.append(tmp_path / f"{k}.npz")
        np.savez(fits[-1], **arrays)
        labels.append({"engine": "builtin", "subject": f"{k:03d}", "session": "", "sequence": "press30"})
        rows += [(f"{k:03d}", f"M{i}", rng.uniform(1, 10), "") for i in range(27)]
    tables = [tmp_path / "separation.tsv", tmp_path / "fits.tsv"]
    write_frame(separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}), tables[0])
    write_frame(estimates(*rows), tables[1])
    figure = tmp_path / "designs.png"
    figure.write_bytes(rng.bytes(1_500_000))
    write_report(tables, [figure], CONFIG, tmp_path / "report.html", list(zip(fits, labels, strict=True)))
    assert (tmp_path / "report.html").stat().st_size < megabytes * 1e6


def test_curves_come_back_as_they_were(tmp_path):
    pack, values = Pack(), np.linspace(-3.0, 2.0, 101)
    start, count, step, origin = pack.add(values)
    whole = gzip.decompress(base64.b64decode(pack.text({"a": 1})))
    header = int.from_bytes(whole[:4], "little")
    numbers = np.frombuffer(whole[4 + header :], "<i2")[start : start + count]
    assert np.abs(origin + step * numbers - values).max() < 3.0 / 32_000


def test_the_protocol_sheet_says_what_a_scanner_must_be_set_to(tmp_path):
    from spinsculpt.report import write_protocol
    from spinsculpt.report._protocol import pulse_settings

    basis = Basis(points=512)
    sequence = build_sequence(
        "mega", {"type": "megapress", "echo_time": 0.068, "editing": {"ppm": {"on": 1.9, "off": 7.46}}}
    )
    rows = {(row["name"], *row["shots"]): row for row in pulse_settings(sequence, Basis().frequency)}
    assert rows["gaussian", "on"]["ppm"] == pytest.approx(1.9) and rows["gaussian", "on"]["times"] == 2
    write_protocol(sequence, tmp_path / "sheet.html", basis)
    page = (tmp_path / "sheet.html").read_text()
    assert "Protocol of mega" in page and "-351.3" in page and "check list" in page.lower()
    assert "http" not in page.replace("http://www.w3.org", "").split("<main")[1].split("</main>")[0]
    ideal = build_sequence("p", {"type": "press", "echo_time": 0.03, "ideal": True})
    with pytest.raises(SpinsculptError, match="no scanner plays"):
        write_protocol(ideal, tmp_path / "no.html", basis)
    with pytest.raises(SpinsculptError, match=r"the repetition time is 0.05 s; .* would work"):
        write_protocol(sequence, tmp_path / "no.html", basis, repetition_time=0.05)
    assert not (tmp_path / "no.html").exists()


def test_the_verdict_on_a_design_stands_where_its_sequence_is_ranked(tmp_path):
    tables = [tmp_path / "separation.tsv", tmp_path / "designs.tsv"]
    write_frame(separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}), tables[0])
    verdict = {"design": "d", "metric": "verdict", "metabolite": "", "unit": "1 = use"}
    verdict |= {"source": "do not use d: PRESS reaches more"}
    found = {
        0.0: "its pulse: do not use",
        1.0: "its pulse: use, by its own goal",
        np.nan: "its pulse: no comparison sequence",
    }
    with opened(viewport={"width": 390, "height": 800}) as page:
        for value, words in found.items():
            write_frame(pd.DataFrame([verdict | {"value": value}]), tables[1])
            write_report(tables, [], CONFIG, tmp_path / "report.html")
            page.goto((tmp_path / "report.html").as_uri())
            page.wait_for_function("document.documentElement.dataset.ready === 'yes'")
            assert words in page.locator("[data-view=ranking]").inner_text()
            assert (
                "designed, by the goal of its design: do not use d: PRESS reaches more"
                in page.locator("main").inner_text()
            )
        assert overflow(page) <= 0 and complaints(page) == []


def montecarlo() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors of the ratio in fits of three sequences, with the right model and a wrong one, and their ranking."""
    rmse = {"press30": (3.0, 10.0), "mega": (6.0, 6.0), "new": (4.0, 7.0)}
    given = {"axis": "model", "level": 0.0, "metabolite": "Gln/Glu", "bias": 1.0, "coverage": 90.0, "repeats": 6}
    errors = [
        given | {"sequence": name, "condition": condition, "rmse": value, "sd": value, "bound": value, "unit": "%"}
        for name, values in rmse.items()
        for condition, value in zip(("right model", "lipids of the scalp"), values, strict=True)
    ]
    ranks = [
        {"sequence": name, "metabolite": "Gln/Glu", "rmse": np.sqrt(np.mean(np.square(values))), "low": 4.0}
        | {"high": 9.0, "best": 0.9 * (name == "new"), "conditions": 2, "unit": "%"}
        for name, values in rmse.items()
    ]
    return pd.DataFrame(errors), pd.DataFrame(ranks).sort_values("rmse")


def test_switches_say_which_wrong_models_count_in_the_ranking(tmp_path):
    """The right model alone, a wrong one alone and both together have three different best sequences."""
    tables = [tmp_path / f"{name}.tsv" for name in ("separation", "montecarlo", "ranking")]
    bounds = separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)})
    for table, path in zip((bounds, *montecarlo()), tables, strict=True):
        write_frame(table, path)
    config = CONFIG.but(compare=CONFIG.compare.but(montecarlo=MonteCarlo(repeats=6, subjects=20)))
    write_report(tables, [], config, tmp_path / "report.html")
    with opened(viewport={"width": 1200, "height": 900}) as page:
        page.goto((tmp_path / "report.html").as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        place = page.locator("[data-view=ranking]")
        said = place.locator("[role=status]")
        assert said.inner_text() == (
            f"designed has the smallest error of Gln/Glu, {np.sqrt(32.5):.3g} %, over all 2 models."
        )
        place.get_by_label("lipids of the scalp").uncheck()
        assert said.inner_text().startswith("press30 has the smallest error of Gln/Glu, 3 %, over the 1 of 2")
        place.get_by_label("lipids of the scalp").check()
        place.get_by_label("right model").uncheck()
        assert said.inner_text().startswith("mega has the smallest error of Gln/Glu, 6 %")
        place.get_by_role("button", name="none").click()
        assert said.inner_text() == "Tick a model."
        place.get_by_label("Cramér-Rao bound").check()
        assert said.inner_text() == "designed has the smallest bound of Gln/Glu, 6 %, under these assumptions."
        assert not place.get_by_label("right model").is_visible()


def test_ones_own_scans_are_summed_up_in_the_first_sentences():
    flagged = estimates(("03", "Gln", 2.0, "CRLB above 50 %"))
    fits = pd.concat([estimates(("01", "Glu", 8.0, ""), ("02", "Glu", 10.0, "")), flagged])
    lost = estimates(("04", "Glu", 70.0, ""), verdict="reject")
    given = {
        "session": "",
        "sequence": "press30",
        "measure": "snr",
        "value": 1.0,
        "unit": "1",
        "min": 10.0,
        "max": None,
    }
    quality = pd.DataFrame(
        [
            given
            | {
                "subject": f"0{k}",
                "reason": "SNR of NAA 1, below 10" if bad else "",
                "verdict": "reject" if bad else "accept",
            }
            for k, bad in ((1, False), (2, False), (3, False), (4, True))
        ]
    )
    sentences = own_answer(pd.concat([fits, lost]), quality, CONFIG)
    assert sentences[0] == "1 of 4 scans is rejected: sub-04_acq-press30 (SNR of NAA 1, below 10)."
    assert sentences[1].startswith("Glu: press30 9.00 /Cr+PCr (median of the 2 reliable of 2 scans, 8.00 to 10.0")
    assert sentences[2] == "Gln: press30 gives no reliable value (CRLB above 50 %)."


def test_engines_are_compared_over_what_both_call_reliable():
    good, bad = estimates(("01", "Glu", 8.0, ""), ("02", "Glu", 10.0, "")), estimates(("03", "Glu", 1.0, "at zero"))
    ours = pd.concat([good, bad])
    theirs = ours.assign(engine="fsl_mrs", value=ours["value"] * 1.1, flag="", reliable="yes")
    fits = pd.concat([ours, theirs])
    table = engines_table(fits, ["builtin", "fsl_mrs"])
    row = next(row for row in engines_summary(table, fits, CONFIG) if row["unit"] == "mM")
    assert (row["counted"], row["left_out"], row["mean"]) == (2, 1, "+10.0")


def test_a_scan_page_states_the_sd_of_noise_and_models_together(tmp_path):
    """3 of noise and 4 between models are 5; macromolecules come last, and mmol/kg that repeats mM is left out.

    Noise is the larger of its bound and the bootstrap; each model is a dot at its place.
    """
    path = tmp_path / "summary.csv"
    heads = "Metab,/Cr,/Cr CRLB,/Cr bootstrap SD,/Cr model SD,mM,mM CRLB,mM model SD,mMol/kg,%CRLB,%bootstrap SD"
    rows = ["MM09,1,.1,0,0,1,1,0,1,10,0,0,10,,yes", "Glu,100,1,3,4,100,3,4,100,1,3,4,5,,yes"]
    path.write_text("\n".join([f"{heads},%model SD,%SD,flag,reliable", *rows, ""]))
    (tmp_path / "models.csv").write_text("model,weight,chi-squared per point,MM09,Glu\na,0.5,1,1,80\nb,0.5,1,1,120\n")
    found = _estimates(path, tmp_path / "none.json")
    assert found["heads"] == ["/Cr", "mM"] and [row["name"] for row in found["rows"]] == ["Glu", "MM09"]
    glu = found["rows"][0]
    assert [cell["sd"] for cell in glu["cells"]] == ["5.0", "5.0"] and (glu["percent"], glu["crlb"]) == ("5.00", "1.00")
    assert (glu["between"], glu["bootstrap"]) == ("4.00", "3.00")
    low, high = glu["strip"]["dots"]
    assert high == 119.0 and (low - 1) / (high - 1) == pytest.approx(80 / 120, abs=0.01)
    assert glu["strip"]["middle"] - 1 == pytest.approx(118 * 100 / 120, abs=0.1)
