"""Molecular fingerprinting: its physics against other solvers, its protocols, and its maps of real data."""

from dataclasses import replace
from math import pi, radians

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.io import loadmat
from scipy.linalg import expm

from conftest import REPOSITORY
from spinsculpt.cest.modelling import (
    NAMES,
    Model,
    Protocol,
    Reconstructor,
    Stage,
    Task,
    brain_volume,
    design_protocol,
    estimate,
    grid,
    match,
    protocol_from_table,
    protocol_of,
    published_protocol,
    random_grid,
    read_protocol,
    simulate,
    simulate_isar2,
    tissue,
    vial_volume,
)
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError

PRECLINICAL = REPOSITORY / "config/examples/molecular_mrf_preclinical"
pytestmark = pytest.mark.xdist_group("mrf")  # its kernels are compiled once

PULSED = [("wait", 0.3)]
for b1, hertz in ((2.0, 447.0), (0.0, 0.0), (3.1, -900.0), (1.2, 1277.0)):
    PULSED += [("wait", 0.05), ("irradiate", 0.1, b1, hertz, 0.4), ("wait", 0.02), ("irradiate", 0.1, b1, hertz, 1.0)]
    PULSED += [("spoil",), ("sample",), ("tip", radians(30), 0.0), ("tip", radians(20), 1.0), ("read",)]
    PULSED += [("spoil",), ("wait", 0.5)]
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


def played(model, voxel, advance, events=PULSED):
    """Signals of events with a solver of one's own for each piece; frames are turned back explicitly."""
    m, signals = equations(model, voxel, 0, 0, 0)[2], []

    def rotate(m, angle):
        c, s = np.cos(angle), np.sin(angle)
        x, y, z = m.reshape(-1, 3).T
        return np.stack([c * x - s * y, s * x + c * y, z], 1).ravel()

    for kind, *values in events:
        if kind == "spoil":
            m = (m.reshape(-1, 3) * [0, 0, 1]).ravel()
        elif kind == "sample":
            signals.append(m[2])
        elif kind == "read":
            signals.append(np.hypot(m[0], m[1]))
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
    signals, _ = simulate(protocol_of(PULSED[:23]), Model(True), table)
    assert np.abs(signals[0] - played(Model(True), table[0], adaptive, PULSED[:23])).max() < 1e-6


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_both_engines_give_the_same_signals_and_derivatives(model):
    import torch

    from spinsculpt.cest.modelling._torch import simulate_torch

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

    from spinsculpt.cest.modelling._torch import simulate_torch

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
    from spinsculpt.cest.modelling._kernel import _super_lorentzian

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
    """Protocol as it is played, data (voxels, 30) and published maps of a phantom at 9.4 T, within its mask."""
    mask = np.load(PRECLINICAL / "mask.npy").ravel().astype(bool)
    data = loadmat(PRECLINICAL / "acquired_data.mat")["acquired_data"].reshape(30, -1).T[mask]
    maps = loadmat(PRECLINICAL / "quant_maps.mat")
    return (
        read_protocol(PRECLINICAL / "acq_protocol.seq", 9.4, spoiling="played"),
        data,
        {name: maps[name].ravel()[mask] for name in ("fs", "ksw", "t1w", "t2w", "dp")},
    )


def test_a_pulseq_file_and_the_table_of_what_it_says_of_itself_play_the_same():
    protocol = read_protocol(PRECLINICAL / "acq_protocol.seq", 9.4)
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


def test_what_only_changes_a_pulseq_file_is_refused_for_tables():
    for option, sentence in (({"spoiling": "played"}, "mt: the spoiling"), ({"readout": 60}, "mt: the key")):
        with pytest.raises(SpinsculptError, match=sentence):
            Stage("mt", {}, **option).read()
    with pytest.raises(SpinsculptError, match="it can be assumed or played"):
        read_protocol(PRECLINICAL / "acq_protocol.seq", 9.4, spoiling="none")


def test_published_maps_explain_the_data_of_a_phantom_as_well_as_their_authors_say(preclinical):
    """Their dictionary carries transverse magnetisation from image to image; equal signals have equal products."""
    protocol, data, published = preclinical
    found = {ours: published[theirs] for ours, theirs in (("fs", "fs"), ("ksw", "ksw"), ("T1", "t1w"), ("T2", "t2w"))}
    table = tissue({**found, "T1s": 2.8, "T2s": 0.04, "shift_s": 3.0})
    signals = simulate(protocol, Model(True, field=9.4), table)[0]
    product = (signals * data).sum(1) / np.linalg.norm(signals, axis=1) / np.linalg.norm(data, axis=1)
    assert np.abs(product - published["dp"]).max() < 1e-6


