"""Pulseq files: what is written can be played, comes back, and means the same."""

import numpy as np
import pytest

from entries import build_sequence, simulate_basis
from spinsculpt.basis import averaged_lines, slice_axes
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.system import System
from spinsculpt.physics.pulses import Pulse, gaussian, goia, sinc
from spinsculpt.physics.sequences import SlicePulse, Slot, megapress, press, read_pulseq, slaser, write_pulseq
from spinsculpt.physics.spins import load_library

pytest.importorskip("pypulseq")

F0 = 127.728
CONFIG = {"field": 3.0, "points": 1024, "bandwidth": 2000.0, "linewidth": 2.0, "metabolites": ["Glu", "Lac"]}
SHAPED = SlicePulse(sinc(0.004, 180.0, lobes=3), 0.02, 2.5)
GOIA = slaser(0.050, refocusing=SlicePulse(goia(0.004), 0.02, 2.5))
DESIGNED = press(0.048, te1=0.016, refocusing=SHAPED, gap=Slot("gap", "gap", 0.016)).fill(
    {"gap": Pulse("designed", 2 * np.exp(1j * np.linspace(0, 9, 100)), 1.6e-4)}
)


@pytest.mark.parametrize(
    ("sequence", "alike"),
    [
        (press(0.030), 0.93),  # block pulses of 0.6 ms in place of two ideal 180-degree pulses
        (press(0.040, te1=0.016, refocusing=SHAPED), 0.999),
        (megapress(gaussian(0.014), 0.080, 0.016, refocusing=SHAPED), 0.999),
        (DESIGNED, 0.998),
        (GOIA, 0.999),  # a gradient that changes during its pulses
    ],
    ids=["press", "shaped press", "megapress", "designed", "goia"],
)
def test_round_trip_gives_the_same_spectrum(tmp_path, sequence, alike):
    write_pulseq(sequence, tmp_path / "s.seq", points=1024, dwell=5e-4)
    again = read_pulseq(tmp_path / "s.seq")
    assert again.echo_time == pytest.approx(sequence.echo_time, abs=2e-4)
    ours = simulate_basis(sequence, CONFIG)[sequence.shots[0].name].spectra
    theirs = simulate_basis(again, CONFIG)[again.name].spectra
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b) > alike


@pytest.mark.parametrize("sequence", [DESIGNED, GOIA], ids=["designed", "goia"])
def test_file_respects_the_hardware(tmp_path, sequence):
    import pypulseq

    write_pulseq(sequence, tmp_path / "s.seq", points=1024, dwell=5e-4)
    seq = pypulseq.Sequence(system=pypulseq.Opts(max_grad=40, grad_unit="mT/m", max_slew=150, slew_unit="T/m/s"))
    seq.read(str(tmp_path / "s.seq"))
    ok, report = seq.check_timing()
    assert ok, report


def test_spoilers_refocus_the_chosen_pathway_only(tmp_path):
    import pypulseq

    write_pulseq(press(0.040, te1=0.02), tmp_path / "s.seq", points=64, dwell=5e-4)
    seq = pypulseq.Sequence()
    seq.read(str(tmp_path / "s.seq"))
    areas, current = [], np.zeros(3)
    for number in seq.block_events:
        block = seq.get_block(number)
        if getattr(block, "rf", None) is not None:
            areas.append(current)
            current = np.zeros(3)
        else:
            current = current + [getattr(getattr(block, f"g{axis}", None), "area", 0.0) or 0.0 for axis in "xyz"]
    areas = [*areas[1:], current]
    chosen = sum(order * area for order, area in zip((-1, 1, -1), areas, strict=True))
    assert chosen == pytest.approx(np.zeros(3), abs=1e-3)
    for other in ((1, 1, -1), (-1, -1, -1), (1, -1, -1), (0, 1, -1), (0, 0, -1)):
        assert np.abs(sum(order * area for order, area in zip(other, areas, strict=True))).max() > 500


