"""Checkpoints of designs: a .npz without pickled objects, with a version, the identity of the design and a checksum.

Loading one runs no code, whoever wrote the file.
"""

import hashlib
import json
import logging
import zipfile
from pathlib import Path

import numpy as np
import torch

from spinsculpt.core.errors import brief
from spinsculpt.core.folders import set_aside
from spinsculpt.core.provenance import atomic_path

VERSION = 1
LARGEST = 1 << 30  # bytes; the state of a design is some megabytes


def save_checkpoint(path: Path | str, identity: str, state: dict) -> None:
    """Write the state of a search atomically.

    Args:
        path: of the .npz.
        identity: hash of what is designed; only the same design goes on from here.
        state: nested dicts, lists and tuples of tensors and plain values.
    """
    arrays: dict[str, np.ndarray] = {}
    header = json.dumps({"version": VERSION, "identity": identity, "state": _packed(state, arrays)})
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, header=np.array(header), sha256=np.array(_digest(header, arrays)), **arrays)


def load_checkpoint(path: Path | str, identity: str) -> dict | None:
    """The state that `save_checkpoint` wrote, or None: there is none, it is of another design, or it is broken.

    A broken one, or a file of others, is renamed to `….bad-1` and a warning says so; the design starts anew.
    """
    path = Path(path)
    if not path.is_file():
        return None
    try:
        return _read(path, identity)
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, zipfile.BadZipFile) as error:
        discard_checkpoint(path, brief(error))
        return None


def discard_checkpoint(path: Path, reason: str) -> None:
    """Rename a checkpoint that is of no use, over no other, and say so."""
    logging.getLogger(__name__).warning(
        "%s: this checkpoint cannot be read (%s); it is now %s, and the design starts anew.",
        path, reason, set_aside(path).name,
    )  # fmt: skip


def _read(path: Path, identity: str) -> dict | None:
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST:
            raise ValueError(f"it unpacks to more than {LARGEST >> 20} MB")
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files if key not in ("header", "sha256")}
        header, digest = str(file["header"]), str(file["sha256"])
    if digest != _digest(header, arrays):
        raise ValueError("its checksum is not that of its content")
    content = json.loads(header)
    if content["version"] != VERSION:
        raise ValueError(f"it has the format {content['version']}, not {VERSION}")
    return _unpacked(content["state"], arrays) if content["identity"] == identity else None


def _packed(value: object, arrays: dict[str, np.ndarray]) -> object:
    if isinstance(value, torch.Tensor):
        key = f"tensor_{len(arrays)}"
        arrays[key] = value.detach().cpu().numpy()
        return {"tensor": key}
    if isinstance(value, dict):
        return {"map": [[key, _packed(item, arrays)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_packed(item, arrays) for item in value]}
    return value


def _unpacked(value: object, arrays: dict[str, np.ndarray]) -> object:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return torch.as_tensor(arrays[content], device="cpu").to(torch.get_default_device())
    if kind == "map":
        return {key: _unpacked(item, arrays) for key, item in content}
    items = [_unpacked(item, arrays) for item in content]
    return tuple(items) if kind == "tuple" else items


def _digest(header: str, arrays: dict[str, np.ndarray]) -> str:
    found = hashlib.sha256(header.encode())
    for key in sorted(arrays):
        found.update(f"{key} {arrays[key].dtype.str} {arrays[key].shape}".encode())
        found.update(np.ascontiguousarray(arrays[key]).tobytes())
    return found.hexdigest()
