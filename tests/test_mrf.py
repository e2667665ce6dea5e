"""Molecular fingerprinting: its physics against other solvers, its protocols, and its maps of real data."""

from math import pi, radians

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.io import loadmat
from scipy.linalg import expm

from conftest import REPOSITORY
from spinsculpt.conventions import GAMMA_BAR
from spinsculpt.errors import SpinsculptError
from spinsculpt.mrf import (
    NAMES,
    Model,
    Task,
    estimate,
    grid,
    match,
    protocol_from_table,
    protocol_of,
    random_grid,
    read_protocol,
    simulate,
    tissue,
)

PRECLINICAL = REPOSITORY / "config/examples/molecular_mrf_preclinical"
pytestmark = pytest.mark.xdist_group("mrf")  # its kernels are compiled once

PULSED = [("wait", 0.3)]
for b1, hertz in ((2.0, 447.0), (0.0, 0.0), (3.1, -900.0), (1.2, 1277.0)):
    PULSED += [("wait", 0.05), ("irradiate", 0.1, b1, hertz, 0.4), ("wait", 0.02), ("irradiate", 0.1, b1, hertz, 1.0)]
    PULSED += [("spoil",), ("sample",), ("tip", radians(30), 0.0), ("tip", radians(20), 1.0), ("spoil",), ("wait", 0.5)]
PROTOCOL = protocol_of(PULSED)
TISSUE = {"B1": [0.9, 1.1], "B0": [0.1, -0.2], "fs": 0.003, "ksw": [150, 800], "fss": 0.1, "kssw": 30, "T2s": 0.01}
TISSUE |= {"T2ss": 12e-6}
MODELS = [
    Model(False),
    Model(True),
    Model(False, "lorentzian"),
    Model(True, "lorentzian"),
    Model(True, "super-lorentzian"),
]


def equations(model, voxel, b1, hertz, phase):
    """dM/dt = A M + C written pool by pool from the text-book, in the frame of the RF."""
    v = dict(zip(NAMES, voxel, strict=True))
    pools = [(1.0, 0.0, v["T1"], v["T2"], 0.0)]
    pools += [(v["fs"], v["ksw"], v["T1s"], v["T2s"], v["shift_s"])] if model.solute else []
    pools += [(v["fss"], v["kssw"], v["T1ss"], v["T2ss"], v["shift_ss"])] if model.semisolid else []
    n = 3 * len(pools)
    a, c = np.zeros((n, n)), np.zeros(n)
    w = 2 * pi * GAMMA_BAR * b1 * v["B1"]
    omega_x, omega_y = w * np.cos(phase), w * np.sin(phase)
    for i, (fraction, rate, t1, t2, shift) in enumerate(pools):
        omega_z = 2 * pi * ((shift + v["B0"]) * GAMMA_BAR * model.field - hertz)
        cross = np.array([[0, -omega_z, omega_y], [omega_z, 0, -omega_x], [-omega_y, omega_x, 0]])
        here = slice(3 * i, 3 * i + 3)
        a[here, here] += cross - np.diag([1 / t2, 1 / t2, 1 / t1])
        c[3 * i + 2] = fraction / t1
        for axis in range(3):
            s, water = 3 * i + axis, axis
            if i:
                a[s, s] -= rate
                a[water, s] += rate
                a[s, water] += rate * fraction
                a[water, water] -= rate * fraction
    return a, c, np.array([[0, 0, pool[0]] for pool in pools], float).ravel()


def played(model, voxel, advance):
    """Signals of PULSED with a solver of one's own for each piece; frames are turned back explicitly."""
    m, signals = equations(model, voxel, 0, 0, 0)[2], []

    def rotate(m, angle):
        c, s = np.cos(angle), np.sin(angle)
        x, y, z = m.reshape(-1, 3).T
        return np.stack([c * x - s * y, s * x + c * y, z], 1).ravel()

    for kind, *values in PULSED:
        if kind == "spoil":
            m = (m.reshape(-1, 3) * [0, 0, 1]).ravel()
        elif kind == "sample":
            signals.append(m[2])
        elif kind == "tip":
            cross = equations(Model(model.solute, model.semisolid), voxel, 0, 0, 0)[0] * 0
            n = values[0] * voxel[0] * np.array([np.cos(values[1]), np.sin(values[1]), 0])
            for i in range(0, len(m), 3):
                cross[i : i + 3, i : i + 3] = np.cross(np.eye(3), -n)
            m = expm(cross) @ m
        else:
            duration, b1, hertz, phase = (*values, 0, 0, 0)[:4]
            hertz = hertz if b1 else 0.0
            a, c, _ = equations(model, voxel, b1, hertz, phase)
            m = rotate(advance(a, c, m, duration), 2 * pi * hertz * duration)
    return np.array(signals)


