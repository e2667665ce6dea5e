r"""Compiled kernel: one spin system through one RF waveform, forwards, and backwards with the exact gradient.

Strang splitting of each step dt into single-spin motion (RF and chemical shift, exact) and scalar couplings,

    U = J^(1/2) R_N J ... J R_2 J R_1 J^(1/2),   R = prod_k exp(-i dt (w_x I_kx + w_y I_ky + d_k I_kz)),

which is accurate because F_x and F_y commute with I_j.I_k: the error stems only from differences of chemical shift.
Both factors are diagonal phases and butterflies of pairs of rows:

    R_k = Z(alpha) X(beta) Z(gamma)             (Euler angles; phases of all spins multiply up to one phase a row)
    exp(-i a I_j.I_k) = exp(-i a I_jz I_kz) exp(-i a (I_jx I_kx + I_jy I_ky))   (rows ab and ba of spins j, k mix)

The order of the couplings alternates from step to step, so that the whole remains of second order. Columns of the
state lie side by side in memory, real and imaginary parts apart, so that every butterfly is vectorised over columns.
Going backwards undoes the unitary steps, hence memory does not grow with their number.
"""

import numpy as np
from numba import njit

_INLINE = {"fastmath": True, "nogil": True, "inline": "always"}
_COMPILED = {"fastmath": True, "nogil": True, "cache": True}


@njit(**_INLINE)
def _butterfly(re, im, i, j, c, s):
    """Rows i, j times exp(-i t X) with c = cos t, s = sin t."""
    for k in range(re.shape[1]):
        xr, xi, yr, yi = re[i, k], im[i, k], re[j, k], im[j, k]
        re[i, k] = c * xr + s * yi
        im[i, k] = c * xi - s * yr
        re[j, k] = c * yr + s * xi
        im[j, k] = c * yi - s * xr


@njit(**_INLINE)
def _rotate_x(re, im, cosine, sine, sign):
    n = len(cosine)
    for k in range(n):
        bit = 1 << (n - 1 - k)
        for i in range(re.shape[0]):
            if i & bit == 0:
                _butterfly(re, im, i, i | bit, cosine[k], sign * sine[k])


@njit(**_INLINE)
def _flip_flop(re, im, bits, cosine, sine, sign, ascending):
    n = len(bits)
    for m in range(n):
        q = m if ascending else n - 1 - m
        first, second = bits[q, 0], bits[q, 1]
        for i in range(re.shape[0]):
            if i & first == 0 and i & second != 0:
                _butterfly(re, im, i, i ^ first ^ second, cosine[q], sign * sine[q])


@njit(**_INLINE)
def _multiply_rows(re, im, phase_re, phase_im, sign):
    for i in range(re.shape[0]):
        pr, pi = phase_re[i], sign * phase_im[i]
        for k in range(re.shape[1]):
            xr, xi = re[i, k], im[i, k]
            re[i, k] = pr * xr - pi * xi
            im[i, k] = pr * xi + pi * xr


@njit(**_INLINE)
def _row_phases(angle, zz, phase_re, phase_im):
    """exp(-i sum_k angle_k m_k) * zz of every row, m_k = +1/2 (bit 0) or -1/2; zz is multiplied in."""
    n = len(angle)
    phase_re[0], phase_im[0] = 1.0, 0.0
    filled = 1
    for k in range(n - 1, -1, -1):
        c, s = np.cos(angle[k] / 2), np.sin(angle[k] / 2)
        for i in range(filled):
            pr, pi = phase_re[i], phase_im[i]
            phase_re[i], phase_im[i] = pr * c + pi * s, pi * c - pr * s
            phase_re[i + filled], phase_im[i + filled] = pr * c - pi * s, pi * c + pr * s
        filled *= 2
    for i in range(filled):
        pr, pi = phase_re[i], phase_im[i]
        phase_re[i], phase_im[i] = pr * zz[i].real - pi * zz[i].imag, pr * zz[i].imag + pi * zz[i].real


@njit(**_INLINE)
def _euler(wx, wy, offset, dt, alpha, gamma, cosine, sine):
    """Z(alpha) X(beta) Z(gamma) of exp(-i dt (wx I_x + wy I_y + offset I_z)) per spin; cosine, sine of beta/2."""
    azimuth = np.arctan2(wy, wx)
    for k in range(len(offset)):
        rate = np.sqrt(wx * wx + wy * wy + offset[k] * offset[k])
        sinc = np.sin(rate * dt / 2) / rate if rate > 0 else dt / 2
        a_re, a_im = np.cos(rate * dt / 2), -offset[k] * sinc
        tilt = np.arctan2(a_im, a_re)
        alpha[k], gamma[k] = azimuth - tilt, -azimuth - tilt
        cosine[k] = np.sqrt(a_re * a_re + a_im * a_im)
        sine[k] = sinc * np.sqrt(wx * wx + wy * wy)


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
def _workspace(re, offset, bits, strength, dt):
    """Scratch arrays and the tables that all steps share: (phases, angles, full coupling, half coupling)."""
    n, dim, pairs = len(offset), re.shape[0], len(strength)
    rows = np.empty((4, dim), re.dtype)
    angles, trig = np.empty((2, n)), np.empty((2, n), re.dtype)
    zz = np.ones((3, dim), np.complex128)  # none, half a step, a whole step
    flips = np.empty((2, 2, pairs), re.dtype)
    _coupling_tables(dim, bits, strength, dt / 2, zz[1], flips[0, 0], flips[0, 1])
    _coupling_tables(dim, bits, strength, dt, zz[2], flips[1, 0], flips[1, 1])
    return rows, angles, trig, zz, flips


