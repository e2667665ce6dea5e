r"""Exact evolution of a density operator through the events of a sequence (numpy, float64).

The free Hamiltonian in the frame of the receiver, rad/s:

    H(t) = sum_k 2pi (nu_k + b0) I_kz + sum_{j<k} 2pi J_jk I_j.I_k + omega_1(t) [cos phi(t) F_x + sin phi(t) F_y]

Every event is a constant Hamiltonian (delay, pulse sample), a rotation (hard pulse) or a mask (coherence filter), so
diagonalisation gives the exact result. Relaxation is applied by the caller to what comes out.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache, reduce

import numpy as np

from spinsculpt.core.conventions import GAMMA_BAR, WATER_PPM
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.remembered import remembered
from spinsculpt.core.spectra import LineList
from spinsculpt.physics.sequences import CoherenceFilter, Delay, Event, HardPulse, ShapedPulse, Slot
from spinsculpt.physics.spins import SpinSystem, coherence_order, hamiltonian, raising, rotation, total

_MERGE_HZ = 1e-6  # transitions closer than this are one line; far above rounding, far below any linewidth
_DROP = 1e-9  # lines weaker than this fraction of one proton are left out


def line_list(
    events: Iterable[Event],
    system: SpinSystem,
    central_frequency: float,
    b1_scale: float = 1.0,
    b0_hz: float = 0.0,
    receiver_ppm: float = WATER_PPM,
    position: Mapping[str, float] | None = None,
) -> LineList:
    r"""Signal of one spin system after the events as frequencies and complex amplitudes.

    s(t) = (4 w / d) Tr[rho(t) F_+] = sum_l a_l exp(+2 pi i f_l t), w the weight of the system, d its dimension: a 90
    degree pulse along x on n protons gives amplitudes that sum to -i n w. No receiver phase and no relaxation.

    Args:
        events: of one shot, from equilibrium F_z to the first sample acquired; slots must be filled.
        system: the spins.
        central_frequency: spectrometer frequency in MHz.
        b1_scale: factor on the amplitude of shaped pulses (1 = nominal); hard pulses are ideal and stay so.
        b0_hz: offset of the main field in Hz, during the events and the acquisition.
        receiver_ppm: chemical shift in ppm of the rotating frame, where f = 0.
        position: place in m along the axes of slice-selection gradients, e.g. {"x": 0.01}; the centre if None.
    Returns:
        Lines in ascending frequency (Hz); degenerate ones merged, vanishing ones left out.
    """
    rho = evolve(events, system, central_frequency, b1_scale, b0_hz, receiver_ppm, position)
    return detected_lines(rho, system, central_frequency, b0_hz, receiver_ppm)


def detected_lines(
    rho: np.ndarray, system: SpinSystem, central_frequency: float, b0_hz: float = 0.0, receiver_ppm: float = WATER_PPM
) -> LineList:
    """Lines of the signal that a density operator gives from now on; `line_list` of a state."""
    energy, states = free_eigensystem(system, central_frequency, b0_hz, receiver_ppm)
    detection = states.T @ raising(system.levels) @ states
    amplitude = (detection.T * (states.T @ rho @ states)).ravel() * (4 * system.weight / system.dimension)
    frequency = ((energy[None, :] - energy[:, None]) / (2 * np.pi)).ravel()
    kept = np.abs(amplitude) > _DROP
    return _merged(frequency[kept], amplitude[kept])


def evolve(
    events: Iterable[Event],
    system: SpinSystem,
    central_frequency: float,
    b1_scale: float = 1.0,
    b0_hz: float = 0.0,
    receiver_ppm: float = WATER_PPM,
    position: Mapping[str, float] | None = None,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Density operator after the events, complex, shape (d, d); from F_z unless `start` is given.

    Arguments are those of `line_list`.
    """
    rho = (total(system.levels, "z") if start is None else start).astype(complex)
    for event in events:
        if isinstance(event, CoherenceFilter):
            rho = np.where(_kept(system.levels, event.orders), rho, 0)
        else:
            u = _unitary(event, b1_scale, position or {}, system, central_frequency, b0_hz, receiver_ppm)
            rho = u @ rho @ u.conj().T
    return rho


@lru_cache(maxsize=512)
def _kept(levels: tuple[int, ...], orders: tuple[int, ...]) -> np.ndarray:
    """Where a state holds coherence of these orders, shape (d, d)."""
    return np.isin(coherence_order(levels), orders)


