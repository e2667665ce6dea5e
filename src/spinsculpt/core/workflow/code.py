"""Which code a job runs, as one short text: Snakemake runs a job again when it changes, as for any other parameter.

Snakemake itself compares the script of a rule, but not the package that the script calls. So each rule has the digest
of every file of the package that its script imports, directly or through others, with the tables in their folders.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
# Imports inside functions count, too: what a job may import, it may run.
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(spinsculpt[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)|import[ \t]+(spinsculpt[\w.]*))",
    re.MULTILINE,
)
_TABLES = (".yaml", ".json", ".html", ".md", ".css", ".js", ".seq")


def digest_code(script: Path | str, package: Path | str = PACKAGE) -> str:
    """Digest of the code that a script of a rule runs.

    Args:
        script: file of workflow/scripts.
        package: folder of the package `spinsculpt`.
    Returns:
        12 hexadecimal digits, which change when the text of any file changes that the script imports, directly or not,
        or of a table in the folder of such a file.
    """
    found = hashlib.sha256()
    for path in sorted(list_code(Path(script), Path(package))):
        found.update(str(path.relative_to(package)).encode() + b"\0" + _digest(path))
    return found.hexdigest()[:12]


def digest_script(folder: Path, name: str) -> str:
    """`digest_code` of workflow/scripts/NAME.py below the folder of the Snakefile."""
    return digest_code(folder / f"workflow/scripts/{name}.py")


def list_code(script: Path, package: Path = PACKAGE) -> set[Path]:
    """Files of the package that a script imports, directly or through others, and the tables beside them."""
    reached, waiting = set(), set(_imported(script, package))
    while waiting:
        path = waiting.pop()
        reached.add(path)
        if path != package / "__init__.py":  # it offers the notebook, which no job asks for
            waiting |= _imported(path, package) - reached
    tables = {path for folder in {path.parent for path in reached} for path in _tables(folder)}
    return reached | tables


@cache
def _imported(path: Path, package: Path) -> frozenset[Path]:
    names, text = set(), path.read_text(encoding="utf-8")
    if path.name == "__init__.py" and "import_module(" in text:  # it imports its own modules by name, when asked
        return frozenset(path.parent.glob("*.py")) | {package / "__init__.py"}
    for module, items, alone in _IMPORT.findall(text):
        names.add(module or alone)
        names |= {f"{module}.{name.split(' as ')[0].strip()}" for name in items.strip("() \n").split(",") if module}
    return frozenset(file for name in names for file in _files(name, package))


def _files(name: str, package: Path) -> Iterator[Path]:
    """The file of a module and the __init__ files on the way to it; nothing for a name that is no module."""
    place = package
    yield place / "__init__.py"
    for part in name.split(".")[1:]:
        place = place / part
        if place.with_suffix(".py").is_file():
            yield place.with_suffix(".py")
            return
        if not (place / "__init__.py").is_file():
            return
        yield place / "__init__.py"


@cache
def _tables(folder: Path) -> frozenset[Path]:
    return frozenset(path for path in folder.iterdir() if path.suffix in _TABLES)


@cache
def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
