"""One scan from its raw file to NIfTI-MRS and BIDS sidecar."""

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinsculpt.config import Convert, plain
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.provenance import provenance, write_json
from spinsculpt.data.bids import sidecar, sidecar_problems
from spinsculpt.data.convert._combine import ECHO_TIME_TOLERANCE
from spinsculpt.data.convert._formats import read_bytes
from spinsculpt.data.convert._read import read_raw
from spinsculpt.data.convert._sources import files_on_disk
from spinsculpt.data.nifti import MRSData, write_fids
from spinsculpt.data.subjects import Scan

_WATER_RATIO = 3.0  # an unsuppressed phase of a loop is at least so many times stronger than the suppressed one


def convert_scan(
    raw: Sequence[Path | str],
    scan: Scan,
    suffix: str,
    out_nifti: Path | str,
    out_sidecar: Path | str,
    config: Convert,
    echo_time: float | None = None,
    sequence_type: str | None = None,
) -> None:
    """Convert a scan to NIfTI-MRS with a BIDS sidecar; both are written whole or not at all.

    Args:
        raw: its raw files in any of the formats that `recognise` knows, or folders of DICOM files; several are
            repetitions, which are put one after the other. Of a Philips scan any one of its files.
        scan: its line in the table of scans.
        suffix: "svs" (metabolites) or "mrsref" (water reference).
        out_nifti, out_sidecar: paths of the results.
        config: the section `convert` of the configuration.
        echo_time: of the sequence that the scan is said to be, in s; another one in the header is an error unless
            `config` says otherwise. It completes a header without.
        sequence_type: key `type` of that sequence.
    Raises:
        SpinsculptError: a sentence with the name of the file and what to do.
    """
    named, out_nifti = [Path(path) for path in raw], Path(out_nifti)
    found = read_raw(named, suffix, echo_time)
    where, notes = named[0], found.notes
    header, removed = without_identity(found.data.header, config.identifying)
    data = replace(found.data, header=_completed(where, header, config.header, echo_time, notes))
    data = _drop_zeros(where, _select_phase(where, data, suffix, notes), notes)
    data = _drop_singletons(data)
    if suffix == "svs" and echo_time and config.check_echo_time:
        _check_echo_time(where, data, scan, echo_time)
    for note in notes:
        logging.info("%s: %s", where, note)
    fields = sidecar(data, scan, suffix, sequence_type)
    _check_sidecar(where, fields)
    content = fields | {
        "AnonymizedFields": removed,
        "ConversionNotes": notes,
        "SourceFormat": found.format,
        "SourceSHA256": [hashlib.sha256(read_bytes(path)).hexdigest() for path in files_on_disk(named)],
        "provenance": provenance(plain(config)),
    }
    try:
        write_fids(out_nifti, data)
        write_json(out_sidecar, content)
    except BaseException:
        out_nifti.unlink(missing_ok=True)
        raise


def without_identity(header: dict, identifying: list[str]) -> tuple[dict, list[str]]:
    """A header without its identifying fields, and the names of those that were removed.

    Removed are the keys of `identifying` and, as NIfTI-MRS has it, user-defined keys that begin with "private_", at
    every depth.
    """
    kept, removed = {}, []
    for key, value in header.items():
        if key in identifying or re.match("private_", key):
            removed.append(key)
        elif isinstance(value, dict):
            kept[key], inside = without_identity(value, identifying)
            removed += [f"{key}.{name}" for name in inside]
        else:
            kept[key] = value
    return kept, sorted(removed)