def propagator(
    events: Iterable[Event],
    system: SpinSystem,
    central_frequency: float,
    b1_scale: float = 1.0,
    b0_hz: float = 0.0,
    receiver_ppm: float = WATER_PPM,
    position: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Unitary of events without coherence filters, complex, shape (d, d). Arguments are those of `line_list`."""
    u = np.eye(system.dimension, dtype=complex)
    for event in events:
        u = _unitary(event, b1_scale, position or {}, system, central_frequency, b0_hz, receiver_ppm) @ u
    return u


def _unitary(event: Event, b1_scale: float, position: Mapping[str, float], system: SpinSystem, *frame: float):
    match event:
        case Delay(duration):
            if duration < 0:
                raise SpinsculptError(f"A delay of {duration * 1e3:.3f} ms is negative; lengthen the echo time.")
            energy, states = free_eigensystem(system, *frame)
            return (states * np.exp(-1j * energy * duration)) @ states.T
        case HardPulse(flip_angle, phase):
            return _rotation(system.levels, np.deg2rad(flip_angle), np.deg2rad(phase))
        case ShapedPulse():
            return _shaped(event, b1_scale, position, system, *frame)
        case Slot(name):
            raise SpinsculptError(f"Slot {name!r} is empty: fill it with a designed pulse before simulating.")
        case CoherenceFilter():
            raise SpinsculptError("A coherence filter is no unitary; evolve the density operator instead.")
    raise TypeError(f"{type(event).__name__} is not an event.")


@lru_cache(maxsize=512)
def free_eigensystem(
    system: SpinSystem, central_frequency: float, b0_hz: float = 0.0, receiver_ppm: float = WATER_PPM
) -> tuple[np.ndarray, np.ndarray]:
    """Energies in rad/s, ascending, and real eigenvectors (columns) of the free Hamiltonian."""
    return np.linalg.eigh(_free(system, central_frequency, b0_hz, receiver_ppm))


def _free(system: SpinSystem, central_frequency: float, b0_hz: float, receiver_ppm: float) -> np.ndarray:
    return hamiltonian(system, central_frequency, receiver_ppm) + 2 * np.pi * b0_hz * total(system.levels, "z").real


def _rotation(levels: tuple[int, ...], angle: float, phase: float) -> np.ndarray:
    """exp(-i angle (cos(phase) F_x + sin(phase) F_y)) as a Kronecker product of single-spin rotations."""
    a, b = np.cos(angle / 2), -1j * np.sin(angle / 2) * np.exp(1j * phase)
    return reduce(np.kron, (rotation(count, a, b) for count in levels))


def _shaped(event: ShapedPulse, b1_scale: float, position: Mapping[str, float], system: SpinSystem, *frame: float):
    pulse, offset = event.pulse, event.offset
    central_frequency, b0_hz, receiver_ppm = frame
    axis, strength = event.gradient or ("z", 0.0)
    place = GAMMA_BAR * 1e3 * strength * position.get(axis, 0.0)  # Hz; MHz/T * mT/m * m = kHz
    samples = np.ascontiguousarray(pulse.b1, complex) * b1_scale * np.exp(1j * np.deg2rad(event.phase))
    gradient = np.ones(1) if pulse.gradient is None else pulse.gradient
    u = np.eye(system.dimension, dtype=complex)
    for part, relative in zip(np.split(samples, len(gradient)), gradient, strict=True):
        local = b0_hz + place * float(relative) - offset
        u = _pulse_frame_propagator(part.tobytes(), pulse.dwell, system, central_frequency, local, receiver_ppm) @ u
    # The frame of the pulse turns by 2pi offset t about z, t = 0 in the middle of the pulse: U = R(T/2) U' R(-T/2)^-1.
    half = np.exp(-1j * np.pi * offset * pulse.duration * np.diag(total(system.levels, "z")).real)
    return half[:, None] * u * half[None, :]


@remembered(megabytes=128)
def _pulse_frame_propagator(
    samples: bytes, dwell: float, system: SpinSystem, central_frequency: float, b0_hz: float, receiver_ppm: float
) -> np.ndarray:
    """Ordered product of exact step propagators; steps of equal amplitude share one real diagonalisation.

    A phase phi is a frame rotation about z: exp(-i H(phi) dt) = Z(phi) exp(-i H(0) dt) Z(-phi), and H(0) is real.
    """
    b1 = np.frombuffer(samples, complex)
    free, fx = _free(system, central_frequency, b0_hz, receiver_ppm), total(system.levels, "x").real
    m = np.diag(total(system.levels, "z")).real
    level, index = np.unique(np.round(np.abs(b1), 9), return_inverse=True)  # 1e-9 uT is far below any rounding of B1
    steps = np.empty((len(level), *free.shape), complex)
    for k, amplitude in enumerate(level):
        energy, states = np.linalg.eigh(free + 2 * np.pi * GAMMA_BAR * amplitude * fx)
        steps[k] = (states * np.exp(-1j * energy * dwell)) @ states.T
    u, phase = np.eye(len(m), dtype=complex), 0.0
    for k, angle in zip(index, np.angle(b1), strict=True):
        u = steps[k] @ (np.exp(-1j * (phase - angle) * m)[:, None] * u)
        phase = angle
    u = np.exp(-1j * phase * m)[:, None] * u
    return u


def _merged(frequency: np.ndarray, amplitude: np.ndarray) -> LineList:
    order = np.argsort(frequency)
    frequency, amplitude = frequency[order], amplitude[order]
    first = np.flatnonzero(np.diff(frequency, prepend=-np.inf) > _MERGE_HZ)
    if not len(first):
        return LineList(frequency, amplitude)
    amplitude = np.add.reduceat(amplitude, first)
    kept = np.abs(amplitude) > _DROP
    return LineList(frequency[first][kept], amplitude[kept])
