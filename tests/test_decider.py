"""One decider: each key, default and fact of the configuration is in one place, and every door builds the same."""

import ast
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from spinsculpt import config as study
from spinsculpt.config import Section, default_of, plain

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "src/spinsculpt"
HOLDERS = {"config", "study", "section", "settings", "entry", "basis_section", "fit_section"}
# Maps of another file: entries of the library of metabolites.
OTHERS = {"physics/spins/_library.py"}


study.Study  # noqa: B018 (imports every section)


def sections(of: type = Section) -> list[type[Section]]:
    return [
        each
        for below in of.__subclasses__()
        for each in (below, *sections(below))
        if "spinsculpt.config" in each.__module__
    ]


def keys() -> set[str]:
    return {each.name for section in sections() for each in fields(section)}


def files() -> dict[str, ast.Module]:
    sources = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "config"]
    sources += sorted((REPOSITORY / "workflow/scripts").glob("*.py"))
    return {
        str(path.relative_to(PACKAGE) if path.is_relative_to(PACKAGE) else path.name): ast.parse(path.read_text())
        for path in sources
    }


def root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_no_key_of_the_configuration_is_read_by_its_text():
    known, found = keys(), []
    for name, tree in files().items():
        for node in ast.walk(tree) if name not in OTHERS else ():
            text = node.slice if isinstance(node, ast.Subscript) else None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                text, node = (node.args or [None])[0], node.func
            if isinstance(text, ast.Constant) and text.value in known and last(node.value) in HOLDERS:
                found.append(f"{name}:{node.lineno} {ast.unparse(node)}")
    assert not found


def test_no_function_takes_a_map_for_a_section():
    found = []
    for name, tree in files().items():
        for node in ast.walk(tree) if name not in OTHERS else ():
            if isinstance(node, ast.arg) and node.arg in HOLDERS and node.annotation:
                written = ast.unparse(node.annotation)
                if written in ("Mapping", "dict") or written.startswith(("Mapping[str, Mapping", "dict[str, dict")):
                    found.append(f"{name}:{node.lineno} {node.arg}: {written}")
    assert not found


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_a_section_survives_being_written_and_says_what_each_key_means(section):
    for each in fields(section):
        assert study.meaning_of(section, each.name), f"{section.__name__}.{each.name} has no meaning"
    if all(default_of(section, each.name) is not MISSING for each in fields(section)):
        assert section.of(plain(section())) == section()


def test_the_command_line_takes_its_defaults_from_the_study():
    """An option that is called like a key has no default of its own: no number or text stands in the command."""
    known, found = keys(), []
    for path in sorted((PACKAGE / "app/cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())) if f"app/cli/{path.name}" not in OTHERS else ():
            if not isinstance(node, ast.FunctionDef) or not node.name.endswith("_command"):
                continue
            options = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            for option, default in zip(options, node.args.defaults, strict=True):
                own = isinstance(default, ast.Constant) and default.value not in (None, "", True, False)
                if own and option.arg in known:
                    found.append(f"{path.name} {option.arg}={default.value!r}")
    assert not found


@pytest.mark.parametrize("command", ["_basis", "_export", "_fit", "_protocol"])
def test_the_command_line_takes_its_words_from_the_study(command):
    """A number or text of a command that is a key of the study says what the key says; files are the command's own."""
    own = {"sequence", "te2"}  # a kind or a file; TE2 is TE less TE1
    tree = ast.parse((PACKAGE / f"app/cli/{command}.py").read_text())
    main = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name.endswith("_command"))
    options = {each.arg: ast.unparse(each.annotation) for each in main.args.args if each.arg in keys() - own}
    told = {name: said for name, said in options.items() if "Path" not in said and "[bool" not in said}
    assert len(told) > 1
    assert all("of_key(" in said for said in told.values()), told


def test_no_function_repeats_a_default_of_the_study():
    """A parameter that is called like a key, with a number of its own, would be a second default."""
    known = {
        each.name: default_of(section, each.name)
        for section in sections()
        for each in fields(section)
        if isinstance(default_of(section, each.name), float | int)
        and not isinstance(default_of(section, each.name), bool)
    }
    assert len(known) > 50
    found = []
    for name, tree in files().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (
                name.startswith(
                    (
                        "fit/_files",
                        "compare/_files",
                        "preprocess/_scan",
                        "design/_run",
                        "data/convert/_convert",
                        "basis/_simulate",
                        "physics/sequences/_config",
                        "truth/scanner",
                    )
                )
            ):
                options = node.args.args[len(node.args.args) - len(node.args.defaults) :]
                for option, default in zip(options, node.args.defaults, strict=True):
                    if isinstance(default, ast.Constant) and isinstance(default.value, float) and option.arg in known:
                        found.append(f"{name} {node.name}({option.arg}={default.value})")
    assert not found
