"""A protocol sheet: what a scanner must be set to, and what a phantom must show before anybody is scanned."""

import base64
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from spinsculpt.basis import simulate_basis
from spinsculpt.config import Basis, plain
from spinsculpt.core.colours import BLUE, GREEN, GREY, VERMILION
from spinsculpt.core.conventions import hz_to_ppm
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.plotting import PAGE_WIDTH, bare_spectrum, house_style, ppm_axis
from spinsculpt.core.provenance import atomic_path, provenance
from spinsculpt.core.system import System, head_sar
from spinsculpt.physics.pulses import Pulse
from spinsculpt.physics.pulses import bandwidth as refocused_bandwidth
from spinsculpt.physics.sequences import Delay, HardPulse, Sequence, ShapedPulse, Shot
from spinsculpt.report._page import template

PHANTOM = {  # mM in one litre of phosphate buffer; the concentrations of a brain, with creatine and NAA as references
    "NAA": (12.5, "N-acetyl-L-aspartic acid", 175.14),
    "Cr": (10.0, "creatine, anhydrous", 131.13),
    "Glu": (12.5, "L-glutamic acid, monosodium salt hydrate", 187.13),
    "Gln": (5.0, "L-glutamine", 146.14),
}
LINES = {"NAA": GREY, "Cr": GREY, "Glu": BLUE, "Gln": VERMILION}


def write_protocol(
    sequence: Sequence, out: Path | str, basis: Basis, system: System | None = None, repetition_time: float = 2.0
) -> None:
    """Write the sheet as one self-contained HTML file.

    Args:
        sequence: every pulse of it real.
        out: path of the file.
        basis: field and sampling of the expected spectra.
        system: whose limits the sheet holds the sequence against; the clinical one when None.
        repetition_time: s, of B1+rms and SAR.
    Raises:
        SpinsculptError: the sequence has ideal pulses or empty slots, which no scanner plays, or lasts longer than the
            repetition time.
    """
    system = system or System()
    if not sequence.playable:
        raise SpinsculptError(
            f"{sequence.name} has ideal pulses or empty slots, which no scanner plays; build it without ideal: true."
        )
    longest = max(shot.duration for shot in sequence.shots)
    if longest >= repetition_time:
        raise SpinsculptError(
            f"{sequence.name} lasts {longest:.3g} s to its first sample, the repetition time is {repetition_time:g} s; "
            f"{longest + 1:.1f} s would work."
        )
    sets = simulate_basis(sequence, basis.but(metabolites=tuple(PHANTOM), macromolecules=()))
    frequency = next(iter(sets.values())).central_frequency
    b1_rms = float(np.sqrt(sequence.energy * 1e-3 / repetition_time))
    page = template("protocol.html").render(
        sequence=sequence,
        shots=[shot.name for shot in sequence.shots],
        shares=sequence.shares if any(shot.share for shot in sequence.shots) else {},
        times={shot.name: 1e3 * (shot.echo_time or sequence.echo_time) for shot in sequence.shots},
        system=asdict(system),
        repetition_time=repetition_time,
        b1_rms=b1_rms,
        sar=head_sar(b1_rms, frequency),
        frequency=frequency,
        pulses=pulse_settings(sequence, frequency),
        limits=_limits(sequence, system),
        diagrams=[(shot.name, _png(_diagram(shot))) for shot in sequence.shots],
        spectra=_png(_spectra(sets)),
        phantom=[
            {"name": name, "mM": mM, "compound": compound, "grams": mM * mass * 1e-3}
            for name, (mM, compound, mass) in PHANTOM.items()
        ],
        combinations=sequence.combinations,
        provenance=provenance({"basis": plain(basis), "system": asdict(system)}),
    )
    with atomic_path(out) as path:
        path.write_text(page, encoding="utf-8")


def pulse_settings(sequence: Sequence, central_frequency: float) -> list[dict]:
    """What each different pulse of a sequence must be set to, in the order in which they are first played.

    Keys: name, shots, times (played in all shots), duration (ms), samples, peak (uT), mean (uT, the constant pulse of
    equal duration and angle), offset (Hz from water), ppm, phase (degrees), gradient (mT/m or None), axis, bandwidth
    (Hz), energy (uT^2 ms of one).
    """
    found: dict[tuple, dict] = {}
    for shot in sequence.shots:
        for event in shot.events:
            if not isinstance(event, ShapedPulse) or not event.pulse.peak_b1:
                continue
            pulse, axis = event.pulse, event.gradient[0] if event.gradient else ""
            key = (pulse.name, pulse.duration, pulse.peak_b1, event.offset, event.phase, axis)
            row = found.setdefault(key, _settings(pulse, event, central_frequency) | {"shots": [], "times": 0})
            row["times"] += 1
            row["shots"] += [shot.name] if shot.name not in row["shots"] else []
    return list(found.values())


