"""Options of commands that are keys of the configuration: what `--help` says of them is what the study says."""

import re
from typing import Any

import typer

from spinsculpt.config import Section, choices_of, meaning_of


def of_key(
    section: type[Section], name: str, written: str = "", *, milliseconds: bool = False, given: bool = False
) -> Any:
    """An option with the meaning of a key.

    Args:
        section: whose key it is.
        name: of the key.
        written: how the command line writes it, e.g. "by commas", where that differs.
        milliseconds: the command takes ms where the key takes s.
        given: the option has a default of its own, which `--help` shows; what the key says of null is left out.
    """
    meaning, choices = meaning_of(section, name), choices_of(section, name)
    if not all(choice in meaning for choice in choices):
        written = ", ".join(choices[:-1]) + f" or {choices[-1]}" + (f"; {written}" if written else "")
    return typer.Option(help=in_words(meaning, written, milliseconds, given))


def in_words(meaning: str, written: str = "", milliseconds: bool = False, given: bool = False) -> str:
    """The meaning of a key as the help of an option.

    >>> in_words("length of the pulse in s; null is 0.014 for the analytic shapes", milliseconds=True)
    'length of the pulse in ms; without it 14 for the analytic shapes'
    >>> in_words("off or poly:ORDER; null for poly:2", given=True)
    'off or poly:ORDER'
    >>> in_words("range in ppm, [low, high]", "two numbers")
    'range in ppm, (low, high); two numbers'
    """
    if given:
        meaning = re.sub(r"[;,] (or )?null (is|for) [^;]*", "", meaning)
    meaning = re.sub(r"\bnull (is|for)\b", "without it", meaning).replace(", or null", "")
    meaning = re.sub(r"\[([a-z][^\]]*)\]", r"(\1)", meaning)  # which the screen takes for markup
    if milliseconds:
        meaning = re.sub(r"\bin s\b", "in ms", meaning)
        meaning = re.sub(r"\b0\.\d+\b", lambda number: f"{1e3 * float(number[0]):g}", meaning)
    return "; ".join(filter(None, [meaning, written]))
