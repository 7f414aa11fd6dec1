"""Where a method is stable: the curve |R(z)| = 1 around the values of z = dt lambda that do not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import ComplexArray, FloatArray, freeze
from nodeviz.engine.methods import METHODS
from nodeviz.problems.contours import contour_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

REAL, IMAGINARY = (-9.0, 4.0), (-7.0, 7.0)


def stability_curves(methods: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Return the boundary of every method's stability region, and where it cuts the two half-axes that matter.

    Returns
    -------
    (S, M, 2) real and imaginary parts, NaN between pieces and as padding; (S, 2) the negative real limit and the
    positive imaginary limit, NaN where the whole half-axis is stable or none of it

    References
    ----------
    Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.2.
    """
    curves = [_boundary(method) for method in methods]
    padded = np.full((len(curves), max(len(curve) for curve in curves), 2), np.nan)
    for row, curve in zip(padded, curves, strict=True):
        row[: len(curve)] = curve
    return freeze(padded), freeze([[_limit(method, -1.0), _limit(method, 1j)] for method in methods])


def _boundary(method: str) -> FloatArray:
    stability = METHODS[method].stability_function
    if stability is None:
        return np.empty((0, 2))
    real, imaginary = np.linspace(*REAL, 261), np.linspace(*IMAGINARY, 281)
    with np.errstate(all="ignore"):
        modulus = np.abs(stability(real[None, :] + 1j * imaginary[:, None]))
    return contour_lines(real, imaginary, np.log(np.maximum(modulus, 1e-300)))


def _limit(method: str, direction: complex) -> float:
    """Return how far along a half-axis the method is stable, by bisection; NaN for not at all or without end."""
    stability = METHODS[method].stability_function
    if stability is None:
        return float("nan")
    lengths = np.linspace(0.0, 40.0, 4001)[1:]
    # Rounding must not end the interval where |R| is exactly 1.
    stable = np.abs(stability(lengths * direction)) <= 1.0 + 1e-9
    if stable.all() or not stable[0]:
        return float("nan")
    low = float(lengths[int(np.argmin(stable)) - 1])
    high = low + 0.01
    for _ in range(50):
        middle = (low + high) / 2
        inside = np.abs(stability(np.array([middle * direction])))[0] <= 1.0 + 1e-9
        low, high = (middle, high) if inside else (low, middle)
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
    stability = METHODS[method].stability_function
    values = eigenvalues.reshape(-1, 2)
    values = values[np.isfinite(values).all(axis=1)]
    if stability is None or not len(values) or np.abs(values - values[0]).max() > 1e-9 * np.abs(values[0]).max():
        return float("nan")
    if values[0].real.max() >= 0 or (fastest := np.abs(values[0]).max()) == 0:
        return float("nan")
    return min(_limit(method, value / fastest) for value in values[0]) / float(fastest)
