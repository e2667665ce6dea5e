"""Line lists and what is made of them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LineList:
    """Signal as undamped lines, s(t) = sum_l amplitude_l exp(+2 pi i frequency_l t).

    Attributes:
        frequency: Hz from the receiver, shape (lines,).
        amplitude: complex, one proton at full signal = 1, shape (lines,).
    """

    frequency: np.ndarray
    amplitude: np.ndarray
