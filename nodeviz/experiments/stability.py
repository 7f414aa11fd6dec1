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
# Lengths of dt lambda to look at; what is stable at all of them is called stable without end.
NEAR = np.geomspace(1e-9, 0.05, 160)[:-1]
BEYOND = np.linspace(0.05, 40.0, 800)
ONE = 1.0 + 1e-14  # rounding must not end an interval where |R| is exactly 1


def stability_curves(methods: Sequence[str]) -> Generator[None, None, FloatArray]:
    """Return the boundary of every method's stability region; the generator yields while it works.

    Returns
    -------
    (S, M, 2) real and imaginary parts, NaN between pieces and as padding

    References
    ----------
    Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.2.
    """
    curves = []
    for method in methods:
        curves.append((yield from _boundary(method)))
    padded = np.full((len(curves), max(len(curve) for curve in curves), 2), np.nan)
    for row, curve in zip(padded, curves, strict=True):
        row[: len(curve)] = curve
    return freeze(padded)


def _boundary(method: str) -> Generator[None, None, FloatArray]:
    stability = METHODS[method].stability_function
    if stability is None:
        return np.empty((0, 2))
    pieces = []
    for rows in np.array_split(IMAGINARY, 10):
        with np.errstate(all="ignore"):
            modulus = np.abs(stability(REAL[None, :] + 1j * rows[:, None]))
        pieces.append(np.log(np.maximum(modulus, 1e-300)))
        yield
    curve = contour_lines(REAL, IMAGINARY, np.concatenate(pieces))
    yield
    return curve


def limit(method: str, direction: complex) -> float:
    """Return how far from the origin in a direction, |direction| = 1, the method is stable.

    Returns
    -------
    float, 0 for stable nowhere, infinity for stable without end, NaN for a method without stability function
    """
    stability = METHODS[method].stability_function
    if stability is None:
        return float("nan")
    # Beside the imaginary axis |R| - 1 is as small as the real part at first, and a short interval must not be missed.
    # On the axis it is a high power of z, which rounding hides: there it is judged from where it shows.
    lengths = BEYOND if direction.real == 0 else np.concatenate([NEAR, BEYOND])
    stable = np.abs(stability(lengths * direction)) <= ONE
    if stable.all():
        return float("inf")
    if not stable[0]:
        return 0.0
    first_out = int(np.argmin(stable))
    low, width = float(lengths[first_out - 1]), float(lengths[first_out] - lengths[first_out - 1])
    for _ in range(10):  # each round divides the uncertainty by 16
        finer = low + width * np.arange(1, 17) / 16
        inside = np.abs(stability(finer * direction)) <= ONE
        low += width / 16 * int(np.argmin(inside) if not inside.all() else 16)
        width /= 16
    return low


def stable_steps(methods: Sequence[str], eigenvalues: ComplexArray) -> Generator[None, None, FloatArray]:
    """Return `stable_step` of every method, (S,), from the eigenvalues (..., 2) of the Jacobian along the paths.

    NaN where the Jacobian is not the same everywhere; NaN in the eigenvalues is padding. The generator yields while it
    works.
    """
    pair = yield from _common_pair(eigenvalues.reshape(-1, 2))
    steps = []
    for method in methods:
        steps.append(float("nan") if pair is None else stable_step(method, *pair))
        yield
    return freeze(steps)


def _common_pair(values: ComplexArray) -> Generator[None, None, tuple[complex, complex] | None]:
    """Return the one pair of eigenvalues that all rows (M, 2) are, if they are."""
    pair: ComplexArray | None = None
    for first in range(0, len(values), 20_000):
        rows = values[first : first + 20_000]
        rows = rows[np.isfinite(rows).all(axis=1)]
        if len(rows):
            pair = rows[0] if pair is None else pair
            if np.abs(rows - pair).max() > 1e-9 * np.abs(pair).max():
                return None
        yield
    return None if pair is None else (complex(pair[0]), complex(pair[1]))


def stable_step(method: str, first: complex, second: complex) -> float:
    """Return the largest step with which a method is stable on a linear field with these eigenvalues.

    In units of time; NaN where the field itself grows, where every step is stable, and for a method without stability
    function.
    """
    if max(first.real, second.real) >= 0:
        return float("nan")
    steps = [limit(method, value / abs(value)) / abs(value) for value in {first, second.conjugate()}]
    return min(steps) if np.isfinite(steps).any() else float("nan")