def exact(a, c, m, duration):
    steady = -np.linalg.solve(a, c)
    return expm(a * duration) @ (m - steady) + steady


def adaptive(a, c, m, duration):
    return solve_ivp(lambda _, y: a @ y + c, (0, duration), m, "Radau", jac=a, rtol=1e-9, atol=1e-11).y[:, -1]


@pytest.mark.parametrize("model", MODELS[:4], ids=str)
def test_signals_equal_dense_matrix_exponentials(model):
    table = tissue(TISSUE)
    signals, _ = simulate(PROTOCOL, model, table)
    assert np.abs(signals - [played(model, voxel, exact) for voxel in table]).max() < 1e-8


def test_signals_equal_an_adaptive_solver():
    table = tissue(TISSUE)[:1]
    signals, _ = simulate(PROTOCOL, Model(True), table)
    assert np.abs(signals[0] - played(Model(True), table[0], adaptive)).max() < 1e-6


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_both_engines_give_the_same_signals_and_derivatives(model):
    import torch

    from spinsculpt.mrf._torch import simulate_torch

    table = tissue(TISSUE)
    wanted = ("fs", "ksw", "fss", "kssw", "T1", "B1", "T2ss")
    signals, jacobian = simulate(PROTOCOL, model, table, wanted)
    parameters = torch.tensor(table, requires_grad=True)
    other = simulate_torch(torch.tensor(PROTOCOL.operators), PROTOCOL, model, parameters)
    assert np.abs(signals - other.detach().numpy()).max() < 1e-9
    columns = [NAMES.index(name) for name in wanted]
    for image in range(PROTOCOL.images):
        (gradient,) = torch.autograd.grad(other[:, image].sum(), parameters, retain_graph=True)
        expected = gradient.numpy()[:, columns]
        assert np.abs(jacobian[:, image] - expected).max() < 1e-6 * max(1, np.abs(expected).max())


def test_gradients_by_the_protocol_equal_finite_differences():
    import torch

    from spinsculpt.mrf._torch import simulate_torch

    operators = torch.tensor(PROTOCOL.operators, requires_grad=True)
    parameters, model = torch.tensor(tissue(TISSUE)), Model(True)
    simulate_torch(operators, PROTOCOL, model, parameters).sum().backward()
    row = int(np.flatnonzero(PROTOCOL.operators[:, 2] > 0)[0])
    for column, step in ((1, 1e-6), (2, 1e-5), (3, 1e-3)):
        ends = []
        for sign in (1, -1):
            moved = PROTOCOL.operators.copy()
            moved[row, column] += sign * step
            ends.append(simulate_torch(torch.tensor(moved), PROTOCOL, model, parameters).sum().item())
        assert operators.grad[row, column].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3, abs=1e-7)


def test_super_lorentzian_encloses_the_area_of_one():
    from spinsculpt.mrf._kernel import _super_lorentzian

    hertz = np.linspace(-60e3, 60e3, 6001)
    line = [_super_lorentzian(complex(f), 12e-6 + 0j).real for f in hertz]
    assert 2 * pi * np.trapezoid(line, hertz) == pytest.approx(1, abs=0.08)  # the singular middle is continued flatter


def test_water_without_rf_stays_in_equilibrium_and_without_exchange_pools_do_not_matter():
    quiet = protocol_of([("wait", 1.0), ("sample",), ("wait", 2.0), ("sample",)])
    assert np.allclose(simulate(quiet, Model(True, "lorentzian"), tissue(TISSUE))[0], 1, atol=1e-12)
    alone = simulate(PROTOCOL, Model(False), tissue(TISSUE))[0]
    empty = simulate(PROTOCOL, Model(True), tissue(TISSUE | {"fs": 0.0}))[0]
    assert np.abs(alone - empty).max() < 1e-12


def test_tissue_says_what_is_wrong():
    with pytest.raises(SpinsculptError, match="unknown tissue parameter 'fz'"):
        tissue({"fz": 1})
    with pytest.raises(SpinsculptError, match="mask those voxels out"):
        tissue({"T1": [1.0, np.nan]})


