"""One step size per column: every orbit of a batch goes at its own pace, and leaves the batch when it is done."""

from __future__ import annotations

import sys
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.controllers import remember_where
from nodeviz.engine.first_step import first_step
from nodeviz.engine.norms import all_finite, worst_index
from nodeviz.engine.reports import ColumnReports
from nodeviz.engine.solution import Solution, Status
from nodeviz.engine.steppers import writer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nodeviz.engine.arrays import BoolArray, FloatArray, VectorField
    from nodeviz.engine.checks import Control
    from nodeviz.engine.methods import Method
    from nodeviz.engine.reasons import Ending, Reasons
    from nodeviz.engine.tableau import ButcherTableau

_FOUR_EPS = 4 * sys.float_info.epsilon


class ColumnStepper:
    """Steps of an explicit tableau with a step size per column.

    As in ``ExplicitStepper`` the stages lie in one buffer, k_S .. k_1, y, here multiplied by dt, (S + 1, D, b), so that
    a stage sum is still a single product.
    """

    def __init__(self, tableau: ButcherTableau, vector_field: VectorField, y: FloatArray, slope: FloatArray) -> None:
        self._evaluate, self._fsal, self._n = writer(vector_field), tableau.fsal, tableau.n_stages
        self.per_attempt = tableau.n_stages - 1
        stages = [*zip(tableau.c, tableau.a, strict=True), (1.0, tableau.b), *tableau.end_stages]
        n_rows = self._n + len(tableau.end_stages) + 1
        # Neither the first stage nor b is evaluated by a stage of its own.
        self._c = np.array([c for i, (c, _) in enumerate(stages) if i not in (0, self._n)])[:, None]
        self._weights = [np.array([*row[::-1], 1.0], y.dtype) for _, row in stages]
        self._err_weights = [np.array(w[::-1], y.dtype) for w in (tableau.b_err, tableau.b_err_low) if w is not None]
        dense = tableau.dense_matrix()
        self._dense = np.zeros((dense.shape[1] + 1, n_rows), y.dtype)
        self._dense[0, -1], self._dense[1:, :-1] = 1.0, dense[::-1].T
        self.degree = len(self._dense) - 1
        self._memory = np.empty(n_rows * y.size, y.dtype)
        self._bind(y, slope)

    def _bind(self, y: FloatArray, slope: FloatArray) -> None:
        """Lay out the buffers for these columns."""
        n_rows = self._dense.shape[1]
        self._buffer = self._memory[: n_rows * y.size].reshape(n_rows, *y.shape)
        self._buffer.fill(0.0)
        self._flat = self._buffer.reshape(n_rows, -1)
        self.y: FloatArray = self._buffer[-1]
        self.y[:] = y
        self.slope = slope.copy()
        self.y_new, self._argument = np.empty_like(y), np.empty_like(y)
        self._end_slope, self._k = np.empty_like(y), np.empty_like(y)
        self._err, self._wide_dt = np.empty(y.size, y.dtype), np.empty_like(y)
        self._times = np.empty((len(self._c), y.shape[1]))
        self._stages = [self._stage(row) for row in range(1, self._n)]
        self._end_stages = [self._stage(row) for row in range(self._n + 1, len(self._weights))]

    def keep(self, columns: BoolArray) -> None:
        """Go on with these columns only."""
        # NumPy lays the columns it picks out in another order; the sums need rows.
        self._bind(np.ascontiguousarray(self.y[:, columns]), self.slope[:, columns])

    def _stage(self, row: int) -> Callable[[], None]:
        """Return what computes one stage: sum, evaluate, multiply by dt; bound once, since there are thousands."""
        n, weights = self._n, self._weights[row]
        # Row n is b: it gives y_new and no slope. The slope at y_new is the last stage (FSAL) or the first after b.
        at_end = row == (n - 1 if self._fsal else n + 1)
        argument, k = (self.y_new, self._end_slope) if at_end else (self._argument, self._k)
        rows, flat, scaled = self._flat[-len(weights) :], argument.reshape(-1), self._buffer[-2 - row + (row > n)]
        times, wide_dt, evaluate = self._times[row - 1 - (row > n)], self._wide_dt, self._evaluate

        def stage(dot: Any = np.dot, multiply: Any = np.multiply) -> None:
            dot(weights, rows, flat)
            evaluate(times, argument, k)
            multiply(k, wide_dt, scaled)

        return stage

    def attempt(self, t: FloatArray, dt: FloatArray) -> None:
        """Compute y_new of a step of size dt, (b,), for every column."""
        np.multiply(self._c, dt, self._times)
        np.add(self._times, t, self._times)
        self._wide_dt[:] = dt
        np.multiply(self.slope, self._wide_dt, self._buffer[-2])
        for stage in self._stages:
            stage()
        if not self._fsal:
            weights = self._weights[self._n]
            np.dot(weights, self._flat[-len(weights) :], self.y_new.reshape(-1))

    def finish(self, *, interpolate: bool) -> int:
        """Evaluate f(t + dt, y_new) where it is not the last stage, and what the interpolant needs; return how many."""
        ends = self._end_stages if interpolate else self._end_stages[: 1 - self._fsal]
        for stage in ends:
            stage()
        return len(ends)

    def err_ratio(self, scale: FloatArray, rtol: float) -> FloatArray:
        """Return the RMS over the components of the error over rtol * scale, (b,)."""
        squares = [self._squares(weights, scale) for weights in self._err_weights]
        if len(squares) == 2:
            total = squares[0] + 0.01 * squares[1]
            squares[0] *= np.divide(squares[0], total, out=np.ones_like(total), where=total > 0.0)
        squares[0] *= 1.0 / (len(self.y) * rtol * rtol)
        return np.sqrt(squares[0], squares[0])

    def errors(self) -> FloatArray:
        """Return the local error estimate, (D, b)."""
        np.dot(self._err_weights[0], self._flat[-1 - self._n : -1], self._err)
        return self._err.reshape(self.y.shape)

    def _squares(self, weights: FloatArray, scale: FloatArray) -> FloatArray:
        err = self._err.reshape(self.y.shape)
        np.dot(weights, self._flat[-1 - self._n : -1], self._err)
        np.divide(err, scale, err)
        np.multiply(err, err, err)
        return np.asarray(np.add.reduce(err, axis=0))

    def accept(self, accepted: BoolArray) -> None:
        """Make y_new the state of the accepted columns."""
        np.copyto(self.y, self.y_new, where=accepted)
        np.copyto(self.slope, self._end_slope, where=accepted)

    def coefficients(self, out: FloatArray) -> None:
        """Write the polynomials of the attempted step in x, (degree + 1, D b)."""
        np.dot(self._dense, self._flat, out)


