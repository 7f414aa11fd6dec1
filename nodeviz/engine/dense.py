"""Dense output: the solution between the steps, as one polynomial per step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.engine.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Piece:
    """The polynomial y(t + x dt) = sum_j x^j coefficients_j of one step, 0 <= x <= 1.

    ``coefficients`` is (degree + 1, n), n the number of values in the state.
    """

    t: float
    dt: float
    coefficients: FloatArray

    def __call__(self, t: float) -> FloatArray:
        """Return the flat state (n,) at time t."""
        x = (t - self.t) / self.dt
        y: FloatArray = self.coefficients[-1]
        for row in self.coefficients[-2::-1]:
            y = y * x + row
        return y

    def at(self, x: Sequence[float], out: FloatArray) -> None:
        """Write the flat states at t + x dt, x (M,), into out, (M, n)."""
        powers = np.power.outer(np.array(x, out.dtype), np.arange(len(self.coefficients)))
        np.dot(powers.astype(out.dtype), self.coefficients, out)


def hermite(y0: FloatArray, y1: FloatArray, dt_f0: FloatArray, dt_f1: FloatArray) -> FloatArray:
    """Return the coefficients (4, n) of the cubic with these ends and slopes; slopes are multiplied by dt."""
    rise = y1 - y0
    return np.stack([y0, dt_f0, 3 * rise - 2 * dt_f0 - dt_f1, dt_f0 + dt_f1 - 2 * rise])


class DenseOutput:
    """The whole solution as a function of time."""

    def __init__(self, pieces: Sequence[Piece], shape: tuple[int, ...], t_end: float, y_end: FloatArray) -> None:
        if not pieces:  # a solve that failed in its first step still knows where it started
            pieces = [Piece(t_end, 1.0, y_end.reshape(1, -1).copy())]
        self.t0, self.t1 = pieces[0].t, t_end
        self._shape = shape
        self._y_end = y_end.reshape(shape).copy()
        self._starts = np.array([piece.t for piece in pieces])
        self._dts = np.array([piece.dt for piece in pieces])
        self._coefficients = np.stack([piece.coefficients for piece in pieces])

    def __call__(self, t: npt.ArrayLike) -> FloatArray:
        """Return the state at t: (D[, B]) for a number, (M, D[, B]) for M of them.

        Raises
        ------
        ValueError : a time lies outside the part solved
        """
        times = np.asarray(t, dtype=float)
        flat = times.ravel()
        low, high = min(self.t0, self.t1), max(self.t0, self.t1)
        if flat.size and not (low <= flat.min() and flat.max() <= high):
            raise ValueError(f"t={t!r}: outside the part solved; take times from {low!r} to {high!r}")
        sign = 1.0 if self.t1 >= self.t0 else -1.0
        which = np.maximum(np.searchsorted(sign * self._starts, sign * flat, side="right") - 1, 0)
        x = ((flat - self._starts[which]) / self._dts[which])[:, None].astype(self._coefficients.dtype)
        y: FloatArray = self._coefficients[which, -1]
        for power in range(self._coefficients.shape[1] - 2, -1, -1):
            y = y * x + self._coefficients[which, power]
        y = y.reshape(len(flat), *self._shape)
        y[flat == self.t1] = self._y_end
        return y.reshape(*times.shape, *self._shape)
