"""The one writer of tables: a header line, a row a line, whole or not at all."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spinsculpt.core.provenance import atomic_path


def write_table(path: Path | str, header: Sequence[str], rows: Iterable[Sequence], digits: int | None = 6) -> None:
    """Write a table, separated by commas where the name ends in .csv, else by tabs.

    A number that is not finite, such as the CRLB in % of nothing, is an empty cell, and so is None.

    Args:
        path: of the file, which is replaced.
        header: names of the columns.
        rows: cells of each line.
        digits: that matter in numbers with a fraction; None for all that there are.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="," if Path(path).suffix == ".csv" else "\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows([cell(value, digits) for value in row] for row in rows)


def write_frame(frame: Any, path: Path | str, digits: int | None = 6) -> None:
    """Write a DataFrame of pandas, without its index, as `write_table` does."""
    write_table(path, list(frame.columns), frame.itertuples(index=False, name=None), digits)


def cell(value: Any, digits: int | None = 6) -> Any:
    """What stands in a table for a value.

    >>> cell(0.1234567), cell(2.0, None), cell(float("nan")), cell(None), cell(3), cell("NAA")
    ('0.123457', 2.0, '', '', 3, 'NAA')
    """
    if value is None:
        return ""
    if not isinstance(value, float) and getattr(getattr(value, "dtype", None), "kind", "") != "f":
        return value
    if not math.isfinite(value):
        return ""
    return value if digits is None else f"{value:.{digits}g}"
