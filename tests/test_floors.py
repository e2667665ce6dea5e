"""The house stands: no floor imports a higher one, in the order that docs/design.md gives."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "src" / "spinsculpt"


def floors() -> dict[str, int]:
    """Number of the floor of each module or package, from the paragraph of docs/design.md."""
    text = (
        (REPOSITORY / "docs" / "design.md")
        .read_text()
        .split("## Parts")[1]
        .split("list (a test checks it)")[1]
        .split("|")[0]
    )
    return {name: level for level, floor in enumerate(text.split("→")) for name in re.findall(r"`(\w+)`", floor)}


def imports() -> list[tuple[str, str, str]]:
    """(importing part, imported part, file) of every import inside the package."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for other in re.findall(r"^\s*(?:from|import) spinsculpt\.(\w+)", path.read_text(), re.MULTILINE):
            if other != part:
                found.append((part, other, path.name))
    return found


def test_every_part_has_its_floor():
    parts = {
        path.name.removesuffix(".py")
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert parts - {"__init__"} == set(floors())


@pytest.mark.parametrize("part", sorted(floors()))
def test_no_floor_imports_a_higher_one(part):
    level = floors()
    above = [(other, file) for mine, other, file in imports() if mine == part and level[other] > level[part]]
    assert not above


def modules() -> dict[str, Path]:
    """File of every module of the package by its name."""
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a file imports at its top, as `import` runs them."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("spinsculpt"):
            found |= {full for name in node.names if (full := f"{node.module}.{name.name}") in known} or {node.module}
    return found & set(known)


def test_no_module_imports_itself_in_a_circle():
    known = modules()
    graph = {name: imported(path, known) for name, path in known.items()}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert set(order) == set(known)


def test_no_package_imports_a_private_module_of_another():
    """What others may use a package exports."""
    found = []
    for path in [*PACKAGE.rglob("*.py"), *(REPOSITORY / "workflow").rglob("*.py")]:
        own = ".".join(path.relative_to(PACKAGE).parent.parts) if path.is_relative_to(PACKAGE) else ""
        for other, _ in re.findall(
            r"^\s*(?:from|import) spinsculpt\.([\w.]+?)\.(_\w+)", path.read_text(), re.MULTILINE
        ):
            if not f"{own}.".startswith(f"{other}."):
                found.append(f"{path.name}: spinsculpt.{other}")
    assert not found


def test_every_colour_is_named_once():
    painted = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"#[0-9A-Fa-f]{6}\b", path.read_text())]
    assert painted == ["colours.py"]
