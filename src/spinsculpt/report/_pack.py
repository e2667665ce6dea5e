"""Curves and tables inside a page: small, exact enough to draw, and never read as HTML or script."""

import base64
import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

FULL = 32_000  # steps from zero to the largest value of a curve
COARSE = 4_000  # the same of single metabolites, in steps of the whole fit


class Pack:
    """Curves as 16-bit numbers beside a header; `text` is what a page carries (gzip in base64)."""

    def __init__(self) -> None:
        self._curves: list[np.ndarray] = []
        self._length = 0

    def add(self, values: np.ndarray, largest: float | None = None, steps: int = FULL) -> list[float]:
        """Keep a real curve, shape (n,); returns where: start, count, size of a step, origin.

        Args:
            values: finite numbers.
            largest: magnitude that `steps` steps stand for; that of the curve itself if None.
            steps: of the scale.
        """
        values = np.asarray(values, dtype=float)
        size = float(np.abs(values).max(initial=0.0) if largest is None else largest) or 1.0
        step = size / steps
        return self._keep(np.rint(values / step), step, 0.0)

    def axis(self, values: np.ndarray) -> list[float]:
        """Keep an ascending axis, which takes the whole range of the numbers."""
        values = np.asarray(values, dtype=float)
        origin = float(values.min() + values.max()) / 2
        step = float(np.ptp(values)) / (2 * FULL) or 1.0
        return self._keep(np.rint((values - origin) / step), step, origin)

    def _keep(self, numbers: np.ndarray, step: float, origin: float) -> list[float]:
        start = self._length
        self._curves.append(np.clip(numbers, -32767, 32767).astype("<i2"))
        self._length += len(numbers)
        return [start, len(numbers), step, origin]

    def text(self, header: Mapping) -> str:
        """Everything, for the element that holds the data of a page."""
        words = json.dumps(header, default=str, separators=(",", ":")).encode()
        words += b" " * (len(words) % 2)  # the numbers start at an even byte
        whole = struct.pack("<I", len(words)) + words + b"".join(curve.tobytes() for curve in self._curves)
        return base64.b64encode(gzip.compress(whole, 9, mtime=0)).decode()


def pack_fit(pack: Pack, path: Path | str, pieces: bool = True) -> dict:
    """Keep the curves of one fit (fit.npz); returns its names, axis and spectra.

    Args:
        pack: to which they are added.
        path: fit.npz.
        pieces: whether with every metabolite.
    """
    with np.load(path) as arrays:
        labels = arrays["spectra"].tolist()
        ppm = arrays[f"{labels[0]}_ppm"]
        order = np.argsort(ppm)
        found = {"names": arrays["names"].tolist(), "ppm": pack.axis(ppm[order]), "spectra": []}
        for label in labels:
            own = arrays[f"{label}_ppm"]

            def on_axis(values: np.ndarray, own: np.ndarray = own) -> np.ndarray:
                sort = np.argsort(own)
                return np.interp(ppm[order], own[sort], values.real[sort])

            curves = {key: on_axis(arrays[f"{label}_{key}"]) for key in ("data", "fit", "baseline")}
            spectrum = {"label": label} | {key: pack.add(values) for key, values in curves.items()}
            if pieces:
                largest = float(np.abs(curves["fit"]).max()) or 1.0
                spectrum["components"] = [
                    pack.add(on_axis(one), largest, COARSE) for one in arrays[f"{label}_components"]
                ]
            found["spectra"].append(spectrum)
    return found


def pack_fits(
    pack: Pack, fits: Sequence[tuple[Path | str, Mapping]], pieces: int = 300, most: int = 900
) -> tuple[list[dict], dict]:
    """Keep the curves of many fits.

    Args:
        pack: to which they are added.
        fits: path of fit.npz, and what the page says of it.
        pieces: up to how many fits the single metabolites are kept.
        most: how many fits are kept at all, those first.
    Returns:
        The fits, and what was left out.
    """
    kept = [{**words, **pack_fit(pack, path, len(fits) <= pieces)} for path, words in fits[:most]]
    return kept, {"without_pieces": len(fits) > pieces, "left_out": max(0, len(fits) - most)}
