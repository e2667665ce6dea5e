"""Fixtures that all tests share."""

import lzma
import os
import shutil
import sys
from itertools import chain
from pathlib import Path

import pytest

# Two processes test side by side: more threads than cores only wait for each other. Before numpy is imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

REPOSITORY = Path(__file__).resolve().parent.parent
REFERENCE = REPOSITORY / "tests" / "reference"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that share a fixture of their module run in the process that made it."""
    for item in items:
        fixtures = chain.from_iterable(item._fixtureinfo.name2fixturedefs.values())
        if not item.get_closest_marker("xdist_group") and any(fixture.scope == "module" for fixture in fixtures):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


@pytest.fixture(scope="session", autouse=True)
def forks():
    """spec2nii runs in forks, as it does in the workflow (a new Python for each scan takes most of a second)."""
    if not sys.platform.startswith("linux"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch, open(os.devnull, "w") as nobody:
        patch.setattr("spinsculpt.core.workflow.warm._mouth", nobody.fileno())
        yield


@pytest.fixture(scope="session")
def evidence(tmp_path_factory) -> Path:
    """Real scans (`data`) and other programs' results (`results`) under their own names: tests/reference/README.md."""
    folder = tmp_path_factory.mktemp("evidence")
    for path in REFERENCE.rglob("*"):
        copy = folder / path.relative_to(REFERENCE)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".xz":
            copy.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
        else:
            copy.symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def megapress() -> Path:
    """A real MEGA-PRESS scan under the GPL, hence not in the repository."""
    folder = Path(os.environ.get("SPINSCULPT_SHARED", REPOSITORY.parent / "shared"))
    name = "spant_mpress_drift_40dyn.nii.gz"
    for path in (REPOSITORY / "data/example" / name, folder / "data/philips_megapress" / name):
        if path.is_file():
            return path
    pytest.skip("the real MEGA-PRESS scan is under the GPL and not here: snakemake --cores 1 fetch_megapress")


@pytest.fixture
def no_pages(monkeypatch):
    """The picture of a scan takes longer than its cleaning: tests of the workflow draw it, others need not."""
    monkeypatch.setattr("spinsculpt.preprocess._picture.draw_page", lambda *arguments: None)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder in which the whole chain has run. Here, not in a module: who imports it would run it again."""
    from snakefile import snakemake

    folder = tmp_path_factory.mktemp("chain")
    status, text = snakemake(folder)
    assert status == 0, text
    return folder


@pytest.fixture
def spoilable(finished, tmp_path) -> Path:
    """A copy of the finished folder that a test may change; modification times are kept."""
    return shutil.copytree(finished, tmp_path / "copy", symlinks=True)
