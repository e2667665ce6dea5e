r"""The simulated scanner: raw Philips files of a cohort whose truth is known.

Row k of a scan (a dynamic: the mean of `averages / dynamics` transients) is

    s_k(t) = g exp(i (phi + phi_k + theta(t))) [exp(2 pi i df_k t) (L(t) sum_m c_m w_m b_m(t) + r W(t)) + noise]
    w_m    = exp(-tau_m/T2_m - zeta_m/T1_m) (1 - exp(-TR/T1_m))

with b_m the basis of the shot that row k plays, tau_m and zeta_m the times that its signal spends in the plane and
along z (`spinsculpt.basis._decay`), c_m the concentrations of the subject, L the added line shape, W the water signal
as the sequence leaves it, r the residue of its suppression, df_k and phi_k drift and jitter, theta(t) the eddy-current
phase and g the receiver gain. The water reference sees g, phi, theta and W without suppression, drift and jitter.

What belongs to the subject (concentrations, shim) is drawn from (seed, subject) and so the same for all sequences; what
belongs to the scan (gain, phase, drift, noise) from (seed, subject, sequence). Noise per shot is the same for all
sequences and all last the same time: a sequence of two shots has half of the averages for each, or the shares that its
design found; a dynamic of a shot with a larger share is the mean of more averages.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinsculpt.basis import BasisSet
from spinsculpt.config import OtherTruth, Scanner
from spinsculpt.core.conventions import time_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.spectra import decay
from spinsculpt.core.tables import write_table
from spinsculpt.data.philips import write_sdat, write_spar
from spinsculpt.physics.sequences import Sequence
from spinsculpt.physics.spins import Library

TRUTH_COLUMNS = ("subject", "sequence", "metabolite", "quantity", "value", "unit")
_REFERENCE = "NAA"  # whose methyl singlet (3 protons) defines the signal-to-noise ratio
_RESIDUAL_LINES = ((-9.0, 12.0, 0.25), (0.0, 6.0, 0.5), (7.0, 14.0, 0.25))  # offset Hz, added width Hz, share


@dataclass(frozen=True)
class SimulatedScan:
    """One scan and its water reference in memory.

    Attributes:
        fids: FFT-positive, shape (dynamics, points); the shots of an edited sequence alternate.
        water: FFT-positive, shape (1, points).
        dwell, echo_time, repetition_time: s.
        central_frequency: MHz.
        truth: rows (metabolite or "", quantity, value, unit).
    """

    fids: np.ndarray
    water: np.ndarray
    dwell: float
    central_frequency: float
    echo_time: float
    repetition_time: float
    truth: list[tuple[str, str, float, str]]


def simulate_scan(
    subject: str, sequence: Sequence, basis: Mapping[str, BasisSet], library: Library, config: Scanner
) -> SimulatedScan:
    """One scan of one subject of the cohort.

    Args:
        subject: name of the subject, part of the seed.
        sequence: what is played; its shots alternate.
        basis: basis set of each shot, by its name; FIDs of one proton at full signal.
        library: relaxation times and typical concentrations.
        config: the section `scanner` of the configuration.
    """
    shots = [basis[name] for name in _shot_names(sequence, basis)]
    averages, dynamics = config.averages, config.dynamics
    if dynamics % len(shots) or averages % dynamics:
        fitting = -(-dynamics // len(shots)) * len(shots)
        raise SpinsculptError(
            f"scanner: {averages} averages in {dynamics} dynamics do not divide into the {len(shots)} shots of "
            f"{sequence.name}; {-(-averages // fitting) * fitting} averages in {fitting} dynamics would work."
        )
    shares = np.array([sequence.shares.get(shot.name, 1.0) for shot in sequence.shots])
    played = shares * len(shots) * averages / dynamics  # averages of a dynamic of each shot
    if played.min() < 1 - 1e-9:
        needed = int(np.ceil(dynamics / len(shots) / shares.min() / dynamics - 1e-9)) * dynamics
        raise SpinsculptError(
            f"scanner.averages: {averages} gives less than one average to each of its dynamics; {needed} averages in "
            f"{dynamics} dynamics would work for the shares of {sequence.name}."
        )
    first = shots[0]
    points, dwell = first.points, first.dwell
    t = time_axis(points, dwell)
    person, scan = _generator(config, subject), _generator(config, subject, sequence.name)

    other = config.other_truth if subject in config.other_truth.subjects else None
    typical = {
        name: other.lipids if other and name.startswith("Lip") else library[name].concentration for name in first.names
    }
    concentrations = {
        name: value * _varied(_generator(config, subject, "concentration", name), config.cv)
        for name, value in typical.items()
    }
    relaxation = {name: _relaxation(library[name], subject, config, other) for name in first.names}
    weights = {name: _seen(first, name, times, sequence.echo_time, config) for name, times in relaxation.items()}
    lorentzian = config.lorentzian * _varied(person, config.linewidth_cv)
    gaussian = config.gaussian * _varied(person, config.linewidth_cv)
    shape = decay(points, dwell, lorentzian, gaussian)

    gain = config.gain * _varied(scan, 0.2)
    phase = np.deg2rad(config.phase) * scan.uniform(-1, 1)
    drift = config.drift * scan.uniform(-1, 1)
    eddy = config.eddy_phase * scan.uniform(-1, 1) * np.exp(-t / config.eddy_time)
    residual = config.residual_water * _varied(scan, 0.5)
    offsets = np.linspace(0, drift, dynamics) + config.frequency_jitter * scan.standard_normal(dynamics)
    jitter = np.deg2rad(config.phase_jitter) * scan.standard_normal(dynamics)

    times = [shot.echo_time or sequence.echo_time for shot in sequence.shots]
    broad = np.array([name in library.macromolecules for name in first.names])
    shoulder = _shoulder(t, person, other)
    line = np.where(broad[:, None], 1.0, shoulder)
    tissue = [
        _tissue(shot, time, concentrations, relaxation, line, config) for shot, time in zip(shots, times, strict=True)
    ]
    tissue = np.stack(tissue) * shape
    water = water_amplitude(sequence, config, first) * (1.0 if first.water is None else first.water) * shape * shoulder
    lines = sum(share * np.exp(2j * np.pi * f * t) * decay(points, dwell, width) for f, width, share in _RESIDUAL_LINES)
    unsuppressed = residual * np.exp(2j * np.pi * scan.uniform()) * water * lines

    sigma = shot_noise(library, config, points, dwell)
    signal = tissue[np.arange(dynamics) % len(shots)] + unsuppressed
    signal = signal * np.exp(2j * np.pi * np.outer(offsets, t) + 1j * jitter[:, None])
    each = played[np.arange(dynamics) % len(shots)]
    signal += sigma / np.sqrt(each)[:, None] * _complex_normal(scan, (dynamics, points))
    reference = water[None] + sigma / np.sqrt(config.water_averages) * _complex_normal(scan, (1, points))
    received = gain * np.exp(1j * (phase + eddy))

    truth = [(name, "concentration", value, "mM") for name, value in concentrations.items()]
    truth += [(name, "relaxation_weight", value, "1") for name, value in weights.items()]
    truth += [
        ("", "lorentzian", lorentzian + first.linewidth, "Hz"),
        ("", "gaussian", gaussian, "Hz"),
        ("", "phase", np.rad2deg(phase), "deg"),
        ("", "drift", drift, "Hz"),
        ("", "eddy_phase", eddy[0], "rad"),
        ("", "residual_water", residual, "1"),
        ("", "gain", gain, "1"),
        ("", "averages_per_shot", averages * float(shares[0]), "1"),
        ("", "noise_sd", gain * sigma * np.sqrt(points / averages), "1"),
        ("", "snr", config.snr, "1"),
        ("", "other_truth", float(bool(other)), "1"),
    ]
    return SimulatedScan(
        signal * received,
        reference * received,
        dwell,
        first.central_frequency,
        sequence.echo_time,
        config.repetition_time,
        truth,
    )


def write_scan(
    scan: SimulatedScan, subject: str, sequence: str, config: Scanner, data: Path | str, water: Path | str, truth: Path
) -> None:
    """Write a scan as a raw file, its water reference as another, and the truth as a tidy table.

    Args:
        scan: what was simulated.
        subject, sequence: names for the table and the headers.
        config: the section `scanner` of the configuration.
        data, water: paths of the SDAT files; the SPAR stand beside them.
        truth: path of the table, columns TRUTH_COLUMNS.
    """
    for path, fids, averages in (
        (Path(data), scan.fids, config.averages // config.dynamics),
        (Path(water), scan.water, config.water_averages),
    ):
        write_sdat(path, fids)
        write_spar(
            path.with_suffix(".SPAR"),
            samples=fids.shape[1],
            rows=fids.shape[0],
            dwell=scan.dwell,
            central_frequency=scan.central_frequency,
            echo_time=scan.echo_time,
            repetition_time=scan.repetition_time,
            averages=averages,
            scan_id=sequence,
        )
    write_table(truth, TRUTH_COLUMNS, [(subject, sequence, *row) for row in scan.truth], digits=8)


def water_amplitude(sequence: Sequence, config: Scanner, basis: BasisSet) -> float:
    """Signal of unsuppressed water at t = 0 in mM of protons: two protons, half grey and half white matter."""
    water = config.water
    relaxed = [
        basis.decay("water", t1, t2, sequence.echo_time) * (1 - np.exp(-config.repetition_time / t1))
        for t1, t2 in zip(water.t1, water.t2, strict=True)
    ]
    return 2 * water.concentration * float(np.mean(relaxed))


def shot_noise(library: Library, config: Scanner, points: int, dwell: float) -> float:
    """SD of one real channel of one sample of one shot, in mM of protons.

    `snr` of the config is the height of the unweighted methyl singlet of NAA over the SD of a real channel of the
    spectrum of all averages; nothing in it depends on the sequence.
    """
    height = 3 * library[_REFERENCE].concentration * decay(points, dwell, config.lorentzian, config.gaussian).sum()
    return float(height / config.snr * np.sqrt(config.averages / points))


def _shot_names(sequence: Sequence, basis: Mapping[str, BasisSet]) -> list[str]:
    if len(sequence.shots) == 1 and len(basis) == 1:
        return list(basis)
    names = [shot.name for shot in sequence.shots]
    missing = [name for name in names if name not in basis]
    if missing:
        raise SpinsculptError(
            f"scanner: the basis of {sequence.name} lacks its shot {missing[0]!r}; simulate it again."
        )
    return names


def _tissue(
    basis: BasisSet,
    echo_time: float,
    concentrations: Mapping[str, float],
    relaxation: Mapping[str, tuple[float, float]],
    line: np.ndarray,
    config: Scanner,
) -> np.ndarray:
    """FID of all metabolites in one shot of its own echo time, shape (points,); `line`: factors, shape (L, points)."""
    amounts = [concentrations[name] * _seen(basis, name, relaxation[name], echo_time, config) for name in basis.names]
    return np.array(amounts) @ (basis.fids * line)


def _relaxation(entry, subject: str, config: Scanner, other: OtherTruth | None) -> tuple[float, float]:
    """T1 and T2 in s: those of the library, or of a subject with another truth around them."""
    if not other:
        return entry.t1, entry.t2
    person = _generator(config, subject, "relaxation", entry.name)
    spread = (other.relaxation_sd.t1, other.relaxation_sd.t2)
    return tuple(time * _varied(person, sd / 100) for time, sd in zip((entry.t1, entry.t2), spread, strict=True))


def _shoulder(t: np.ndarray, person: np.random.Generator, other: OtherTruth | None) -> np.ndarray:
    """What a poor shim makes of the lines: a second one beside each, shape (points,); ones without another truth."""
    if not other:
        return np.ones(len(t), complex)
    place = other.shoulder_hz * person.standard_normal()
    return 1.0 - other.shoulder * (1.0 - np.exp(2j * np.pi * place * t - 3.0 * np.pi * t))


def _seen(basis: BasisSet, name: str, times: tuple[float, float], echo_time: float, config: Scanner) -> float:
    """What saturation and decay with T1 and T2 leave of the signal of a metabolite."""
    return basis.decay(name, *times, echo_time) * float(1 - np.exp(-config.repetition_time / times[0]))


def _generator(config: Scanner, *names: str) -> np.random.Generator:
    return np.random.default_rng([config.seed, *(zlib.crc32(name.encode()) for name in names)])


def _varied(generator: np.random.Generator, cv: float) -> float:
    """A positive factor of mean 1 and coefficient of variation `cv` (log-normal)."""
    variance = np.log1p(cv**2)
    return float(np.exp(np.sqrt(variance) * generator.standard_normal() - variance / 2))


def _complex_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
