"""Tables of README and docs come from files below docs/results; this writes them where a page asks for one.

A page asks by two comments, and what stands between them is written here:

    <!-- table: NAME -->
    <!-- end of table -->

`docs/results/NAME.tsv` begins with lines `# command: ...`, `# commit: ...` and `# date: ...`. The columns follow as the
page shows them. Its numbers are never edited by hand: the command makes them, `--record` keeps them.

    python docs/fill_tables.py                      # write all tables into the pages
    python docs/fill_tables.py --check              # fail where a page differs from its file (part of `make docs`)
    some command | python docs/fill_tables.py --record NAME --command 'some command'
"""

import argparse
import csv
import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs/results"
PLACE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
ORIGIN = ("command", "commit", "date")


def read_table(path: Path) -> tuple[dict[str, str], list[list[str]]]:
    """Origin and rows of a table; the first row is its head.

    Raises:
        SystemExit: the file is missing, says nothing of its origin, or has rows of unequal length.
    """
    if not path.is_file():
        sys.exit(f"{path}: a page asks for this table; make it with --record.")
    lines = path.read_text().splitlines()
    notes = [line[2:].partition(": ") for line in lines if line.startswith("# ")]
    origin = {name: text for name, _, text in notes}
    if missing := [name for name in ORIGIN if not origin.get(name)]:
        sys.exit(f"{path}: the first lines do not say {', '.join(missing)} of these numbers.")
    rows = list(csv.reader((line for line in lines if not line.startswith("# ")), delimiter="\t"))
    if len(rows) < 2 or len({len(row) for row in rows}) != 1:
        sys.exit(f"{path}: a head and at least one row of equal length are needed.")
    return origin, rows


def to_markdown(origin: dict[str, str], rows: list[list[str]]) -> str:
    """The table as a page shows it, with where its numbers come from below it."""
    head, *body = rows
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]
    return "\n".join([*lines, "", f"`{origin['command']}`, commit {origin['commit']}, {origin['date']}."]) + "\n"


def fill_page(text: str) -> str:
    """A page with every table that it asks for."""
    return PLACE.sub(lambda at: at[1] + to_markdown(*read_table(RESULTS / f"{at[2]}.tsv")) + at[3], text)


def list_pages() -> list[Path]:
    """README and every page of the docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def record_table(name: str, command: str, text: str) -> None:
    """Keep a table (tab-separated, with a head) with its command, today's commit and date."""
    revision = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    commit = subprocess.run(revision, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    head = f"# command: {command}\n# commit: {commit}\n# date: {datetime.date.today()}\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.tsv").write_text(head + text.strip("\n") + "\n")
    read_table(RESULTS / f"{name}.tsv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    parser.add_argument("--record", metavar="NAME", help="keep the table on standard input as docs/results/NAME.tsv")
    parser.add_argument("--command", help="the command that printed it")
    options = parser.parse_args()
    if options.record:
        if not options.command:
            parser.error("--record needs --command: where the numbers come from")
        record_table(options.record, options.command, sys.stdin.read())
    stale = []
    for page in list_pages():
        text = page.read_text()
        if (filled := fill_page(text)) != text:
            stale.append(str(page.relative_to(ROOT)))
            if not options.check:
                page.write_text(filled)
    if options.check and stale:
        sys.exit(f"{', '.join(stale)}: tables differ from docs/results; run `python docs/fill_tables.py`.")


if __name__ == "__main__":
    main()
