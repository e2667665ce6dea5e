"""Validate the configuration before anything runs: JSON schema, defaults, and the nearest valid key for a typo."""

import copy
import json
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import check_nesting, check_numbers


def workflow_folder() -> Path:
    """Where Snakefile, config/ and workflow/ are: in the installed package, or at the top of the checkout.

    Raises:
        SpinsculptError: neither is there.
    """
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "_workflow", here.parents[1]):
        if (folder / "Snakefile").is_file() and (folder / "workflow/rules").is_dir():
            return folder
    raise SpinsculptError(f"{here} holds no workflow; install spinsculpt anew, from a wheel or from its repository.")


def default_config() -> Path:
    """The configuration that others are laid over, as the Snakefile does."""
    return workflow_folder() / "config/config.yaml"


def lay_over(below: dict, above: dict) -> dict:
    """A configuration laid over another as Snakemake does: maps are merged, lists replaced.

    >>> lay_over({"fit": {"starts": 3, "ppm": [0.2, 4.2]}}, {"fit": {"ppm": [1, 4]}})
    {'fit': {'starts': 3, 'ppm': [1, 4]}}
    """
    merged = {
        key: lay_over(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return below | merged


def validate(content: dict, schema: dict, where: str = "the configuration") -> dict:
    """Check `content` against a JSON schema and fill in the defaults.

    Args:
        content: parsed YAML or one row of a table.
        schema: JSON schema (draft 2020-12).
        where: what to call it in messages, e.g. "config/config.yaml".
    Returns:
        A deep copy of `content` with the schema's defaults filled in.
    Raises:
        SpinsculptError: one sentence for each violation; an unknown key comes with the nearest valid key.
    """
    from jsonschema import Draft202012Validator  # takes longer to import than a job of one scan should wait

    check_nesting(content, where)
    content = _with_defaults(copy.deepcopy(content), schema)
    errors = sorted(Draft202012Validator(schema).iter_errors(content), key=lambda error: list(map(str, error.path)))
    if errors:
        raise SpinsculptError("\n".join(f"{where}: {sentence}" for error in errors for sentence in _explain(error)))
    check_numbers(content, where)
    return content


def _with_defaults(content: object, schema: dict) -> object:
    if isinstance(content, dict):
        for key, sub in schema.get("properties", {}).items():
            if key not in content and "default" in sub:
                content[key] = copy.deepcopy(sub["default"])
            if key in content:
                # In the order of the schema, so that the order in which a user writes keys recomputes nothing.
                content[key] = _with_defaults(content.pop(key), sub)
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            for key in [key for key in content if key not in schema.get("properties", {})]:
                content[key] = _with_defaults(content[key], additional)
    elif isinstance(content, list) and isinstance(schema.get("items"), dict):
        content = [_with_defaults(item, schema["items"]) for item in content]
    elif isinstance(content, str):
        content = _typed(content, schema)
    return content


def _typed(text: str, schema: dict) -> object:
    """What a text means where the schema wants a number or a switch: `--config "key={inner: 1.5}"` hands on texts."""
    wanted = schema.get("type", ())
    wanted = {wanted} if isinstance(wanted, str) else set(wanted)
    if not wanted or "string" in wanted:
        return text
    if text.lower() in ("true", "false") and "boolean" in wanted:
        return text.lower() == "true"
    if text.lower() in ("null", "none") and "null" in wanted:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if "integer" in wanted and number.is_integer() else number if "number" in wanted else text


def _explain(error) -> list[str]:
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return [_unknown_key(".".join(filter(None, [place, str(key)])), str(key), known) for key in unknown]
    if error.validator in ("oneOf", "anyOf") and error.context:
        best = max(error.context, key=lambda sub: len(sub.absolute_path))
        if len(best.absolute_path) > len(error.absolute_path):
            return _explain(best)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [f"{place or 'the top level'} lacks the key '{key}'; add it." for key in missing]
    hint = error.schema.get("description")
    return [f"{place or 'the top level'}: {error.message}." + (f" It should be: {hint}" if hint else "")]


def _unknown_key(path: str, key: str, known: list[str]) -> str:
    nearest = _near(key, known, 0.5)
    if nearest:
        return f"unknown key '{path}'; did you mean '{nearest[0]}'?"
    return f"unknown key '{path}'; valid keys here are {', '.join(sorted(known))}."


def nearest_name(name: str, known: list[str], what: str) -> str:
    """A sentence that says that `name` is no known `what`, with the nearest known one.

    >>> nearest_name("pres30", ["press30", "megapress"], "sequence")
    "unknown sequence 'pres30'; did you mean 'press30'?"
    """
    nearest = _near(name, known, 0.4)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are {', '.join(known)}."
    return f"unknown {what} '{name}'; {hint}"


def _near(name: str, known: list[str], cutoff: float) -> list[str]:
    from difflib import get_close_matches  # mistakes alone need it

    return get_close_matches(name, known, n=1, cutoff=cutoff)


def describe(schema: dict, prefix: str = "") -> list[tuple[str, str, str]]:
    """Every key of a schema as (dotted key, default, description), in order; `*` stands for a name of one's choice."""
    rows = []
    for key, sub in schema.get("properties", {}).items():
        default = "required" if key in schema.get("required", ()) else ""
        if "default" in sub:
            default = json.dumps(sub["default"], ensure_ascii=False)
        rows.append((prefix + key, "" if default == "{}" else default, sub.get("description", "")))
        rows += describe(sub, f"{prefix}{key}.")
    if isinstance(schema.get("additionalProperties"), dict):
        rows += describe(schema["additionalProperties"], f"{prefix}*.")
    return rows
