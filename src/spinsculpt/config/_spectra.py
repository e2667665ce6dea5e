"""Schemes of shots and what is combined from them: the one place that a new way of editing is taught in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """Shots that alternate in one scan.

    Attributes:
        shots: their names, those of the conditions along DIM_EDIT in lower case.
        combinations: sub-spectra that are made of them, as weights of the shots.
        edited: whether shots differ by editing alone, so that what it leaves alone aligns them; those of a designed
            pair share nothing.
    """

    shots: tuple[str, ...]
    combinations: Mapping[str, Mapping[str, float]]
    edited: bool = True


PAIR = ("a", "b")  # the shots of a design that has two
SCHEMES = (
    Scheme(("on", "off"), {"diff": {"on": 0.5, "off": -0.5}, "sum": {"on": 0.5, "off": 0.5}}),
    Scheme(PAIR, {}, edited=False),
    Scheme(  # Hadamard: both edited, the first, the second, none (HERMES); HERCULES alike
        ("a", "b", "c", "d"),
        {
            "gaba": {"a": 0.25, "b": 0.25, "c": -0.25, "d": -0.25},
            "gsh": {"a": 0.25, "b": -0.25, "c": 0.25, "d": -0.25},
            "sum": {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25},
        },
    ),
)
COMBINED = frozenset(name for scheme in SCHEMES for name in scheme.combinations)
DIFFERENCES = frozenset(  # a difference has no whole singlets
    name for scheme in SCHEMES for name, weights in scheme.combinations.items() if min(weights.values()) < 0
)


def combinations_of(shots: Iterable[str]) -> Mapping[str, Mapping[str, float]]:
    """What is combined from shots of those names, in any order.

    >>> list(combinations_of(["off", "on"]))
    ['diff', 'sum']
    >>> combinations_of(["a", "b"])
    {}
    """
    names = set(shots)
    return next((scheme.combinations for scheme in SCHEMES if set(scheme.shots) == names), {})