def test_maps_of_a_real_phantom_agree_with_the_published_ones(preclinical):
    """Dictionary over concentration (3 protons each in 110 mol/l), exchange and T2: the part of theirs with one T1."""
    protocol, data, published = preclinical
    axes = {"fs": np.arange(10, 81, 5) * 3 / 110e3, "ksw": np.arange(100, 801, 10.0), "T2": np.arange(0.6, 1.21, 0.05)}
    fixed = {"T1": 2.5, "T1s": 2.8, "T2s": 0.04, "shift_s": 3.0}
    found = match(data, protocol, Model(True, field=9.4), grid(axes), fixed)
    error = {name: np.abs(found.values[name] / published[name] - 1).mean() for name in ("fs", "ksw")}
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


def test_a_cartesian_dictionary_searches_what_nobody_looks_for_too():
    """Water of either of two T1: entries of both are held against each voxel, and the data are explained by theirs."""
    axes = {"fs": (0.002, 0.010, 9), "ksw": (50, 350, 7), "T1": (1.0, 1.6, 2)}
    truth = {name: values[::11] for name, values in grid({n: np.linspace(*ends) for n, ends in axes.items()}).items()}
    protocol = protocol_from_table(SMALL, 3.0)
    data = simulate(protocol, Model(True), tissue(truth))[0]
    task = Task(data, protocol, Model(True), RANGES, {"T1": 1.3})
    found = estimate("dictionary", task, grid=axes)
    assert np.allclose(stacked(found), np.stack([truth[name] for name in RANGES], 1)) and found.r2.min() > 1 - 1e-9
    for wrong, sentence in (
        ({"fs": (0.0, 0.01, 3)}, "leaves out ksw"),
        (axes | {"T3": (1, 2, 2)}, "unknown tissue parameter 'T3'"),
        (axes | {"fs": (0.01, 0.0, 3)}, "give lowest, highest and number"),
    ):
        with pytest.raises(SpinsculptError, match=sentence):
            estimate("dictionary", task, grid=wrong)
    with pytest.raises(SpinsculptError, match="give a number in place of the map"):
        estimate("dictionary", replace(task, known={"T1": np.full(len(data), 1.3)}), entries=8)


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


@pytest.mark.parametrize("noise", [1e-3, None])
def test_a_network_that_does_not_explain_the_data_is_not_trusted(noise):
    """One step of a small rate is no training; a voxelwise fit of the same voxels is trusted."""
    task = replace(small_task(60, noise=1e-3)[0], noise=noise)
    astray = estimate("nbmf", task, epochs=1, steps=1, rate=1e-6)
    assert astray.inconsistent.mean() > 0.8
    fine = estimate("vbmf", task)
    assert not fine.inconsistent.any() and fine.trusted.mean() > 0.9


def test_decoupled_images_of_noiseless_data_are_those_in_sequence():
    task, _ = small_task(10)
    table = tissue({**task.known, "fs": 0.004, "ksw": 150})
    whole = simulate(task.protocol, task.model, table)[0]
    with pytest.raises(SpinsculptError, match="simulate them in sequence"):
        simulate(PROTOCOL, task.model, table, measured=whole)
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
        (lambda t: {"protocol": PROTOCOL, "data": t.data[:, [0] * PROTOCOL.images]}, 'use the scale "free"'),
    ],
    ids=["images", "nan", "raw", "normalised", "percent", "grid", "three pools", "transverse"],
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


def folded_not_at_all(protocol):
    """The same protocol, every event on its own."""
    same, none = Protocol(protocol.operators, protocol.order), np.zeros(0, np.int64)
    same.__dict__["folded"] = (protocol.order, none, none, none)
    return same


def test_repeated_pulses_and_tips_are_powers_of_their_product():
    protocol, voxels = published_protocol("mt"), tissue(TISSUE)
    assert protocol.images == 31 and len(protocol.folded[0]) < len(protocol.order) / 15
    for got, expected in zip(
        simulate(protocol, Model(True, "lorentzian"), voxels, ("fss",)),
        simulate(folded_not_at_all(protocol), Model(True, "lorentzian"), voxels, ("fss",)),
        strict=True,
    ):
        assert np.abs(got - expected).max() < 1e-9


