"""Scans whose frequency axis is off, as in some GE files or after manual settings: found, put right and said."""

from dataclasses import replace

import numpy as np
import pytest

from raw_files import DWELL, FREQUENCY, write_p_file
from spinsculpt.config import Convert, Preprocess
from spinsculpt.core.conventions import ppm_to_hz
from spinsculpt.data.convert import convert_scan
from spinsculpt.data.nifti import read_fids, write_fids
from spinsculpt.data.subjects import Scan
from spinsculpt.preprocess import preprocess_scan

pytestmark = pytest.mark.usefixtures("no_pages")

SCANS = {
    "philips": "philips_press30/sub-01_ses-01_PRESS_raw-act_noID.SDAT",
    "philips with an artefact": "philips_press35/sub-01_press_act_noID.sdat",
    "siemens": "siemens_exports/SVS_30.rda",
    "nifti-mrs of 7 tesla": "nifti_mrs_7t/metab_raw.nii.gz",
    "ge": "",  # written below: there is no real P-file at hand
}


def ge(path):
    """A P-file of MR30.1, whose axis others met 0.169 ppm off (wtclarke/fsl_mrs, issue 28): singlets of a brain."""
    time = np.arange(2048) * DWELL
    peaks = ((2.008, 12), (3.027, 9), (3.21, 9), (3.91, 6), (4.65, 3))
    fid = sum(a * np.exp((2j * np.pi * ppm_to_hz(ppm, FREQUENCY) - np.pi * 5) * time) for ppm, a in peaks)
    noise = np.random.default_rng(1).normal(size=(2, 4, 2048)) * 0.1
    water = 1e4 * np.exp((2j * np.pi * ppm_to_hz(4.65, FREQUENCY) - np.pi * 8) * time)
    frames = np.concatenate([[water, water], fid + noise[0] + 1j * noise[1]])
    return write_p_file(path, 30.1, frames=1e4 * frames.conj())


@pytest.fixture(scope="module", params=list(SCANS))
def converted(request, evidence, tmp_path_factory):
    folder = tmp_path_factory.mktemp("offset")
    out = folder / "scan_svs.nii.gz"
    raw = evidence / "data" / SCANS[request.param] if SCANS[request.param] else ge(folder / "P1.7")
    convert_scan([raw], Scan("01", "", "press", ""), "svs", out, folder / "scan_svs.json", Convert())
    return out


@pytest.mark.parametrize("offset", [-0.169, 0.5])
def test_the_axis_of_a_scan_without_water_reference_is_put_right_and_said(converted, tmp_path, caplog, offset):
    scan = read_fids(converted)
    turn = np.exp(2j * np.pi * offset * scan.central_frequency * np.arange(scan.points) * scan.dwell)
    off = tmp_path / "off.nii.gz"
    write_fids(off, replace(scan, fids=scan.fids * turn.reshape(-1, *[1] * (scan.fids.ndim - 1))))
    places = tmp_path / "clean.nii.gz", tmp_path / "qc.json", tmp_path / "page.png"
    quality = preprocess_scan(off, None, *places, Preprocess())
    assert quality["axis_moved_ppm"] == pytest.approx(-offset, abs=0.06)  # the scan itself may be a little off
    assert "ppm off and is moved" in caplog.text
    clean = read_fids(places[0]).fid
    methyl = (clean.ppm > 1.8) & (clean.ppm < 2.25)
    assert clean.ppm[methyl][np.argmax(np.abs(clean.spectrum[methyl]))] == pytest.approx(2.01, abs=0.03)


def test_an_axis_that_is_right_is_left_where_it_is(converted, tmp_path):
    places = tmp_path / "clean.nii.gz", tmp_path / "qc.json", tmp_path / "page.png"
    assert "axis_moved_ppm" not in preprocess_scan(converted, None, *places, Preprocess())
