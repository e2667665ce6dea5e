"""docs/reference/outputs.md explains every column of every table that a run writes; the folders describe themselves."""

import csv
import json
import re
from fnmatch import fnmatch

import pytest

from conftest import REPOSITORY

pytestmark = pytest.mark.xdist_group("workflow")


def documented() -> tuple[set[str], dict[str, set[str]]]:
    """Columns that many tables share, and those of each pattern of paths."""
    text = (REPOSITORY / "docs/reference/outputs.md").read_text()
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    columns = {}
    for section in sections:
        title, _, body = section.partition("\n")
        names = {name for row in re.findall(r"^\|(.*?)\|", body, re.MULTILINE) for name in re.findall("`(.+?)`", row)}
        columns |= dict.fromkeys(title.split(", "), names)
    return set(re.findall(r"`([^`]+)`", head)), columns


def test_every_column_that_is_written_has_a_line(finished):
    shared, columns = documented()
    results, open_questions = finished / "results", {}
    tables = [p for p in results.rglob("*") if p.suffix in (".tsv", ".csv") and p.name != "participants.tsv"]
    for table in tables:
        path = table.relative_to(results).as_posix()
        if path.startswith("benchmarks/") or table.name == "covariance.csv":  # Snakemake's; a matrix
            continue
        with table.open(newline="") as stream:
            header = next(csv.reader(stream, delimiter="," if table.suffix == ".csv" else "\t"))
        known = shared.union(*(names for pattern, names in columns.items() if fnmatch(path, pattern)))
        if left := [name for name in header if name not in known]:
            open_questions.setdefault(re.sub(r"sub-\w+", "sub-01", path), left)
    assert len(tables) > 20 and not open_questions


def test_raw_data_and_derivatives_describe_themselves(finished):
    results = finished / "results"
    kinds = {"bids": "raw", "preproc": "derivative", "fit/builtin": "derivative"}
    for folder, kind in kinds.items():
        content = json.loads((results / folder / "dataset_description.json").read_text())
        assert content["DatasetType"] == kind and content["GeneratedBy"][0]["Name"] == "spinsculpt"
        assert (results / folder / "README").is_file()
        rows = (results / folder / "participants.tsv").read_text().split()
        assert rows[1:] == sorted(path.name for path in (results / folder).glob("sub-*"))


def test_no_output_is_a_folder_which_snakemake_would_clear_with_what_users_put_there():
    assert not [path.name for path in (REPOSITORY / "workflow/rules").glob("*.smk") if "directory(" in path.read_text()]