def test_isar2_is_exact_without_rf_and_near_where_exchange_is_fast():
    quiet = protocol_of([("wait", 0.4), ("tip", 0.6, 0.0), ("spoil",), ("wait", 0.3), ("sample",)])
    voxels = tissue(TISSUE | {"B1": 1.0, "B0": 0.0})
    arguments = (Model(False, "lorentzian"), voxels, ("fss", "kssw"))
    for exact_one, approximate in zip(simulate(quiet, *arguments), simulate_isar2(quiet, *arguments), strict=True):
        assert np.abs(exact_one - approximate).max() < 1e-3
    train = {"b1_uT": [0, 1, 2, 3], "offset_ppm": 3.5, "saturation_s": 0.1, "recovery_s": 2, "pulses": 10, "gap_s": 0.1}
    protocol = protocol_from_table(train | {"spin_lock": True}, 3.0)
    solute = tissue({"fs": 0.003, "ksw": [300, 600], "T2s": 0.02})
    difference = simulate(protocol, Model(True), solute)[0] - simulate_isar2(protocol, Model(True), solute)[0]
    assert np.abs(difference).max() < 0.02
    with pytest.raises(SpinsculptError, match="use the exact engine"):
        simulate_isar2(protocol, Model(True, "lorentzian"), solute)


@pytest.mark.parametrize("ppm", [3.5, -3.5])
def test_locked_spins_relax_with_r1rho(ppm):
    """cos^2 / T1 + sin^2 / T2 about the effective field, towards cos / (T1 R1rho), from either side of water."""
    table = {"b1_uT": [2.0], "offset_ppm": ppm, "saturation_s": 0.5, "recovery_s": 1, "spin_lock": True}
    signal = simulate(protocol_from_table(table, 3.0), Model(False), tissue({"T1": 1.3, "T2": 0.08}))[0][0, 0]
    angle = np.arctan2(GAMMA_BAR * 2.0, 3.5 * GAMMA_BAR * 3.0)
    r1rho = np.cos(angle) ** 2 / 1.3 + np.sin(angle) ** 2 / 0.08
    steady = np.cos(angle) / (1.3 * r1rho)
    assert signal == pytest.approx(steady + (1 - steady) * np.exp(-r1rho * 0.5), abs=1e-3)


@pytest.fixture(scope="module")
def trained():
    """A task of 300 voxels, and NBMF of it."""
    task, truth = small_task(300, noise=1e-3)
    return task, truth, estimate("nbmf", task, epochs=20, steps=50)


def test_nbmf_comes_near_the_bound_and_knows_its_spread(trained):
    _, truth, found = trained
    for number, name in enumerate(RANGES):
        error = np.sqrt(((found.values[name] - truth[:, number]) ** 2).mean())
        bound = np.sqrt((found.bound[name] ** 2).mean())
        assert error < 2.5 * bound
        assert np.median(found.spread[name]) == pytest.approx(bound, rel=0.5)
    assert found.history[-1]["loss"] < 1.2e-3  # the noise is 1e-3
    assert not found.unfamiliar.any()


