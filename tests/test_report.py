"""The report says what the tables say, and stands alone."""

import re

import pandas as pd
import pytest

from spinsculpt.compare import write_table
from spinsculpt.report import answer, bounds_summary, recovery_summary, write_report

CONFIG = {
    "run": "",
    "sequences": {"press30": {"type": "press"}, "mega": {"type": "megapress"}, "new": {"type": "press", "gap": "d"}},
    "analyses": {"press30": {"sequence": "press30"}, "mega": {"sequence": "mega"}, "new": {"sequence": "new"}},
    "compare": {
        "pair": ["Glu", "Gln"],
        "analyses": ["press30", "mega", "new"],
        "noise": {"snr": 100, "metabolite": "NAA"},
    },
    "figures": {"labels": {"new": "designed"}, "title": "Which one?"},
    "basis": {"field": 3.0},
    "fit": {"baseline": "poly:2", "ppm": [0.2, 4.2]},
    "quality": {"count_rejected": False},
}


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
    config = CONFIG | {"quality": {"count_rejected": counted}}
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
    write_table(separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}), tables[0])
    write_table(pd.DataFrame(rows), tables[1])
    write_report(tables, [], CONFIG, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "1 of 2 scans rejected" in page and "count in no mean" in page
    row = re.search(r'<tr class="rejected">.*?</tr>', page, re.DOTALL).group()
    assert "sub-02_acq-press30" in row and "SNR of NAA 5, below 10" in row


def test_the_page_stands_alone(tmp_path):
    table = tmp_path / "separation.tsv"
    separation({"press30": (2, 7, 8), "mega": (3, 9, 10), "new": (2, 5, 6)}).to_csv(table, sep="\t", index=False)
    figure = tmp_path / "crlb.png"
    figure.write_bytes(b"\x89PNG")
    write_report([table], [figure], CONFIG, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "data:image/png;base64,iVBORw==" in page and "designed separates the pair best" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