def _settings(pulse: Pulse, event: ShapedPulse, central_frequency: float) -> dict:
    return {
        "name": pulse.name,
        "duration": 1e3 * pulse.duration,
        "samples": len(pulse.b1),
        "peak": pulse.peak_b1,
        "mean": float(abs(np.mean(pulse.b1))),
        "offset": event.offset,
        "ppm": float(hz_to_ppm(event.offset, central_frequency)),
        "phase": event.phase,
        "gradient": event.gradient[1] if event.gradient else None,
        "axis": event.gradient[0] if event.gradient else "",
        "bandwidth": refocused_bandwidth(pulse),
        "energy": pulse.energy,
    }


def _limits(sequence: Sequence, system: System) -> list[dict]:
    """What the sequence needs beside what the system gives."""
    events = [e for shot in sequence.shots for e in shot.events if isinstance(e, ShapedPulse)]
    played = [e for e in events if e.pulse.peak_b1]
    gradients = [abs(e.gradient[1]) for e in events if e.gradient] or [0.0]
    lasting = [sum(e.duration for e in shot.events if isinstance(e, ShapedPulse)) for shot in sequence.shots]
    shares = [time / shot.duration for time, shot in zip(lasting, sequence.shots, strict=True)]
    rows = [
        ("peak B1 (µT)", max(e.pulse.peak_b1 for e in played), system.b1),
        ("slice gradient (mT/m)", max(gradients), system.gradient),
        ("RF and its gradients in the time to the first sample (%)", 100 * max(shares), None),
        ("spoiler (mT/m ms)", system.spoiler_area, None),
    ]
    return [{"what": what, "needs": needs, "gives": gives} for what, needs, gives in rows]


def _diagram(shot: Shot):
    """RF amplitude and slice gradients of one shot against time."""
    with house_style():
        figure, (top, bottom) = plt.subplots(2, 1, figsize=(PAGE_WIDTH, 2.4), sharex=True, height_ratios=(1.4, 1))
        now = 0.0
        colours = {"x": BLUE, "y": GREEN, "z": VERMILION}
        for event in shot.events:
            if isinstance(event, ShapedPulse):
                time = 1e3 * (now + (np.arange(len(event.pulse.b1)) + 0.5) * event.pulse.dwell)
                if event.pulse.peak_b1:
                    top.fill_between(time, np.abs(event.pulse.b1), color=GREY, linewidth=0)
                if event.gradient:
                    axis, strength = event.gradient
                    shape = np.ones(len(time)) if event.pulse.gradient is None else event.pulse.gradient
                    edges = np.concatenate([[1e3 * now], time, [1e3 * (now + event.duration)]])
                    heights = np.concatenate([[0.0], strength * shape, [0.0]])
                    bottom.plot(edges, heights, color=colours[axis], linewidth=1.0)
            elif not isinstance(event, Delay | HardPulse) and hasattr(event, "orders"):
                bottom.axvline(1e3 * now, color=GREY, linewidth=0.5, linestyle=":")
            now += event.duration
        top.axvline(1e3 * now, color="black", linewidth=0.8)
        top.annotate(" ADC", (1e3 * now, 0.9), xycoords=("data", "axes fraction"), fontsize=7)
        top.set(ylabel="B$_1$ (µT)", xlim=(0, 1.08e3 * now))
        bottom.set(ylabel="slice gradient\n(mT/m)", xlabel="time (ms)")
        bottom.legend(
            handles=[plt.Line2D([], [], color=colour, label=axis) for axis, colour in colours.items()],
            ncols=3,
            loc="lower right",  # below, where only the lobe of the excitation at the other end goes
        )
    return figure


def _spectra(sets: Mapping):
    """Spectra of the phantom: each sub-spectrum, with Glu and Gln below it."""
    amounts = {name: mM for name, (mM, _, _) in PHANTOM.items()}
    with house_style():
        figure, grid = plt.subplots(len(sets), 1, figsize=(PAGE_WIDTH, 1.5 * len(sets)), sharex=True, squeeze=False)
        for axes, (label, basis) in zip(grid[:, 0], sets.items(), strict=True):
            time = np.arange(basis.points) * basis.dwell
            damped = basis.fids * np.exp(-np.pi * max(3.0 - basis.linewidth, 0.0) * time)
            scaled = np.array([amounts[name] for name in basis.names])[:, None] * damped
            total = np.fft.fftshift(np.fft.fft(scaled.sum(0))).real
            axes.plot(basis.ppm, total, color="black", label="all")
            for name in ("Glu", "Gln"):
                part = np.fft.fftshift(np.fft.fft(scaled[basis.index(name)])).real
                axes.plot(basis.ppm, part - 0.3 * np.abs(total).max(), color=LINES[name], label=name)
            axes.set_title(label, loc="left", fontsize=7.5)
            bare_spectrum(axes)
            ppm_axis(axes, 4.3, 1.7, label=axes is grid[-1, 0])
        grid[0, 0].legend(ncols=3, loc="upper left", bbox_to_anchor=(0.17, 1.0))  # no peak from 3.6 to 3.1 ppm
    return figure


def _png(figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()
