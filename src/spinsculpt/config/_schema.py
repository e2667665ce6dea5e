"""JSON Schema of sections, made from their classes; reading a configuration by it; its reference page."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from spinsculpt.config._config import describe, lay_over, validate
from spinsculpt.config._section import Section, Text, default_of, label_of, meaning_of, plain
from spinsculpt.config._study import Study
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import RANGES, check_numbers, read_yaml

S = TypeVar("S", bound=Section)


def parse(section: type[S], content: Mapping, where: str = "the configuration") -> S:
    """A section from the maps, lists and texts that a user wrote.

    Args:
        section: class of the section, `Study` of the whole configuration.
        content: as parsed from YAML.
        where: what to call it in messages, e.g. "config/config.yaml".
    Raises:
        SpinsculptError: one sentence for each mistake; an unknown key comes with the nearest valid key.
    """
    check_numbers(
        dict(content) if section is Study else {label_of(section): dict(content)}, where
    )  # says the range and its unit
    filled = validate(dict(content), schema_of(section), where)
    try:
        return section.of(filled)
    except SpinsculptError as error:
        raise SpinsculptError(f"{where}: {error}") from None


def read_study(paths: Iterable[Path | str]) -> Study:
    """Configuration files laid over one another as Snakemake does (maps are merged, lists replaced), then checked.

    Raises:
        SpinsculptError: a file is missing or no YAML map, or the whole is not sound.
    """
    whole: dict = {}
    for path in paths:
        content = read_yaml(path)
        if not isinstance(content, dict):
            raise SpinsculptError(f"{path}: a configuration is a map of keys; this is none.")
        whole = lay_over(whole, content)
    return parse(Study, whole)


def schema_of(section: type[Section] = Study) -> dict:
    """JSON Schema (draft 2020-12) of a section, without references."""
    return json.loads(_schema_of(section))


@cache
def _schema_of(section: type[Section]) -> str:
    (whole,), definitions = msgspec.json.schema_components([section], schema_hook=_of_text)
    for kind in _sections():
        if kind.__name__ in definitions:
            _complete(definitions[kind.__name__], kind)
    schema = _written_out(whole, definitions)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, ensure_ascii=False)


def _sections(of: type = Section) -> list[type[Section]]:
    return [each for below in of.__subclasses__() for each in (below, *_sections(below))]


def _of_text(kind: type) -> dict:
    if issubclass(kind, Text):
        return {"type": "string", "pattern": kind.PATTERN}
    raise NotImplementedError


def _complete(schema: dict, section: type[Section]) -> None:
    """Add what msgspec does not say: that other keys are wrong, the meaning of nested sections, their defaults."""
    schema.pop("title", None)
    schema["additionalProperties"] = False
    for each in fields(section):
        found = schema["properties"][each.name]
        if meaning := meaning_of(section, each.name):
            found["description"] = meaning
        found.pop("default", None)
        default = default_of(section, each.name)
        if default is not MISSING and not (section.OPEN and default is None):
            found["default"] = _short(plain(default, sparse=True))


def _short(value: Any) -> Any:
    """Numbers as one writes them: 2000, not 2000.0."""
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_short(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) >= 10 else value


def _written_out(schema: Any, definitions: Mapping[str, dict]) -> Any:
    """A schema with its references resolved, and unions of simple types and tuples of one type in their short form."""
    if isinstance(schema, list):
        return [_written_out(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {**found, **{name: each for name, each in schema.items() if name != "$ref"}}
    schema = {
        name: each if name in ("default", "enum", "required") else _written_out(each, definitions)
        for name, each in schema.items()
    }
    if items := schema.pop("prefixItems", None):
        schema["items"] = items[0]
    if "anyOf" in schema:
        *several, last = schema["anyOf"]
        if last == {"type": "null"} and len(several) == 1:
            (only,) = several
            only = {name: each for name, each in only.items() if name not in schema}
            schema.pop("anyOf")
            schema |= only
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
            else:
                schema["type"] = [schema["type"], "null"]
        elif all(set(each) == {"type"} for each in schema["anyOf"]):
            schema["type"] = [each["type"] for each in schema.pop("anyOf")]
    return schema


def entries_of(section: type[Section]) -> dict:
    """JSON Schema of a map of entries by name."""
    return {"type": "object", "additionalProperties": schema_of(section)}


def reference_page() -> str:
    """config/README.md: every key explained."""
    head = Path(__file__).with_name("reference.md").read_text()
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for key, default, description in describe(schema_of(Study)):
        lines.append(f"| `{key}` | {f'`{default}`' if default else ''} | {description.replace('|', '&#124;')} |")
    lines += [
        "",
        "## Numbers",
        "",
        "All numbers are finite. Those of these names (the last part of a key, in files of sequences and headers too)",
        "have a range that physics and hardware allow; any other lies between -1e12 and 1e12.",
        "",
    ]
    lines += ["| name | from | to | unit |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {low:.10g} | {high:.10g} | {unit} |" for name, (low, high, unit) in sorted(RANGES.items())]
    return head + "\n".join(lines) + "\n"
