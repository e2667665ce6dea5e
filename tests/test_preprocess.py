"""What was put into a clean signal is taken out again, and the scale is left alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spinsculpt.basis import BasisSet, write_basis
from spinsculpt.config import Preprocess, Steps
from spinsculpt.core.conventions import FID, ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData, read_fids, write_fids
from spinsculpt.preprocess import correct_eddy_currents, preprocess_scan, preprocess_water, remove_lines
from spinsculpt.preprocess._nuisance import _poles

pytestmark = pytest.mark.usefixtures("no_pages")

POINTS, DWELL, CENTRAL = 2048, 1 / 2000, 127.732
SECTION = Preprocess()
TIME = np.arange(POINTS) * DWELL
HEADER = {"EchoTime": 0.03, "RepetitionTime": 2.0}


def lines(*peaks: tuple[float, float], width: float = 4.0) -> np.ndarray:
    """Lorentzian lines of (ppm, amplitude), `width` Hz wide."""
    return sum(a * np.exp((2j * np.pi * ppm_to_hz(p, CENTRAL) - np.pi * width) * TIME) for p, a in peaks)


BRAIN = lines((2.008, 12.0), (3.027, 9.0), (3.21, 9.0), (3.91, 6.0), (2.35, 2.0))
WATER = lines((4.65, 1e4), width=6.0)


def scan(folder: Path, fids: np.ndarray, dims: tuple[str, ...] = (), name: str = "scan") -> Path:
    path = folder / f"{name}.nii.gz"
    write_fids(path, MRSData(fids, DWELL, CENTRAL, dims, dict(HEADER)))
    return path


def clean(folder: Path, data: Path, water: Path | None = None, conditions: tuple = (), section: Preprocess = SECTION):
    paths = [folder / f"o{end}" for end in (".nii.gz", ".json", ".png")]
    quality = preprocess_scan(data, water, *paths, section, conditions, out_averages=folder / "o_averages.nii.gz")
    return read_fids(paths[0]), quality


def noise(shape: tuple[int, ...], sd: float = 0.02) -> np.ndarray:
    generator = np.random.default_rng(1)
    return sd * (generator.standard_normal(shape) + 1j * generator.standard_normal(shape))


def deviation(measured: np.ndarray, expected: np.ndarray) -> float:
    """Largest deviation of the spectra in 1.5-4.2 ppm relative to the largest peak there."""
    axis = FID(expected, DWELL, CENTRAL).ppm
    window = (axis > 1.5) & (axis < 4.2)
    spectra = [np.fft.fftshift(np.fft.fft(fid))[window] for fid in (measured, expected)]
    return float(np.abs(spectra[0] - spectra[1]).max() / np.abs(spectra[1]).max())


def test_shift_and_phase_are_found_and_undone(tmp_path):
    spoiled = BRAIN * np.exp(1j * (2 * np.pi * 9.0 * TIME + 0.7))
    result, quality = clean(tmp_path, scan(tmp_path, spoiled + noise(BRAIN.shape)))
    assert deviation(result.fid.samples, BRAIN) < 0.05
    assert quality["snr"] > 50


def test_drift_over_averages_is_undone_so_that_lines_do_not_widen(tmp_path):
    drift, phase = np.linspace(-6, 6, 24), np.linspace(0.5, -0.5, 24)
    fids = BRAIN[:, None] * np.exp(1j * (2 * np.pi * np.outer(TIME, drift) + phase)) + noise((POINTS, 24), 0.05)
    result, quality = clean(tmp_path, scan(tmp_path, fids, ("DIM_DYN",)))
    assert deviation(result.fid.samples, BRAIN) < 0.04
    assert quality["linewidth_hz"] == pytest.approx(4.0, abs=0.4)
    without = SECTION.but(steps=Steps(align=False, reject=False))
    assert clean(tmp_path, scan(tmp_path, fids, ("DIM_DYN",)), section=without)[1]["linewidth_hz"] > 6


@pytest.mark.parametrize("conditions", [(), ("ON", "OFF")])
def test_the_scan_in_parts_is_the_clean_scan_and_varies_by_its_noise(tmp_path, conditions):
    fids = (BRAIN + 0.01 * WATER)[:, None] * np.exp(2j * np.pi * 5.0 * TIME)[:, None] + noise((POINTS, 80), 0.2)
    result, _ = clean(tmp_path, scan(tmp_path, fids, ("DIM_DYN",)), scan(tmp_path, WATER, name="w"), conditions)
    parts = read_fids(tmp_path / "o_averages.nii.gz")
    assert parts.dims == (*result.dims, "DIM_DYN") and parts.size("DIM_DYN") == 32
    np.testing.assert_allclose(parts.fids.mean(axis=-1), result.fids, atol=1e-5 * np.abs(result.fids).max())
    late = parts.fids[POINTS // 2 :]  # where only noise is left: 80 averages, or 40 of each condition, in 32 parts
    wanted = 0.2 * np.sqrt(32 / (80 / max(len(conditions), 1)))
    assert np.std(late - late.mean(axis=-1, keepdims=True)) == pytest.approx(np.sqrt(2.0) * wanted, rel=0.1)


def test_a_corrupted_average_is_left_out(tmp_path):
    fids = BRAIN[:, None] + noise((POINTS, 16), 0.05)
    fids[:, 5] *= -3.0
    _, quality = clean(tmp_path, scan(tmp_path, fids, ("DIM_DYN",)))
    assert quality["rejected_fraction"] == pytest.approx(1 / 16)


def test_eddy_currents_seen_by_the_water_are_undone():
    phase = 1.2 * (1 - np.exp(-TIME / 0.03))
    corrected = correct_eddy_currents((BRAIN * np.exp(1j * phase))[:, None], WATER * np.exp(1j * phase))[:, 0]
    assert deviation(corrected, BRAIN) < 1e-3


def test_a_few_decaying_exponentials_are_found_exactly():
    """Of any number of points, and the same at every call."""
    poles = np.exp([2j * np.pi * 0.013 - 0.01, 2j * np.pi * 0.02 - 0.004, -2j * np.pi * 0.1 - 0.03])
    for points in (300, 301):
        fid = np.power.outer(poles, np.arange(points)).T @ [1.0, 20.0, 3.0j]
        assert np.sort_complex(_poles(fid, 3)) == pytest.approx(np.sort_complex(poles), abs=1e-9)
    assert np.array_equal(_poles(fid, 3), _poles(fid, 3))


def test_residual_water_goes_and_the_metabolites_stay():
    water = lines((4.65, 60.0), (4.7, 25.0), width=9.0) * np.exp(0.4j)
    left = remove_lines(BRAIN + water + noise(BRAIN.shape), DWELL, CENTRAL, (4.3, 5.1), 30)
    assert deviation(left, BRAIN) < 0.02
    axis = FID(left, DWELL, CENTRAL).ppm
    near = (axis > 4.5) & (axis < 4.9)
    before, after = (np.abs(np.fft.fftshift(np.fft.fft(fid)))[near].max() for fid in (BRAIN + water, left))
    assert after < 0.05 * before


def test_lipids_are_taken_off_where_it_is_asked_for(tmp_path):
    lipids = lines((1.28, 40.0), (0.9, 15.0), width=20.0)
    data = scan(tmp_path, BRAIN + lipids + noise((POINTS,), 0.05))
    section = SECTION.but(steps=Steps(lipid_removal=True))
    for settings, left in ((SECTION, True), (section, False)):
        result, _ = clean(tmp_path, data, section=settings)
        axis = result.fid.ppm
        height = np.abs(result.fid.spectrum[(axis > 1.1) & (axis < 1.45)]).max()
        naa = np.abs(result.fid.spectrum[(axis > 1.95) & (axis < 2.06)]).max()
        assert (height > 0.3 * naa) == left


def test_edited_averages_come_out_as_on_and_off(tmp_path):
    on, off = BRAIN - lines((2.008, 12.0)) + lines((3.0, 1.0)), BRAIN
    fids = np.stack([on, off] * 12, axis=1) * np.exp(2j * np.pi * np.outer(TIME, np.linspace(0, 4, 24)))
    result, _ = clean(tmp_path, scan(tmp_path, fids + noise(fids.shape, 0.05), ("DIM_DYN",)), conditions=("ON", "OFF"))
    assert result.dims == ("DIM_EDIT",) and result.fids.shape == (POINTS, 2)
    assert deviation(result.fids[:, 0], on) < 0.05 and deviation(result.fids[:, 1], off) < 0.05


def test_coils_are_combined_with_the_weights_of_the_water(tmp_path):
    sensitivity = np.array([1.0, 0.5j, -0.3, 0.1 - 0.4j])
    metabolites = scan(tmp_path, BRAIN[:, None] * sensitivity + noise((POINTS, 4), 0.1), ("DIM_COIL",))
    water = scan(tmp_path, WATER[:, None] * sensitivity + noise((POINTS, 4), 0.1), ("DIM_COIL",), "water")
    combined, _ = clean(tmp_path, metabolites, water)
    preprocess_water(metabolites, water, tmp_path / "anew.nii.gz", SECTION)
    preprocess_water(metabolites, water, tmp_path / "w.nii.gz", SECTION, qc=tmp_path / "o.json")
    weighed_once, anew = (read_fids(tmp_path / f"{name}.nii.gz").fids for name in ("w", "anew"))
    assert np.array_equal(weighed_once, anew), "the weights are in the quality control, to the last digit"
    ratio = np.abs(combined.fid.samples[0]) / np.abs(read_fids(tmp_path / "w.nii.gz").fid.samples[0])
    assert ratio == pytest.approx(np.abs(BRAIN[0]) / np.abs(WATER[0]), rel=0.02), "the scale against water has moved"


def test_water_reference_of_another_scan_is_refused(tmp_path):
    data = scan(tmp_path, BRAIN)
    path = tmp_path / "other.nii.gz"
    write_fids(path, replace(MRSData(WATER, DWELL, CENTRAL, (), dict(HEADER)), dwell=DWELL / 2))
    with pytest.raises(SpinsculptError, match="sampling interval"):
        clean(tmp_path, data, path)


def test_broad_signals_do_not_turn_the_phase(tmp_path):
    broad = lines((0.9, 40.0), (1.3, 60.0), (2.1, 60.0), width=35.0) + lines((1.35, 80.0), width=50.0) * np.exp(2.0j)
    result, _ = clean(tmp_path, scan(tmp_path, (BRAIN + broad) * np.exp(0.6j) + noise(BRAIN.shape)))
    late = TIME > 0.1
    turned = np.vdot(BRAIN[late], result.fid.samples[late])
    assert abs(np.degrees(np.angle(turned))) < 6


def test_shots_of_a_designed_pair_stay_as_they_are_to_each_other(tmp_path):
    """Their singlets may differ by design, so the second shot is not brought to the first one."""
    fids = np.stack([BRAIN, BRAIN * np.exp(0.7j)] * 8, axis=1)
    data = scan(tmp_path, fids + noise(fids.shape, 0.05), ("DIM_DYN",))
    result, quality = clean(tmp_path, data, conditions=("A", "B"))
    assert result.dim_headers["DIM_EDIT"]["EditCondition"] == ["A", "B"]
    assert np.angle(np.vdot(result.fids[:, 0], result.fids[:, 1])) == pytest.approx(0.7, abs=0.02)
    assert "subtraction_artefact" not in quality


def test_singlets_that_a_designed_pulse_turns_are_found_and_measured_upright(tmp_path):
    """The basis says how each line is turned; frequency, phase and width come out as without the pulse."""
    turned = {"NAA": (2.008, 3, 0.9j), "Cr": (3.027, 3, -0.8), "PCh": (3.21, 9, 0.7 - 0.4j)}
    fids = np.stack([protons * factor * lines((ppm, 1.0), width=1.0) for ppm, protons, factor in turned.values()])
    write_basis({"": BasisSet(tuple(turned), fids, DWELL, CENTRAL, 1.0)}, tmp_path / "basis")
    heights = {2.008: 12.0, 3.027: 9.0, 3.21: 9.0}
    brain = sum(factor * lines((ppm, heights[ppm])) for ppm, _, factor in turned.values())
    data = scan(tmp_path, brain * np.exp(2j * np.pi * 3.0 * TIME + 0.5j) + noise((POINTS,), 0.05))
    paths = [tmp_path / name for name in ("o.nii.gz", "o.json", "o.png")]
    plain = preprocess_scan(data, None, *paths, SECTION)
    known = preprocess_scan(data, None, *paths, SECTION, (), tmp_path / "basis")
    assert plain["singlets"] < 0.6 < 0.9 < known["singlets"]
    assert known["applied_shift_hz"] == pytest.approx(-3.0, abs=0.1)
    assert known["applied_phase_deg"] == pytest.approx(-np.degrees(0.5), abs=3)
    assert known["linewidth_hz"] == pytest.approx(4.0, abs=0.3)
