"""Report states of a batch whose columns pass the report times in different steps."""

from __future__ import annotations

import sys
from math import nan
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray
    from nodeviz.engine.per_sample import ColumnStepper

_EIGHT_EPS = 8 * sys.float_info.epsilon
_ROUNDS = 8  # polynomials kept before they are evaluated together; more would leave the cache


class ColumnReports:
    """Fills ys, (T, D, B), NaN where a column never gets.

    Which report falls into which step is noted at once, but the polynomials of several rounds are evaluated together:
    that is half the time of evaluating the few reports of each round on their own.
    """

    def __init__(self, ts: FloatArray, y0: FloatArray, degree: int) -> None:
        d, n = y0.shape
        self.ys = np.full((len(ts), d, n), nan, y0.dtype)
        self.ys[0] = y0
        self._ts, self._sign = ts, 1.0 if ts[-1] > ts[0] else -1.0
        # Beyond the last report nothing is due.
        self._due = np.append(self._sign * ts, np.inf)
        self._slack = _EIGHT_EPS * float(np.abs(ts).max())
        self._next = np.ones(n, dtype=int)
        self._index = np.arange(n)
        self._end, self._arrived = np.empty_like(y0), np.zeros(n, dtype=bool)
        self._piece = np.empty((degree + 1, d, n), y0.dtype)
        self._rounds = 0
        self._noted: list[tuple[IntArray, IntArray, FloatArray, FloatArray]] = []

    def after_round(self, stepper: ColumnStepper, accepted: BoolArray, t: FloatArray, dt: FloatArray) -> int:
        """Note what is due in the attempted steps, of size dt from t, both (b,); return the evaluations spent on it."""
        reached = self._sign * (t + dt)
        reached += self._slack
        columns = np.flatnonzero(accepted & (self._due[self._next] <= reached))
        if not columns.size:
            return stepper.finish(interpolate=False)
        spent = stepper.finish(interpolate=True)
        stepper.coefficients(self._piece.reshape(len(self._piece), -1))
        reached = reached[columns]
        while columns.size:
            number = self._next[columns]
            x = self._ts[number]
            x -= t[columns]
            x /= dt[columns]
            self._noted.append((self._index[columns], number, x, np.take(self._piece, columns, axis=2)))
            number = number + 1
            self._next[columns] = number
            more = self._due[number] <= reached
            columns, reached = columns[more], reached[more]
        self._rounds += 1
        if self._rounds == _ROUNDS:
            self.flush()
        return spent

    def flush(self) -> None:
        """Evaluate what has been noted."""
        if not self._noted:
            return
        index, number, x, pieces = zip(*self._noted, strict=True)
        places, parts = np.concatenate(x), np.concatenate(pieces, axis=2)
        places = places.astype(parts.dtype, copy=False)
        y = parts[-1] * places
        for part in parts[-2:0:-1]:
            y += part
            y *= places
        y += parts[0]
        # One component after the other is quickest.
        d, n = self.ys.shape[1:]
        target = np.concatenate(number)
        target *= d * n
        target += np.concatenate(index)
        flat = self.ys.reshape(-1)
        for i in range(d):
            flat[i * n :][target] = y[i]
        self._rounds = 0
        self._noted.clear()

    def arrive(self, columns: BoolArray, y: FloatArray) -> None:
        """Take y, (D, b), for the report of these columns at t1: the polynomial would add its rounding."""
        where = self._index[columns]
        self._end[:, where], self._arrived[where] = y[:, columns], True

    def keep(self, columns: BoolArray) -> None:
        """Go on with these columns only."""
        self._index, self._next = self._index[columns], self._next[columns]
        rows, d, _ = self._piece.shape
        self._piece = np.empty((rows, d, len(self._index)), self._piece.dtype)

    def finish(self) -> FloatArray:
        """Return ys."""
        self.flush()
        np.copyto(self.ys[-1], self._end, where=self._arrived)
        return self.ys
