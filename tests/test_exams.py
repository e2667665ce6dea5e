"""The exams of the fit: spectra whose truth is what it says, and an FID made of LCModel's phased spectrum."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from spinsculpt.basis import BasisSet
from spinsculpt.core.conventions import FID

PATH = Path(__file__).resolve().parents[1] / "benchmarks/exams.py"
POINTS, DWELL = 1024, 5e-4


@pytest.fixture(scope="module")
def exams():
    spec = importlib.util.spec_from_file_location("exams", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def basis_of(exams) -> BasisSet:
    """A line of its own place for each metabolite, creatine's of five protons."""
    t = np.arange(POINTS) * DWELL
    places = np.linspace(-400.0, -80.0, len(exams.BRAIN))
    return BasisSet(tuple(exams.BRAIN), 5.0 * np.exp(2j * np.pi * places[:, None] * t), DWELL, exams.MHZ)


def test_a_spectrum_is_the_same_for_its_number_and_another_for_another(exams):
    basis = basis_of(exams)
    one, amounts = exams.spectrum(3, basis)
    again, _ = exams.spectrum(3, basis)
    other, others = exams.spectrum(4, basis)
    np.testing.assert_array_equal(one.samples, again.samples)
    assert np.abs(one.samples - other.samples).max() > 0.0
    assert set(amounts) == set(exams.BRAIN) == set(others)
    assert min(amounts.values()) > 0.0
    assert amounts["NAA"] != others["NAA"]


def test_an_amount_is_what_its_basis_function_is_multiplied_by_at_the_first_sample(exams):
    """Two bases that differ in Lac alone, by a millionth: the spectra differ by as much of its amount."""
    basis = basis_of(exams)
    fids = basis.fids.copy()
    fids[basis.index("Lac")] *= 1.0 + 1e-6  # far from the highest point, which baseline and noise go by
    one, amounts = exams.spectrum(5, basis)
    more, _ = exams.spectrum(5, BasisSet(basis.names, fids, DWELL, exams.MHZ))
    change = abs(more.samples[0] - one.samples[0]) / 1e-6
    assert change == pytest.approx(5.0 * amounts["Lac"], rel=0.2)


def write_coord(path: Path, ppm: np.ndarray, real: np.ndarray) -> None:
    """A file in the form of LCModel's, of data whose fit is perfect."""

    def rows(values):
        return [" ".join(f"{value:.6E}" for value in values[k : k + 10]) for k in range(0, len(values), 10)]

    names = ["GABA", "GSH", "Gln", "Glu", "Ins", "NAA", "PCh+GPC", "NAA+NAAG"]
    table = [f"    2.000   5%   0.500 {name}" for name in names]
    text = [" title", *table, "    4.000   2%   1.000 Cr+PCr", f"  {len(ppm)} points on ppm-axis = NY", *rows(ppm)]
    text += [" NY phased data points follow", *rows(real), " NY points of the fit to the data follow", *rows(real)]
    path.write_text("\n".join([*text, " NY background values follow", *rows(0.0 * real)]) + "\n")


def test_phased_spectra_of_lcmodel_become_the_fid_that_they_were_made_of(exams, tmp_path):
    t = np.arange(POINTS) * DWELL
    fid = FID(np.exp((-2j * np.pi * 2.64 * exams.MHZ - 20.0) * t), DWELL, exams.MHZ)  # one line at 2.01 ppm
    filled = FID(np.concatenate([fid.samples, np.zeros(POINTS)]), DWELL, exams.MHZ)
    inside = (filled.ppm >= 0.5) & (filled.ppm <= 4.0)
    order = np.argsort(-filled.ppm[inside])
    write_coord(tmp_path / "a.coord", filled.ppm[inside][order], filled.spectrum.real[inside][order])
    found, told = exams.read_coord(tmp_path / "a.coord")
    assert found.dwell == pytest.approx(DWELL)
    apart = found.samples[20:200] - fid.samples[20:200]  # the first points are of the tails outside
    assert np.sqrt(np.mean(np.abs(apart) ** 2)) < 0.02
    assert told["tNAA"] == (0.5, pytest.approx(0.025))
