r"""Compiled kernel: one spin system through one RF waveform, forwards, and backwards with the exact gradient.

Strang splitting of each step dt into single-spin motion (RF and chemical shift, exact) and scalar couplings,

    U = J^(1/2) R_N J ... J R_2 J R_1 J^(1/2),   R = prod_k exp(-i dt (w_x I_kx + w_y I_ky + d_k I_kz)),

which is accurate because F_x and F_y commute with I_j.I_k: the error stems only from differences of chemical shift.
Both factors are diagonal phases and butterflies of pairs of rows:

    R_k = Z(alpha_k) X(beta_k) Z(gamma_k)       (Euler angles; phases of all spins multiply up to one phase a row)
    exp(-i a I_j.I_k) = exp(-i a I_jz I_kz) exp(-i a (I_jx I_kx + I_jy I_ky))   (rows ab and ba of spins j, k mix)

The order of the couplings alternates from step to step, so that the whole remains of second order. Columns of the
state lie side by side in memory, real and imaginary parts apart, so that the butterflies of neighbouring rows are one
vectorised loop.
Going backwards undoes the unitary steps, hence memory does not grow with their number.
"""

import numpy as np
from numba import njit

_INLINE = {"fastmath": True, "nogil": True, "inline": "always"}
_COMPILED = {"fastmath": True, "nogil": True, "cache": True}


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
def _rotate_x(re, im, width, cosine, sine, sign):
    n = len(cosine)
    for k in range(n):
        bit = 1 << (n - 1 - k)
        for i in range(0, 1 << n, 2 * bit):  # rows i ... i + bit - 1 have this spin up, the next `bit` rows down
            _butterflies(re, im, i * width, (i + bit) * width, bit * width, cosine[k], sign * sine[k])


@njit(**_INLINE)
def _flip_flop(re, im, width, bits, cosine, sine, sign, ascending):
    n, dim = len(bits), len(re) // width
    for m in range(n):
        q = m if ascending else n - 1 - m
        first, second = bits[q, 0], bits[q, 1]
        run = min(first, second)
        for i in range(0, dim, run):
            if i & first == 0 and i & second != 0:
                _butterflies(re, im, i * width, (i ^ first ^ second) * width, run * width, cosine[q], sign * sine[q])


@njit(**_INLINE)
def _multiply_rows(re, im, width, phase_re, phase_im, sign):
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
def _row_phases(azimuth, tilt, zz_before, zz_after, scratch, rows):
    """Phases of every row before (rows 0, 1: re, im) and after (2, 3) the x-rotations, couplings multiplied in.

    Z(-azimuth - tilt_k) and Z(azimuth - tilt_k) of all spins: the tilts multiply up once to exp(+i sum_k tilt_k m_k),
    and exp(+-i azimuth M) depends on the number of spins that are down alone.
    """
    n, dim = len(tilt), len(zz_before)
    scratch[0] = 1.0
    filled = 1
    for k in range(n - 1, -1, -1):
        phase = complex(tilt[k, 0], tilt[k, 1])
        for i in range(filled):
            scratch[i + filled] = scratch[i] * phase.conjugate()
            scratch[i] = scratch[i] * phase
        filled *= 2
    step = complex(azimuth[0], azimuth[1])
    power = scratch[dim : dim + n + 1]  # exp(i azimuth M), M = (n - 2 down) / 2
    power[0] = 1.0
    for _ in range(n):
        power[0] *= step
    for k in range(n):
        power[k + 1] = power[k] * step.conjugate() * step.conjugate()
    for i in range(dim):
        down, rest = 0, i
        while rest:
            down += 1
            rest &= rest - 1
        turn = power[down]
        first, last = scratch[i] * turn * zz_before[i], scratch[i] * turn.conjugate() * zz_after[i]
        rows[0, i], rows[1, i], rows[2, i], rows[3, i] = first.real, first.imag, last.real, last.imag


@njit(**_INLINE)
def _coupling_tables(dim, bits, strength, dt, zz, cosine, sine):
    for q in range(len(strength)):
        cosine[q], sine[q] = np.cos(strength[q] * dt / 2), np.sin(strength[q] * dt / 2)
    for i in range(dim):
        angle = 0.0
        for q in range(len(strength)):
            equal = (i & bits[q, 0] == 0) == (i & bits[q, 1] == 0)
            angle += strength[q] * dt / 4 * (1.0 if equal else -1.0)
        zz[i] = np.exp(-1j * angle)


@njit(**_INLINE)
def _workspace(re, width, offset, bits, strength, dt):
    """Scratch arrays and the tables that all steps share."""
    n, dim, pairs = len(offset), len(re) // width, len(strength)
    rows, scratch = np.empty((4, dim), re.dtype), np.empty(dim + n + 1, np.complex128)
    azimuth, tilt, trig = np.empty(2), np.empty((n, 2)), np.empty((2, n), re.dtype)
    zz = np.ones((3, dim), np.complex128)  # none, half a step, a whole step
    flips = np.empty((2, 2, pairs), re.dtype)
    _coupling_tables(dim, bits, strength, dt / 2, zz[1], flips[0, 0], flips[0, 1])
    _coupling_tables(dim, bits, strength, dt, zz[2], flips[1, 0], flips[1, 1])
    return rows, scratch, azimuth, tilt, trig, zz, flips


