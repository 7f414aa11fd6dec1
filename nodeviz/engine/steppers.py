"""One step of a Runge-Kutta method, over buffers bound once per solve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from nodeviz.engine.dense import Piece

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray, VectorField
    from nodeviz.engine.tableau import ButcherTableau, Row

Into = Callable[[Any, Any, Any], Any]
"""(t, y, out): writes dy/dt into out."""

Product = Callable[[Any, Any, Any], Any]
"""(weights, rows, out): writes weights @ rows into out."""


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

    def interpolate(self, x: Sequence[float], out: FloatArray) -> None:
        """Write the states at t + x dt, x (M,), into out, (M, n)."""
        ...

    def piece(self) -> Piece:
        """Return the polynomial of the attempted step."""
        ...

    def slope(self, t: float) -> FloatArray:
        """Return f(t, y), (n,), evaluated at most once per accepted state."""
        ...


class _Stage(NamedTuple):
    """One stage sum and the evaluation that follows it."""

    c: float
    product: Product
    weights: FloatArray
    rows: FloatArray
    target: FloatArray
    argument: FloatArray
    k: FloatArray


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
        self.y: FloatArray = self._buffer[-1]
        self._k0: FloatArray = self._buffer[-2]
        self.y[:] = y0.ravel()
        self._k0[:] = f0.ravel()
        self.y_new = np.empty_like(self.y)
        self._fsal = tableau.fsal
        # f(t + dt, y_new): the last stage, or the first of those that only the interpolant needs.
        self._end_slope = self._buffer[-1 - tableau.n_stages - (not tableau.fsal)]
        self._bind()

    def _bind(self) -> None:
        """Prepare, for every stage, the product that sums, the rows it meets, and where sum and slope go."""
        tab, n = self.tableau, self.tableau.n_stages
        stages = [*zip(tab.c[1:], tab.a[1:], strict=True), (1.0, tab.b), *tab.end_stages]
        argument = np.empty_like(self.y)
        bound = []
        for place, ((c, _), (product, weights, rows)) in enumerate(
            zip(stages, self._sums(stages), strict=True), start=1
        ):
            # Until y_new is final, its memory holds the arguments of the stages: less to keep in cache.
            target = self.y_new if place <= n else argument
            # Of the buffer's rows, stage i (from 0) is number i + 1 from the end; b itself is no stage.
            k = self._buffer[-2 - place if place < n else -1 - place]
            shaped = target.reshape(self._shape), k.reshape(self._shape)
            bound.append(_Stage(c, product, weights, rows, target, *shaped))
        self._stages, self._final, self._end = bound[: n - 1], bound[n - 1], bound[n:]
        self._k0_shaped, self._y_shaped = self._k0.reshape(self._shape), self.y.reshape(self._shape)
        self._err_rows = self._buffer[-1 - n : -1]
        self._err = np.empty_like(self.y)
        # Interpolation: (1, dt x, dt x^2, ...) times this matrix gives the weights of all rows of the buffer.
        self._dense = np.zeros((tab.dense_matrix().shape[1] + 1, len(self._buffer)), self._dtype)
        self._dense[0, -1], self._dense[1:, :-1] = 1.0, tab.dense_matrix()[::-1].T

    def _sums(self, stages: Sequence[tuple[float, Row]]) -> list[tuple[Product, FloatArray, FloatArray]]:
        """Return product, weights and rows of each stage sum, without the rows that a stride can skip (RK4 has many).

        All weights lie in one vector, those of the error estimates too, so that a new dt costs two operations.
        """
        unit: list[float] = []
        ones: list[float] = []
        spans: list[tuple[int, int, int, int]] = []
        for _, row in stages:
            used = [i + 1 for i, weight in enumerate(row) if weight != 0.0]
            stride, first = gcd(*used), max(used)
            weights = [row[i - 1] for i in range(first, 0, -stride)]
            spans.append((stride, first, len(unit), len(weights)))
            unit += [*weights, 0.0]
            ones += [0.0] * len(weights) + [1.0]
        estimates = [w[::-1] for w in (self.tableau.b_err, self.tableau.b_err_low) if w is not None]
        end, n = len(unit), self.tableau.n_stages
        unit += [weight for w in estimates for weight in w]
        self._unit = np.array(unit, self._dtype)
        self._ones = np.array(ones + [0.0] * n * len(estimates), self._dtype)
        self._weights = np.empty_like(self._unit)
        self._err_weights = [self._weights[end + i * n : end + (i + 1) * n] for i in range(len(estimates))]
        return [
            # np.dot is the quicker call, but copies what is not contiguous.
            (np.dot if stride == 1 else np.matmul, self._weights[i : i + m + 1], self._buffer[-1 - first :: stride])
            for stride, first, i, m in spans
        ]

    def _scale(self, dt: float) -> None:
        np.multiply(self._unit, dt, self._weights)
        np.add(self._weights, self._ones, self._weights)
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
        if dt != self._dt:
            self._scale(dt)
        self._t, self._end_known = t, 0
        if not self._slope_known:
            self.slope(t)
        evaluate = self._evaluate
        for c, product, weights, rows, target, argument, k in self._stages:
            product(weights, rows, target)
            evaluate(t + c * dt, argument, k)
        self.nfe += len(self._stages)
        if not self._fsal:
            final = self._final
            final.product(final.weights, final.rows, final.target)
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
        np.divide(err, scale, err)
        return float(np.dot(err, err))

    def accept(self) -> None:
        """Make y_new the current state; the slope there is kept where it is known."""
        if self._fsal or self._end_known:
            self._k0[:] = self._end_slope
        self._slope_known = self._fsal or self._end_known > 0
        self.y[:] = self.y_new

    def _complete(self) -> None:
        """Evaluate the stages that only the interpolant needs."""
        for c, product, weights, rows, target, argument, k in self._end[self._end_known :]:
            product(weights, rows, target)
            self._evaluate(self._t + c * self._dt, argument, k)
            self.nfe += 1
            self._end_known += 1

    def interpolate(self, x: Sequence[float], out: FloatArray) -> None:
        """Write the states at t + x dt into out, (M, n): one matrix product over the stages."""
        self._complete()
        dt, powers = self._dt, range(1, len(self._dense))
        rows = np.array([[1.0, *(dt * place**power for power in powers)] for place in x], self._dtype)
        np.dot(np.dot(rows, self._dense), self._buffer, out)

    def piece(self) -> Piece:
        """Return the polynomial of the attempted step."""
        self._complete()
        coefficients = np.dot(self._dense, self._buffer)
        coefficients[1:] *= self._dt
        return Piece(self._t, self._dt, coefficients)
