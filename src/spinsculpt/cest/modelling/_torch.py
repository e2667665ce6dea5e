r"""The same physics in torch: batched on CPU or GPU, differentiable with respect to tissue *and* protocol.

The generators are those of `_kernel`, written as one tensor; torch exponentiates all of them at once. It is the engine
of protocol design and of GPUs; dictionaries and training on a CPU use the compiled one (a test holds both equal).
"""

from math import pi

import torch
from torch import Tensor

from spinsculpt.cest.modelling._kernel import FAR, NEAR, NODES, WEIGHTS
from spinsculpt.cest.modelling._model import NAMES, Model
from spinsculpt.cest.modelling._protocol import READ, SAMPLE, SPOIL, Protocol
from spinsculpt.core.conventions import GAMMA_BAR, larmor_frequency


def super_lorentzian(offset: Tensor, t2: Tensor) -> Tensor:
    """Line of the semisolid pool in s, at an offset in Hz; shapes broadcast (Morrison & Henkelman 1995)."""
    nodes, weights = (torch.as_tensor(values, dtype=t2.dtype, device=t2.device) for values in (NODES, WEIGHTS))

    def integral(frequency: Tensor) -> Tensor:
        width = t2[..., None] / (3 * nodes**2 - 1).abs()
        value = weights * width * torch.exp(-2 * (2 * pi * frequency[..., None] * width) ** 2)
        return value.sum(-1) * (2 / pi) ** 0.5

    offset, t2 = torch.broadcast_tensors(offset, t2)
    near, far = (integral(torch.full_like(t2, value)).log() for value in (NEAR, FAR))
    inner = torch.exp(near + (far - near) / (FAR**2 - NEAR**2) * (offset**2 - NEAR**2))
    return torch.where(offset.abs() >= NEAR, integral(offset.abs().clamp(min=NEAR)), inner)


def _operators(parameters: Tensor, operators: Tensor, model: Model) -> Tensor:
    """Propagators of all operators and voxels, shape (voxels, operators, size, size)."""
    turned = operators[:, 0] == 1
    made = operators.new_zeros(parameters.shape[0], operators.shape[0], model.size, model.size)
    made[:, turned] = _tips(parameters, operators[turned], model)
    made[:, ~turned] = _irradiations(parameters, operators[~turned], model)
    return made


def _blocks(model: Model) -> range:
    """First rows of the pools that have x, y and z."""
    return range(0, 3 * (1 + model.solute + (model.line == 1)), 3)


def _tips(parameters: Tensor, operators: Tensor, model: Model) -> Tensor:
    """Rotations about axes in the plane."""
    angle = operators[None, :, 1] * parameters[:, NAMES.index("B1"), None]
    c, s = torch.cos(angle), torch.sin(angle)
    nx, ny = torch.cos(operators[None, :, 4]).expand_as(c), torch.sin(operators[None, :, 4]).expand_as(c)
    entries = {(i, i): torch.ones_like(c) for i in range(model.size)}
    for r in _blocks(model):
        entries |= {(r, r): c + nx**2 * (1 - c), (r, r + 1): nx * ny * (1 - c), (r, r + 2): ny * s}
        entries |= {(r + 1, r): nx * ny * (1 - c), (r + 1, r + 1): c + ny**2 * (1 - c), (r + 1, r + 2): -nx * s}
        entries |= {(r + 2, r): -ny * s, (r + 2, r + 1): nx * s, (r + 2, r + 2): c}
    return _matrix(entries, model.size, torch.zeros_like(c))


