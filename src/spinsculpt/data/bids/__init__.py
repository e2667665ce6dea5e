"""BIDS for MRS: names, sidecars and descriptions of data sets, and the scans of a data set that is there already."""

from spinsculpt.data.bids._dataset import keep_apart, scans_of_dataset
from spinsculpt.data.bids._layout import (
    header_of_sidecar,
    missing_recommended,
    mrs_name,
    nominal_field,
    parse_name,
    read_sidecar,
    sidecar,
    sidecar_path,
    sidecar_problems,
    write_dataset_description,
)

__all__ = [
    "header_of_sidecar",
    "keep_apart",
    "missing_recommended",
    "mrs_name",
    "nominal_field",
    "parse_name",
    "read_sidecar",
    "scans_of_dataset",
    "sidecar",
    "sidecar_path",
    "sidecar_problems",
    "write_dataset_description",
]
