"""NIfTI-MRS on disk against FIDs in memory."""

import gzip

import nibabel
import numpy as np
import pytest

from spinsculpt.core.conventions import FID, time_axis, to_spectrum
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData, read_fids, write_fids


def line(frequency=100.0, points=512, dwell=5e-4):
    return np.exp(2j * np.pi * frequency * time_axis(points, dwell))


def test_round_trip_keeps_samples_tags_and_header(tmp_path):
    fids = np.stack([line(50), 1j * line(-30)], axis=1)
    data = MRSData(
        fids,
        dwell=1 / 3000,
        central_frequency=123.25,
        dims=("DIM_EDIT",),
        header={"EchoTime": 0.068, "Manufacturer": "Philips"},
        dim_headers={"DIM_EDIT": {"EditCondition": ["ON", "OFF"]}},
    )
    write_fids(tmp_path / "a.nii.gz", data)
    back = read_fids(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(back.fids, fids, atol=1e-6)
    assert back.dwell == pytest.approx(1 / 3000, rel=1e-12)
    assert (back.central_frequency, back.dims, back.nucleus) == (123.25, ("DIM_EDIT",), "1H")
    assert back.header["EchoTime"] == 0.068
    assert back.dim_headers == data.dim_headers


def test_disk_holds_the_conjugate(tmp_path):
    write_fids(tmp_path / "a.nii.gz", MRSData(line(100), 5e-4, 127.7))
    on_disk = np.asanyarray(nibabel.load(tmp_path / "a.nii.gz").dataobj)[0, 0, 0]
    np.testing.assert_allclose(on_disk, line(100).conj(), atol=1e-6)


def test_singleton_dimension_survives(tmp_path):
    write_fids(tmp_path / "a.nii.gz", MRSData(line()[:, np.newaxis], 5e-4, 127.7, dims=("DIM_DYN",)))
    back = read_fids(tmp_path / "a.nii.gz")
    assert back.fids.shape == (512, 1)
    assert back.fid.points == 512


def test_one_fid_only_where_there_is_one():
    data = MRSData(np.stack([line(10), line(20)], axis=1), 5e-4, 127.7, dims=("DIM_DYN",))
    with pytest.raises(SpinsculptError, match="2 FIDs"):
        _ = data.fid
    second = data.select("DIM_DYN", 1)
    assert isinstance(second.fid, FID)
    np.testing.assert_array_equal(second.fid.samples, line(20))


def test_bad_files_give_a_sentence(tmp_path):
    with pytest.raises(SpinsculptError, match="no such file"):
        read_fids(tmp_path / "none.nii.gz")
    write_fids(tmp_path / "good.nii.gz", MRSData(line(), 5e-4, 127.7))
    content = (tmp_path / "good.nii.gz").read_bytes()
    for name, damaged in {
        "empty": b"",
        "truncated": content[: len(content) // 2],
        "text": b"not an image",
        "header-only": gzip.compress(gzip.decompress(content)[:540]),
    }.items():
        path = tmp_path / f"{name}.nii.gz"
        path.write_bytes(damaged)
        with pytest.raises(SpinsculptError, match=f"{name}.nii.gz"):
            read_fids(path)


def test_refuses_other_nuclei_and_bad_samples(tmp_path):
    write_fids(tmp_path / "p.nii.gz", MRSData(line(), 5e-4, 51.7, nucleus="31P"))
    with pytest.raises(SpinsculptError, match="31P"):
        read_fids(tmp_path / "p.nii.gz")
    for name, factor, complaint in (("nan", np.nan, "not finite"), ("huge", 1e30, "larger than any receiver gives")):
        with pytest.raises(SpinsculptError, match=complaint):
            write_fids(tmp_path / f"{name}.nii.gz", MRSData(line() * factor, 5e-4, 127.7))
        image = nibabel.load(tmp_path / "p.nii.gz")
        header = image.header
        header.extensions[:] = [
            nibabel.nifti1.Nifti1Extension(44, header.extensions[0].get_content().replace(b"31P", b"1H"))
        ]
        samples = (np.asarray(image.dataobj) * factor).astype(np.complex64)
        nibabel.save(nibabel.Nifti2Image(samples, image.affine, header), tmp_path / f"{name}.nii.gz")
        with pytest.raises(SpinsculptError, match=complaint):
            read_fids(tmp_path / f"{name}.nii.gz")


@pytest.mark.parametrize(
    ("field", "value"),
    [("EchoTime", 1e300), ("RepetitionTime", 1e9), ("EchoTime", float("nan")), ("InversionTime", -1)],
)
def test_refuses_times_that_no_scan_has(tmp_path, field, value):
    with pytest.raises(SpinsculptError, match=f"{field} is .* must be a number from 0 to"):
        write_fids(tmp_path / "t.nii.gz", MRSData(line(), 5e-4, 127.7, header={field: value}))
    assert not (tmp_path / "t.nii.gz").exists()


@pytest.mark.parametrize("changes", [{"dwell": 0.0}, {"dwell": float("nan")}, {"central_frequency": 1e300}])
def test_refuses_an_axis_that_no_scanner_has(changes):
    with pytest.raises(SpinsculptError, match=r"The data: .* must be a number from"):
        MRSData(**{"fids": line(), "dwell": 5e-4, "central_frequency": 127.7} | changes)


def test_real_file_has_naa_right_of_water(megapress):
    """A MEGA-PRESS scan that others measured and converted: the largest peak of 1.5 to 2.6 ppm is NAA's at 2.0 ppm."""
    data = read_fids(megapress)
    assert data.dims == ("DIM_DYN",)
    power = np.abs(to_spectrum((data.fids * np.exp(-5 * data.dwell * np.arange(data.points))[:, None]).T)).sum(axis=0)
    ppm = FID(data.fids[:, 0], data.dwell, data.central_frequency).ppm
    window = (ppm > 1.5) & (ppm < 2.6)
    assert abs(ppm[window][power[window].argmax()] - 2.0) < 0.2
