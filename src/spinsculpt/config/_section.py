"""What every part of a study is: a frozen data class whose keys say type, range, default and meaning, each once.

However a section is made (from YAML, by the command line, in Python) the same check runs, so numbers are finite and in
the range of their key, texts are of those that are allowed, and lists become tuples.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import check_numbers

Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Names = tuple[str, ...]
Interval = tuple[float, float]  # [low, high]


def key(meaning: str, unique: bool = False, **bounds: Any) -> Meta:
    """What stands beside the type of a key: its meaning, and bounds of its value (`gt`, `min_length`, ...)."""
    return Meta(description=meaning, extra_json_schema={"uniqueItems": True} if unique else None, **bounds)


class Text:
    """Base of small values that a configuration writes as a text, such as a baseline."""

    PATTERN = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """The value that a text stands for; `str` gives the text back.

        Raises:
            SpinsculptError: it stands for none.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section or an entry of the configuration.

    Where `OPEN`, a key that is left out stays out of what `plain` writes.
    """

    OPEN = False

    def __post_init__(self):
        for name, (annotation, meaning) in _keys(type(self)).items():
            value = _bare(getattr(self, name))
            where = f"{label_of(type(self))}.{name}"
            try:
                typed = msgspec.convert(value, annotation, dec_hook=_from_text)
            except msgspec.ValidationError as error:
                reason, _, place = str(error).partition(" - at `$")
                where += place.rstrip("`")
                raise SpinsculptError(
                    f"{where}: {reason}." + (f" It should be: {meaning}" if meaning else "")
                ) from None
            check_numbers({label_of(type(self)): {name: typed}}, "the settings")
            object.__setattr__(self, name, typed)

    @classmethod
    def of(cls, content: Mapping) -> Self:
        """The section that `plain` wrote down.

        Raises:
            SpinsculptError: it is none of this kind.
        """
        try:
            return msgspec.convert(dict(content), cls, dec_hook=_from_text)
        except msgspec.ValidationError as error:
            raise SpinsculptError(re.sub(r" - at `\$[^`]*`$", "", str(error))) from None

    def but(self, **changes: Any) -> Self:
        """This section with some of its keys changed."""
        return replace(self, **changes)


def label_of(section: type[Section]) -> str:
    """What messages call a section: "basis", "sequence"."""
    return section.__name__.removesuffix("Entry").removesuffix("Model").lower()


def mapping(**content: Any) -> Any:
    """The default of a key that holds a map."""
    return field(default_factory=lambda: dict(content))


def text(value: Any) -> Any:
    """The default of a key that is a `Text` or holds one, which msgspec cannot write into a schema."""
    return field(default_factory=lambda: value)


def plain(value: Any, sparse: bool = False) -> Any:
    """A section as maps, lists, texts and numbers, to be written or compared; `sparse` leaves defaults out.

    >>> plain((1, 2.5))
    [1, 2.5]
    """
    if is_dataclass(value):
        held = {each.name: getattr(value, each.name) for each in fields(value)}
        if value.OPEN:
            held = {name: each for name, each in held.items() if each is not None}
        kept = {name: each for name, each in held.items() if not sparse or each != default_of(type(value), name)}
        return {name: plain(each, sparse) for name, each in kept.items()}
    if isinstance(value, Mapping):
        return {name: plain(each, sparse) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, sparse) for each in value]
    return str(value) if isinstance(value, Text) else value


def default_of(section: type[Section], name: str) -> Any:
    """The default of a key, `dataclasses.MISSING` of one that must be given."""
    found = next(each for each in fields(section) if each.name == name)
    return found.default if found.default_factory is MISSING else found.default_factory()


def meaning_of(section: type[Section], name: str) -> str:
    """What a key means, as its one description says."""
    return _keys(section)[name][1]


def choices_of(section: type[Section], name: str) -> tuple[str, ...]:
    """The texts that a key may hold, where it may hold no other; else none."""
    bare = getattr(_keys(section)[name][0], "__origin__", _keys(section)[name][0])
    inner = [bare, *get_args(bare)]
    return next((get_args(each) for each in inner if get_origin(each) is Literal), ())


@cache
def _keys(section: type[Section]) -> dict[str, tuple[Any, str]]:
    """Type and meaning of every key."""
    hints = get_type_hints(section, include_extras=True)
    return {each.name: (hints[each.name], _meaning(hints[each.name])) for each in fields(section)}


def _meaning(hint: Any) -> str:
    """Of an annotated key; of a section, what it says of itself."""
    if hasattr(hint, "__metadata__"):
        return next((each.description for each in hint.__metadata__ if each.description), "")
    first = " ".join((hint.__doc__ or "").split()).rstrip(".")
    return first[:1].lower() + first[1:] if is_dataclass(hint) else ""


def _from_text(kind: type, value: object) -> object:
    if isinstance(value, kind):
        return value
    if issubclass(kind, Text) and isinstance(value, str | Text):
        return kind.of(str(value))
    raise ValueError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def _bare(value: Any) -> Any:
    """Numbers of numpy and paths as what a configuration would hold."""
    if isinstance(value, PurePath):
        return str(value)
    if type(value).__module__ == "numpy":
        return value.tolist()
    if isinstance(value, list | tuple):
        return type(value)(map(_bare, value)) if type(value) in (list, tuple) else tuple(map(_bare, value))
    return {name: _bare(each) for name, each in value.items()} if isinstance(value, Mapping) else value
