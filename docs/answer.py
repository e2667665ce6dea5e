"""Print the three best sequences and the two usual ones for README, from the tables of `make figures`.

python docs/answer.py | python docs/fill_tables.py --record answer --command "make figures && python docs/answer.py"
"""

import sys
from pathlib import Path

import pandas as pd
import yaml

TABLE = Path("results/compare/ranking.tsv")
USUAL = ("press30", "megapress")  # what most groups measure with


def main() -> None:
    if not TABLE.is_file():
        sys.exit(f"{TABLE} is not there; run `make figures` first.")
    table = pd.read_csv(TABLE, sep="\t")
    table = table[table.metabolite.eq("Gln/Glu")].sort_values("rmse", ignore_index=True)
    shown = table[(table.index < 3) | table.sequence.isin(USUAL)]
    print("rank\tsequence\terror of Gln/Glu (%)\t95 % interval\tCramér-Rao bound (%)")
    bounds = read_bounds()
    config = Path(__file__).resolve().parents[1] / "config/config.yaml"
    labels = yaml.safe_load(config.read_text())["figures"]["labels"]
    for place, row in shown.iterrows():
        interval = f"{row.low:.1f} to {row.high:.1f}"
        bound = f"{bounds.get(row.sequence, float('nan')):.1f}"
        cells = (
            f"{place + 1} of {len(table)}",
            labels.get(row.sequence, row.sequence),
            f"{row.rmse:.1f}",
            interval,
            bound,
        )
        print("\t".join(cells))


def read_bounds() -> dict[str, float]:
    """Cramér-Rao bound of Gln/Glu by sequence, from the table behind the figure."""
    table = pd.read_csv("results/figures/ranking.tsv", sep="\t")
    table = table[table.metabolite.eq("Gln/Glu")]
    return dict(zip(table.sequence, table.bound, strict=True))


if __name__ == "__main__":
    main()
