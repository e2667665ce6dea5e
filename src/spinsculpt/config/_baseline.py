"""The baseline of a fit: the one place that reads its text."""

import re
from typing import Self

from spinsculpt.config._section import Text
from spinsculpt.core.errors import SpinsculptError


class Baseline(Text):
    """What a fit lets the baseline be.

    Attributes:
        kind: "average" (over many models), "off", "poly" (complex polynomial) or "spline" (penalised).
        number: order of the polynomial, or effective degrees of freedom of the spline per ppm; None where the kind has
            none, and for a spline whose stiffness Akaike's criterion chooses.

    >>> Baseline.of("poly:2")
    Baseline('poly:2')
    >>> Baseline.of("spline:5").number
    5.0
    >>> Baseline("spline") == Baseline.of("spline")
    True
    """

    PATTERN = r"^(average|off|poly:[0-9]+|spline(:[0-9]*\.?[0-9]+)?)$"
    __slots__ = ("kind", "number")

    def __init__(self, kind: str, number: float | None = None):
        self.kind, self.number = kind, number
        match kind, number:
            case ("average" | "off" | "spline", None):
                return
            case ("poly", int()) if number >= 0:
                return
            case ("spline", int() | float()) if number > 0:
                return
        raise _unknown(f"{kind}:{number}")

    @classmethod
    def of(cls, text: str) -> Self:
        """The baseline that a text of the configuration names: average, off, poly:ORDER, spline or spline:STIFFNESS."""
        if not re.fullmatch(cls.PATTERN, text):
            raise _unknown(text)
        kind, _, number = text.partition(":")
        return cls(kind, (int if kind == "poly" else float)(number) if number else None)

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}:{self.number:g}"

    def __repr__(self) -> str:
        return f"Baseline({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baseline) and (self.kind, self.number) == (other.kind, other.number)

    def __hash__(self) -> int:
        return hash((self.kind, self.number))


class OneBaseline(Baseline):
    """A baseline under which a bound can be predicted: no average, and a spline of known stiffness."""

    PATTERN = r"^(off|poly:[0-9]+|spline:[0-9]*\.?[0-9]+)$"
    __slots__ = ()


def _unknown(text: str) -> SpinsculptError:
    return SpinsculptError(f"fit: baseline must be average, off, poly:ORDER, spline or spline:STIFFNESS, not {text!r}.")