def test_a_saved_reconstructor_reads_another_subject(trained, tmp_path):
    found = trained[2]
    found.reconstructor.save(tmp_path / "r.pt")
    loaded = Reconstructor.load(tmp_path / "r.pt")
    other, truth = small_task(200, noise=1e-3, seed=3)
    applied = loaded.apply(other, refine=0)
    assert (applied.values["ksw"] == found.reconstructor.apply(other, refine=0).values["ksw"]).all()
    assert np.sqrt(((stacked(applied) / truth - 1) ** 2).mean(0)).max() < 0.1
    refined, fitted = loaded.apply(other), estimate("vbmf", other)
    assert np.abs(stacked(refined) / stacked(fitted) - 1).max() < 0.02 and refined.trusted.all()
    values, spread = loaded.predict(other)
    assert (values["fs"] == applied.values["fs"]).all() and (spread["fs"] > 0).all()
    strange = Task(other.data * 0.2, other.protocol, other.model, RANGES, other.known)
    assert loaded.apply(strange, refine=0).unfamiliar.mean() > 0.9
    assert loaded.apply(strange).inconsistent.mean() > 0.9  # a refined reading is judged by what it reaches


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: {"known": {}}, "reads a map of T1; give it"),
        (lambda t: {"known": t.known | {"T2": 0.1}}, "trained with T2 unsaid, the task has of 0.1"),
        (lambda t: {"known": t.known | {"B0": np.zeros(len(t.data))}}, "knows no map of B0"),
        (lambda t: {"ranges": RANGES | {"fs": (0.0, 0.02)}}, "trained for other ranges"),
        (lambda t: {"protocol": protocol_from_table(SMALL | {"recovery_s": 2}, 3.0)}, "trained for another protocol"),
    ],
    ids=["map", "constant", "more", "ranges", "protocol"],
)
def test_a_reconstructor_refuses_other_tasks(trained, change, sentence):
    task, _, found = trained
    given = {name: getattr(task, name) for name in ("data", "protocol", "model", "ranges", "known", "scale")}
    with pytest.raises(SpinsculptError, match=sentence):
        found.reconstructor.apply(Task(**(given | change(task))))


def test_a_file_that_is_no_reconstructor_is_refused(tmp_path):
    (tmp_path / "r.pt").write_bytes(b"PK nothing")
    with pytest.raises(SpinsculptError, match=r"r\.pt: is no saved reconstructor"):
        Reconstructor.load(tmp_path / "r.pt")
    with pytest.raises(SpinsculptError, match="there is no such file"):
        Reconstructor.load(tmp_path / "none.pt")


def test_a_supervised_network_finds_the_truth():
    task, truth = small_task(100, noise=1e-3)
    found = estimate("supervised", task, entries=2048, epochs=20)
    assert np.corrcoef(found.values["ksw"], truth[:, 1])[0, 1] > 0.95
    assert np.corrcoef(found.values["fs"], truth[:, 0])[0, 1] > 0.95


def test_data_of_free_scale_cannot_be_decoupled():
    task, _ = small_task(12)
    with pytest.raises(SpinsculptError, match="set sequential to true"):
        estimate("nbmf", Task(task.data, task.protocol, task.model, RANGES, task.known, "free"), sequential=False)


def test_volumes_hold_values_of_the_literature_and_repeat():
    volume = brain_volume((16, 20, 2), seed=1)
    white = volume.maps["fss"][volume.labels == 1]
    assert white.mean() == pytest.approx(0.131, rel=0.2)
    assert (volume.maps["T1"] == brain_volume((16, 20, 2), seed=1).maps["T1"]).all()
    images = volume.fingerprints(published_protocol("mt"), Model(False, "lorentzian"), 0.0)
    assert images.shape == (16, 20, 2, 31) and (images[~volume.mask] == 0).all()
    assert images[volume.mask][:, 0] == pytest.approx(1.0)  # the image without saturation
    assert set(vial_volume(24).names) == {1, 2, 3, 4, 5, 6}


def test_a_designed_protocol_tells_more_within_its_limits():
    found = design_protocol(SMALL, Model(True), RANGES, {}, starts=1, iterations=6, points=2)
    b1 = np.array(found.table["b1_uT"])
    assert b1[0] == 0 and b1.max() <= 4
    assert np.sqrt((b1[1:] ** 2).mean()) <= np.sqrt((np.array(SMALL["b1_uT"][1:]) ** 2).mean()) + 1e-3
    assert found.after["fs"] * found.after["ksw"] < 0.95 * found.before["fs"] * found.before["ksw"]


def test_designed_slots_play_what_a_table_of_them_plays():
    import torch

    from spinsculpt.cest.modelling._design import _Slots

    table = SMALL | {"spin_lock": True, "pulses": 3, "gap_s": 0.05, "saturation_s": 0.2, "offset_ppm": -3.5}
    slots = _Slots(table, 3.0)
    operators = slots.operators(torch.tensor(SMALL["b1_uT"][1:]).double(), torch.full((5,), -3.5).double())
    same = Protocol(operators.numpy(), slots.protocol.order)
    expected = simulate(protocol_from_table(table, 3.0), Model(True), tissue(TISSUE))[0]
    assert np.abs(simulate(same, Model(True), tissue(TISSUE))[0] - expected).max() < 1e-7
