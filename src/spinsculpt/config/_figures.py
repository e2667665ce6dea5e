"""Section `figures` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from spinsculpt.config._section import Interval, Names, Section, key, mapping


@dataclass(frozen=True, kw_only=True)
class Figures(Section):
    """The look of the figures and the report."""

    designs: Annotated[
        Names, key("designs to draw and tabulate besides those that the compared sequences play", unique=True)
    ] = ()
    dpi: Annotated[int, key("resolution of the PNG files in dots an inch", ge=50, le=1200)] = 200
    colours: Annotated[
        dict[str, Annotated[str, Meta(pattern="^#[0-9A-Fa-f]{6}$")]],
        key(
            "colours of analyses and designs, by name; others take the free ones of the palette of Okabe and Ito "
            "in order"
        ),
    ] = mapping()
    labels: Annotated[dict[str, str], key("what analyses and designs are called in figures, by name")] = mapping()
    spectra_ppm: Annotated[Interval, key("range in ppm of the figure of the pair's spectra, [low, high]")] = (1.8, 4.0)
    title: Annotated[str, key("title of the report")] = "Which sequence separates glutamate from glutamine?"