def _completed(raw: Path, header: dict, given: Mapping, echo_time: float | None, notes: list[str]) -> dict:
    """The header with what the configuration and the sequence give where the raw file lacks it or says 0."""
    added = {key: value for key, value in given.items() if not header.get(key)}
    if added:
        notes.append("taken from the configuration: " + ", ".join(f"{key} = {value}" for key, value in added.items()))
    header = header | added
    for key in ("EchoTime", "RepetitionTime"):
        if header.get(key) and (not isinstance(header[key], int | float) or not header[key] > 0):
            raise SpinsculptError(f"{raw}: {key} is {header[key]!r}, not a time in s; correct the header.")
        if header.get(key):
            continue
        header.pop(key, None)
        where = f"convert: header: {{{key}: seconds}}"
        if key == "RepetitionTime":
            notes.append(f"the raw file does not say {key}; set it in the config: {where}")
        elif echo_time:
            header[key] = echo_time
            notes.append(f"the raw file does not say {key}; that of the sequence was taken, {echo_time} s")
        else:
            raise SpinsculptError(f"{raw}: the header lacks {key}; set it in the config: {where}.")
    return header


def _check_sidecar(raw: Path, fields: dict) -> None:
    problems = sidecar_problems(fields)
    if problems:
        raise SpinsculptError(
            f"{raw}: its sidecar would not be valid BIDS ({'; '.join(problems)}); correct the header."
        )


def _select_phase(raw: Path, data: MRSData, suffix: str, notes: list[str]) -> MRSData:
    """Water or metabolites of a scan that holds both in a loop, as the reference scans of Siemens (Phs) do."""
    if data.size("DIM_USER_0") != 2:
        return data
    axis = 1 + data.dims.index("DIM_USER_0")
    energy = [np.linalg.norm(np.take(data.fids, index, axis)) / _transients(data, index) ** 0.5 for index in (0, 1)]
    water = int(np.argmax(energy))
    if energy[water] < _WATER_RATIO * energy[1 - water]:
        raise SpinsculptError(
            f"{raw}: holds two phases of about the same strength, so neither is the unsuppressed water reference; "
            "convert it by hand with spec2nii and name the NIfTI-MRS file instead."
        )
    chosen = water if suffix == "mrsref" else 1 - water
    notes.append(f"phase {chosen} of the loop was taken; phase {water} is the unsuppressed water")
    return data.select("DIM_USER_0", chosen)


def _transients(data: MRSData, index: int) -> int:
    """Number of FIDs of one phase that are not all zero."""
    phase = data.select("DIM_USER_0", index).fids
    return max(1, int(np.any(phase.reshape(data.points, -1), axis=0).sum()))


def _drop_zeros(raw: Path, data: MRSData, notes: list[str]) -> MRSData:
    """The data without indices of a dimension at which every sample is zero."""
    if not np.any(data.fids):
        raise SpinsculptError(f"{raw}: every sample is zero; export the scan again.")
    for n, tag in enumerate(data.dims, start=1):
        others = tuple(axis for axis in range(data.fids.ndim) if axis != n)
        full = np.any(data.fids, axis=others)
        if full.all():
            continue
        zero = np.flatnonzero(~full).tolist()
        notes.append(f"dropped {tag} {', '.join(map(str, zero))}: every sample is zero")
        fields = {
            key: [item for item, keep in zip(value, full, strict=True) if keep]
            if isinstance(value, list) and len(value) == len(full)
            else value
            for key, value in data.dim_headers.get(tag, {}).items()
        }
        headers = data.dim_headers | ({tag: fields} if fields else {})
        data = replace(data, fids=np.compress(full, data.fids, axis=n), dim_headers=headers)
    return data


def _drop_singletons(data: MRSData) -> MRSData:
    for tag in [tag for tag in data.dims if data.size(tag) == 1]:
        data = data.select(tag, 0)
    return data


def _check_echo_time(raw: Path, data: MRSData, scan: Scan, echo_time: float) -> None:
    found = data.header.get("EchoTime")
    if found is not None and abs(found - echo_time) > ECHO_TIME_TOLERANCE:
        raise SpinsculptError(
            f"{raw}: the header says TE {found * 1e3:g} ms, but the sequence {scan.sequence} has "
            f"{echo_time * 1e3:g} ms; correct the column 'sequence' of the table of scans, or the sequence."
        )
