"""Configuration: defaults, clear sentences, nearest keys."""

import pytest

from spinsculpt.config import nearest_name, validate
from spinsculpt.core.errors import SpinsculptError

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "basis": {
            "type": "object",
            "default": {},
            "additionalProperties": False,
            "properties": {"linewidth": {"type": "number", "default": 2.0, "description": "width in Hz"}},
        },
        "sequences": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"echo_time": {"type": "number", "default": 0.03}},
            },
        },
    },
}


def test_defaults_reach_nested_sections():
    filled = validate({"name": "a", "sequences": {"press": {}}}, SCHEMA)
    assert filled["basis"]["linewidth"] == 2.0
    assert filled["sequences"]["press"]["echo_time"] == 0.03


def test_the_original_is_left_alone():
    original = {"name": "a"}
    validate(original, SCHEMA)
    assert original == {"name": "a"}


def test_the_order_of_keys_does_not_matter():
    one = validate({"name": "a", "basis": {"linewidth": 1}}, SCHEMA)
    other = validate({"basis": {"linewidth": 1}, "name": "a"}, SCHEMA)
    assert repr(one) == repr(other)


def test_unknown_key_names_the_nearest_valid_key_and_the_file():
    with pytest.raises(SpinsculptError, match=r"my\.yaml: unknown key 'basis\.linewdth'; did you mean 'linewidth'"):
        validate({"name": "a", "basis": {"linewdth": 3}}, SCHEMA, "my.yaml")


def test_unknown_key_in_a_named_entry():
    with pytest.raises(SpinsculptError, match=r"'sequences\.press\.echotime'; did you mean 'echo_time'"):
        validate({"name": "a", "sequences": {"press": {"echotime": 0.03}}}, SCHEMA)


def test_missing_key_and_wrong_type_are_sentences():
    with pytest.raises(SpinsculptError, match="lacks the key 'name'"):
        validate({}, SCHEMA)
    with pytest.raises(SpinsculptError, match=r"basis\.linewidth: 'wide' is not of type 'number'.*width in Hz"):
        validate({"name": "a", "basis": {"linewidth": "wide"}}, SCHEMA)


def test_all_violations_are_listed_at_once():
    with pytest.raises(SpinsculptError) as error:
        validate({"basis": {"linewdth": 3}, "nmae": "a"}, SCHEMA)
    assert len(str(error.value).splitlines()) == 3


def test_nearest_name():
    assert "did you mean 'Glu'?" in nearest_name("Glx", ["Glu", "NAA"], "metabolite")
