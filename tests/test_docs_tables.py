"""Tables of README and docs are those of docs/results: made by a command, and never edited by hand."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "docs"))
import fill_tables  # noqa: E402

TABLE = "# command: make figures\n# commit: 0123abc\n# date: 2026-12-01\nsequence\terror (%)\nPRESS 30\t6.1\n"


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A repository of one page that asks for one table."""
    (tmp_path / "docs/results").mkdir(parents=True)
    (tmp_path / "docs/results/errors.tsv").write_text(TABLE)
    (tmp_path / "README.md").write_text("Before\n<!-- table: errors -->\nold\n<!-- end of table -->\nafter\n")
    monkeypatch.setattr(fill_tables, "ROOT", tmp_path)
    monkeypatch.setattr(fill_tables, "RESULTS", tmp_path / "docs/results")
    return tmp_path


def test_pages_hold_what_their_tables_say():
    run = [sys.executable, str(REPOSITORY / "docs/fill_tables.py"), "--check"]
    checked = subprocess.run(run, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_a_stale_page_is_named_then_filled(pages, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fill_tables.py", "--check"])
    with pytest.raises(SystemExit, match=r"README\.md"):
        fill_tables.main()
    monkeypatch.setattr(sys, "argv", ["fill_tables.py"])
    fill_tables.main()
    text = (pages / "README.md").read_text()
    assert "| PRESS 30 | 6.1 |" in text and "`make figures`, commit 0123abc" in text and "old" not in text
    assert text.startswith("Before") and text.endswith("after\n")
    fill_tables.main()
    assert (pages / "README.md").read_text() == text


def test_a_table_without_its_command_is_refused(pages):
    (pages / "docs/results/errors.tsv").write_text(TABLE.split("\n", 1)[1])
    with pytest.raises(SystemExit, match="command"):
        fill_tables.fill_page((pages / "README.md").read_text())
