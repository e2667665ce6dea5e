"""Waveforms as scanners store them. None of these formats holds B1, so a flip angle scales them."""

import re
from pathlib import Path

import numpy as np

from spinsculpt import __version__
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.gate import read_json, read_text, samples
from spinsculpt.core.provenance import atomic_path
from spinsculpt.physics.pulses._json import from_dict
from spinsculpt.physics.pulses._profile import refocusing_profile
from spinsculpt.physics.pulses._pulse import Pulse

_LARGEST = 64 << 20  # bytes
_MOST_SAMPLES = 1_000_000
BRUKER = (".exc", ".rfc", ".inv", "")  # suffixes of its shape files: excitation, refocusing, inversion


def read_pulse(path: Path | str, duration: float | None = None, flip_angle: float = 180.0) -> Pulse:
    """Read a waveform and scale it to a flip angle on resonance.

    Args:
        path: Siemens .pta, Varian/Agilent .RF, FID-A .txt, Bruker (JCAMP-DX shape) or .json of spinsculpt (which is
            complete). Of these, .txt and .json hold a gradient that changes during the pulse.
        duration: s; these formats (but .json) do not hold it.
        flip_angle: degrees on resonance.
    """
    path = Path(path)
    if not path.is_file():
        raise SpinsculptError(f"There is no pulse file {path}.")
    if path.suffix.lower() == ".json":
        content = read_json(path)
        others = content.get("more_pulses")
        if others and isinstance(others, dict):
            raise SpinsculptError(
                f"{path} holds {1 + len(others)} pulses, and one is wanted here; write each to a file of its own with: "
                f"spinsculpt export {path} --out NAME.pta"
            )
        return from_dict(content, path)
    if duration is None or not duration > 0:
        raise SpinsculptError(f"{path} does not say how long the pulse lasts; give its duration in s (above 0).")
    text = read_text(path, _LARGEST, errors="replace")
    reader = {".pta": _pta, ".rf": _varian, ".txt": _fida}.get(path.suffix.lower(), _bruker)
    if text.startswith(_VENDOR_HEAD):
        reader = _integers
    try:
        amplitude, phase, *gradient = reader(text)
    except (ValueError, IndexError, OverflowError) as error:
        raise SpinsculptError(f"{path} is no {reader.__doc__} ({brief(error)}); check the file.") from error
    for values, name in ((amplitude, "amplitude"), (phase, "phase"), *((each, "gradient") for each in gradient)):
        samples(values, "signal", path, name)
    if not len(amplitude) or not np.any(amplitude):
        raise SpinsculptError(f"{path} has no samples that a {reader.__doc__} would have; check the file.")
    return scaled(path.stem, amplitude * np.exp(1j * phase), duration, flip_angle, *gradient)


def scaled(
    name: str, waveform: np.ndarray, duration: float, flip_angle: float, gradient: np.ndarray | None = None
) -> Pulse:
    """Pulse of a complex waveform in any unit, scaled to a flip angle on resonance.

    Amplitude-modulated waveforms (phases 0 and 180 degrees) have the flip angle of their area. Of phase-modulated ones
    (adiabatic), the smallest B1 is taken that comes within 1 % of the wanted |Mz|.

    Args:
        name: of the pulse.
        waveform: complex samples, shape (samples,).
        duration: s.
        flip_angle: degrees.
        gradient: relative slice gradient, if it changes during the pulse, shape (samples,).
    """
    dwell = duration / len(waveform)
    unit = waveform / waveform[np.abs(waveform).argmax()]
    area = np.abs(unit.sum()) * dwell
    if np.abs(unit.imag).max() < 1e-6 and area > 1e-3 * duration:
        return Pulse(name, waveform * (flip_angle / 360 / GAMMA_BAR / area / np.abs(waveform).max()), dwell, gradient)
    pulse = Pulse(name, unit, dwell)
    peak = np.geomspace(0.5, 200.0, 600)  # uT
    reached = refocusing_profile(pulse, np.zeros_like(peak), peak) > np.sin(np.deg2rad(flip_angle) / 2) ** 2 - 0.005
    if not reached.any():
        raise SpinsculptError(
            f"Pulse {name!r} of {duration * 1e3:g} ms does not flip by {flip_angle:g} degrees at any B1."
        )
    return Pulse(name, waveform * (peak[reached.argmax()] / np.abs(waveform).max()), dwell, gradient)


