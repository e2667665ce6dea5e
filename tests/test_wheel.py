"""The wheel alone, in a folder of its own: commands and workflow come out of it."""

import os
import shutil
import subprocess
import sys

import pytest

from conftest import REPOSITORY


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with nothing but what the wheel brings."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("src", "workflow", "config", "envs", "profiles"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("Snakefile", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    built = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run(built, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True, capture_output=True)
    return folder / "site"


@pytest.fixture
def spinsculpt(installed, tmp_path):
    """Runs a command of the wheel in an empty folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        code = "from spinsculpt.app import cli; import sys; print(cli.__file__, file=sys.stderr); cli.main()"
        environment = os.environ | {"PYTHONPATH": str(installed)}
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.stderr.startswith(str(installed))
        return done

    return run


def test_the_workflow_of_the_wheel_plans_the_default_study_in_an_empty_folder(spinsculpt):
    done = spinsculpt("run", "--dry-run", "--quiet", "all")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_configuration_of_ones_own_reaches_the_workflow_of_the_wheel(spinsculpt, tmp_path):
    (tmp_path / "mine.yaml").write_text("fit: {bseline: spline}\n")
    done = spinsculpt("run", "--configfile", "mine.yaml", "--dry-run")
    assert done.returncode != 0 and "bseline" in done.stdout + done.stderr
    absent = spinsculpt("run", "--configfile", "yours.yaml")
    assert absent.returncode != 0 and "yours.yaml" in absent.stderr and "Traceback" not in absent.stderr


def test_the_commands_of_the_wheel_find_their_schemas(spinsculpt):
    done = spinsculpt("config")
    assert done.returncode == 0 and "echo_time" in done.stdout