@njit(**_INLINE)
def _prepare(step, last, wx, wy, offset, dt, rows, scratch, azimuth, tilt, trig, zz):
    """Row phases before and after the x-rotation of a step, with the share of the couplings that falls to them."""
    _euler(wx, wy, offset, dt, azimuth, tilt, trig[0], trig[1])
    share = 0 if step % 2 else 2
    _row_phases(azimuth, tilt, zz[1 if step == 0 else share], zz[1 if last else share], scratch, rows)


@njit(**_COMPILED)
def forward(re, im, width, nutation, offset, bits, strength, dwell, substeps):
    """Apply the propagator of a waveform to the columns re + i im, in place.

    Args:
        re, im: shape (2**n * width,), row after row, float32 or float64.
        width: number of columns.
        nutation: (w_x, w_y) in rad/s, shape (samples, 2), float64.
        offset: of each spin in rad/s, shape (n,), float64.
        bits: row bits of the two spins of each coupling, shape (couplings, 2), int64.
        strength: 2 pi J in rad/s, shape (couplings,).
        dwell: s.
        substeps: steps of the splitting in one sample.
    """
    dt, steps = dwell / substeps, len(nutation) * substeps
    rows, scratch, azimuth, tilt, trig, zz, flips = _workspace(re, width, offset, bits, strength, dt)
    _flip_flop(re, im, width, bits, flips[0, 0], flips[0, 1], 1, False)
    for step in range(steps):
        sample, last = step // substeps, step == steps - 1
        wx, wy = nutation[sample, 0], nutation[sample, 1]
        _prepare(step, last, wx, wy, offset, dt, rows, scratch, azimuth, tilt, trig, zz)
        _multiply_rows(re, im, width, rows[0], rows[1], 1)
        _rotate_x(re, im, width, trig[0], trig[1], 1)
        _multiply_rows(re, im, width, rows[2], rows[3], 1)
        kind = 0 if last else 1
        _flip_flop(re, im, width, bits, flips[kind, 0], flips[kind, 1], 1, last or step % 2 == 0)


@njit(**_COMPILED)
def backward(state, costate, width, nutation, offset, bits, strength, dwell, substeps, gradient):
    """Undo `forward` on states and co-states and collect the gradient of the loss.

    Args:
        state: (re, im) as `forward` left them, shape (2, 2**n * width); ends as it was before `forward`.
        costate: dL/d(re), dL/d(im), same shape; ends as the derivative by the columns before `forward`.
        gradient: dL/dnutation is written here, shape (samples, 2).
        width, nutation, offset, bits, strength, dwell, substeps: as in `forward`.
    """
    n = len(offset)
    dt, steps = dwell / substeps, len(nutation) * substeps
    rows, scratch, azimuth, tilt, trig, zz, flips = _workspace(state[0], width, offset, bits, strength, dt)
    gradient[:] = 0
    for step in range(steps - 1, -1, -1):
        sample, last = step // substeps, step == steps - 1
        wx, wy = nutation[sample, 0], nutation[sample, 1]
        _prepare(step, last, wx, wy, offset, dt, rows, scratch, azimuth, tilt, trig, zz)
        kind = 0 if last else 1
        for x in (state, costate):
            _flip_flop(x[0], x[1], width, bits, flips[kind, 0], flips[kind, 1], -1, not (last or step % 2 == 0))
            _multiply_rows(x[0], x[1], width, rows[2], rows[3], -1)
        for k in range(n):
            gx, gy, gz = _spin_derivative(state, costate, width, 1 << (n - 1 - k))
            c, s = _twice(azimuth, tilt[k])  # back through Z(azimuth - tilt)
            dx, dy = _waveform_derivative(wx, wy, offset[k], dt, c * gx - s * gy, s * gx + c * gy, gz)
            gradient[sample, 0] += dx
            gradient[sample, 1] += dy
        for x in (state, costate):
            _rotate_x(x[0], x[1], width, trig[0], trig[1], -1)
            _multiply_rows(x[0], x[1], width, rows[0], rows[1], -1)
    for x in (state, costate):
        _flip_flop(x[0], x[1], width, bits, flips[0, 0], flips[0, 1], -1, True)


@njit(**_INLINE)
def _twice(azimuth, tilt):
    """(cos, sin) of azimuth - tilt from those of the half angles."""
    c = azimuth[0] * tilt[0] + azimuth[1] * tilt[1]
    s = azimuth[1] * tilt[0] - azimuth[0] * tilt[1]
    return c * c - s * s, 2 * c * s


@njit(**_INLINE)
def _spin_derivative(state, costate, width, bit):
    """Re(-i Tr[costate' I_k state]) for the x, y, z components of one spin."""
    x, y, z = 0.0, 0.0, 0.0
    run = bit * width
    for i in range(0, state.shape[1], 2 * run):
        j = i + run
        ar, ai, br, bi = state[0, i:j], state[1, i:j], state[0, j : j + run], state[1, j : j + run]
        pr, pi, qr, qi = costate[0, i:j], costate[1, i:j], costate[0, j : j + run], costate[1, j : j + run]
        sx, sy, sz = ar.dtype.type(0), ar.dtype.type(0), ar.dtype.type(0)
        for k in range(run):
            sx += pr[k] * bi[k] - pi[k] * br[k] + qr[k] * ai[k] - qi[k] * ar[k]
            sy += qr[k] * ar[k] + qi[k] * ai[k] - pr[k] * br[k] - pi[k] * bi[k]
            sz += pr[k] * ai[k] - pi[k] * ar[k] - qr[k] * bi[k] + qi[k] * br[k]
        x += sx
        y += sy
        z += sz
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