class ColumnMarch:
    """The walk of all columns from t0 to t1. Arrays of shape (b,) hold the columns still in the batch."""

    def __init__(
        self,
        method: Method,
        vector_field: VectorField,
        y0: FloatArray,
        f0: FloatArray,
        ts: FloatArray,
        control: Control,
        reasons: Reasons,
    ) -> None:
        assert method.tableau is not None
        self.stepper, self._control, self._reasons = (
            ColumnStepper(method.tableau, vector_field, y0, f0),
            control,
            reasons,
        )
        self._ts, self._t1, self._sign = ts, float(ts[-1]), 1.0 if ts[-1] > ts[0] else -1.0
        n = y0.shape[1]
        self._reports = ColumnReports(ts, y0, self.stepper.degree)
        self._index, self._alive = np.arange(n), np.ones(n, dtype=bool)
        self._t = np.full(n, ts[0])
        self._memory: tuple[FloatArray, FloatArray] = (np.ones(n), np.ones(n))
        self._accepted, self._counts = np.zeros(n, dtype=int), np.zeros((3, n), dtype=int)
        self._attempts, self._evaluations = 0, 1
        self._order = (method.tableau.err_order or 0) + 1
        self._dt = self._guess(vector_field, y0, f0) if control.dt0 is None else np.full(n, control.dt0)
        self._status = [Status.OK] * n
        self.nfe, self.n_accepted, self.n_rejected = (np.zeros(n, dtype=int) for _ in range(3))
        self._first_failure = ""

    def _guess(self, vector_field: VectorField, y0: FloatArray, f0: FloatArray) -> FloatArray:
        self._evaluations += 1
        span, order, tolerances = float(self._ts[-1] - self._ts[0]), self._order, self._control.tolerances
        return first_step(
            vector_field, float(self._ts[0]), y0, f0, order=order, tolerances=tolerances, span=span, per_sample=True
        )

    def steps(self) -> Generator[None, None, Ending]:
        """Step every column until it is done; yield after each round."""
        while self._attempts < self._control.max_steps:
            self._attempts += 1
            self._round()
            if not len(self._index):
                return self._ending()
            yield
        slowest = int(np.argmin(np.where(self._alive, self._sign * self._t, np.inf)))
        place, t, dt = self._place(slowest), float(self._t[slowest]), float(self._dt[slowest])
        return self._close(*self._reasons.max_steps(t, dt, place))

    def _round(self) -> None:
        """Attempt one step of every column and judge them."""
        stepper, control, t = self.stepper, self._control, self._t
        floor = np.maximum(control.dt_min, _FOUR_EPS * np.abs(t))
        left = np.abs(self._t1 - t)
        size = np.maximum(self._dt, floor)
        last = size >= left * (1 - 1e-10)
        ending = np.count_nonzero(last)
        if ending:
            size = np.where(last, left, size)
        step = self._sign * size
        stepper.attempt(t, step)
        ratio = self._err_ratio()
        accepted = ratio <= 1.0
        self._dt = size * control.controller.factors(ratio, self._memory, self._order)
        if control.controller.remembers:
            self._memory = remember_where(accepted, self._memory, ratio)
        self._evaluations += stepper.per_attempt + self._reports.after_round(stepper, accepted, t, step)
        stepper.accept(accepted)
        step += t
        if ending:
            step[last] = self._t1
        np.copyto(t, step, where=accepted)
        self._accepted += accepted
        small = size <= floor
        if ending or np.count_nonzero(small):
            self._settle(accepted & last & self._alive, ~accepted & small & self._alive, size, ratio)

    def _err_ratio(self) -> FloatArray:
        """Return the error of each column in units of its tolerance, (b,); NaN where the step is not finite."""
        stepper, tolerances = self.stepper, self._control.tolerances
        scale = np.maximum(np.abs(stepper.y), np.abs(stepper.y_new))
        # In units of rtol, which saves a pass.
        scale += tolerances.atol / tolerances.rtol
        self._scale = scale
        ratio = stepper.err_ratio(scale, tolerances.rtol)
        if not all_finite(stepper.y_new.reshape(-1)):
            ratio[~np.isfinite(stepper.y_new).all(axis=0)] = nan
        return ratio

    def _place(self, column: int) -> int:
        """Return the flat index in y0 of the worst component of a column."""
        component = worst_index(self.stepper.errors()[:, column] / self._scale[:, column])
        return component * len(self._status) + int(self._index[column])

    def _settle(self, done: BoolArray, stuck: BoolArray, size: FloatArray, ratio: FloatArray) -> None:
        """Count the columns that have arrived or cannot go on, and drop them from the batch when that pays."""
        gone = done | stuck
        if not np.count_nonzero(gone):
            return
        for column in np.flatnonzero(stuck).tolist():
            t, dt, place = float(self._t[column]), float(size[column]), self._place(column)
            status, sentence = self._reasons.underflow(t, dt, float(ratio[column]), place)
            self._status[self._index[column]] = status
            self._first_failure = self._first_failure or sentence
        self._retire(gone)
        # Those that have arrived stay where they are, since nothing is left of their step.
        if stuck.any() or 16 * int(np.count_nonzero(~self._alive)) >= len(self._alive):
            self._compact()

    def _retire(self, gone: BoolArray) -> None:
        """Freeze the counts of these columns."""
        self._alive &= ~gone
        np.copyto(self._counts[0], self._evaluations, where=gone)
        np.copyto(self._counts[1], self._accepted, where=gone)
        np.copyto(self._counts[2], self._attempts, where=gone)

    def _compact(self) -> None:
        """Drop the columns that are done from the batch, with their counts and their state at t1."""
        keep, gone = self._alive, ~self._alive
        where = self._index[gone]
        self.nfe[where], self.n_accepted[where], attempts = self._counts[:, gone]
        self.n_rejected[where] = attempts - self.n_accepted[where]
        self._reports.arrive(gone & (self._t == self._t1), self.stepper.y)
        self.stepper.keep(keep)
        self._reports.keep(keep)
        self._index, self._t, self._dt = self._index[keep], self._t[keep], self._dt[keep]
        self._accepted, self._counts = self._accepted[keep], self._counts[:, keep]
        self._memory = self._memory[0][keep], self._memory[1][keep]
        self._alive = keep[keep]

    def _close(self, status: Status, sentence: str) -> Ending:
        """End the columns that are still on their way."""
        for index in self._index[self._alive].tolist():
            self._status[index] = status
        self._retire(self._alive.copy())
        self._compact()
        self._first_failure = self._first_failure or sentence
        return self._ending()

    def timeout(self) -> Ending:
        """Return the ending of a solve whose caller has no time left."""
        return self._close(*self._reasons.timeout(self._sign * float((self._sign * self._t).min())))

    def _ending(self) -> Ending:
        """Return a status that is not ok, if there is one, and a sentence about all columns."""
        failed = [status for status in self._status if status is not Status.OK]
        if not failed:
            return Status.OK, ""
        count = f"{len(failed)} of {len(self._status)} columns did not arrive"
        return failed[0], f"{count}; the first: {self._first_failure}"

    def solution(self, ending: Ending) -> Solution:
        """Return the Solution; columns that did not arrive are NaN from there on."""
        return Solution(
            ts=self._ts,
            ys=self._reports.finish(),
            status=np.array(self._status, dtype=object),
            message=ending[1],
            nfe=self.nfe,
            n_accepted=self.n_accepted,
            n_rejected=self.n_rejected,
        )
