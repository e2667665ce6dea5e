"""Volumes with known truth: a brain with literature values of all maps, and vials of L-arginine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spinsculpt.cest.modelling._kernel import simulate
from spinsculpt.cest.modelling._model import Model, tissue
from spinsculpt.cest.modelling._protocol import Protocol

# Mean and SD within a tissue: T1, T2 (s) of Stanisz et al. 2005 (doi:10.1002/mrm.20605), fss, kssw, fs, ksw (fractions,
# 1/s) of Finkelstein et al. 2025 (doi:10.1038/s42005-025-02063-8); cerebrospinal fluid has no other pools.
TISSUES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "white matter": {
        "T1": (1.084, 0.045),
        "T2": (0.069, 0.003),
        "fss": (0.1309, 0.0344),
        "kssw": (34.7, 7.8),
        "fs": (0.0033, 0.0008),
        "ksw": (305.1, 34.0),
    },
    "grey matter": {
        "T1": (1.820, 0.114),
        "T2": (0.099, 0.007),
        "fss": (0.0628, 0.0188),
        "kssw": (44.2, 7.5),
        "fs": (0.0021, 0.0006),
        "ksw": (235.9, 46.0),
    },
    "cerebrospinal fluid": {
        "T1": (4.0, 0.1),
        "T2": (1.5, 0.1),
        "fss": (0.0, 0.0),
        "kssw": (40.0, 0.0),
        "fs": (0.0, 0.0),
        "ksw": (200.0, 0.0),
    },
}
BRAIN = {"T2s": 0.04, "T2ss": 40e-6, "shift_s": 3.5, "shift_ss": 0.0}  # as the paper's authors simulate them
VIALS = {"T1": 2.8, "T2": 1.2, "T2s": 0.04, "shift_s": 3.0}  # L-arginine, as in the paper
ARGININE_PROTONS = 3 / 110e3  # proton fraction of 1 mM: three amine protons, 110 M of water protons


@dataclass(frozen=True)
class Volume:
    """True maps on a grid.

    Attributes:
        maps: by name of a tissue parameter, each of the shape of the grid.
        labels: whole numbers, 0 outside.
        names: of the labels above 0.
        fixed: tissue parameters that are one number everywhere.
    """

    maps: Mapping[str, np.ndarray]
    labels: np.ndarray
    names: Mapping[int, str]
    fixed: Mapping[str, float] = field(default_factory=dict)

    @property
    def mask(self) -> np.ndarray:
        """Where there is something."""
        return self.labels > 0

    def known(self, *names: str) -> dict[str, object]:
        """What a task may be told: maps of `names` within the mask, shape (voxels,), and the fixed numbers."""
        return {**self.fixed, **{name: self.maps[name][self.mask] for name in names}}

    def fingerprints(self, protocol: Protocol, model: Model, noise: float, seed: int = 0) -> np.ndarray:
        """Images in units of the equilibrium signal, shape (*grid, images); 0 outside.

        Args:
            protocol: what is played.
            model: which pools there are.
            noise: SD of Gaussian noise.
            seed: of the noise.
        """
        signals = simulate(protocol, model, tissue(self.known(*self.maps)))[0]
        images = np.zeros((*self.labels.shape, protocol.images))
        images[self.mask] = signals + noise * np.random.default_rng(seed).normal(size=signals.shape)
        return images


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> np.ndarray:
    """A random field of mean 0 and SD 1 that varies over `width` voxels."""
    from scipy.ndimage import gaussian_filter

    values = gaussian_filter(rng.normal(size=shape), [min(width, size / 2) for size in shape], mode="wrap")
    return (values - values.mean()) / values.std()


def brain_volume(shape: tuple[int, int, int] = (32, 40, 4), seed: int = 0) -> Volume:
    """A head-shaped volume: white matter, a folded cortex and ventricles, with smooth maps of all parameters at 3 T.

    Within a tissue each parameter varies smoothly with the SD of the literature, mixed at the borders (partial volume).
    B0 varies by 0.1 ppm (SD), B1 by 0.08.

    Args:
        shape: of the grid.
        seed: another one is another subject.
    """
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(
        *(np.linspace(-1, 1, size) if size > 1 else np.zeros(1) for size in shape), indexing="ij", sparse=True
    )
    radius = np.sqrt((x / 0.92) ** 2 + (y / 0.95) ** 2 + (0.4 * z) ** 2)
    angle = np.arctan2(y, x)
    fold = 0.05 * np.sin(9 * angle + 2 * z + rng.uniform(0, 6)) + 0.03 * _smooth(rng, shape, 2)
    side = np.abs(x) - 0.14 - 0.03 * rng.uniform()
    ventricle = np.sqrt((side / 0.09) ** 2 + ((y - 0.05) / 0.28) ** 2 + (0.6 * z) ** 2)

    def inside(value: np.ndarray, width: float) -> np.ndarray:
        return 1 / (1 + np.exp(np.clip(value / width, -50, 50)))

    fluid = inside(ventricle - 1, 0.15)
    white = inside(radius - 0.72 + fold, 0.025) * (1 - fluid)
    parts = np.stack([white, 1 - white - fluid, fluid])
    labels = np.where(radius < 1, parts.argmax(0) + 1, 0)
    maps = {}
    for name in TISSUES["white matter"]:
        pure = []
        for values in TISSUES.values():
            mean, sd = values[name]
            pure.append(mean + sd * _smooth(rng, shape, 2.5).clip(-2, 2))
        maps[name] = (parts * np.stack(pure)).sum(0)
    maps["B0"] = 0.1 * _smooth(rng, shape, 6)
    maps["B1"] = 1.08 - 0.25 * radius**2 + 0.03 * _smooth(rng, shape, 8)
    return Volume(maps, labels, dict(enumerate(TISSUES, 1)), BRAIN)


def vial_volume(
    size: int = 48,
    millimolar: tuple[float, ...] = (25, 50, 75, 100, 50, 100),
    acidity: tuple[float, ...] = (4.0, 4.3, 4.6, 4.2, 5.0, 4.8),
    seed: int = 0,
) -> Volume:
    """Vials of L-arginine at 3 T, exchange catalysed by base: ksw = 60/s + 10^(pH - 1.9)/s.

    Args:
        size: of the square grid of one slice.
        millimolar: concentration of each vial.
        acidity: pH of each vial.
        seed: of the B0 and B1 maps.
    """
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
    labels = np.zeros((size, size, 1), int)
    fs, ksw = np.zeros(labels.shape), np.zeros(labels.shape)
    names = {}
    for number, (amount, ph) in enumerate(zip(millimolar, acidity, strict=True), 1):
        turn = 2 * np.pi * (number - 1) / len(millimolar)
        here = ((x - 0.62 * np.cos(turn)) ** 2 + (y - 0.62 * np.sin(turn)) ** 2 < 0.24**2)[..., None]
        labels[here], fs[here], ksw[here] = number, amount * ARGININE_PROTONS, 60 + 10 ** (ph - 1.9)
        names[number] = f"{amount:g} mM, pH {ph:g}"
    maps = {"fs": fs, "ksw": ksw, "B0": 0.03 * _smooth(rng, labels.shape, 8)}
    maps["B1"] = 1 + 0.03 * _smooth(rng, labels.shape, 10)
    return Volume(maps, labels, names, VIALS)
