"""How many subjects a study needs: from the bounds of the separation table to sample sizes and minutes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from spinsculpt.config import nearest_name
from spinsculpt.core.errors import SpinsculptError

COLUMNS = ["sequence", "metabolite", "sd", "paired", "groups", "minutes"]
_MOST = 100_000  # subjects, above which nobody counts


def subjects_needed(effect: float, sd: float, groups: bool, power: float = 0.8, alpha: float = 0.05) -> int:
    """Smallest number of subjects (of each group) at which a two-sided t test sees an effect; 0 if none does.

    Power of the noncentral t distribution: of differences within subjects, or of the means of two equal groups.

    Args:
        effect: of the mean, in the units of `sd`.
        sd: of the differences, or of the values in a group.
        groups: two groups, else paired.
        power: probability to see the effect.
        alpha: probability to see one that is not there.

    >>> subjects_needed(1.0, 1.0, groups=True), subjects_needed(1.0, 1.0, groups=False)
    (17, 10)
    """
    from scipy.stats import nct, t  # takes longer to import than most tables to make

    if not np.isfinite(sd):
        return 0

    def reached(count: int) -> float:
        freedom = 2 * (count - 1) if groups else count - 1
        shift = effect / sd * np.sqrt(count / 2 if groups else count)
        limit = t.ppf(1 - alpha / 2, freedom)
        return float(nct.sf(limit, freedom, shift) + nct.cdf(-limit, freedom, shift))

    low, high = 1, 2
    while reached(high) < power:
        low, high = high, 2 * high
        if high > _MOST:
            return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    return high


def power_table(
    separation: pd.DataFrame,
    sequences: Sequence[str] = (),
    effect: float = 10.0,
    snr: float | None = None,
    between: float = 15.0,
    within: float = 0.0,
    minutes: float = 128 * 2 / 60,
    bound: float = 10.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Subjects and minutes by sequence and metabolite, under the first assumption of a separation table.

    The SD of a measurement is its Cramer-Rao bound: what an unbiased fit reaches at best. It goes with 1 / SNR.

    Args:
        separation: compare/separation.tsv.
        sequences: analyses to list; all that can be played when empty.
        effect: change to see in % of the value.
        snr: signal-to-noise ratio of the first analysis, as compare.noise says it; that of the table when None.
        between: coefficient of variation between subjects in %.
        within: of one subject between two days in %, beside the noise.
        minutes: scan time at which `snr` holds.
        bound: CRLB in % whose scan time is asked for.
        power, alpha: of a two-sided t test.
    Returns:
        Columns COLUMNS: SD of one measurement in %, subjects paired and in each of two groups (0: more than 100,000),
        minutes for the bound.
    """
    rows = separation[separation["metric"].isin(["CRLB", "ratio SD"]) & separation["value"].notna()]
    if rows.empty:
        raise SpinsculptError("The table holds no bounds (rows of CRLB with a value), so nothing follows from it.")
    known = list(dict.fromkeys(rows["sequence"]))
    for name in sequences:
        if name not in known:
            raise SpinsculptError(nearest_name(name, known, "sequence"))
    settings = {"effect": effect, "between": between, "within": within, "minutes": minutes, "bound": bound}
    settings |= {"power": power, "alpha": alpha} | ({} if snr is None else {"snr": snr})
    may_vanish = ("between", "within")
    for name, value in settings.items():
        if not (np.isfinite(value) and (value > 0 or (name in may_vanish and value == 0))):
            raise SpinsculptError(f"{name} is {value:g}; it must be {'at least' if name in may_vanish else 'above'} 0.")
    if not (power < 1 and alpha < 1):
        raise SpinsculptError(f"power {power:g} and alpha {alpha:g} must be below 1.")
    nearest = min(rows["t2_scale"].unique(), key=lambda scale: abs(scale - 1))
    first = rows.iloc[0]
    rows = rows[
        (rows["baseline"] == first["baseline"])
        & (rows["macromolecules"] == first["macromolecules"])
        & (rows["t2_scale"] == nearest)
    ]
    stated = separation.loc[separation["metric"] == "reference SNR", "value"]
    if snr is not None and stated.empty:
        raise SpinsculptError("The table does not say its SNR; make it again, or leave out the SNR.")
    scale = 1.0 if snr is None else float(stated.iloc[0]) / snr
    found = []
    for row in rows[rows["sequence"].isin(list(sequences) or _played(separation, known))].itertuples():
        sd = row.value * scale
        paired = np.sqrt(2 * (sd**2 + within**2))
        group = np.sqrt(sd**2 + within**2 + between**2)
        found.append(
            {
                "sequence": row.sequence,
                "metabolite": row.metabolite,
                "sd": sd,
                "paired": subjects_needed(effect, paired, False, power, alpha),
                "groups": subjects_needed(effect, group, True, power, alpha),
                "minutes": minutes * (sd / bound) ** 2,
            }
        )
    return pd.DataFrame(found, columns=COLUMNS)


def _played(separation: pd.DataFrame, known: list[str]) -> list[str]:
    ideal = separation[(separation["metric"] == "playable") & (separation["value"] == 0)]["sequence"]
    return [name for name in known if name not in set(ideal)] or known
