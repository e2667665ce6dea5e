r"""Compiled engine: Bloch-McConnell signals of many voxels, and their exact derivatives.

In the frame of the RF, M = (x, y, z of each pool, 1) obeys dM/dt = G M with the constant generator G of each piece, so
that a piece multiplies by exp(G dt): scaling and squaring of the Taylor polynomial of degree 12 (norm <= 0.3, remainder
below 1e-16). The constant 1 carries the recovery to equilibrium, which makes M(t + dt) = E (M - A\C) + A\C one product.
Each operator of a protocol is exponentiated once a voxel, however often it is played, and what is repeated (pulses of
a train, tips of a readout) is one power of its product. The size of the state is the length of a tuple, which the
compiler knows. Derivatives are those of the same polynomial and squarings by the product rule; derivatives of G are
complex steps, exact to rounding.
"""

from math import pi

import numba
import numpy as np
from numba import njit, prange

from spinsculpt.cest.modelling._model import NAMES, Model
from spinsculpt.cest.modelling._protocol import Protocol
from spinsculpt.core.conventions import GAMMA_BAR, larmor_frequency
from spinsculpt.core.errors import SpinsculptError

_STEP = 1e-30  # of the complex step
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
NODES, WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # cosines of the angle to the field, and their weights
NEAR, FAR = 1000.0, 1500.0  # Hz; the super-Lorentzian, singular at 0, is continued inwards from these as exp(a + b f^2)
_COMPILED = {"cache": True, "fastmath": False, "nogil": True}


@njit(inline="never", **_COMPILED)
def _line_integral(offset, t2):
    total = 0.0 * t2
    for i in range(len(NODES)):
        u = 3 * NODES[i] * NODES[i] - 1
        width = t2 / abs(u)
        total += WEIGHTS[i] * width * np.exp(-2 * (2 * pi * offset * width) ** 2)
    return total * np.sqrt(2 / pi)


@njit(**_COMPILED)
def _super_lorentzian(offset, t2):
    """g in s at `offset` Hz (Morrison & Henkelman 1995).

    It is int_0^1 sqrt(2/pi) T2/|3u^2-1| exp(-2 (2 pi f T2/(3u^2-1))^2) du.
    """
    if abs(offset.real) >= NEAR:
        return _line_integral(offset, t2)
    near, far = np.log(_line_integral(NEAR + 0 * t2, t2)), np.log(_line_integral(FAR + 0 * t2, t2))
    slope = (far - near) / (FAR**2 - NEAR**2)
    return np.exp(near + slope * (offset * offset - NEAR**2))


@njit(**_COMPILED)
def _generator(g, p, operator, frequency, solute, line):
    """Fill g (zeros; complex) with the generator of an irradiation or delay in the frame of its RF, in rad/s."""
    w1 = 2 * pi * GAMMA_BAR * operator[2] * p[0]
    wx, wy = w1 * np.cos(operator[4]), w1 * np.sin(operator[4])
    b0 = p[1] * frequency - operator[3]
    last = g.shape[0] - 1
    row = 0
    pools = 1 + (1 if solute else 0) + (1 if line > 0 else 0)
    for pool in range(pools):
        if pool == 0:
            r1, r2, shift, fraction, rate = 1 / p[2], 1 / p[3], 0 * p[0], 1 + 0 * p[0], 0 * p[0]
        elif pool == 1 and solute:
            r1, r2, shift, fraction, rate = 1 / p[6], 1 / p[7], p[8], p[4], p[5]
        else:
            r1, r2, shift, fraction, rate = 1 / p[11], 1 / p[12], p[13], p[9], p[10]
        delta = 2 * pi * (shift * frequency + b0)
        if pool == pools - 1 and line == 2:
            saturation = 0 * p[0]
            if operator[2] > 0:
                saturation = pi * w1 * w1 * _super_lorentzian(delta / (2 * pi), p[12])
            g[row, row] -= r1 + saturation + rate
            g[row, last] = r1 * fraction
            g[2, row] += rate
            g[row, 2] += rate * fraction
            g[2, 2] -= rate * fraction
            row += 1
            continue
        g[row, row] -= r2
        g[row + 1, row + 1] -= r2
        g[row + 2, row + 2] -= r1
        g[row, row + 1], g[row + 1, row] = -delta, delta
        g[row, row + 2], g[row + 2, row] = wy, -wy
        g[row + 1, row + 2], g[row + 2, row + 1] = -wx, wx
        g[row + 2, last] = r1 * fraction
        if pool:
            for axis in range(3):
                g[row + axis, row + axis] -= rate
                g[axis, row + axis] += rate
                g[row + axis, axis] += rate * fraction
                g[axis, axis] -= rate * fraction
        row += 3


