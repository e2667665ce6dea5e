"""From raw scanner files to NIfTI-MRS with BIDS names."""

from spinsculpt.data.convert._convert import convert_scan
from spinsculpt.data.convert._dicom import dicom_spectrum, is_dicom
from spinsculpt.data.convert._find import FoundScans, find_scans, write_scans
from spinsculpt.data.convert._formats import SUFFIXES, recognise
from spinsculpt.data.convert._headers import RawHeader, read_raw_header, scanner_of
from spinsculpt.data.convert._sources import files_on_disk, named_files, partners

__all__ = [
    "SUFFIXES",
    "FoundScans",
    "RawHeader",
    "convert_scan",
    "dicom_spectrum",
    "files_on_disk",
    "find_scans",
    "is_dicom",
    "named_files",
    "partners",
    "read_raw_header",
    "recognise",
    "scanner_of",
    "write_scans",
]