def test_foreign_files_need_orders(tmp_path):
    write_pulseq(press(0.03), tmp_path / "s.seq", points=64, dwell=5e-4)
    text = "\n".join(
        line for line in (tmp_path / "s.seq").read_text().splitlines() if not line.startswith("CoherenceOrders")
    )
    (tmp_path / "foreign.seq").write_text(text.split("[SIGNATURE]")[0])
    with pytest.raises(SpinsculptError, match="give the order kept after each pulse"):
        read_pulseq(tmp_path / "foreign.seq")
    assert len(read_pulseq(tmp_path / "foreign.seq", orders=[-1, 1, -1]).shots[0].events) > 6


RIVALS = {
    "pressmin": {"type": "press", "echo_time": None},
    "steam": {"type": "steam", "echo_time": None},
    "slaser": {"type": "slaser", "echo_time": None},
    "special": {"type": "special", "echo_time": None},
    "megaslaser": {"type": "megaslaser", "echo_time": 0.070},
    "megaglx": {"type": "megapress", "echo_time": 0.100, "editing": {"ppm": {"on": 3.75, "off": 7.46}}},
    "megapress": {"type": "megapress", "echo_time": 0.068},
    "hermes": {
        "type": "megapress",
        "echo_time": 0.080,
        "editing": {"ppm": {"a": [4.56, 1.9], "b": 1.9, "c": 4.56, "d": 7.46}, "duration": 0.020},
    },
    "hercules": {
        "type": "megapress",
        "echo_time": 0.080,
        "editing": {"ppm": {"a": [4.58, 1.9], "b": [4.18, 1.9], "c": 4.58, "d": 4.18}, "duration": 0.020},
    },
    "jpress": {"type": "press", "echo_times": [0.035, 0.155]},
    "ctpress": {"type": "press", "echo_time": 0.139, "echo_shifts": [-0.024, 0.024]},
    "press80": {"type": "press", "echo_time": 0.080, "te1": 0.016},
    "steam72": {"type": "steam", "echo_time": 0.072},
}


@pytest.mark.parametrize("name", RIVALS)
def test_every_shot_of_every_rival_passes_the_timing_check_and_comes_back(tmp_path, name):
    """With dead times and water suppression; read back and simulated over the voxel, the same signal."""
    import pypulseq

    system = System()
    sequence = build_sequence(name, RIVALS[name], central_frequency=F0)
    glu, axes = load_library()["Glu"].parts[0], slice_axes(sequence, F0, 32, 2.0)
    limits = {"max_grad": system.gradient, "grad_unit": "mT/m", "max_slew": system.slew, "slew_unit": "T/m/s"}
    dead = {"rf_dead_time": 1e-4, "rf_ringdown_time": 3e-5, "adc_dead_time": 2e-5}
    suppressed = name in ("pressmin", "special", "hermes")
    for shot in sequence.shots:
        path = tmp_path / f"{shot.name}.seq"
        write_pulseq(sequence, path, 512, 5e-4, shot.name, system, water_suppression=suppressed)
        seq = pypulseq.Sequence(system=pypulseq.Opts(**limits, **dead))
        seq.read(str(path))
        passed, report = seq.check_timing()
        assert passed, report
        again = read_pulseq(path).shots[0]
        assert len([e for e in again.events if getattr(e, "pulse", None)]) <= len(shot.events)
        ours, theirs = (averaged_lines(s.events, glu, F0, axes).fid(256, 5e-4) for s in (shot, again))
        assert np.abs(ours - theirs).max() < 0.01 * np.abs(ours).max()


def test_water_suppression_saturates_water_and_spares_the_rest(tmp_path):
    """The four pulses alone, hard spoilers between them: nothing along z at water, all of it at 3 ppm."""
    from spinsculpt.physics.pulses import spin_rotation
    from spinsculpt.physics.sequences._pulseq import WET

    left = {0.0: 1.0, -210.0: 1.0}
    for offset in left:
        for angle in WET["flip_angles"]:
            a, b = spin_rotation(gaussian(WET["duration"], angle), np.array([offset]))
            left[offset] *= float(np.abs(a[0]) ** 2 - np.abs(b[0]) ** 2)
            water = np.exp(-WET["interval"] / 1.2) if offset == 0.0 else 1.0  # T1 of grey matter at 3 T
            left[offset] = 1 - (1 - left[offset]) * water
    assert abs(left[0.0]) < 0.08 and left[-210.0] > 0.98