@njit(**_COMPILED)
def _rotation(g, p, operator, solute, line):
    """Fill g (zeros; complex) with a tip about an axis in the plane; a pool with z only is not turned."""
    angle = operator[1] * p[0]
    c, s = np.cos(angle), np.sin(angle)
    nx, ny = np.cos(operator[4]), np.sin(operator[4])
    for i in range(g.shape[0]):
        g[i, i] = 1
    row = 0
    for _ in range(1 + (1 if solute else 0) + (1 if line == 1 else 0)):
        g[row, row], g[row, row + 1], g[row, row + 2] = c + nx * nx * (1 - c), nx * ny * (1 - c), ny * s
        g[row + 1, row], g[row + 1, row + 1], g[row + 1, row + 2] = nx * ny * (1 - c), c + ny * ny * (1 - c), -nx * s
        g[row + 2, row], g[row + 2, row + 1], g[row + 2, row + 2] = -ny * s, nx * s, c
        row += 3


@njit(**_COMPILED)
def _from_rf_frame(e, duration, offset, solute, line):
    """Turn the rows of e from the frame of the RF, which left that of water when the pulse began, back to it."""
    angle = 2 * pi * offset * duration
    c, s = np.cos(angle), np.sin(angle)
    for pool in range(1 + (1 if solute else 0) + (1 if line == 1 else 0)):
        for j in range(e.shape[1]):
            x, y = e[3 * pool, j], e[3 * pool + 1, j]
            e[3 * pool, j], e[3 * pool + 1, j] = c * x - s * y, s * x + c * y


@njit(fastmath=True, cache=True, nogil=True)
def _product(a, b, out, w):
    for i in range(a.shape[0]):
        for j in range(len(w)):
            out[i, j] = 0.0
        for k in range(len(w)):
            factor = a[i, k]
            for j in range(len(w)):
                out[i, j] += factor * b[k, j]


@njit(fastmath=True, cache=True, nogil=True)
def _add_product(a, b, out, w):
    for i in range(a.shape[0]):
        for k in range(len(w)):
            factor = a[i, k]
            for j in range(len(w)):
                out[i, j] += factor * b[k, j]


@njit(**_COMPILED)
def _multiply(a, da, b, db, out, dout, w):
    """out = a b with derivatives."""
    _product(a, b, out, w)
    for m in range(len(da)):
        _product(da[m], b, dout[m], w)
        _add_product(a, db[m], dout[m], w)


@njit(**_COMPILED)
def _exponential(a, da, e, de, work, dwork, w):
    """e = exp(a), de = its derivatives along each da; a and da are scaled in place."""
    many, n = da.shape[0], a.shape[0]
    norm = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += abs(a[i, j])
        norm = max(norm, total)
    squarings = 0
    while norm > 0.3:
        norm *= 0.5
        squarings += 1
    scale = 0.5**squarings
    a *= scale
    da *= scale
    a2, a3, a4, h, t = work[0], work[1], work[2], work[3], work[4]
    d2, d3, d4, dh, dt = dwork[0], dwork[1], dwork[2], dwork[3], dwork[4]
    _multiply(a, da, a, da, a2, d2, w)
    _multiply(a2, d2, a, da, a3, d3, w)
    _multiply(a2, d2, a2, d2, a4, d4, w)
    c = np.empty(13)
    c[0] = 1.0
    for i in range(1, 13):
        c[i] = c[i - 1] / i
    # ((c9 a + .. + c12 a4 + c8) a4 + c5 a + .. + c4) a4 + c1 a + .. + c0
    for level in range(8, -1, -4):
        if level == 8:
            t[:] = 0.0
            dt[:] = 0.0
        else:
            _multiply(h, dh, a4, d4, t, dt, w)
        for i in range(n):
            for j in range(n):
                h[i, j] = t[i, j] + c[level + 1] * a[i, j] + c[level + 2] * a2[i, j] + c[level + 3] * a3[i, j]
                if level == 8:
                    h[i, j] += c[12] * a4[i, j]
                for m in range(many):
                    dh[m, i, j] = (
                        dt[m, i, j]
                        + c[level + 1] * da[m, i, j]
                        + c[level + 2] * d2[m, i, j]
                        + c[level + 3] * d3[m, i, j]
                    )
                    if level == 8:
                        dh[m, i, j] += c[12] * d4[m, i, j]
            h[i, i] += c[level]
    e[:] = h
    de[:] = dh
    for _ in range(squarings):
        _multiply(e, de, e, de, t, dt, w)
        e[:] = t
        de[:] = dt


