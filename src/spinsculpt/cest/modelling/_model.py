"""What a voxel is made of: the parameters of the pools, in one order for all engines."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spinsculpt.core.errors import SpinsculptError

# name: (unit, default, meaning). Fractions are proton fractions relative to water (M0 of water = 1).
PARAMETERS = {
    "B1": ("", 1.0, "B1 actually there over nominal B1"),
    "B0": ("ppm", 0.0, "shift of all pools by the static field"),
    "T1": ("s", 1.3, "T1 of water"),
    "T2": ("s", 0.08, "T2 of water"),
    "fs": ("", 0.0, "proton fraction of the solute (amide, amine)"),
    "ksw": ("1/s", 100.0, "exchange rate from the solute to water"),
    "T1s": ("s", 1.3, "T1 of the solute"),
    "T2s": ("s", 0.001, "T2 of the solute"),
    "shift_s": ("ppm", 3.5, "chemical shift of the solute relative to water"),
    "fss": ("", 0.0, "proton fraction of the semisolid pool"),
    "kssw": ("1/s", 40.0, "exchange rate from the semisolid pool to water"),
    "T1ss": ("s", 1.3, "T1 of the semisolid pool"),
    "T2ss": ("s", 40e-6, "T2 of the semisolid pool"),
    "shift_ss": ("ppm", -2.5, "chemical shift of the semisolid pool relative to water"),
}
NAMES = tuple(PARAMETERS)
LINES = ("lorentzian", "super-lorentzian")


@dataclass(frozen=True)
class Model:
    """Which pools exchange with water.

    Attributes:
        solute: whether there is a CEST pool.
        semisolid: line of the semisolid pool: "lorentzian" (a pool with x, y and z), "super-lorentzian" (a pool with z
            only, saturated at the rate pi w1^2 g), or "" for none.
        field: static field in T.
    """

    solute: bool = True
    semisolid: str = ""
    field: float = 3.0

    def __post_init__(self) -> None:
        if self.semisolid not in ("", *LINES):
            raise SpinsculptError(
                f"the line of the semisolid pool is {self.semisolid!r}; it can be {' or '.join(LINES)}."
            )

    @property
    def size(self) -> int:
        """Numbers of the state: x, y, z of water, of the pools, and the constant 1."""
        return 4 + 3 * self.solute + {"": 0, "lorentzian": 3, "super-lorentzian": 1}[self.semisolid]

    @property
    def line(self) -> int:
        """Number of the line for the engines: 0 none, 1 Lorentzian, 2 super-Lorentzian."""
        return (("", *LINES)).index(self.semisolid)


def tissue(values: Mapping[str, object], voxels: int | None = None) -> np.ndarray:
    """Parameters of voxels as one array; what is not given takes the default of `PARAMETERS`.

    Args:
        values: by name, each a number or an array of shape (voxels,).
        voxels: number of rows; that of the longest array if None.
    Returns:
        float64, shape (voxels, len(NAMES)), columns in the order of `NAMES`.
    Raises:
        SpinsculptError: an unknown name, lengths that differ, or a value that is not finite.
    """
    unknown = [name for name in values if name not in PARAMETERS]
    if unknown:
        raise SpinsculptError(f"unknown tissue parameter {unknown[0]!r}; known are {', '.join(NAMES)}.")
    arrays = {name: np.atleast_1d(np.asarray(value, float)).ravel() for name, value in values.items()}
    count = voxels or max((len(array) for array in arrays.values()), default=1)
    table = np.empty((count, len(NAMES)))
    for column, (name, (_, default, _)) in enumerate(PARAMETERS.items()):
        array = arrays.get(name, np.array([default]))
        if len(array) not in (1, count):
            raise SpinsculptError(f"{name} has {len(array)} values where there are {count} voxels; give one a voxel.")
        table[:, column] = array
    bad = ~np.isfinite(table).all(axis=0)
    if bad.any():
        raise SpinsculptError(f"{NAMES[int(np.argmax(bad))]} holds NaN or an infinite number; mask those voxels out.")
    for name in ("T1", "T2", "T1s", "T2s", "T1ss", "T2ss"):
        if (table[:, NAMES.index(name)] <= 0).any():
            raise SpinsculptError(f"{name} must be above 0 s everywhere; mask the other voxels out.")
    return table
