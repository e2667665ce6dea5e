"""Checkpoints of designs: exact, safe to load from anywhere, and never in the way of a new start."""

import pickle

import numpy as np
import pytest
import torch

from spinsculpt.design._checkpoint import load_checkpoint, save_checkpoint
from spinsculpt.design._optimise import Search

STATE = {
    "starts": torch.tensor([0, 2]),
    "done": 7,
    "landscape": {0: (3, 0.1 + 0.2), 2: (7, float("inf"))},
    "best": (1 / 3, 2, torch.tensor([0.1, np.pi], dtype=torch.float64)),
    "history": [{"start": 0, "loss": -1e-300}],
    "optimiser": {"x": torch.randn(2, 3, dtype=torch.float64), "loss": None, "parts": {}},
}


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b and type(a) is type(b)


def test_what_is_saved_comes_back_bit_for_bit(tmp_path):
    save_checkpoint(tmp_path / "c.npz", "one", STATE)
    assert same(load_checkpoint(tmp_path / "c.npz", "one"), STATE)
    assert load_checkpoint(tmp_path / "c.npz", "another design") is None
    assert load_checkpoint(tmp_path / "absent.npz", "one") is None


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_in_place_of_a_checkpoint_runs_no_code(tmp_path):
    trap = tmp_path / "trap"
    (tmp_path / "a.npz").write_bytes(pickle.dumps(Payload(str(trap))))
    torch.save({"identity": "one", "search": Payload(str(trap))}, tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", header=np.array([Payload(str(trap))], dtype=object), sha256=np.array(""))
    trap.unlink(missing_ok=True)  # in case that writing the traps sprang one
    for name in ("a", "b", "c"):
        assert load_checkpoint(tmp_path / f"{name}.npz", "one") is None
    assert not trap.exists()


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "version"])
def test_a_broken_checkpoint_is_set_aside_with_a_sentence(tmp_path, caplog, harm):
    path = tmp_path / "c.npz"
    save_checkpoint(path, "one", STATE)
    content = path.read_bytes()
    if harm == "version":
        with np.load(path) as file:
            arrays = dict(file)
        arrays["header"] = np.array(str(arrays["header"]).replace('"version": 1', '"version": 9'))
        np.savez(path, **arrays)
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
        path.write_bytes({"cut": content[:-40], "flipped": flipped, "empty": b""}[harm])
    assert load_checkpoint(path, "one") is None
    assert not path.exists() and (tmp_path / "c.npz.bad-1").is_file()
    assert "c.npz: this checkpoint cannot be read" in caplog.text and "starts anew" in caplog.text


@pytest.mark.parametrize("harm", ["best", "starts", "x", "first", "nan", "missing"])
@pytest.mark.parametrize("method", ["adam", "lbfgs"])
def test_arrays_of_another_shape_are_refused_and_change_nothing(method, harm):
    def search() -> Search:
        return Search(lambda x: ((x**2).sum(1), 2 * x, {"all": (x**2).sum(1)}), torch.ones(4, 3) * 0.1, method, 9, 0.1)

    run = search()
    for _ in range(4):
        run.advance()
    state = run.state()
    search().load(state)  # is taken as it is
    optimiser = dict(state["optimiser"])
    first = "first" if method == "adam" else "s"
    match harm:
        case "best":
            state["best"] = (*state["best"][:2], torch.zeros(4))
        case "starts":
            state["starts"] = torch.tensor([0, 9])
        case "x":
            optimiser["x"] = optimiser["x"][:, :2]
        case "first":
            optimiser[first] = optimiser[first][..., :2]
        case "nan":
            optimiser["x"] = optimiser["x"] * float("nan")
        case "missing":
            del optimiser[first]
    fresh = search()
    with pytest.raises(ValueError, match="other arrays"):
        fresh.load(state | {"optimiser": optimiser})
    assert fresh.done == 0 and torch.equal(fresh.optimiser.x, fresh.initial)
