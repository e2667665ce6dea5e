r"""Compiled kernel: one spin system through one RF waveform, forwards, and backwards with the exact gradient.

Strang splitting of each step dt into single-spin motion (RF and chemical shift, exact) and scalar couplings,

    U = J^(1/2) R_N J ... J R_2 J R_1 J^(1/2),   R = prod_k exp(-i dt (w_x I_kx + w_y I_ky + d_k I_kz)),

which is accurate because F_x and F_y commute with I_j.I_k: the error stems only from differences of chemical shift.
Both factors are diagonal phases and butterflies of pairs of rows:

    R_k = Z(alpha_k) X(beta_k) Z(gamma_k)       (Euler angles; phases of all spins multiply up to one phase a row)
    exp(-i a I_j.I_k) ~ exp(-i a I_jz I_kz) exp(-i a (I_j+ I_k- + I_j- I_k+) / 2)    (rows where m moves over mix)

A spin above 1/2 has more than two states. X mixes the rows of all of them, by a real symmetric matrix if phases of 90
degrees from one state to the next are put before and after; the two factors of its couplings do not commute. The order
of all factors of the couplings alternates from step to step, so that the whole remains of second order.
Columns of the state lie side by side in memory, real and imaginary parts apart, so that the butterflies of neighbouring
rows are one vectorised loop.
Going backwards undoes the unitary steps, hence memory does not grow with their number.
"""

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np
from numba import njit

from spinsculpt.physics.spins import ladder, single_spin

_INLINE = {"fastmath": True, "nogil": True, "inline": "always"}
_COMPILED = {"fastmath": True, "nogil": True, "cache": True}


class Tables(NamedTuple):
    """What the steps of a spin system share: n spins, d rows; arrays are padded to the spin with most levels.

    Attributes:
        levels: 2 I + 1 of each spin, shape (n,).
        runs: elements of the flat state between neighbouring states of each spin, shape (n,).
        ladders: <m + 1| I_+ |m> of each spin from the highest m down, shape (n, levels - 1).
        parts: factors of cos(beta m) and -sin(beta m) in the matrix of X(beta), the highest m first, of each spin,
            shape (n, 2, levels, levels, levels).
        below: steps of F_z from its highest value in each row, shape (d,).
        zz: sum of 2 pi J m_j m_k in rad/s in each row, shape (d,).
        flips: elements that mix and how many follow each other, (first, second, length), shape (flips, 3).
        rates: rad/s by which they mix, shape (flips,).
    """

    levels: np.ndarray
    runs: np.ndarray
    ladders: np.ndarray
    parts: np.ndarray
    below: np.ndarray
    zz: np.ndarray
    flips: np.ndarray
    rates: np.ndarray


