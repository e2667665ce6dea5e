"""Pages that are made from the code at each build, so that they cannot go stale: commands and error messages."""

import ast
import os
import re
from pathlib import Path

from sphinx.application import Sphinx
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/spinsculpt"
STAGES = {  # heading of the page of errors: folders or modules below src/spinsculpt
    "Configuration and study": ("config", "app", "core/workflow"),
    "Raw files, tables of scans, BIDS": ("data",),
    "Preprocessing and quality": ("preprocess",),
    "Pulses and sequences": ("physics", "core/system"),
    "Basis sets and macromolecules": ("basis", "fit/macromolecules", "core/spectra"),
    "Fits": ("fit", "core/fslmrs"),
    "Designs": ("design",),
    "CEST and MT": ("cest",),
    "Comparison, figures, report": ("compare", "report", "core/plotting"),
}


def commands() -> str:
    """Every command with its arguments and options."""
    from spinsculpt.app.cli import app

    lines = ["# Commands", "", "Everything that `--help` prints, in one page.", ""]
    lines += _command("spinsculpt", get_command(app), 2)
    return "\n".join(lines) + "\n"


def _command(name: str, command: object, depth: int) -> list[str]:
    if children := getattr(command, "commands", None):
        return [line for child in sorted(children) for line in _command(f"{name} {child}", children[child], depth)]
    lines = [
        f"{'#' * depth} {name}",
        "",
        _cell(command.help),
        "",
        "| argument or option | default | meaning |",
        "|---|---|---|",
    ]
    for parameter in command.params:
        names = " / ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
        default = "required" if parameter.required else f"`{parameter.default}`"
        lines.append(f"| {names} | {default} | {_cell(getattr(parameter, 'help', ''))} |")
    return [*lines, ""]


def errors() -> str:
    """Every sentence with which the software refuses something, by stage; `…` stands for what it names."""
    found = {stage: [] for stage in STAGES} | {"Elsewhere": []}
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        fitting = [(len(part), stage) for stage, parts in STAGES.items() for part in parts if place.startswith(part)]
        stage = max(fitting, default=(0, "Elsewhere"))[1]
        found[stage] += _sentences(path)
    lines = [
        "# Error messages",
        "",
        "A message says what was wrong, where, and what to do. This is the list of all of them; `…` stands for what",
        "a message names (a file, a key, a number). A traceback is a bug: please report it.",
        "",
    ]
    found["The system, and packages that are not installed"] = _of_the_system()
    for stage, sentences in found.items():
        if sentences:
            lines += [f"## {stage}", "", *(f"- {sentence}" for sentence in dict.fromkeys(sentences)), ""]
    return "\n".join(lines) + "\n"


def _of_the_system() -> list[str]:
    """What `problem` says of errors that are not ours."""
    from spinsculpt.core.problems import _ADVICE, _EXTRAS, sentence_of

    errors = [OSError(code, os.strerror(code), "…") for code in _ADVICE]
    errors += [MemoryError(), *(ModuleNotFoundError(name=package) for package in _EXTRAS)]
    return [_cell(sentence_of(error)) for error in errors]


def _sentences(path: Path) -> list[str]:
    tree, found = ast.parse(path.read_text()), []
    for node in ast.walk(tree):
        raised = node.exc if isinstance(node, ast.Raise) else node
        ours = isinstance(raised, ast.Call) and getattr(raised.func, "id", "") == "SpinsculptError"
        if isinstance(raised, ast.Call) and raised.args and (ours or raised is not node):
            text = _text(raised.args[0])
            if len(re.sub(r"[…\W]", "", text)) > 8:
                found.append(_cell(text))
    return found


def _text(node: ast.expr) -> str:
    """The words of a string or f-string, with an ellipsis for each value."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body)} (or: {_text(node.orelse)})"
    return "…"


def _cell(text: str | None) -> str:
    """One line that is safe in a table and in Markdown."""
    flat = " ".join((text or "").split())
    return re.sub(r"([|<>*_\[\]`$#])", r"\\\1", flat)


def write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "reference/generated"
    folder.mkdir(exist_ok=True)
    for name, make in {"commands": commands, "errors": errors}.items():
        page, text = folder / f"{name}.md", make()
        if not page.is_file() or page.read_text() != text:
            page.write_text(text)


def plain(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Docstrings write |x|, F_ and (*grid, n), which reStructuredText would take for links and emphasis."""
    for number, line in enumerate(lines):
        parts = re.split(r"(`[^`]*`)", line)
        parts[::2] = [re.sub(r"(?<=\w)_(?!\w)", r"\\_", part.replace("|", r"\|")) for part in parts[::2]]
        parts[::2] = [re.sub(r"(?<!\\)\*(?=\w)(?!\w[^*]*\*)", r"\\*", part) for part in parts[::2]]
        lines[number] = "".join(parts)


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", write)
    app.connect("autodoc-process-docstring", plain)
    return {"parallel_read_safe": True}
