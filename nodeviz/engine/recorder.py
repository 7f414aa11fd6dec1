"""What a solve writes down as it goes: the reported states, the steps, the interpolant."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.dense import DenseOutput, Piece
from nodeviz.engine.solution import StepRecord

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.steppers import Stepper

_EIGHT_EPS = 8 * sys.float_info.epsilon


class Recorder:
    """Collects the output of one solve; ``after_step`` is called for every accepted step, before it is taken over."""

    def __init__(self, ts: FloatArray, y0: FloatArray, *, record: bool, dense: bool) -> None:
        self.ts, self._shape = ts, y0.shape
        self._sign = 1.0 if ts[-1] > ts[0] else -1.0
        self._ys = np.empty((len(ts), y0.size), y0.dtype)
        self._targets = (self._sign * ts).tolist()
        self._next = 0
        self.t = float(ts[0])
        self._fill(y0.ravel(), self.t)
        self._pieces: list[Piece] | None = [] if dense else None
        self._attempts: list[tuple[float, float, float, bool]] | None = [] if record else None
        self._nodes_t, self._nodes_y = [self.t], [y0.ravel().copy()] if record else []

    def attempted(self, t: float, dt: float, err_ratio: float, accepted: bool) -> None:
        """Note an attempted step, where records are wanted."""
        if self._attempts is not None:
            self._attempts.append((t, dt, err_ratio, accepted))

    def after_step(
        self, t: float, t_new: float, stepper: Stepper, y_new: FloatArray, piece: Piece | None = None
    ) -> None:
        """Report what lies in (t, t_new]; ``piece`` stands in for the stepper where an event cut the step short."""
        self.t = t_new
        if self._pieces is not None:
            self._pieces.append(piece if piece is not None else stepper.piece())
        if self._attempts is not None:
            self._nodes_t.append(t_new)
            self._nodes_y.append(y_new.copy())
        if self._next < len(self._targets) and self._targets[self._next] <= self._sign * t_new + _slack(t_new):
            self._report(t, t_new, stepper, y_new, piece)

    def _report(self, t: float, t_new: float, stepper: Stepper, y_new: FloatArray, piece: Piece | None) -> None:
        first, limit = self._next, self._sign * t_new - _slack(t_new)
        last = first
        while last < len(self._targets) and self._targets[last] < limit:
            last += 1
        if last > first:
            start, dt = (t, t_new - t) if piece is None else (piece.t, piece.dt)
            places = [(self._sign * target - start) / dt for target in self._targets[first:last]]
            (stepper.interpolate if piece is None else piece.at)(places, self._ys[first:last])
        self._next = last
        self._fill(y_new, t_new)

    def _fill(self, y: FloatArray, t: float) -> None:
        """Report y itself at the times that equal t up to rounding: a step boundary needs no interpolant."""
        limit = self._sign * t + _slack(t)
        while self._next < len(self._targets) and self._targets[self._next] <= limit:
            self._ys[self._next] = y
            self._next += 1

    def finish(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ts and ys; one that ended early is closed by the last accepted point."""
        ts, ys = self.ts[: self._next], self._ys[: self._next]
        if self._next < len(self.ts) and abs(ts[-1] - self.t) > _slack(self.t):
            ts, ys = np.append(ts, self.t), np.concatenate([ys, y[None]])
        return ts, ys.reshape(len(ts), *self._shape)

    def steps(self) -> StepRecord | None:
        """Return the record of every attempted step, where one was kept."""
        if self._attempts is None:
            return None
        table = np.array([row[:3] for row in self._attempts]).reshape(-1, 3)
        return StepRecord(
            t=table[:, 0].copy(),
            dt=table[:, 1].copy(),
            err_ratio=table[:, 2].copy(),
            accepted=np.array([row[3] for row in self._attempts], dtype=bool),
            nodes_t=np.array(self._nodes_t),
            nodes_y=np.array(self._nodes_y).reshape(-1, *self._shape),
        )

    def dense(self, y: FloatArray) -> DenseOutput | None:
        """Return the solution as a function, where it was asked for."""
        return None if self._pieces is None else DenseOutput(self._pieces, self._shape, self.t, y)


def _slack(t: float) -> float:
    """Return the rounding error of a time that n steps have led to; n dt and linspace differ by about one ulp of t1."""
    return _EIGHT_EPS * abs(t)