@lru_cache(maxsize=256)
def tables(levels: tuple[int, ...], couplings: tuple[tuple[int, int, float], ...], width: int) -> Tables:
    """Tables of spins with couplings (i, j, 2 pi J in rad/s), the state of `width` columns."""
    n, most = len(levels), max(levels)
    below = np.indices(levels).reshape(n, -1)
    m = (np.array(levels)[:, None] - 1) / 2 - below
    strides = np.array([prod(levels[k + 1 :]) for k in range(n)])
    ladders, parts = np.zeros((n, most - 1)), np.zeros((n, 2, most, most, -(-most // 4) * 4))
    for k, count in enumerate(levels):
        ladders[k, : count - 1] = ladder(count)
        states = np.linalg.eigh(single_spin((count,), 0, "x").real)[1][:, ::-1] * (-1j) ** np.arange(count)[:, None]
        projectors = np.einsum("am,bm->mab", states, states)
        parts[k, :, :count, :count, :count] = projectors.real, -projectors.imag
    zz, flips, rates = np.zeros(below.shape[1]), [np.zeros((0, 3), int)], [np.zeros(0)]
    for i, j, strength in couplings:
        zz += strength * m[i] * m[j]
        first = np.flatnonzero((below[i] < levels[i] - 1) & (below[j] > 0))
        first = first[first % strides[j] == 0]  # rows that differ in the spins after j follow each other
        flips.append(np.stack([first, first + strides[i] - strides[j], np.full(len(first), strides[j])], 1))
        rates.append(strength / 2 * ladders[i, below[i, first]] * ladders[j, below[j, first] - 1])
    flips = np.concatenate(flips) * width
    return Tables(np.array(levels), strides * width, ladders, parts, below.sum(0), zz, flips, np.concatenate(rates))


@njit(**_INLINE)
def _butterflies(re, im, i, j, length, c, s):
    """Elements i..., j... of the flat state times exp(-i t X) with c = cos t, s = sin t; runs of rows are one loop."""
    ar, ai, br, bi = re[i : i + length], im[i : i + length], re[j : j + length], im[j : j + length]
    for k in range(length):
        xr, xi, yr, yi = ar[k], ai[k], br[k], bi[k]
        ar[k] = c * xr + s * yi
        ai[k] = c * xi - s * yr
        br[k] = c * yr + s * xi
        bi[k] = c * yi - s * xr


@njit(**_INLINE)
def _mix(x, i, run, matrix, copy):
    """Runs of elements from i on, as many as the matrix has rows, times the real matrix, in place."""
    count = len(matrix)
    for k in range(count * run):
        copy[k] = x[i + k]
    for a in range(count):
        mixed = x[i + a * run : i + (a + 1) * run]
        mixed[:] = 0
        for b in range(0, count, 4):  # four at a time; the matrix is padded with zeros
            p, q, r, s = matrix[a, b], matrix[a, b + 1], matrix[a, b + 2], matrix[a, b + 3]
            first, second = copy[b * run : (b + 1) * run], copy[(b + 1) * run : (b + 2) * run]
            third, fourth = copy[(b + 2) * run : (b + 3) * run], copy[(b + 3) * run : (b + 4) * run]
            for k in range(run):
                mixed[k] += p * first[k] + q * second[k] + r * third[k] + s * fourth[k]


@njit(**_INLINE)
def _rotate_x(re, im, levels, runs, cosine, sine, turns, sign, copy):
    """X(beta_k) of all spins, or its inverse for a sign of -1 (a spin above 1/2 has X = X^-1 with its phases)."""
    for k in range(len(cosine)):
        count, run = levels[k], runs[k]
        for i in range(0, len(re), count * run):
            if count == 2:
                _butterflies(re, im, i, i + run, run, cosine[k], sign * sine[k])
            else:
                _mix(re, i, run, turns[k, :count], copy)
                _mix(im, i, run, turns[k, :count], copy)


@njit(**_INLINE)
def _flip_flop(re, im, flips, cosine, sine, sign, ascending):
    for m in range(len(flips)):
        q = m if ascending else len(flips) - 1 - m
        _butterflies(re, im, flips[q, 0], flips[q, 1], flips[q, 2], cosine[q], sign * sine[q])


@njit(**_INLINE)
def _multiply_rows(re, im, phase_re, phase_im, sign):
    width = len(re) // len(phase_re)
    for i in range(len(phase_re)):
        pr, pi = phase_re[i], sign * phase_im[i]
        xr, xi = re[i * width : (i + 1) * width], im[i * width : (i + 1) * width]
        for k in range(width):
            yr, yi = xr[k], xi[k]
            xr[k] = pr * yr - pi * yi
            xi[k] = pr * yi + pi * yr


@njit(**_INLINE)
def _euler(wx, wy, offset, dt, azimuth, tilt, cosine, sine):
    """Z(azimuth - tilt_k) X(beta_k) Z(-azimuth - tilt_k) of exp(-i dt (wx I_x + wy I_y + offset_k I_z)), spin k.

    Half angles are all that is needed; they come by square roots. `azimuth` and `tilt` hold (cos, sin) of the half
    angle, `cosine` and `sine` those of beta_k / 2.
    """
    transverse = np.sqrt(wx * wx + wy * wy)
    if transverse > 0:
        _half_angle(wx / transverse, wy / transverse, azimuth)
    else:
        azimuth[0], azimuth[1] = 1.0, 0.0
    for k in range(len(offset)):
        rate = np.sqrt(transverse * transverse + offset[k] * offset[k])
        sinc = np.sin(rate * dt / 2) / rate if rate > 0 else dt / 2
        a_re, a_im = np.cos(rate * dt / 2), -offset[k] * sinc
        c = np.sqrt(a_re * a_re + a_im * a_im)
        cosine[k], sine[k] = c, sinc * transverse
        if c > 0:
            _half_angle(a_re / c, a_im / c, tilt[k])
        else:
            tilt[k, 0], tilt[k, 1] = 1.0, 0.0


@njit(**_INLINE)
def _half_angle(c, s, half):
    """(cos, sin) of half the angle whose cosine and sine are c and s, the half angle between -90 and 90 degrees."""
    if c > 0:
        half[0] = np.sqrt((1 + c) / 2)
        half[1] = s / (2 * half[0])
    else:
        half[1] = np.copysign(np.sqrt((1 - c) / 2), s)
        half[0] = s / (2 * half[1])


@njit(**_INLINE)
def _descent(half, levels):
    """Phase of the highest state, exp(i angle I), and from one state to the next, from half = exp(i angle / 2)."""
    top = half
    for _ in range(levels - 2):
        top *= half
    return top, half.conjugate() * half.conjugate()


@njit(**_INLINE)
def _x_matrices(levels, parts, cosine, sine, turns):
    """Matrices of X(beta_k) of the spins above 1/2 in `turns` from cos and sin of beta_k / 2."""
    for k in range(len(cosine)):
        count = levels[k]
        if count == 2:
            continue
        phase, down = _descent(complex(cosine[k], -sine[k]), count)
        turns[k] = 0
        for m in range(count):
            real, imaginary = parts[k, 0, m], parts[k, 1, m]
            for a in range(count):
                for b in range(turns.shape[2]):
                    turns[k, a, b] += phase.real * real[a, b] + phase.imag * imaginary[a, b]
            phase *= down


@njit(**_INLINE)
def _row_phases(levels, below, azimuth, tilt, zz_before, zz_after, scratch, rows):
    """Phases of every row before (rows 0, 1: re, im) and after (2, 3) the x-rotations, couplings multiplied in.

    Z(-azimuth - tilt_k) and Z(azimuth - tilt_k) of all spins: the tilts multiply up once to exp(+i sum_k tilt_k m_k),
    and exp(+-i azimuth M) depends on M alone.
    """
    scratch[0] = 1.0
    filled = 1
    for k in range(len(tilt) - 1, -1, -1):
        count = levels[k]
        top, down = _descent(complex(tilt[k, 0], tilt[k, 1]), count)
        if count > 2:
            down *= 1j  # what makes X real
        for i in range(filled):
            scratch[i] *= top
        for i in range(filled, count * filled):
            scratch[i] = scratch[i - filled] * down
        filled *= count
    power = scratch[filled:]  # exp(i azimuth M) from the highest M down
    power[0], down = _descent(complex(azimuth[0], azimuth[1]), len(power))
    for k in range(1, len(power)):
        power[k] = power[k - 1] * down
    for i in range(filled):
        turn = power[below[i]]
        first, last = scratch[i] * turn * zz_before[i], scratch[i] * turn.conjugate() * zz_after[i]
        rows[0, i], rows[1, i], rows[2, i], rows[3, i] = first.real, first.imag, last.real, last.imag


@njit(**_INLINE)
def _workspace(re, system, dt):
    """Scratch arrays and the tables that all steps share."""
    n, dim = len(system.levels), len(system.zz)
    rows, scratch = np.empty((4, dim), re.dtype), np.empty(dim + system.below[-1] + 1, np.complex128)
    azimuth, tilt, trig = np.empty(2), np.empty((n, 2)), np.empty((2, n), re.dtype)
    turns, copy = np.zeros((n, *system.parts.shape[3:]), re.dtype), np.zeros(2 * len(re), re.dtype)
    zz = np.ones((3, dim), np.complex128)  # none, half a step, a whole step
    flips = np.empty((2, 2, len(system.rates)), re.dtype)
    for kind, duration in enumerate((dt / 2, dt)):
        zz[1 + kind] = np.exp(-1j * system.zz * duration)
        flips[kind, 0], flips[kind, 1] = np.cos(system.rates * duration), np.sin(system.rates * duration)
    return rows, scratch, azimuth, tilt, trig, turns, copy, zz, flips


@njit(**_INLINE)
def _prepare(step, last, wx, wy, levels, below, parts, offset, dt, rows, scratch, azimuth, tilt, trig, turns, zz):
    """The x-rotations of a step, and row phases before and after with the share of the couplings that falls to them."""
    _euler(wx, wy, offset, dt, azimuth, tilt, trig[0], trig[1])
    _x_matrices(levels, parts, trig[0], trig[1], turns)
    share = 0 if step % 2 else 2
    _row_phases(levels, below, azimuth, tilt, zz[1 if step == 0 else share], zz[1 if last else share], scratch, rows)


@njit(**_COMPILED)
def forward(re, im, nutation, system, offset, dwell, substeps):
    """Apply the propagator of a waveform to the columns re + i im, in place.

    Args:
        re, im: shape (d * columns,), row after row, float32 or float64.
        nutation: (w_x, w_y) in rad/s, shape (samples, 2), float64.
        system: its `tables`.
        offset: of each spin in rad/s, shape (n,), float64.
        dwell: s.
        substeps: steps of the splitting in one sample.
    """
    dt, steps = dwell / substeps, len(nutation) * substeps
    levels, runs, _, parts, below, _, pairs, _ = system
    rows, scratch, azimuth, tilt, trig, turns, copy, zz, flips = _workspace(re, system, dt)
    _flip_flop(re, im, pairs, flips[0, 0], flips[0, 1], 1, False)
    for step in range(steps):
        sample, last = step // substeps, step == steps - 1
        wx, wy = nutation[sample, 0], nutation[sample, 1]
        _prepare(step, last, wx, wy, levels, below, parts, offset, dt, rows, scratch, azimuth, tilt, trig, turns, zz)
        _multiply_rows(re, im, rows[0], rows[1], 1)
        _rotate_x(re, im, levels, runs, trig[0], trig[1], turns, 1, copy)
        _multiply_rows(re, im, rows[2], rows[3], 1)
        kind = 0 if last else 1
        _flip_flop(re, im, pairs, flips[kind, 0], flips[kind, 1], 1, last or step % 2 == 0)


@njit(**_COMPILED)
def backward(state, costate, nutation, system, offset, dwell, substeps, gradient):
    """Undo `forward` on states and co-states and collect the gradient of the loss.

    Args:
        state: (re, im) as `forward` left them, shape (2, d * columns); ends as it was before `forward`.
        costate: dL/d(re), dL/d(im), same shape; ends as the derivative by the columns before `forward`.
        gradient: dL/dnutation is written here, shape (samples, 2).
        nutation, system, offset, dwell, substeps: as in `forward`.
    """
    dt, steps = dwell / substeps, len(nutation) * substeps
    levels, runs, ladders, parts, below, _, pairs, _ = system
    rows, scratch, azimuth, tilt, trig, turns, copy, zz, flips = _workspace(state[0], system, dt)
    gradient[:] = 0
    for step in range(steps - 1, -1, -1):
        sample, last = step // substeps, step == steps - 1
        wx, wy = nutation[sample, 0], nutation[sample, 1]
        _prepare(step, last, wx, wy, levels, below, parts, offset, dt, rows, scratch, azimuth, tilt, trig, turns, zz)
        kind = 0 if last else 1
        for x in (state, costate):
            _flip_flop(x[0], x[1], pairs, flips[kind, 0], flips[kind, 1], -1, not (last or step % 2 == 0))
            _multiply_rows(x[0], x[1], rows[2], rows[3], -1)
        for k in range(len(offset)):
            gx, gy, gz = _spin_derivative(state, costate, levels[k], runs[k], ladders[k])
            if levels[k] > 2:
                gx, gy = -gy, gx  # through the phases that make X real
            c, s = _twice(azimuth, tilt[k])  # back through Z(azimuth - tilt)
            dx, dy = _waveform_derivative(wx, wy, offset[k], dt, c * gx - s * gy, s * gx + c * gy, gz)
            gradient[sample, 0] += dx
            gradient[sample, 1] += dy
        for x in (state, costate):
            _rotate_x(x[0], x[1], levels, runs, trig[0], trig[1], turns, -1, copy)
            _multiply_rows(x[0], x[1], rows[0], rows[1], -1)
    for x in (state, costate):
        _flip_flop(x[0], x[1], pairs, flips[0, 0], flips[0, 1], -1, True)


@njit(**_INLINE)
def _twice(azimuth, tilt):
    """(cos, sin) of azimuth - tilt from those of the half angles."""
    c = azimuth[0] * tilt[0] + azimuth[1] * tilt[1]
    s = azimuth[1] * tilt[0] - azimuth[0] * tilt[1]
    return c * c - s * s, 2 * c * s


@njit(**_INLINE)
def _spin_derivative(state, costate, levels, run, ladders):
    """Re(-i Tr[costate' I_k state]) for the x, y, z components of one spin, a run of rows for each of its states.

    Neighbouring states add l times what a spin 1/2 gives for x and y, l the element of the ladder operator, and l^2
    times for z: that telescopes to the sum of m over the states.
    """
    x, y, z = 0.0, 0.0, 0.0
    for first in range(0, state.shape[1], levels * run):
        for a in range(levels - 1):
            i, j = first + a * run, first + (a + 1) * run
            ar, ai, br, bi = state[0, i:j], state[1, i:j], state[0, j : j + run], state[1, j : j + run]
            pr, pi, qr, qi = costate[0, i:j], costate[1, i:j], costate[0, j : j + run], costate[1, j : j + run]
            sx, sy, sz = ar.dtype.type(0), ar.dtype.type(0), ar.dtype.type(0)
            for k in range(run):
                sx += pr[k] * bi[k] - pi[k] * br[k] + qr[k] * ai[k] - qi[k] * ar[k]
                sy += qr[k] * ar[k] + qi[k] * ai[k] - pr[k] * br[k] - pi[k] * bi[k]
                sz += pr[k] * ai[k] - pi[k] * ar[k] - qr[k] * bi[k] + qi[k] * br[k]
            x += ladders[a] * sx
            y += ladders[a] * sy
            z += ladders[a] * ladders[a] * sz
    return x / 2, y / 2, z / 2


@njit(**_INLINE)
def _waveform_derivative(wx, wy, offset, dt, gx, gy, gz):
    """From the derivative by the rotation to that by (w_x, w_y): dR R^-1 = -i (J_l dtheta) . I, theta = dt (wx, wy, d).

    J_l = A + B theta theta' + C [theta]x with A = sin t / t, B = (1 - A) / t^2, C = (1 - cos t) / t^2, t = |theta|.
    """
    tx, ty, tz = wx * dt, wy * dt, offset * dt
    square = tx * tx + ty * ty + tz * tz
    if square < 1e-4:
        a, b, c = 1 - square / 6, 1 / 6 - square / 120, 0.5 - square / 24
    else:
        t = np.sqrt(square)
        a, c = np.sin(t) / t, (1 - np.cos(t)) / square
        b = (1 - a) / square
    along = b * (tx * gx + ty * gy + tz * gz)
    dx = a * gx + along * tx + c * (tz * gy - ty * gz)
    dy = a * gy + along * ty + c * (tx * gz - tz * gx)
    return dx * dt, dy * dt
