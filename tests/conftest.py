"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real data and reference results of other programs; not part of the repository."""
    path = Path(os.environ.get("SPINSCULPT_SHARED", REPOSITORY.parent / "shared"))
    if not (path / "reference").is_dir():
        pytest.skip(f"no reference data at {path} (set SPINSCULPT_SHARED)")
    return path
