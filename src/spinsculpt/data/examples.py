"""The example that is fetched and converted: a MEGA-PRESS scan whose licence (GPL-3) keeps it out of the repository."""

import lzma
from pathlib import Path

import numpy as np

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import owned_files
from spinsculpt.data.fetch import fetch_example_data
from spinsculpt.data.nifti import MRSData, write_fids

TABLE = Path(__file__).with_name("example_megapress.yaml")
SCAN = "spant_mpress_drift_40dyn.nii.gz"
_AVERAGES, _POINTS, _BEGIN = 40, 1024, 85  # the file is known to the bit (SHA-256): its numbers begin at that byte


def fetch_megapress(folder: Path | str, base_url: str | None = None) -> Path:
    """Download the scan and write it as NIfTI-MRS beside the download.

    Args:
        folder: where both files go; what others have there stays.
        base_url: in place of that of the table, e.g. a mirror.
    Raises:
        SpinsculptError: as `fetch_example_data`.
    """
    (download,) = fetch_example_data(folder, base_url, TABLE)
    with owned_files(folder) as made:
        write_fids(made / SCAN, read_megapress(download))
    return Path(folder) / SCAN


def read_megapress(path: Path | str) -> MRSData:
    """The scan in the .rda file of R (XDR, packed by xz), shape (1024, 40), ON and OFF alternating."""
    try:
        content = lzma.decompress(Path(path).read_bytes())
        values = np.frombuffer(content, ">c16", _AVERAGES * _POINTS, _BEGIN)
    except (OSError, lzma.LZMAError, ValueError) as error:
        raise SpinsculptError(f"{path}: is not the scan that spant came with ({error}); fetch it again.") from None
    fids = values.conj().astype(np.complex128).reshape(_POINTS, _AVERAGES)  # spant keeps the sign of NIfTI-MRS
    return MRSData(fids, 1 / 2150, 127.793291, ("DIM_DYN",), {"EchoTime": 0.068})
