"""A job is run again when the code that it runs has changed, and no other job is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import REPOSITORY
from spinsculpt.core.workflow.code import PACKAGE, digest_code, list_code

SCRIPTS = REPOSITORY / "workflow/scripts"


def parts(script: str) -> set[str]:
    return {path.relative_to(PACKAGE).parts[0] for path in list_code(SCRIPTS / f"{script}.py")}


@pytest.mark.parametrize(
    ("script", "runs", "leaves"),
    [
        ("simulate_basis", {"basis", "physics"}, {"fit", "design", "compare", "report", "cest", "app"}),
        ("fit_scan", {"basis", "fit"}, {"design", "compare", "report", "cest", "app", "truth"}),
        ("convert_scan", {"data"}, {"basis", "fit", "design", "report", "cest"}),
        ("design_pulse", {"design", "physics"}, {"compare", "report", "cest", "app"}),
        ("write_report", {"report", "compare"}, {"cest", "app"}),
    ],
)
def test_a_stage_runs_its_own_code_and_not_that_of_later_stages(script, runs, leaves):
    found = parts(script)
    assert runs <= found
    assert not leaves & found


def test_what_is_imported_inside_a_function_or_by_name_counts():
    names = {path.relative_to(PACKAGE).as_posix() for path in list_code(SCRIPTS / "fit_scan.py")}
    assert {"fit/_solver.py", "config/_fit.py", "physics/spins/metabolites.yaml"} <= names


def test_the_digest_follows_each_file_and_nothing_else(tmp_path):
    package, script = tmp_path / "spinsculpt", tmp_path / "run.py"
    for name, text in {
        "__init__.py": "",
        "a/__init__.py": "from spinsculpt.a._one import f",
        "a/_one.py": "def f():\n    from spinsculpt import b",
        "a/table.yaml": "x: 1",
        "b.py": "",
        "c.py": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    script.write_text("from spinsculpt.a import f")

    def digest() -> str:  # each as a new run of Snakemake sees it
        code = "import sys; from spinsculpt.core.workflow.code import digest_code; print(digest_code(*sys.argv[1:]))"
        run = [sys.executable, "-c", code, str(script), str(package)]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout

    before = digest()
    (package / "c.py").write_text("1")
    assert digest() == before
    for name in ("a/__init__.py", "a/_one.py", "a/table.yaml", "b.py"):
        (package / name).write_text((package / name).read_text() + "\n# changed")
        assert digest() != before
        before = digest()


def test_every_rule_with_a_script_names_the_code_of_that_script():
    for path in (REPOSITORY / "workflow/rules").glob("*.smk"):
        text = path.read_text()
        named = [part.split('"')[0] for part in text.split('code_of("')[1:]]
        scripts = [part.split(".py")[0] for part in text.split('"../scripts/')[1:]]
        assert set(scripts) <= set(named), path.name
        assert all((SCRIPTS / f"{name}.py").is_file() for name in named)
        assert all(digest_code(SCRIPTS / f"{name}.py") for name in named)


@pytest.mark.xdist_group("workflow")
def test_a_changed_simulation_makes_snakemake_plan_its_stage_and_what_follows(tmp_path):
    """The real workflow on a copy of the package."""
    for name in ("src", "workflow", "config", "envs", "profiles"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(REPOSITORY / "Snakefile", tmp_path)
    target = "results/basis/press30.basis"

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "snakemake", target, *arguments, "--cores", "1", "--configfile"]
        command += [str(REPOSITORY / "tests/data/tiny.yaml")]
        environment = {"PYTHONPATH": str(tmp_path / "src")}
        done = subprocess.run(
            command, cwd=tmp_path, env=subprocess.os.environ | environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def append(name: str) -> None:
        path: Path = tmp_path / "src/spinsculpt" / name
        path.write_text(path.read_text() + "\n# changed\n")

    run()
    assert "Nothing to be done" in run("-n")
    append("fit/_solver.py")
    assert "Nothing to be done" in run("-n")
    append("basis/_simulate.py")
    planned = run("-n")
    assert "rule simulate_basis" in planned and "rule export_lcmodel" in planned
    assert "rule build_sequence" not in planned