@pytest.fixture(scope="module")
def preclinical():
    """Protocol, data (voxels, 30) and published maps of a phantom at 9.4 T, within its mask."""
    mask = np.load(PRECLINICAL / "mask.npy").ravel().astype(bool)
    data = loadmat(PRECLINICAL / "acquired_data.mat")["acquired_data"].reshape(30, -1).T[mask]
    maps = loadmat(PRECLINICAL / "quant_maps.mat")
    return (
        read_protocol(PRECLINICAL / "acq_protocol.seq", 9.4),
        data,
        {name: maps[name].ravel()[mask] for name in ("fs", "ksw")},
    )


def test_a_pulseq_file_and_the_table_of_what_it_says_of_itself_play_the_same(preclinical):
    protocol = preclinical[0]
    lines = protocol.table()
    assert protocol.images == 30 and all(line["on_s"] == pytest.approx(3.0) for line in lines if line["b1_uT"])
    table = {"b1_uT": [line["b1_uT"] for line in lines], "offset_ppm": 3.0, "saturation_s": 3.0}
    waits = [line["off_s"] - (0.0 if line["b1_uT"] else 3.0) for line in lines]  # saturation by no B1 is a wait
    table |= {"recovery_s": waits, "tip_degrees": 60}
    same = protocol_from_table(table, 9.4)
    voxels = tissue({"fs": [0.0007, 0.002], "ksw": [150, 900], "shift_s": 3.0})
    signals = [simulate(each, Model(True, field=9.4), voxels)[0] for each in (protocol, same)]
    assert np.abs(signals[0] - signals[1]).max() < 1e-3  # seconds around the readout stand elsewhere


def test_a_pulseq_file_that_contradicts_itself_is_refused(tmp_path):
    text = (PRECLINICAL / "acq_protocol.seq").read_text()
    assert "\nTsat 3 " in text
    (tmp_path / "p.seq").write_text(text.replace("\nTsat 3 ", "\nTsat 2 "))
    with pytest.raises(SpinsculptError, match=r"p\.seq: Tsat says 2 s.*write the file again"):
        read_protocol(tmp_path / "p.seq", 9.4)


def test_maps_of_a_real_phantom_agree_with_the_published_ones(preclinical):
    """Dictionary over concentration (3 protons each in 110 mol/l), exchange and T2, as its authors' own."""
    protocol, data, published = preclinical
    axes = {"fs": np.arange(10, 81, 2.5) * 3 / 110e3, "ksw": np.arange(100, 801, 10.0), "T2": (0.7, 0.9, 1.1)}
    fixed = {"T1": 2.5, "T1s": 2.8, "T2s": 0.04, "shift_s": 3.0}
    found = match(data, protocol, Model(True, field=9.4), grid(axes), fixed)
    error = {name: np.abs(found.values[name] / published[name] - 1).mean() for name in published}
    print(f"\nmedian dot product {np.median(found.dot_product):.5f}, mean deviation {error}")
    assert np.median(found.dot_product) >= 0.9999
    assert max(error.values()) <= 0.05


def test_the_pieces_of_a_dictionary_do_not_matter(preclinical):
    protocol, data, _ = preclinical
    entries = random_grid({"fs": (0.0003, 0.003), "ksw": (100, 1400)}, 64)
    arguments = (data[:20], protocol, Model(True, field=9.4), entries, {"shift_s": 3.0})
    whole, pieces = match(*arguments), match(*arguments, memory_mb=0.01)
    assert (whole.values["ksw"] == pieces.values["ksw"]).all()
    with pytest.raises(SpinsculptError, match="29 images, the protocol plays 30"):
        match(data[:, :29], *arguments[1:])
    with pytest.raises(SpinsculptError, match="allow more"):
        match(*arguments, memory_mb=1e-4)


# Six images of two pools at 3 T, short enough to be fitted in a moment.
SMALL = {"b1_uT": [0, 2, 1, 3.5, 0.6, 2.5], "offset_ppm": 3.5, "saturation_s": 1.0, "recovery_s": 1.5}
RANGES = {"fs": (0.0, 0.012), "ksw": (20.0, 400.0)}


