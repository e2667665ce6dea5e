"""Sequence files of FSL-MRS: what is written comes back, and means the same."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from entries import basis_of, build_sequence, simulate_basis
from spinsculpt.app.cli._basis import basis_command
from spinsculpt.app.cli._export import export_command
from spinsculpt.basis import Axis, averaged_lines
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import MANIFEST
from spinsculpt.physics.pulses import (
    DesignedPulses,
    Pulse,
    gaussian,
    goia,
    read_pulse,
    sinc,
    write_designed,
    write_json,
)
from spinsculpt.physics.sequences import (
    ShapedPulse,
    SlicePulse,
    Slot,
    megapress,
    press,
    read_fslmrs,
    slaser,
    steam,
    write_fslmrs,
)
from spinsculpt.physics.spins import SpinSystem

CONFIG = {
    "field": 3.0,
    "central_frequency": None,
    "points": 1024,
    "bandwidth": 2000.0,
    "linewidth": 2.0,
    "metabolites": ["Glu", "Lac"],
    "grid": {"points": 32, "extent": 2.0},
}
REFOCUSING = SlicePulse(sinc(0.004, 180.0, lobes=3), 0.02, 2.5)


@pytest.mark.parametrize(
    "sequence",
    [press(0.03), press(0.03, refocusing=REFOCUSING), megapress(gaussian(0.014)), steam(0.02)],
    ids=["press", "shaped press", "megapress", "steam"],
)
def test_round_trip_gives_the_same_spectrum(tmp_path, sequence):
    """Up to the 20 us of the block pulses that stand for ideal ones."""
    write_fslmrs(sequence, tmp_path / "sequence.json", basis_of(CONFIG))
    again, settings = read_fslmrs(tmp_path / "sequence.json")
    assert (settings["points"], settings["bandwidth"], settings["linewidth"]) == (1024, 2000.0, 2.0)
    assert settings["central_frequency"] == pytest.approx(127.732, abs=1e-3)
    ours = simulate_basis(sequence, CONFIG)[sequence.shots[0].name].spectra
    theirs = simulate_basis(again, CONFIG | settings)[again.name].spectra
    assert np.abs(ours - theirs).max() < 0.01 * np.abs(ours).max()


def test_coherence_filters_are_those_of_the_documentation(tmp_path):
    for sequence, orders in (
        (press(0.03), [-1, 1, -1]),
        (megapress(gaussian(0.014)), [-1, 1, 1, -1, -1]),
        (steam(0.02), [1, 0, -1]),
    ):
        write_fslmrs(sequence, tmp_path / "s.json", basis_of(CONFIG))
        assert json.loads((tmp_path / "s.json").read_text())["CoherenceFilter"] == orders


def test_rephasing_gradients_refocus_a_slice_selective_excitation(tmp_path):
    """Half the area of the slice gradient, negative, after the pulse: without it the slice is dephased."""
    pulse = sinc(0.003, 90.0, lobes=3)
    gradient = 2.0  # mT/m
    content = {
        "sequenceName": "excite",
        "B0": 3.0,
        "centralShift": 4.65,
        "RX_Points": 512,
        "RX_SW": 2000.0,
        "RX_LW": 2.0,
        "RX_Phase": 0.0,
        "RFUnits": "uT",
        "GradUnits": "mT",
        "CoherenceFilter": [-1],
        "delays": [0.001],
        "RF": [
            {
                "time": 0.003,
                "amp": np.abs(pulse.b1).tolist(),
                "phase": np.angle(pulse.b1).tolist(),
                "grad": [gradient, 0, 0],
            }
        ],
    }
    water, signal = SpinSystem("water", ("H",), (4.65,)), {}
    axes = {"x": Axis(np.linspace(-0.04, 0.04, 129), 0.02)}
    for name, area in (("rephased", -gradient * 0.0015), ("not", 0.0)):
        (tmp_path / "s.json").write_text(json.dumps(content | {"rephaseAreas": [[area, 0, 0]]}))
        sequence, settings = read_fslmrs(tmp_path / "s.json")
        events = sequence.shots[0].events
        signal[name] = abs(averaged_lines(events, water, settings["central_frequency"], axes).amplitude.sum())
    assert signal["rephased"] > 5 * signal["not"]


def test_refuses_what_the_format_cannot_hold(tmp_path):
    with pytest.raises(SpinsculptError, match="slot 'gap' is empty"):
        write_fslmrs(press(0.048, gap=Slot("gap", "gap", 0.02)), tmp_path / "s.json", basis_of(CONFIG))
    changing = slaser(0.050, refocusing=SlicePulse(goia(0.004), 0.02))
    with pytest.raises(SpinsculptError, match="gradient changes during pulse 'goia'"):
        write_fslmrs(changing, tmp_path / "s.json", basis_of(CONFIG))
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(SpinsculptError, match=r"bad\.json is no sequence file of FSL-MRS"):
        read_fslmrs(tmp_path / "bad.json")
    design = press(0.048, gap=Slot("gap", "gap", 0.02)).fill({"gap": Pulse("designed", np.ones(200), 1e-4)})
    write_fslmrs(design, tmp_path / "s.json", basis_of(CONFIG))
    assert len(json.loads((tmp_path / "s.json").read_text())["RF"]) == 4


def test_command_line_exports_sequences_and_waveforms(tmp_path):
    app = typer.Typer()
    app.command()(export_command)
    megapress(gaussian(0.014), refocusing=REFOCUSING, echo_time=0.08, te1=0.016).write(tmp_path / "mega.json")
    for name in ("fsl.json", "pulse.pta"):
        result = CliRunner().invoke(app, [str(tmp_path / "mega.json"), "--out", str(tmp_path / "out" / name)])
        assert result.exit_code == 0, result.output
    assert len(json.loads((tmp_path / "out" / "fsl.json").read_text())["RF"]) == 5
    assert sorted(path.name for path in (tmp_path / "out").glob("*.pta")) == ["pulse_1.pta", "pulse_2.pta"]
    write_json(tmp_path / "pulse.json", gaussian(0.014))
    assert CliRunner().invoke(app, [str(tmp_path / "pulse.json"), "--out", str(tmp_path / "p.RF")]).exit_code == 0
    assert read_pulse(tmp_path / "p.RF", duration=0.014).peak_b1 == pytest.approx(gaussian(0.014).peak_b1, rel=1e-4)


def test_export_writes_every_pulse_of_a_design(tmp_path):
    pulses = {"gap_a": gaussian(0.014), "gap_b": gaussian(0.010)}
    write_designed(tmp_path / "pulse.json", DesignedPulses("gap_pair", pulses, {}))
    app = typer.Typer()
    app.command()(export_command)
    result = CliRunner().invoke(app, [str(tmp_path / "pulse.json"), "--out", str(tmp_path / "x.RF")])
    assert result.exit_code == 0, result.output
    for slot, pulse in pulses.items():
        path = tmp_path / f"x_{slot}.RF"
        assert str(path) in result.output
        assert read_pulse(path, duration=pulse.duration).peak_b1 == pytest.approx(pulse.peak_b1, rel=1e-4)
    with pytest.raises(SpinsculptError, match="holds 2 pulses, and one is wanted"):
        read_pulse(tmp_path / "pulse.json")


def test_configuration_takes_shots_of_our_own_files(tmp_path):
    edited, path = megapress(gaussian(0.014)), str(tmp_path / "mega.json")
    edited.write(path)
    again = build_sequence("again", {"type": "file", "files": {"off": path, "on": path}})
    assert (set(again.subspectra), again.echo_time) == (set(edited.subspectra), edited.echo_time)
    for shot in edited.shots:
        offsets = [[e.offset for e in s.events if isinstance(e, ShapedPulse)] for s in (shot, again.shot(shot.name))]
        assert offsets[0] == offsets[1]
    with pytest.raises(SpinsculptError, match="no shot 'c'; it has on, off"):
        build_sequence("again", {"type": "file", "files": {"c": path}})
    arguments = ["--sequence", path, "--metabolites", "Cr", "--out", str(tmp_path / "out")]
    app = typer.Typer()
    app.command()(basis_command)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"on", "off", "diff", "sum", MANIFEST}


def test_configuration_takes_sequence_files(tmp_path):
    mega = megapress(gaussian(0.014))
    files = {shot: str(tmp_path / f"{shot}.json") for shot in ("on", "off")}
    for shot, path in files.items():
        write_fslmrs(mega, path, basis_of(CONFIG), shot)
    again = build_sequence("mega", {"type": "file", "files": files}, central_frequency=127.732)
    assert again.subspectra == mega.subspectra
    assert again.echo_time == pytest.approx(mega.echo_time, abs=3e-5)
    with pytest.raises(SpinsculptError, match=r"on\.json is for 127\.73 MHz but the basis is at 298"):
        build_sequence("mega", {"type": "file", "files": files}, central_frequency=298.0)
    with pytest.raises(SpinsculptError, match="needs files"):
        build_sequence("mega", {"type": "file"})