@njit(**_COMPILED)
def _repeated(children, times, e, de, number, pools, work, dwork, w):
    """e[number] = (the product of its children) ** times, with derivatives; what is spoiled loses its x and y."""
    p, h, t = work[0], work[1], work[2]
    dp, dh, dt = dwork[0], dwork[1], dwork[2]
    p[:] = 0.0
    dp[:] = 0.0
    for i in range(p.shape[0]):
        p[i, i] = 1.0
    for child in children:
        if child < 0:
            for pool in range(pools):
                p[3 * pool : 3 * pool + 2] = 0.0
                dp[:, 3 * pool : 3 * pool + 2] = 0.0
        else:
            _multiply(e[child], de[child], p, dp, t, dt, w)
            p[:] = t
            dp[:] = dt
    h[:] = p
    dh[:] = dp
    bit = 1
    while 2 * bit <= times:
        bit *= 2
    while bit > 1:
        bit //= 2
        _multiply(h, dh, h, dh, t, dt, w)
        h[:] = t
        dh[:] = dt
        if times & bit:
            _multiply(h, dh, p, dp, t, dt, w)
            h[:] = t
            dh[:] = dt
    e[number] = h
    de[number] = dh


@njit(parallel=True, **_COMPILED)
def _run(
    parameters,
    wanted,
    operators,
    order,
    children,
    ends,
    times,
    frequency,
    solute,
    line,
    size,
    start,
    signals,
    jacobian,
    chunks,
    w,
):
    voxels, many, count = parameters.shape[0], len(wanted), operators.shape[0]
    width, pools = len(w), 1 + (1 if solute else 0) + (1 if line == 1 else 0)
    for chunk in prange(chunks):
        e, de = np.zeros((count + len(times), width, width)), np.zeros((count + len(times), many, width, width))
        work, dwork = np.zeros((5, width, width)), np.zeros((5, many, width, width))
        a, da = np.zeros((width, width)), np.zeros((many, width, width))
        g = np.zeros((size, size), np.complex128)
        p = np.zeros(parameters.shape[1], np.complex128)
        state, new = np.zeros(width), np.zeros(width)
        dstate, dnew = np.zeros((many, width)), np.zeros((many, width))
        for voxel in range(chunk, voxels, chunks):
            for number in range(count):
                operator = operators[number]
                a[:] = 0.0
                da[:] = 0.0
                for m in range(max(1, many)):
                    for i in range(len(p)):
                        p[i] = parameters[voxel, i]
                    if many:
                        p[wanted[m]] += 1j * _STEP
                    g[:] = 0.0
                    if operator[0] == 0:
                        _generator(g, p, operator, frequency, solute, line)
                    else:
                        _rotation(g, p, operator, solute, line)
                    for i in range(size):
                        for j in range(size):
                            a[i, j] = g[i, j].real
                            if many:
                                da[m, i, j] = g[i, j].imag / _STEP
                if operator[0] == 0:
                    a *= operator[1]
                    da *= operator[1]
                    _exponential(a, da, e[number], de[number], work, dwork, w)
                    if operator[3] != 0:
                        _from_rf_frame(e[number], operator[1], operator[3], solute, line)
                        for m in range(many):
                            _from_rf_frame(de[number, m], operator[1], operator[3], solute, line)
                else:
                    e[number] = a
                    de[number] = da
            begin = 0
            for number in range(len(times)):
                _repeated(children[begin : ends[number]], times[number], e, de, count + number, pools, work, dwork, w)
                begin = ends[number]
            state[:] = 0.0
            dstate[:] = 0.0
            state[2] = 1.0
            state[size - 1] = 1.0
            if solute:
                state[5] = parameters[voxel, 4]
            if line > 0:
                state[size - 2] = parameters[voxel, 9]
            for m in range(many):
                if solute and wanted[m] == 4:
                    dstate[m, 5] = 1.0
                if line > 0 and wanted[m] == 9:
                    dstate[m, size - 2] = 1.0
            image = 0
            for number in order:
                if number == -3:
                    size_xy = np.sqrt(state[0] * state[0] + state[1] * state[1])
                    signals[voxel, image] = size_xy
                    for m in range(many):
                        along = state[0] * dstate[m, 0] + state[1] * dstate[m, 1]
                        jacobian[voxel, image, m] = along / max(size_xy, 1e-300)
                    image += 1
                elif number == -2:
                    signals[voxel, image] = state[2]
                    for m in range(many):
                        jacobian[voxel, image, m] = dstate[m, 2]
                    image += 1
                    if start.shape[0] > 0:  # the measured z replaces the simulated one
                        state[2] = start[voxel, image - 1]
                        for m in range(many):
                            dstate[m, 2] = 0.0
                elif number == -1:
                    for pool in range(pools):
                        state[3 * pool] = 0.0
                        state[3 * pool + 1] = 0.0
                        for m in range(many):
                            dstate[m, 3 * pool] = 0.0
                            dstate[m, 3 * pool + 1] = 0.0
                else:
                    for i in range(width):
                        total = 0.0
                        for j in range(width):
                            total += e[number, i, j] * state[j]
                        new[i] = total
                    for m in range(many):
                        for i in range(width):
                            total = 0.0
                            for j in range(width):
                                total += e[number, i, j] * dstate[m, j] + de[number, m, i, j] * state[j]
                            dnew[m, i] = total
                        dstate[m] = dnew[m]
                    state[:] = new