def small_task(voxels=120, noise=0.0, seed=0, **known):
    """Voxels of known truth, with a T1 map: (task, true values of shape (voxels, 2))."""
    rng = np.random.default_rng(seed)
    truth = np.stack([rng.uniform(0.002, 0.010, voxels), rng.uniform(60, 350, voxels)], 1)
    known = {"T1": rng.uniform(1.0, 1.6, voxels)} | known
    protocol = protocol_from_table(SMALL, 3.0)
    table = tissue({"fs": truth[:, 0], "ksw": truth[:, 1], **known})
    data = simulate(protocol, Model(True), table)[0]
    return Task(data + noise * rng.normal(size=data.shape), protocol, Model(True), RANGES, known), truth


def stacked(found):
    return np.stack([found.values[name] for name in RANGES], 1)


@pytest.mark.parametrize("scale", ["m0", "free"])
def test_a_fit_without_noise_finds_the_truth(scale):
    task, truth = small_task(40)
    factor = 1.0 if scale == "m0" else np.linspace(3, 900, 40)[:, None]
    found = estimate("vbmf", Task(task.data * factor, task.protocol, task.model, RANGES, task.known, scale))
    assert np.abs(stacked(found) / truth - 1).max() < 1e-3
    assert found.r2.min() > 1 - 1e-6 and not found.out_of_range.any()


def test_the_bound_is_the_spread_of_repeated_fits():
    task, _ = small_task(1)
    rng = np.random.default_rng(1)
    data = task.data + 5e-4 * rng.normal(size=(400, task.data.shape[1]))
    found = estimate("vbmf", Task(data, task.protocol, task.model, RANGES, {"T1": float(task.known["T1"][0])}))
    for name, values in found.values.items():
        expected = np.sqrt((found.bound[name] ** 2).mean())
        assert values.std() == pytest.approx(expected, rel=0.15)


def test_voxels_at_the_end_of_a_range_and_in_noise_are_flagged():
    task, truth = small_task(30)
    narrow = {"fs": (0.0, 0.003), "ksw": RANGES["ksw"]}
    found = estimate("vbmf", Task(task.data, task.protocol, task.model, narrow, task.known))
    assert found.out_of_range[truth[:, 0] > 0.004].all()
    noisy, _ = small_task(30, noise=0.1)
    assert estimate("vbmf", noisy).low_snr.mean() > 0.5


def test_decoupled_images_of_noiseless_data_are_those_in_sequence():
    task, _ = small_task(10)
    table = tissue({**task.known, "fs": 0.004, "ksw": 150})
    whole = simulate(task.protocol, task.model, table)[0]
    assert np.abs(simulate(task.protocol, task.model, table, measured=whole)[0] - whole).max() < 5e-4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: {"data": t.data[:, :5]}, "5 images, the protocol plays 6"),
        (lambda t: {"data": t.data * np.nan}, "mask them out"),
        (lambda t: {"data": t.data * 400}, "divide by the image without saturation"),
        (lambda t: {"data": t.data / np.linalg.norm(t.data, axis=1)[:, None]}, "already normalised"),
        (lambda t: {"known": {"B1": np.full(len(t.data), 98.0)}}, "looks like percent"),
        (lambda t: {"known": {"T1": np.ones(7)}}, "bring it to their grid"),
        (lambda t: {"model": Model(True, "lorentzian")}, "fit the MT data first"),
    ],
    ids=["images", "nan", "raw", "normalised", "percent", "grid", "three pools"],
)
def test_bad_input_is_refused_with_a_sentence(change, sentence):
    task, _ = small_task(12)
    given = {name: getattr(task, name) for name in ("data", "protocol", "model", "ranges", "known", "scale")}
    with pytest.raises(SpinsculptError, match=sentence):
        Task(**(given | change(task)))


def test_a_voxelwise_fit_of_a_real_phantom_agrees_with_the_published_maps(preclinical):
    """With one T2 for all voxels, the middle of the dictionary's; every tenth voxel."""
    protocol, data, published = preclinical
    ranges = {"fs": (10 * 3 / 110e3, 120 * 3 / 110e3), "ksw": (100.0, 1400.0)}
    known = {"T1": 2.5, "T2": 0.9, "T1s": 2.8, "T2s": 0.04, "shift_s": 3.0}
    found = estimate("vbmf", Task(data[::10], protocol, Model(True, field=9.4), ranges, known, "free"))
    error = {name: np.abs(found.values[name] / published[name][::10] - 1).mean() for name in ranges}
    print(f"\nmean deviation {error}")
    assert max(error.values()) <= 0.08
    assert np.corrcoef(found.values["ksw"], published["ksw"][::10])[0, 1] >= 0.985
