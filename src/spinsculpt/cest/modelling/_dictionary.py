"""Dictionary matching: signals of a grid, and the entry with the largest dot product."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spinsculpt.cest.modelling._kernel import simulate
from spinsculpt.cest.modelling._model import Model, tissue
from spinsculpt.cest.modelling._protocol import Protocol
from spinsculpt.core.errors import SpinsculptError


def grid(axes: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    """All combinations of the values of each parameter, the last one running fastest."""
    values = np.meshgrid(*(np.asarray(axis, float) for axis in axes.values()), indexing="ij")
    return {name: array.ravel() for name, array in zip(axes, values, strict=True)}


def random_grid(ranges: Mapping[str, tuple[float, float]], entries: int, seed: int = 0) -> dict[str, np.ndarray]:
    """`entries` points spread evenly over ranges (a scrambled Sobol sequence), the same for the same seed."""
    from scipy.stats import qmc

    points = qmc.Sobol(len(ranges), seed=seed).random_base2((entries - 1).bit_length())[:entries]
    low, high = (np.array(values, float) for values in zip(*ranges.values(), strict=True))
    return dict(zip(ranges, (low + points * (high - low)).T, strict=True))


@dataclass(frozen=True)
class Match:
    """Best entries: values by name, each of shape (voxels,), and their dot products, 1 for equal directions."""

    values: Mapping[str, np.ndarray]
    dot_product: np.ndarray


def normalised(signals: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return signals / np.linalg.norm(signals, axis=1, keepdims=True)


def match(
    data: np.ndarray,
    protocol: Protocol,
    model: Model,
    entries: Mapping[str, np.ndarray],
    fixed: Mapping[str, object],
    memory_mb: float = 500.0,
) -> Match:
    """The entry whose normalised signal has the largest dot product with that of each voxel.

    The dictionary is made and matched in pieces, so that it never takes more than `memory_mb`, whatever its size.

    Args:
        data: shape (voxels, images).
        protocol: what was played.
        model: which pools there are.
        entries: values of each entry, by name.
        fixed: other tissue parameters, one number each.
        memory_mb: for the signals of a piece and their products with the data.
    """
    if data.shape[1] != protocol.images:
        raise SpinsculptError(
            f"the data hold {data.shape[1]} images, the protocol plays {protocol.images}; name the one of this scan."
        )
    target = normalised(np.asarray(data, float))
    best, index = np.full(len(data), -np.inf), np.zeros(len(data), np.int64)
    for start, signals in pieces(protocol, model, entries, fixed, memory_mb, len(data)):
        length = np.linalg.norm(signals, axis=1)
        if not (length > 0).all():
            raise SpinsculptError("an entry of the dictionary has no signal at all; check the protocol and the grid.")
        products = (signals / length[:, None]) @ target.T
        found = products.argmax(axis=0)
        value = products[found, np.arange(len(data))]
        index, best = np.where(value > best, start + found, index), np.maximum(best, value)
    return Match({name: np.asarray(values)[index] for name, values in entries.items()}, best)


def pieces(
    protocol: Protocol, model: Model, entries: Mapping[str, np.ndarray], fixed: Mapping, memory_mb: float, voxels: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Signals of the dictionary piece by piece: (first entry, shape (piece, images))."""
    count = len(next(iter(entries.values())))
    step = int(memory_mb * 2**20 / (8 * (2 * protocol.images + voxels + 2 * 14)))
    if step < 1:
        raise SpinsculptError(f"memory_mb of {memory_mb:g} does not hold one entry; allow more.")
    for start in range(0, count, step):
        part = {name: np.asarray(values)[start : start + step] for name, values in entries.items()}
        yield start, simulate(protocol, model, tissue({**fixed, **part}))[0]
