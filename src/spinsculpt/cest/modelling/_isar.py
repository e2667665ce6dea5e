r"""ISAR2: an analytical approximation of pulsed saturation with two pools, beside the exact engine.

Roeloffs et al. 2015, doi:10.1002/nbm.3192 (interleaved saturation and relaxation), with the rates of Zaiss & Bachert
2013, doi:10.1002/nbm.2887. Only z of water (a) and of the other pool (b, fraction f, exchange rate k) is followed:

- RF: z_a decays with R1rho = R1a cos^2 + R2a sin^2 + Rex towards cos R1a / R1rho, where tan = w1 / dw_a and
      Rex = f k sin^2 [(w_b - w_a)^2 + R2b/k (dw_a^2 + w1^2) + R2b (k + R2b)] / (G^2 + dw_b^2),
      G^2 = (k + R2b)/k w1^2 + (k + R2b)^2;
  meanwhile z_b = (f - Rex/k) z_a;
- no RF: both recover and exchange, exactly;
- tips that begin or end an irradiation lock the spins; others multiply z by their cosine. Without a lock z is projected
  on the effective field and back.
"""

from math import pi

import numpy as np
from numba import njit, prange

from spinsculpt.cest.modelling._model import NAMES, Model
from spinsculpt.cest.modelling._protocol import SAMPLE, SPOIL, Protocol
from spinsculpt.core.conventions import GAMMA_BAR, larmor_frequency
from spinsculpt.core.errors import SpinsculptError

_STEP = 1e-30  # of the complex step


@njit(cache=True, nogil=True)
def _coefficients(p, operator, frequency, solute, out):
    """What an operator does: RF (decay, steady state, z_b over z_a, cosine), delay (2x2 matrix) or tip (cosine)."""
    r1, r2 = 1 / p[2], 1 / p[3]
    if solute:
        r1b, r2b, shift, f, k = 1 / p[6], 1 / p[7], p[8], p[4], p[5]
    else:
        r1b, r2b, shift, f, k = 1 / p[11], 1 / p[12], p[13], p[9], p[10]
    if operator[0] == 1:
        out[0] = np.cos(operator[1] * p[0])
    elif operator[2] > 0:
        w1 = 2 * pi * GAMMA_BAR * operator[2] * p[0]
        water = 2 * pi * (p[1] * frequency - operator[3])
        other = water + 2 * pi * shift * frequency
        square = water * water + w1 * w1
        sine = w1 * w1 / square
        width = (k + r2b) * w1 * w1 / k + (k + r2b) ** 2
        exchange = f * k * sine * ((other - water) ** 2 + r2b / k * square + r2b * (k + r2b)) / (width + other * other)
        rate = r1 * (1 - sine) + r2 * sine + exchange
        cosine = np.sqrt(1 - sine)
        out[0], out[1] = np.exp(-rate * operator[1]), cosine * r1 / rate
        out[2], out[3] = f - exchange / k, cosine
    else:
        a, d, b, c = -(r1 + k * f), -(r1b + k), k, k * f
        mean, half = (a + d) / 2, np.sqrt(((a - d) / 2) ** 2 + b * c)
        e1, e2 = np.exp((mean + half) * operator[1]), np.exp((mean - half) * operator[1])
        even, odd = (e1 + e2) / 2, (e1 - e2) / (2 * half)
        out[0], out[1] = even + odd * (a - d) / 2, odd * b
        out[2], out[3] = odd * c, even - odd * (a - d) / 2


@njit(cache=True, nogil=True, parallel=True)
def _run(parameters, wanted, operators, order, locks, frequency, solute, start, signals, jacobian):
    many, count = len(wanted), len(operators)
    for voxel in prange(len(parameters)):
        table = np.zeros((count, 4), np.complex128)
        p = np.zeros(parameters.shape[1], np.complex128)
        for m in range(max(1, many)):
            for i in range(len(p)):
                p[i] = parameters[voxel, i]
            if many:
                p[wanted[m]] += 1j * _STEP
            f = p[4] if solute else p[9]
            for number in range(count):
                _coefficients(p, operators[number], frequency, solute, table[number])
            a, b = 1 + 0 * f, f
            image = 0
            for place in range(len(order)):
                number = order[place]
                if number == -2:
                    signals[voxel, image] = a.real
                    if many:
                        jacobian[voxel, image, m] = a.imag / _STEP
                    if start.shape[0] > 0:
                        a = start[voxel, image] + 0 * f
                    image += 1
                elif number >= 0:
                    row = table[number]
                    if operators[number, 0] == 1:
                        if locks[place] == 0:
                            a, b = a * row[0], b * row[0]
                    elif operators[number, 2] > 0:
                        lock = locks[place]
                        a = a if lock & 1 else a * row[3]
                        a = (a - row[1]) * row[0] + row[1]
                        a = a if lock & 2 else a * row[3]
                        b = row[2] * a
                    else:
                        u, v = a - 1, b - f
                        a, b = 1 + row[0] * u + row[1] * v, f + row[2] * u + row[3] * v


def simulate_isar2(
    protocol: Protocol,
    model: Model,
    parameters: np.ndarray,
    wanted: tuple[str, ...] = (),
    measured: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `simulate`, by ISAR2; for water and one other pool with a Lorentzian line.

    Raises:
        SpinsculptError: another number of pools, or a super-Lorentzian line.
    """
    if model.solute == bool(model.semisolid) or model.line == 2:
        raise SpinsculptError("ISAR2 knows water and one pool with a Lorentzian line; use the exact engine.")
    if protocol.reads:
        raise SpinsculptError("ISAR2 knows no transverse magnetisation; use the exact engine.")
    parameters = np.ascontiguousarray(parameters, float)
    columns = np.array([NAMES.index(name) for name in wanted], np.int64)
    signals = np.empty((len(parameters), protocol.images))
    jacobian = np.empty((*signals.shape, len(wanted)))
    start = np.empty((0, 0)) if measured is None else np.ascontiguousarray(measured, float)
    arguments = (protocol.operators, protocol.order, _locks(protocol), larmor_frequency(model.field), model.solute)
    _run(parameters, columns, *arguments, start, signals, jacobian)
    return signals, jacobian


def _locks(protocol: Protocol) -> np.ndarray:
    """For each event: tips 1 if they lock; irradiations 1 if one begins, 2 if one ends them, 3 for both."""
    order, kinds = protocol.order, protocol.operators
    locks = np.zeros(len(order), np.int64)
    for place, number in enumerate(order):
        if number in (SAMPLE, SPOIL) or kinds[number, 0] == 1 or kinds[number, 2] == 0:
            continue
        for side, bit in ((-1, 1), (1, 2)):
            other = place + side
            if 0 <= other < len(order) and order[other] >= 0 and kinds[order[other], 0] == 1:
                locks[other] = 1
                locks[place] |= bit
    return locks