def simulate(
    protocol: Protocol,
    model: Model,
    parameters: np.ndarray,
    wanted: tuple[str, ...] = (),
    measured: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """z of water at each sample, or its transverse part at each reading, in units of equilibrium, and derivatives.

    Args:
        protocol: what is played; the first event meets all pools in equilibrium.
        model: which pools there are.
        parameters: of `tissue`, shape (voxels, len(NAMES)).
        wanted: names of the parameters to differentiate by.
        measured: shape (voxels, images), in units of equilibrium: z of water goes on from the measured value after each
            sample instead of the simulated one, which decouples consecutive images.
    Returns:
        Signals, shape (voxels, images), and derivatives, shape (voxels, images, len(wanted)), float64.
    Raises:
        SpinsculptError: images of the transverse magnetisation cannot be decoupled.
    """
    if measured is not None and protocol.reads:
        raise SpinsculptError("images of the transverse magnetisation cannot be decoupled; simulate them in sequence.")
    parameters = np.ascontiguousarray(parameters, float)
    columns = np.array([NAMES.index(name) for name in wanted], np.int64)
    signals = np.empty((len(parameters), protocol.images))
    jacobian = np.empty((*signals.shape, len(wanted)))
    start = np.empty((0, 0)) if measured is None else np.ascontiguousarray(measured, float)
    width = next(width for width in (8, 12) if width >= model.size)
    order, children, ends, times = protocol.folded
    _run(
        parameters,
        columns,
        protocol.operators,
        order,
        children,
        ends,
        times,
        larmor_frequency(model.field),
        model.solute,
        model.line,
        model.size,
        start,
        signals,
        jacobian,
        8 * numba.get_num_threads(),
        (0,) * width,
    )
    return signals, jacobian
