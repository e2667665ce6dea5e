"""NIfTI-MRS files of single-voxel proton spectroscopy: the only place that conjugates between disk and memory.

Format: Clarke et al. 2022, doi:10.1002/mrm.29418. On disk a FID is the complex conjugate of the FFT-positive FID of
`spinsculpt.core.conventions`; the nifti-mrs library conjugates on both ways, and nothing else in this package does.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import NoSpectrum, SpinsculptError, brief
from spinsculpt.core.gate import RANGES, quantity
from spinsculpt.core.provenance import atomic_path

_DIMENSION_KEYS = tuple(f"dim_{n}{end}" for n in (5, 6, 7) for end in ("", "_info", "_header"))
_EXTENSION_CODE = 44  # of NIfTI-MRS
_TIMES = {"EchoTime": "echo_time", "RepetitionTime": "repetition_time", "InversionTime": "inversion_time"}
_FARTHEST = 1e5  # mm
_REQUIRED_KEYS = ("SpectrometerFrequency", "ResonantNucleus")


@dataclass(frozen=True)
class MRSData:
    """FIDs of one voxel with their header.

    Attributes:
        fids: complex128, FFT-positive, shape (points, *higher); one axis of `higher` a tag of `dims`.
        dwell: sampling interval in s.
        central_frequency: MHz.
        dims: NIfTI-MRS tags of the higher dimensions, e.g. ("DIM_COIL", "DIM_DYN") or ("DIM_EDIT",).
        header: fields of the NIfTI-MRS header extension (times in s), without those that the other attributes hold.
        dim_headers: what the header says along a dimension, e.g. {"DIM_EDIT": {"EditCondition": ["ON", "OFF"]}}.
        affine: voxel to scanner coordinates in mm, shape (4, 4), or None where unknown.
        nucleus: always "1H" here.
    """

    fids: np.ndarray
    dwell: float
    central_frequency: float
    dims: tuple[str, ...] = ()
    header: dict = field(default_factory=dict)
    dim_headers: dict[str, dict] = field(default_factory=dict)
    affine: np.ndarray | None = None
    nucleus: str = "1H"

    def __post_init__(self):
        if self.fids.ndim != 1 + len(self.dims):
            raise SpinsculptError(f"FIDs of shape {self.fids.shape} need {self.fids.ndim - 1} tags, not {self.dims}.")
        for key in ("dwell", "central_frequency"):
            quantity(getattr(self, key), key, "The data")

    @property
    def points(self) -> int:
        return self.fids.shape[0]

    @property
    def fid(self) -> FID:
        """The FID, where the data hold exactly one."""
        if self.fids.size != self.points:
            raise SpinsculptError(f"The data hold {self.fids.size // self.points} FIDs along {self.dims}, not one.")
        return FID(self.fids.reshape(self.points), self.dwell, self.central_frequency)

    def size(self, tag: str) -> int:
        """Number of FIDs along a dimension; 1 where the data have no such dimension."""
        return self.fids.shape[1 + self.dims.index(tag)] if tag in self.dims else 1

    def select(self, tag: str, index: int) -> "MRSData":
        """The data at one index of a dimension, which is dropped."""
        axis = self.dims.index(tag)
        return self.drop(tag, np.take(self.fids, index, axis=1 + axis))

    def drop(self, tag: str, fids: np.ndarray) -> "MRSData":
        """The same header around `fids` that have lost the dimension `tag` (by averaging, combination, selection)."""
        dims = tuple(other for other in self.dims if other != tag)
        return replace(self, fids=fids, dims=dims, dim_headers={t: h for t, h in self.dim_headers.items() if t != tag})


def read_header(path: Path | str) -> dict:
    """The header extension of a NIfTI-MRS file, without its samples.

    Raises:
        SpinsculptError: the file is missing or unreadable; NoSpectrum: it is NIfTI, but no NIfTI-MRS.
    """
    import nibabel

    try:
        extensions = nibabel.load(path).header.extensions
        fields = next(json.loads(each.get_content()) for each in extensions if each.get_code() == _EXTENSION_CODE)
    except FileNotFoundError:
        raise SpinsculptError(f"{path}: there is no such file.") from None
    except StopIteration:
        raise NoSpectrum(f"{path}: this NIfTI file has no header of MRS; it may be an image.") from None
    except Exception as error:  # nibabel and zlib raise many kinds; all of them mean an unreadable file
        raise SpinsculptError(
            f"{path}: this is no readable NIfTI file ({brief(error)}); convert the scan again."
        ) from error
    if not isinstance(fields, dict):
        raise SpinsculptError(f"{path}: the header extension is no table of fields; convert the scan again.")
    return fields


def read_fids(path: Path | str) -> MRSData:
    """Read a NIfTI-MRS file of one voxel.

    Raises:
        SpinsculptError: the file is missing, is no readable NIfTI-MRS, holds several voxels, another nucleus than 1H,
            or samples that are not finite numbers.
    """
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    path = Path(path)
    if not path.is_file():
        raise SpinsculptError(f"{path}: there is no such file; convert the scan first or correct the path.")
    try:
        image = NIFTI_MRS(path, validate_on_creation=False)
        samples = np.asarray(image[:], dtype=np.complex128).reshape(image.shape)
    except Exception as error:  # the libraries below raise many kinds; all of them mean an unreadable file
        raise SpinsculptError(
            f"{path}: this is no readable NIfTI-MRS file ({brief(error)}); convert the scan again."
        ) from error
    if samples.shape[:3] != (1, 1, 1):
        voxels = " x ".join(map(str, samples.shape[:3]))
        raise SpinsculptError(f"{path}: the file holds {voxels} voxels; only single-voxel data are analysed.")
    header = image.hdr_ext.to_dict()
    if image.nucleus[0] != "1H":
        raise SpinsculptError(f"{path}: the nucleus is {image.nucleus[0]}; only proton (1H) data are analysed.")
    _check_samples(samples, path)
    dims = tuple(header.get(f"dim_{n}", f"DIM_USER_{n - 5}") for n in range(5, samples.ndim + 1))
    _check_header(header, path)
    affine = image.getAffine("voxel", "world")
    _check_affine(affine, path)
    stored = _shortest(image.dwelltime)
    dwell = 1 / header["SpectralWidth"] if header.get("SpectralWidth") else stored
    quantity(dwell, "dwell", path, "the dwell time")
    if abs(dwell - stored) > 1e-3 * dwell:
        raise SpinsculptError(
            f"{path}: SpectralWidth is {1 / dwell:g} Hz, but the sampling interval in the file is {stored:g} s "
            f"instead of {dwell:g} s; correct the one that is wrong."
        )
    return MRSData(
        samples[0, 0, 0],
        dwell=dwell,
        central_frequency=quantity(image.spectrometer_frequency[0], "central_frequency", path, "SpectrometerFrequency"),
        dims=dims,
        header={key: value for key, value in header.items() if key not in _DIMENSION_KEYS + _REQUIRED_KEYS},
        dim_headers={tag: header[f"dim_{n}_header"] for n, tag in enumerate(dims, 5) if f"dim_{n}_header" in header},
        affine=affine,
        nucleus=image.nucleus[0],
    )


def write_fids(path: Path | str, data: MRSData) -> None:
    """Write a NIfTI-MRS file (complex64, .nii.gz) atomically."""
    from nifti_mrs.create_nmrs import gen_nifti_mrs_hdr_ext
    from nifti_mrs.hdr_ext import Hdr_Ext

    extension = Hdr_Ext.from_header_ext(
        {
            "SpectrometerFrequency": [data.central_frequency],
            "ResonantNucleus": [data.nucleus],
            **data.header,
            "SpectralWidth": 1 / data.dwell,
        }
    )
    for n, tag in enumerate(data.dims):
        extension.set_dim_info(n, tag, hdr=data.dim_headers.get(tag))
    _check_samples(data.fids, path)
    _check_header(data.header, path)
    _check_affine(data.affine, path)
    samples = data.fids[np.newaxis, np.newaxis, np.newaxis].astype(np.complex64)
    image = gen_nifti_mrs_hdr_ext(samples, data.dwell, extension, affine=data.affine)
    with atomic_path(path) as temporary:
        image.save(str(temporary))


def _check_samples(samples: np.ndarray, path: Path | str) -> None:
    if not samples.size:
        raise SpinsculptError(f"{path}: there are no samples; export or convert the scan again.")
    if not np.isfinite(samples).all():
        raise SpinsculptError(f"{path}: some samples are not finite numbers; export or convert the scan again.")
    if np.abs(samples).max() > RANGES["signal"][1]:
        raise SpinsculptError(f"{path}: some samples are larger than any receiver gives; export the scan again.")


def _check_header(header: dict, path: Path | str) -> None:
    for key, name in _TIMES.items():
        if isinstance(header.get(key), int | float):
            quantity(header[key], name, path, key)


def _check_affine(affine: np.ndarray | None, path: Path | str) -> None:
    if affine is not None and not np.all(np.abs(affine) <= _FARTHEST):  # NaN is not either
        raise SpinsculptError(f"{path}: size or place of the voxel is no length in mm; correct the header.")


def _shortest(value: np.float32) -> float:
    """The shortest decimal number that rounds to a header's 32-bit float, so that 0.5 ms is 0.0005 s."""
    return float(str(np.float32(value)))