def write_pulse(path: Path | str, pulse: Pulse, offset: float = 0.0) -> None:
    """Write a waveform as Siemens .pta, Varian .RF, FID-A .txt or Bruker (.exc, .rfc, .inv or no suffix).

    The name may end in .philips.txt or .ge.txt: whole numbers of amplitude and phase, for the tools of these vendors.
    Both and .pta say what the sequence that plays the pulse must be set to.

    Args:
        path: of the file.
        pulse: the waveform.
        offset: Hz from water at which it is played.
    Raises:
        SpinsculptError: another suffix, or a pulse that the format cannot hold.
    """
    path = Path(path)
    vendor = next((key for key in _VENDORS if path.name.lower().endswith(f".{key}.txt")), None)
    writers = {".pta": _write_pta, ".rf": _write_varian, ".txt": _write_fida} | dict.fromkeys(BRUKER, _write_bruker)
    if path.suffix.lower() not in writers:
        raise SpinsculptError(
            f"{path}: a single pulse is not written as {path.suffix}, but as .pta (Siemens), .RF (Varian), .txt "
            "(FID-A), .philips.txt, .ge.txt or .exc, .rfc, .inv (Bruker); a whole sequence "
            "(results/sequences/NAME.json) also as .seq (Pulseq) or .json (FSL-MRS)."
        )
    if pulse.gradient is not None and (path.suffix.lower() != ".txt" or vendor):
        raise SpinsculptError(
            f"{path}: the gradient changes during pulse {pulse.name!r}, which this format cannot hold; write .txt "
            "(FID-A), or the whole sequence as .seq (Pulseq)."
        )
    b1 = np.asarray(pulse.b1, complex)
    amplitude, phase = np.abs(b1) / pulse.peak_b1, np.mod(np.angle(b1), 2 * np.pi)
    if vendor:
        text = _write_integers(pulse, amplitude, phase, vendor, offset)
    elif path.suffix.lower() == ".pta":
        text = _write_pta(pulse, amplitude, phase, offset)
    else:
        text = writers[path.suffix.lower()](pulse, amplitude, phase)
    with atomic_path(path) as temporary:
        temporary.write_text(text)


_VENDORS = {"philips": ("Philips", 32767, 1, 65534), "ge": ("GE", 32766, 2, 65532)}  # full scale, step, a turn
_VENDOR_HEAD = "# Waveform for "


def playing(pulse: Pulse, offset: float = 0.0) -> list[str]:
    """What a sequence must be set to so that it plays a waveform as it was made, a line each."""
    angle = 360 * GAMMA_BAR * abs(pulse.b1.sum()) * pulse.dwell
    net = 360 * GAMMA_BAR * pulse.peak_b1 * pulse.duration
    return [
        f"duration {pulse.duration * 1e3:.4f} ms, {len(pulse.b1)} samples of {pulse.dwell * 1e6:.3f} us",
        f"peak B1 {pulse.peak_b1:.4f} uT at full scale; a rectangle of this B1 and length turns by {net:.1f} degrees",
        f"net angle on resonance {angle:.2f} degrees, energy {pulse.energy:.2f} uT^2 ms",
        f"transmit offset {offset:.2f} Hz from water at 4.65 ppm, no slice gradient, no phase of its own",
    ]


def _write_integers(pulse: Pulse, amplitude: np.ndarray, phase: np.ndarray, vendor: str, offset: float) -> str:
    label, top, step, turn = _VENDORS[vendor]
    head = [f"{_VENDOR_HEAD}{label} of the pulse {pulse.name}, spinsculpt {__version__}; set the sequence to:"]
    head += [f"# {line}" for line in playing(pulse, offset)]
    head += [f"# columns: amplitude (full scale {top}), phase (a turn is {turn})"]
    turned = np.angle(np.exp(1j * phase)) / (2 * np.pi) * turn
    counts, angles = (np.rint(values / step).astype(int) * step for values in (amplitude * top, turned))
    rows = (f"{a}\t{p}" for a, p in zip(counts, angles, strict=True))
    return "\n".join([*head, *rows]) + "\n"


def _integers(text: str) -> tuple[np.ndarray, np.ndarray]:
    """text file of whole numbers for Philips or GE"""
    head = [line for line in text.splitlines() if line.startswith("#")]
    full, turn = (float(number) for number in re.findall(r"full scale (\d+).*a turn is (\d+)", head[-1])[0])
    rows = np.array([[float(v) for v in line.split()] for line in text.splitlines() if line and line[0] != "#"])
    return rows[:, 0] / full, rows[:, 1] / turn * 2 * np.pi


