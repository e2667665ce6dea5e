"""From raw scanner files to NIfTI-MRS with BIDS names."""

from spinsculpt.convert._convert import convert_scan
from spinsculpt.convert._formats import recognise
from spinsculpt.convert._sources import files_on_disk, named_files

__all__ = ["convert_scan", "files_on_disk", "named_files", "recognise"]
