"""Results are written whole or not at all, and say where they come from."""

import json

import numpy as np
import pytest

from spinsculpt.core.provenance import atomic_path, config_hash, provenance, write_json


def test_an_interrupted_write_leaves_the_old_file_and_no_debris(tmp_path):
    target = tmp_path / "result.nii.gz"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as path:
        assert path.name.endswith(".nii.gz")
        path.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["result.nii.gz"]


def test_json_holds_arrays_and_provenance(tmp_path):
    write_json(tmp_path / "new/a.json", {"x": np.arange(3), "provenance": provenance({"a": 1}, seed=4)})
    content = json.loads((tmp_path / "new/a.json").read_text())
    assert content["x"] == [0, 1, 2]
    assert content["provenance"]["seed"] == 4 and content["provenance"]["version"]


def test_config_hash_does_not_depend_on_order():
    assert config_hash({"a": 1, "b": {"c": 2, "d": 3}}) == config_hash({"b": {"d": 3, "c": 2}, "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})
