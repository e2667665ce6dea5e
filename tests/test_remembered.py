"""What is kept of results is bounded, shared and not to be changed."""

import numpy as np
import pytest

from spinsculpt.core.remembered import remembered


def test_the_latest_results_come_back_until_the_memory_is_full():
    calls = []

    @remembered(megabytes=1e-3)  # 125 numbers
    def zeros(count: int) -> list[np.ndarray]:
        calls.append(count)
        return [np.zeros(count)]

    assert zeros(60) is zeros(60) and calls == [60]
    zeros(50), zeros(60), zeros(40)  # 50 has waited longest and goes
    calls.clear()
    zeros(60), zeros(40), zeros(50)
    assert calls == [50]
    zeros(200), zeros(200)  # too large to be kept
    assert calls == [50, 200, 200]
    with pytest.raises(ValueError, match="read-only"):
        zeros(50)[0][0] = 1.0
