"""From raw scanner files to NIfTI-MRS with BIDS names."""

from spinsculpt.convert._convert import convert_scan
from spinsculpt.convert._formats import recognise

__all__ = ["convert_scan", "recognise"]
