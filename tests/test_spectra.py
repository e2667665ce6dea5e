"""Lines to FIDs."""

import numpy as np
import pytest

from spinsculpt.core.conventions import frequency_axis, time_axis, to_spectrum
from spinsculpt.core.spectra import LineList, decay, merge_lines

POINTS, DWELL = 2048, 5e-4


def test_fid_is_the_sum_of_its_lines():
    rng = np.random.default_rng(1)
    lines = LineList(rng.uniform(-900, 900, 5000), rng.normal(size=5000) + 1j * rng.normal(size=5000))
    t = time_axis(7, 0.013)
    direct = np.exp(2j * np.pi * np.outer(t, lines.frequency)) @ lines.amplitude
    assert lines.fid(7, 0.013) == pytest.approx(direct, abs=1e-9)


def test_merged_lists_add_up():
    a, b = LineList(np.array([10.0]), np.array([1j])), LineList(np.array([-20.0]), np.array([2.0]))
    assert merge_lines([a, b]).fid(64, DWELL) == pytest.approx(a.fid(64, DWELL) + b.fid(64, DWELL))


@pytest.mark.parametrize("shape", [{"linewidth": 12.0}, {"gaussian": 12.0}])
def test_width_at_half_maximum_is_as_named(shape):
    fid = LineList(np.zeros(1), np.ones(1)).fid(16 * POINTS, DWELL) * decay(16 * POINTS, DWELL, **shape)
    spectrum = to_spectrum(fid).real - 0.5  # the first sample counts half in a Fourier integral
    frequency = frequency_axis(16 * POINTS, DWELL)
    inside = frequency[spectrum > spectrum.max() / 2]
    assert inside[-1] - inside[0] == pytest.approx(12.0, abs=0.2)
