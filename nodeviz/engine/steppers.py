"""One step of a Runge-Kutta method, over buffers bound once per solve."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd, sqrt
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nodeviz.engine.dense import Piece

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray, VectorField
    from nodeviz.engine.tableau import ButcherTableau

Into = Callable[[Any, Any, Any], Any]
"""(t, y, out): writes dy/dt into out."""


def writer(vector_field: VectorField) -> Into:
    """Return (t, y, out) -> None for a field: its own ``into`` where it has one, else a call and a copy."""
    into: Into | None = getattr(vector_field, "into", None)
    if into is not None:
        return into

    def call_and_copy(t: Any, y: FloatArray, out: FloatArray) -> None:
        out[...] = vector_field(t, y)

    return call_and_copy


class Stepper(Protocol):
    """One step at a time. Between ``attempt`` and ``accept`` everything of the attempted step can be asked.

    ``y`` and ``y_new`` are flat (n,) views of the current and the attempted state. ``attempt`` leaves y and its slope
    alone, so that a rejected step leaves nothing behind.
    """

    y: FloatArray
    y_new: FloatArray
    nfe: int
    err_order: int

    def attempt(self, t: float, dt: float) -> bool:
        """Compute y_new; False when the equations of an implicit step were not solved."""
        ...

    def errors(self, out: FloatArray) -> None:
        """Write the local error estimate, (n,)."""
        ...

    def err_ratio(self, scale: FloatArray) -> float:
        """Return the RMS of the error estimate over ``scale``, (n,), the error that is allowed."""
        ...

    def accept(self) -> None:
        """Make y_new the current state."""
        ...

    def interpolate(self, x: FloatArray, out: FloatArray) -> None:
        """Write the states at t + x dt, x (M,), into out, (M, n)."""
        ...

    def piece(self) -> Piece:
        """Return the polynomial of the attempted step."""
        ...

    def slope(self, t: float) -> FloatArray:
        """Return f(t, y), (n,), evaluated at most once per accepted state."""
        ...


class ExplicitStepper:
    """Steps of an explicit tableau.

    The stages lie in one (S + 1, n) buffer in the order k_S .. k_1, y, so that every stage sum is a single
    vector-matrix product over its tail: one pass through memory, and the small terms are added before y.
    """

    def __init__(self, tableau: ButcherTableau, vector_field: VectorField, y0: FloatArray, f0: FloatArray) -> None:
        self.tableau = tableau
        self.nfe = 1
        self.err_order = 0 if tableau.err_order is None else tableau.err_order
        self._evaluate = writer(vector_field)
        self._shape = y0.shape
        self._dtype = y0.dtype
        self._t = self._dt = 0.0
        self._slope_known = True
        self._end_known = 0
        rows = tableau.n_stages + len(tableau.end_stages) + 1
        self._buffer = np.zeros((rows, y0.size), y0.dtype)
        self._last = rows - 1
        self.y: FloatArray = self._buffer[-1]
        self._k0: FloatArray = self._buffer[-2]
        self.y[:] = y0.ravel()
        self._k0[:] = f0.ravel()
        self.y_new = np.empty_like(self.y)
        self._bind()

    def _bind(self) -> None:
        """Prepare, for every stage, the weights, the rows they meet, and where the sum and the slope go."""
        tab, last = self.tableau, self._last
        stages = list(zip(tab.c, tab.a, strict=True))
        rows = [row for _, row in stages[1:]] + [tab.b] + [row for _, row in tab.end_stages]
        self._unit = np.zeros((len(rows), last), self._dtype)
        for i, row in enumerate(rows):
            self._unit[i, last - len(row) :] = row[::-1]
        self._weights = np.ones((len(rows), last + 1), self._dtype)
        argument = np.empty(self.y.size, self._dtype)
        sums = [self._sum(i, row) for i, row in enumerate(rows)]
        n = tab.n_stages
        self._stages = []
        for i, (c, _) in enumerate(stages[1:], start=1):
            target = self.y_new if tab.fsal and i == n - 1 else argument
            k = self._buffer[last - 1 - i].reshape(self._shape)
            self._stages.append((c, *sums[i - 1], target, target.reshape(self._shape), k))
        self._final = sums[n - 1]
        self._end = []
        for j, (c, _) in enumerate(tab.end_stages):
            k = self._buffer[last - 1 - n - j].reshape(self._shape)
            self._end.append((c, *sums[n + j], argument, argument.reshape(self._shape), k))
        self._k0_shaped = self._k0.reshape(self._shape)
        self._y_shaped = self.y.reshape(self._shape)
        self._bind_errors()
        # Interpolation: powers of x times this matrix gives the weights of the rows of the buffer, y last.
        self._dense = np.ascontiguousarray(tab.dense_matrix()[::-1].T)

    def _sum(self, i: int, row: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
        """Return the weights and rows of one stage sum, without the rows that a stride can skip (RK4 has many)."""
        used = [j + 1 for j, weight in enumerate(row) if weight != 0.0]
        stride = gcd(*used)
        start = self._last - max(used)
        return self._weights[i, start::stride], self._buffer[start::stride]

    def _bind_errors(self) -> None:
        weights = [w for w in (self.tableau.b_err, self.tableau.b_err_low) if w is not None]
        self._err_unit = [np.array(w[::-1], self._dtype) for w in weights]
        self._err_weights = [w.copy() for w in self._err_unit]
        self._err_rows = self._buffer[self._last - self.tableau.n_stages : self._last]
        self._err = np.empty_like(self.y)

    def _scale(self, dt: float) -> None:
        if dt != self._dt:
            np.multiply(self._unit, dt, out=self._weights[:, :-1])
            for unit, weights in zip(self._err_unit, self._err_weights, strict=True):
                np.multiply(unit, dt, out=weights)
            self._dt = dt

    def slope(self, t: float) -> FloatArray:
        """Return f(t, y), (n,)."""
        if not self._slope_known:
            self._evaluate(t, self._y_shaped, self._k0_shaped)
            self.nfe += 1
            self._slope_known = True
        return self._k0

    def attempt(self, t: float, dt: float) -> bool:
        """Compute y_new; always True."""
        self._scale(dt)
        self._t, self._end_known = t, 0
        if not self._slope_known:
            self.slope(t)
        dot, evaluate = np.dot, self._evaluate
        for c, weights, rows, target, argument, k in self._stages:
            dot(weights, rows, target)
            evaluate(t + c * dt, argument, k)
        self.nfe += len(self._stages)
        if not self.tableau.fsal:
            dot(*self._final, self.y_new)
        return True

    def errors(self, out: FloatArray) -> None:
        """Write dt sum_i b_err_i k_i."""
        np.dot(self._err_weights[0], self._err_rows, out)

    def err_ratio(self, scale: FloatArray) -> float:
        """Return the RMS of the scaled error; a second estimate sharpens the first (Hairer I, section II.10)."""
        squares = [self._squares(weights, scale) for weights in self._err_weights]
        if len(squares) == 2 and squares[0] > 0.0:
            squares[0] *= squares[0] / (squares[0] + 0.01 * squares[1])
        return sqrt(squares[0] / len(scale))

    def _squares(self, weights: FloatArray, scale: FloatArray) -> float:
        err = self._err
        np.dot(weights, self._err_rows, err)
        np.divide(err, scale, out=err)
        return float(np.dot(err, err))

    def accept(self) -> None:
        """Make y_new the current state; the slope there is kept where it is known."""
        if self.tableau.fsal:
            self._k0[:] = self._buffer[self._last - self.tableau.n_stages]
        elif self._end_known:
            self._k0[:] = self._buffer[self._last - self.tableau.n_stages - 1]
        self._slope_known = self.tableau.fsal or self._end_known > 0
        self.y[:] = self.y_new

    def _complete(self) -> None:
        """Evaluate the stages that only the interpolant needs."""
        for c, weights, rows, target, argument, k in self._end[self._end_known :]:
            np.dot(weights, rows, target)
            self._evaluate(self._t + c * self._dt, argument, k)
            self.nfe += 1
            self._end_known += 1

    def interpolate(self, x: FloatArray, out: FloatArray) -> None:
        """Write the states at t + x dt into out, (M, n): one matrix product over the stages."""
        self._complete()
        powers = x[:, None] ** np.arange(1, len(self._dense) + 1)
        weights = np.ones((len(x), self._last + 1), self._dtype)
        weights[:, :-1] = self._dt * (powers @ self._dense)
        np.dot(weights, self._buffer, out)

    def piece(self) -> Piece:
        """Return the polynomial of the attempted step."""
        self._complete()
        coefficients = np.empty((len(self._dense) + 1, self.y.size), self._dtype)
        coefficients[0] = self.y
        np.dot((self._dt * self._dense).astype(self._dtype), self._buffer[:-1], coefficients[1:])
        return Piece(self._t, self._dt, coefficients)