@njit(**_INLINE)
def _prepare(step, last, wx, wy, offset, dt, rows, angles, trig, zz):
    """Row phases before and after the x-rotation of a step, with the share of the couplings that falls to them."""
    _euler(wx, wy, offset, dt, angles[0], angles[1], trig[0], trig[1])
    share = 0 if step % 2 else 2
    _row_phases(angles[1], zz[1 if step == 0 else share], rows[0], rows[1])
    _row_phases(angles[0], zz[1 if last else share], rows[2], rows[3])


@njit(**_COMPILED)
def forward(re, im, nutation, offset, bits, strength, dwell, substeps):
    """Apply the propagator of a waveform to the columns re + i im, in place.

    Args:
        re, im: shape (2**n, columns), float32 or float64.
        nutation: (w_x, w_y) in rad/s, shape (samples, 2), float64.
        offset: of each spin in rad/s, shape (n,), float64.
        bits: row bits of the two spins of each coupling, shape (couplings, 2), int64.
        strength: 2 pi J in rad/s, shape (couplings,).
        dwell: s.
        substeps: steps of the splitting in one sample.
    """
    dt, steps = dwell / substeps, len(nutation) * substeps
    rows, angles, trig, zz, flips = _workspace(re, offset, bits, strength, dt)
    _flip_flop(re, im, bits, flips[0, 0], flips[0, 1], 1, False)
    for step in range(steps):
        wx, wy = nutation[step // substeps]
        last = step == steps - 1
        _prepare(step, last, wx, wy, offset, dt, rows, angles, trig, zz)
        _multiply_rows(re, im, rows[0], rows[1], 1)
        _rotate_x(re, im, trig[0], trig[1], 1)
        _multiply_rows(re, im, rows[2], rows[3], 1)
        kind = 0 if last else 1
        _flip_flop(re, im, bits, flips[kind, 0], flips[kind, 1], 1, last or step % 2 == 0)


@njit(**_COMPILED)
def backward(re, im, nutation, offset, bits, strength, dwell, substeps, gradient):
    """Undo `forward` on [states | co-states] side by side and collect the gradient of the loss.

    The co-states enter as dL/d(re) + i dL/d(im) of the states that `forward` returned; dL/dnutation is written to
    `gradient`, shape (samples, 2). Other arguments as in `forward`; re and im have twice the columns.
    """
    n, half = len(offset), re.shape[1] // 2
    dt, steps = dwell / substeps, len(nutation) * substeps
    rows, angles, trig, zz, flips = _workspace(re, offset, bits, strength, dt)
    gradient[:] = 0
    for step in range(steps - 1, -1, -1):
        sample = step // substeps
        wx, wy = nutation[sample]
        last = step == steps - 1
        _prepare(step, last, wx, wy, offset, dt, rows, angles, trig, zz)
        kind = 0 if last else 1
        _flip_flop(re, im, bits, flips[kind, 0], flips[kind, 1], -1, not (last or step % 2 == 0))
        _multiply_rows(re, im, rows[2], rows[3], -1)
        for k in range(n):
            gx, gy, gz = _spin_derivative(re, im, half, 1 << (n - 1 - k))
            c, s = np.cos(angles[0, k]), np.sin(angles[0, k])  # back through Z(alpha)
            dx, dy = _waveform_derivative(wx, wy, offset[k], dt, c * gx - s * gy, s * gx + c * gy, gz)
            gradient[sample, 0] += dx
            gradient[sample, 1] += dy
        _rotate_x(re, im, trig[0], trig[1], -1)
        _multiply_rows(re, im, rows[0], rows[1], -1)
    _flip_flop(re, im, bits, flips[0, 0], flips[0, 1], -1, True)


@njit(**_INLINE)
def _spin_derivative(re, im, half, bit):
    """Re(-i Tr[costate' I_k state]) for the x, y, z components of one spin."""
    x, y, z = 0.0, 0.0, 0.0
    for i in range(re.shape[0]):
        if i & bit == 0:
            j = i | bit
            sx, sy, sz = re.dtype.type(0), re.dtype.type(0), re.dtype.type(0)
            for k in range(half):
                ar, ai, br, bi = re[i, k], im[i, k], re[j, k], im[j, k]
                pr, pi, qr, qi = re[i, k + half], im[i, k + half], re[j, k + half], im[j, k + half]
                sx += pr * bi - pi * br + qr * ai - qi * ar
                sy += qr * ar + qi * ai - pr * br - pi * bi
                sz += pr * ai - pi * ar - qr * bi + qi * br
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
