"""What all figures of a study share besides the look: one colour a sequence, and how they are written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from spinsculpt.config import Figures
from spinsculpt.core.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from spinsculpt.core.provenance import atomic_path
from spinsculpt.core.tables import write_frame


@dataclass(frozen=True)
class Style:
    """Names and colours that all figures of a study share.

    Attributes:
        colours: one a sequence (analysis).
        labels: what a sequence is called in figures.
        dpi: of the PNG.
    """

    colours: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    dpi: int = 200

    @classmethod
    def of_study(cls, settings: Figures, names: Iterable[str]) -> "Style":
        """Style of the section `figures`; sequences of `names` without a colour there take the free ones in order."""
        colours = dict(settings.colours)
        free = [c for c in (BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE, BLACK) if c not in colours.values()]
        for name in names:
            if name not in colours:
                colours[name] = free.pop(0) if free else GREY
        return cls(colours, settings.labels, settings.dpi)

    def colour(self, name: str) -> str:
        return self.colours.get(name, GREY)

    def label(self, name: str) -> str:
        return self.labels.get(name, name)

    def ordered(self, names: Iterable[str]) -> list[str]:
        """`names` without repeats, in the order of the colours (that of the config), unknown ones last."""
        rank = {name: i for i, name in enumerate(self.colours)}
        return sorted(dict.fromkeys(names), key=lambda name: rank.get(name, len(rank)))


def save(figure: Figure, stem: Path | str, style: Style, **tables: pd.DataFrame) -> list[Path]:
    """Write STEM.pdf, STEM.png and the drawn tables as STEM.tsv (`table=`) or STEM_NAME.tsv; close the figure.

    The PDF has no date in it, so that the same numbers give the same file.
    """
    stem = Path(stem)
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("pdf", "png")]
    for path, more in zip(paths, ({"metadata": {"CreationDate": None}}, {"dpi": style.dpi}), strict=True):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, **more)
    plt.close(figure)
    for name, table in tables.items():
        path = stem.with_name(f"{stem.name}.tsv" if name == "table" else f"{stem.name}_{name}.tsv")
        write_frame(table, path)
        paths.append(path)
    return paths
