"""Macromolecules from a metabolite-nulled spectrum."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from entries import basis_library, simulate_basis
from spinsculpt.core.conventions import FID, time_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.provenance import write_json
from spinsculpt.core.spectra import decay
from spinsculpt.fit.macromolecules import fit_macromolecule_file, fit_macromolecules
from spinsculpt.physics.sequences import pulse_acquire
from spinsculpt.physics.spins import load_library, read_macromolecule

F0, POINTS, DWELL = 127.732, 2048, 5e-4


def synthetic(phase: float, noise: float) -> FID:
    """A nulled spectrum of known areas, with residual NAA and creatine, phase, and noise."""
    t, rng = time_axis(POINTS, DWELL), np.random.default_rng(3)

    def line(ppm: float, area: float, width: float) -> np.ndarray:
        return area * np.exp(2j * np.pi * (ppm - 4.65) * F0 * t) * decay(POINTS, DWELL, 0.0, width * F0)

    areas = {0.92: 3.0, 1.21: 1.2, 1.39: 2.0, 1.67: 2.5, 2.04: 5.0, 2.26: 2.0, 2.99: 1.5, 3.75: 2.5, 3.86: 1.5}
    peaks = {m.peaks[0][0]: m.peaks[0][2] for name, m in load_library().macromolecules.items() if name[1] in "01234"}
    samples = sum(line(ppm, area, peaks[ppm]) for ppm, area in areas.items())
    samples = samples + line(2.008, -0.15, 0.04) + line(3.913, 0.1, 0.04)
    samples = samples * np.exp(1j * phase) + noise * (rng.normal(size=POINTS) + 1j * rng.normal(size=POINTS))
    return FID(samples, DWELL, F0)


def test_known_areas_come_back():
    fit = fit_macromolecules(synthetic(phase=0.7, noise=0.01), load_library())
    found = {round(ppm, 1): area for ppm, area, _ in fit.macromolecule.peaks}
    assert fit.phase == pytest.approx(0.7, abs=0.1)
    assert found[0.9] == pytest.approx(3.0)
    for ppm, area in ((1.4, 2.0), (1.7, 2.5), (2.0, 5.0), (2.3, 2.0), (3.0, 1.5)):
        assert found[ppm] == pytest.approx(area, rel=0.2)
    assert fit.residual < 0.03


def test_water_alone_is_refused():
    silent = synthetic(0.0, 0.0)
    only_water = FID(np.exp(-silent.time * 20).astype(complex), DWELL, F0)
    with pytest.raises(SpinsculptError, match="metabolite-nulled"):
        fit_macromolecules(only_water, load_library())


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_is_refused_whatever_its_tallest_spike(seed):
    """A line of the height of its spikes can always be fitted to noise: an F test tells."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=POINTS) + 1j * rng.normal(size=POINTS)
    with pytest.raises(SpinsculptError, match="no more macromolecules than noise"):
        fit_macromolecules(FID(noise, DWELL, F0), load_library())


def test_macromolecules_under_much_noise_are_accepted():
    found = fit_macromolecules(synthetic(phase=0.0, noise=0.3), load_library()).macromolecule
    assert found.peaks[0][1] == pytest.approx(3.0)


def test_measured_function_joins_the_basis(tmp_path):
    peaks = [[0.92, 3.0, 0.16], [2.04, 6.0, 0.2]]
    write_json(tmp_path / "mm.json", {"name": "MMexp", "peaks_ppm_protons_fwhm_ppm": peaks})
    config = {"field": 3.0, "points": 512, "bandwidth": 2000.0, "metabolites": ["Cr"], "macromolecules": ["MMexp"]}
    config["measured"] = str(tmp_path / "mm.json")
    assert basis_library(config)["MMexp"].peaks[1] == (2.04, 6.0, 0.2)
    assert simulate_basis(pulse_acquire(), config)["pulse_acquire"]["MMexp"][0] == pytest.approx(9.0)


def test_bad_macromolecule_file_says_what_it_needs(tmp_path):
    (tmp_path / "mm.json").write_text('{"name": "MMexp"}')
    with pytest.raises(SpinsculptError, match="it needs peaks_ppm_protons_fwhm_ppm"):
        read_macromolecule(tmp_path / "mm.json")


def test_fits_a_real_inverted_scan(evidence, tmp_path):
    """Philips 3 T, PRESS 30 with inversion TI 600: the large resonances of the consensus, in proportion."""
    stem = evidence / "data" / "philips_press30" / "sub-01_ses-01_PRESS-Inverted_TI-600_raw"
    for part in ("act", "ref"):
        files = [f"{stem}-{part}_noID.{suffix}" for suffix in ("SDAT", "SPAR")]
        subprocess.run(
            [Path(sys.executable).with_name("spec2nii"), "philips", "-o", str(tmp_path), "-f", part, *files], check=True
        )
    out = tmp_path / "MMexp.json"
    fit_macromolecule_file(tmp_path / "act.nii.gz", tmp_path / "ref.nii.gz", out, tmp_path / "MMexp.png")
    areas = {round(ppm, 1): area for ppm, area, _ in read_macromolecule(out).peaks}
    assert areas[0.9] == pytest.approx(3.0)
    assert 4 < areas[2.0] < 9  # the largest resonance lies at 2.04 ppm
    assert 1 < areas[1.4] < 4
    assert (tmp_path / "MMexp.png").stat().st_size > 1000