def _irradiations(parameters: Tensor, operators: Tensor, model: Model) -> Tensor:
    """Exponentials of the generators, turned back from the frame of the RF."""
    column = {name: parameters[:, i, None] for i, name in enumerate(NAMES)}
    duration, b1, offset, phase = (operators[None, :, i] for i in range(1, 5))
    frequency, size = larmor_frequency(model.field), model.size
    shape = (parameters.shape[0], operators.shape[0])
    w1 = 2 * pi * GAMMA_BAR * b1 * column["B1"]
    wx, wy = w1 * torch.cos(phase), w1 * torch.sin(phase)
    entries: dict[tuple[int, int], Tensor] = {}

    def add(i: int, j: int, value: Tensor) -> None:
        entries[i, j] = entries[i, j] + value if (i, j) in entries else value.expand(shape)

    pools = [("T1", "T2", None, None, None)]
    pools += [("T1s", "T2s", "shift_s", "fs", "ksw")] if model.solute else []
    pools += [("T1ss", "T2ss", "shift_ss", "fss", "kssw")] if model.semisolid else []
    row = 0
    for t1, t2, shift, fraction, rate in pools:
        r1, r2 = 1 / column[t1], 1 / column[t2]
        hertz = (column[shift] + column["B0"] if shift else column["B0"]) * frequency - offset
        equilibrium = column[fraction] if fraction else torch.ones_like(r1)
        back, forth = (column[rate], column[rate] * column[fraction]) if rate else (0 * r1, 0 * r1)
        if fraction == "fss" and model.line == 2:
            add(row, row, -(r1 + pi * w1**2 * super_lorentzian(hertz, column[t2].expand(shape)) + back))
            add(row, size - 1, r1 * equilibrium)
            add(2, row, back), add(row, 2, forth), add(2, 2, -forth)
            row += 1
            continue
        delta = 2 * pi * hertz
        add(row, row, -r2 - back), add(row + 1, row + 1, -r2 - back), add(row + 2, row + 2, -r1 - back)
        add(row, row + 1, -delta), add(row + 1, row, delta)
        add(row, row + 2, wy), add(row + 2, row, -wy)
        add(row + 1, row + 2, -wx), add(row + 2, row + 1, wx)
        add(row + 2, size - 1, r1 * equilibrium)
        if rate:
            for axis in range(3):
                add(axis, row + axis, back), add(row + axis, axis, forth), add(axis, axis, -forth)
        row += 3
    zero = torch.zeros(shape, dtype=parameters.dtype, device=parameters.device)
    propagators = torch.linalg.matrix_exp(_matrix(entries, size, zero) * duration[..., None, None])
    angle = (2 * pi * offset * duration).expand(shape)
    c, s = torch.cos(angle), torch.sin(angle)
    frame = {(i, i): torch.ones_like(zero) for i in range(size)}
    for r in _blocks(model):
        frame |= {(r, r): c, (r, r + 1): -s, (r + 1, r): s, (r + 1, r + 1): c}
    return _matrix(frame, size, zero) @ propagators


def _matrix(entries: dict[tuple[int, int], Tensor], size: int, zero: Tensor) -> Tensor:
    rows = [torch.stack([entries.get((i, j), zero).expand(zero.shape) for j in range(size)], -1) for i in range(size)]
    return torch.stack(rows, -2)


def simulate_torch(
    operators: Tensor, protocol: Protocol, model: Model, parameters: Tensor, measured: Tensor | None = None
) -> Tensor:
    """z of water at each sample, differentiable by `operators` and `parameters`; use float64.

    Args:
        operators: as `Protocol.operators`, shape (n, 5); replaces those of the protocol.
        protocol: whose order is played.
        model: which pools there are.
        parameters: as of `tissue`, shape (voxels, len(NAMES)).
        measured: as of `simulate`.
    Returns:
        Shape (voxels, images).
    """
    propagators = _operators(parameters, operators, model)
    ones = torch.ones_like(parameters[:, 0])
    state = [0 * ones] * model.size
    state[2] = state[-1] = ones
    if model.solute:
        state[5] = parameters[:, NAMES.index("fs")]
    if model.semisolid:
        state[model.size - 2] = parameters[:, NAMES.index("fss")]
    vector = torch.stack(state, -1)
    pools = 1 + model.solute + (model.line == 1)
    kept = torch.ones(model.size, dtype=parameters.dtype, device=parameters.device)
    for pool in range(pools):
        kept[3 * pool : 3 * pool + 2] = 0
    order, members, ends, times = (values.tolist() for values in protocol.folded)
    every = list(propagators.unbind(1))
    for begin, end, count in zip([0, *ends], ends, times, strict=False):
        block = torch.eye(model.size, dtype=parameters.dtype, device=parameters.device).expand_as(every[0])
        for number in members[begin:end]:
            block = kept[:, None] * block if number == SPOIL else every[number] @ block
        every.append(torch.linalg.matrix_power(block, count))
    samples = []
    for number in order:
        if number == READ:  # never decoupled, as of `simulate`
            samples.append(torch.linalg.vector_norm(vector[:, :2], dim=1))
        elif number == SAMPLE:
            samples.append(vector[:, 2])
            if measured is not None:
                vector = torch.cat([vector[:, :2], measured[:, len(samples) - 1, None], vector[:, 3:]], 1)
        elif number == SPOIL:
            vector = vector * kept
        else:
            vector = (every[number] @ vector[..., None])[..., 0]
    return torch.stack(samples, -1)
