"""Where a method is stable: the curve |R(z)| = 1 around the values of z = dt lambda that do not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import ComplexArray, FloatArray, freeze
from nodeviz.engine.methods import METHODS
from nodeviz.problems.contours import contour_lines

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

REAL = np.linspace(-9.0, 4.0, 131)
IMAGINARY = np.linspace(-7.0, 7.0, 141)
FAR = 40.0  # of dt lambda; what is stable up to here is called stable without end


def stability_curves(methods: Sequence[str]) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
    """Return the boundary of every method's stability region, and where it cuts the two half-axes that matter.

    Returns
    -------
    (S, M, 2) real and imaginary parts, NaN between pieces and as padding; (S, 2) the negative real limit and the
    positive imaginary limit, NaN where the whole half-axis is stable or none of it

    References
    ----------
    Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.2.
    """
    curves, limits = [], []
    for method in methods:
        curves.append(_boundary(method))
        yield
        limits.append((limit(method, -1.0), limit(method, 1j)))
        yield
    padded = np.full((len(curves), max(len(curve) for curve in curves), 2), np.nan)
    for row, curve in zip(padded, curves, strict=True):
        row[: len(curve)] = curve
    return freeze(padded), freeze(limits)


def _boundary(method: str) -> FloatArray:
    stability = METHODS[method].stability_function
    if stability is None:
        return np.empty((0, 2))
    with np.errstate(all="ignore"):
        modulus = np.abs(stability(REAL[None, :] + 1j * IMAGINARY[:, None]))
    return contour_lines(REAL, IMAGINARY, np.log(np.maximum(modulus, 1e-300)))


def limit(method: str, direction: complex) -> float:
    """Return how far from the origin in a direction the method is stable; NaN for not at all or without end."""
    stability = METHODS[method].stability_function
    if stability is None:
        return float("nan")
    lengths = np.linspace(0.0, FAR, 801)[1:]
    # Rounding must not end the interval where |R| is exactly 1.
    stable = np.abs(stability(lengths * direction)) <= 1.0 + 1e-9
    if stable.all() or not stable[0]:
        return float("nan")
    low = float(lengths[int(np.argmin(stable)) - 1])
    width = FAR / 800
    for _ in range(9):  # each round divides the uncertainty by 16
        finer = low + width * np.arange(1, 17) / 16
        inside = np.abs(stability(finer * direction)) <= 1.0 + 1e-9
        low += width / 16 * int(np.argmin(inside) if not inside.all() else 16)
        width /= 16
    return low


def stable_step(method: str, eigenvalues: ComplexArray) -> float:
    """Return the largest step with which a method is stable on a linear field.

    Parameters
    ----------
    method : str
    eigenvalues : (..., 2) of the Jacobian along the paths, NaN as padding

    Returns
    -------
    float, in units of time; NaN where the Jacobian is not the same everywhere, where the field itself grows, and where
    every step is stable
    """
    values = eigenvalues.reshape(-1, 2)
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values) or np.abs(values - values[0]).max() > 1e-9 * np.abs(values[0]).max():
        return float("nan")
    first, second = values[0]
    if max(first.real, second.real) >= 0:
        return float("nan")
    steps = [limit(method, value / abs(value)) / abs(value) for value in {first, second.conjugate()}]
    return float(np.nanmin(steps)) if np.isfinite(steps).any() else float("nan")
