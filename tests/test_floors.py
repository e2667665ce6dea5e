"""The house stands: no floor imports a higher one, in the order that docs/design.md gives."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "src" / "spinsculpt"


def floors() -> dict[str, int]:
    """Number of the floor of each module or package, from the paragraph of docs/design.md."""
    text = (REPOSITORY / "docs" / "design.md").read_text().split("## Floors")[1].split("Only `")[0]
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
