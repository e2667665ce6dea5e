"""How far unitary evolution can go."""

import numpy as np

from spinsculpt.physics.spins._operators import single_spin, total


def unitary_bound(source: np.ndarray, target: np.ndarray) -> float:
    r"""Largest projection of `source` on `target` that any unitary evolution can reach.

    max_U <B | U A U'> / <B|B>: both spectra sorted and paired (Sorensen 1989, doi:10.1016/0079-6565(89)80006-8).

    Args:
        source: Hermitian operator A, shape (d, d), e.g. F_z at equilibrium.
        target: Hermitian operator B, shape (d, d).
    Returns:
        The bound in units of `target` (1.0 = all of it).
    Raises:
        ValueError: if shapes differ, an operator is not Hermitian, or the target is zero.
    """
    source, target = np.asarray(source), np.asarray(target)
    if source.shape != target.shape:
        raise ValueError(f"Operators of shapes {source.shape} and {target.shape} do not compare.")
    for operator in (source, target):
        if not np.allclose(operator, operator.conj().T):
            raise ValueError("A bound needs Hermitian operators.")
    a, b = np.linalg.eigvalsh(source), np.linalg.eigvalsh(target)
    if not b @ b > 0:
        raise ValueError("The target operator is zero.")
    return float(a @ b / (b @ b))


def transfer_bound(levels: tuple[int, ...], spins: tuple[int, ...]) -> float:
    """Bound for the transfer of F_z to the summed transverse (or z) magnetisation of some spins."""
    target = sum(single_spin(levels, k, "z") for k in spins)
    return unitary_bound(total(levels, "z"), target)
