"""A BIDS data set of spectroscopy in place of the table of scans."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spinsculpt.config import SequenceEntry, guess_kind, match_sequence
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.bids._layout import header_of_sidecar, parse_name, read_sidecar
from spinsculpt.data.nifti import read_header
from spinsculpt.data.subjects import Scan, checked_place

_APART = ("task", "acq", "voi")  # entities that tell scans of one sequence apart
_FOLDERS = ("sub-*/mrs", "sub-*/ses-*/mrs")


def scans_of_dataset(root: Path | str, sequences: Mapping[str, SequenceEntry]) -> tuple[list[Scan], list[str]]:
    """The single-voxel scans of a BIDS data set that are of a sequence of the configuration.

    The `acq` label is the name of a sequence, or sequence type and echo time of sidecar or header match one. The water
    reference is what the sidecar names as ReferenceSignal, or the mrsref of the same name, or the only one beside the
    only scan.

    Args:
        root: folder of the data set.
        sequences: section of the configuration.
    Returns:
        The scans, with paths below `root`, and a sentence for each file that was left out.
    Raises:
        SpinsculptError: there is no such scan, or two of one subject, session and sequence.
    """
    root = Path(root)
    scans: dict[str, Scan] = {}
    left_out, doubled, found = [], [], []
    for folder in sorted(path for pattern in ("sub-*", "sub-*/ses-*", *_FOLDERS) for path in root.glob(pattern)):
        if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
            left_out.append(f"{folder}: this folder cannot be looked into; make it accessible. It is left out.")
    for path in sorted(path for folder in _FOLDERS for path in root.glob(f"{folder}/*_svs.nii*")):
        try:
            checked_place(path.relative_to(root).as_posix(), root)
            found.append(_scan(root, path, sequences))
        except SpinsculptError as error:
            left_out.append(f"{error} It is left out.")
    apart, notes = keep_apart(found, [parse_name(scan.data) or {} for scan in found])
    for scan in apart:
        if scan.name in scans:
            doubled.append(f"{root / scan.data}: is {scan.name} as is {scans[scan.name].data}")
        scans.setdefault(scan.name, scan)
    if doubled:
        advice = f"write a table with `spinsculpt import {root}`, and keep one of them or join repetitions by ';'."
        raise SpinsculptError("\n".join(f"{sentence}; {advice}" for sentence in doubled))
    if not scans:
        reasons = "\n".join(left_out) or "It holds no sub-*/[ses-*/]mrs/*_svs.nii.gz."
        raise SpinsculptError(f"{root}: no scan in this BIDS folder can be analysed.\n{reasons}")
    return list(scans.values()), left_out + notes


def keep_apart(scans: Sequence[Scan], entities: Sequence[Mapping[str, str]]) -> tuple[list[Scan], list[str]]:
    """Scans of one subject, session and sequence that are of several voxels, tasks or acquisitions, kept apart.

    Their labels become part of the session, in all scans of the data set alike, so that a voxel has one name.

    Args:
        scans: lines of the table.
        entities: of the BIDS name of each, e.g. {"sub": "01", "voi": "acc"}; {} where it has none.
    Returns:
        The scans with their sessions, in the same order, and a sentence where there was something to keep apart.

    >>> two = [Scan("01", "", "press35", "a"), Scan("01", "", "press35", "b")]
    >>> [scan.session for scan in keep_apart(two, [{"voi": "acc"}, {"voi": "pcc"}])[0]]
    ['voiacc', 'voipcc']
    """
    groups: dict[str, list[Mapping[str, str]]] = {}
    for scan, labels in zip(scans, entities, strict=True):
        if scan.subject and scan.sequence:
            groups.setdefault(scan.name, []).append(labels)
    telling = [
        key for key in _APART if any(len({each.get(key, "") for each in group}) > 1 for group in groups.values())
    ]
    if not telling:
        return list(scans), []
    parted = [
        replace(scan, session=scan.session + "".join(f"{key}{_plain(each[key])}" for key in telling if key in each))
        for scan, each in zip(scans, entities, strict=True)
    ]
    sessions = ", ".join(sorted({scan.session for scan in parted if scan.session}))
    return parted, [
        f"Scans of one subject and sequence differ in {' and '.join(telling)} of their BIDS names. They are kept apart "
        f"as the sessions {sessions}."
    ]


def _plain(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", label)


def _scan(root: Path, path: Path, sequences: Mapping[str, SequenceEntry]) -> Scan:
    """One file as a line of the table of scans."""
    name = path.relative_to(root).as_posix()
    entities = parse_name(name)
    if entities is None:
        raise SpinsculptError(f"{path}: this is no BIDS name of an MRS file.")
    if not (entities["sub"] + entities.get("ses", "")).isalnum():
        raise SpinsculptError(f"{path}: names of subjects and sessions are letters and digits here.")
    fields = read_sidecar(path)
    header = header_of_sidecar(fields) if fields else read_header(path)
    words = [str(source.get(key, "")) for source, key in ((fields, "PulseSequenceType"), (header, "SequenceName"))]
    label = entities.get("acq", "")
    kind = guess_kind([*words, str(header.get("ProtocolName", "")), label])
    echo_time = header.get("EchoTime")
    sequence, reason = match_sequence(
        sequences, [label], kind, echo_time if isinstance(echo_time, int | float) else None
    )
    if not sequence:
        raise SpinsculptError(f"{path}: {reason}.")
    return Scan(entities["sub"], entities.get("ses", ""), sequence, name, _water(root, path, fields))


def _water(root: Path, path: Path, fields: Mapping) -> str:
    """The water reference of a scan below the root, or "" where there is none or more than one."""
    named = fields.get("ReferenceSignal") or []
    wanted = [root / uri.partition("::")[2] for uri in ([named] if isinstance(named, str) else named)]
    wanted.append(path.with_name(path.name.replace("_svs.nii", "_mrsref.nii")))
    scans, references = (sorted(path.parent.glob(f"*_{suffix}.nii*")) for suffix in ("svs", "mrsref"))
    if len(scans) == 1 == len(references):
        wanted += references
    return next((water.relative_to(root).as_posix() for water in wanted if water.is_file()), "")