def _pta(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Siemens .pta file"""
    rows = [line.split(";")[0].split() for line in text.splitlines() if ":" not in line]
    samples = np.array([[float(v) for v in row[:2]] for row in rows if len(row) >= 2])
    return samples[:, 0], samples[:, 1]


def _varian(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Varian .RF file"""
    rows = [[float(v) for v in line.split()] for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    counts = [round(row[2]) if len(row) > 2 else 1 for row in rows]
    rows = np.repeat(np.array([row[:2] for row in rows]), _possible(counts), axis=0)
    return rows[:, 1], np.deg2rad(rows[:, 0])


def _possible(counts: list[float]) -> np.ndarray:
    """How often each row is played, if that is a pulse that fits into memory."""
    if not (all(count >= 0 for count in counts) and sum(counts) <= _MOST_SAMPLES):
        raise ValueError(f"it would have more than {_MOST_SAMPLES} samples")
    return np.array(counts, int)


def _fida(text: str) -> tuple[np.ndarray, ...]:
    """text file of FID-A: amplitude, phase in degrees[, time step[, gradient]]"""
    rows = np.array([[float(v) for v in line.split()] for line in text.splitlines() if line.strip()])
    steps = rows[:, 2] if rows.shape[1] > 2 else np.ones(len(rows))
    if steps.min() <= 0 or np.abs(np.remainder(steps / steps.min() + 0.5, 1) - 0.5).max() > 1e-3:
        raise ValueError("its time steps are not multiples of the shortest one")
    rows = np.repeat(rows, _possible(np.rint(steps / steps.min()).tolist()), axis=0)
    gradient = rows[:, 3:4].T
    return (rows[:, 0], np.deg2rad(rows[:, 1]), *(gradient / np.abs(gradient).max(initial=1e-9)))


def _bruker(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Bruker shape file"""
    body = text.split("##XYPOINTS", 1)
    if len(body) < 2:
        raise ValueError("##XYPOINTS is missing")
    lines = body[1].splitlines()[1:]
    rows = [re.split(r"[,;\s]+", line.strip()) for line in lines if line.strip() and not line.startswith("##")]
    samples = np.array([[float(row[0]), float(row[1])] for row in rows])
    return samples[:, 0], np.deg2rad(samples[:, 1])


def _write_pta(pulse: Pulse, amplitude: np.ndarray, phase: np.ndarray, offset: float = 0.0) -> str:
    # REFGRAD: slice gradient in mT/m for 5.12 ms and 10 mm; the integrals are those that the Siemens RF library expects
    total = np.sum(amplitude * np.exp(1j * phase))
    head = [
        f"PULSENAME: {pulse.name}",
        f"COMMENT: spinsculpt {__version__}; " + "; ".join(playing(pulse, offset)),
        "REFGRAD: 1.000000000",
        "MINSLICE: 1.000000000",
        "MAXSLICE: 200.000000000",
        f"AMPINT: {abs(total):.9f}",
        f"POWERINT: {np.sum(amplitude**2):.9f}",
        f"ABSINT: {np.sum(amplitude):.9f}",
    ]
    rows = [f"{a:.9f}\t{p:.9f}\t; ({k})" for k, (a, p) in enumerate(zip(amplitude, phase, strict=True))]
    return "\n".join([*head, "", *rows]) + "\n"


def _write_varian(pulse: Pulse, amplitude: np.ndarray, phase: np.ndarray) -> str:
    head = f"# {pulse.name}: {pulse.duration * 1e3:.4f} ms, peak B1 {pulse.peak_b1:.4f} uT\n"
    rows = zip(np.rad2deg(phase), amplitude, strict=True)
    return head + "".join(f"{p:.4f}\t{a * 1023:.6f}\t1.0\n" for p, a in rows)


def _write_fida(pulse: Pulse, amplitude: np.ndarray, phase: np.ndarray) -> str:
    columns = [amplitude, np.rad2deg(phase), np.ones_like(amplitude)]
    columns += [] if pulse.gradient is None else [pulse.gradient]  # G/cm there; only the shape is known here
    return "".join("  ".join(f"{value:.6f}" for value in row) + "\n" for row in zip(*columns, strict=True))


def _write_bruker(pulse: Pulse, amplitude: np.ndarray, phase: np.ndarray) -> str:
    head = [
        f"##TITLE= {pulse.name}",
        "##JCAMP-DX= 5.00 Bruker JCAMP library",
        "##DATA TYPE= Shape Data",
        "##ORIGIN= spinsculpt",
        f"##$SHAPE_LENGTH= {pulse.duration * 1e6:.3f}",
        f"##$SHAPE_INTEGFAC= {abs(np.mean(amplitude * np.exp(1j * phase))):.9e}",
        f"##MINX= {amplitude.min() * 100:.6e}",
        f"##MAXX= {amplitude.max() * 100:.6e}",
        f"##NPOINTS= {len(amplitude)}",
        "##XYPOINTS= (XY..XY)",
    ]
    rows = [f"{a * 100:.6e}, {p:.6e}" for a, p in zip(amplitude, np.rad2deg(phase), strict=True)]
    return "\n".join([*head, *rows, "##END="]) + "\n"
