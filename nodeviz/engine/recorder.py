"""What a solve writes down as it goes: the reported states, the steps, the interpolant."""

from __future__ import annotations

import sys
from array import array
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
        self._log = _Log(self.t, y0) if record else None

    def attempted(self, t: float, dt: float, err_ratio: float, accepted: bool) -> None:
        """Note an attempted step, where records are wanted."""
        if self._log is not None:
            self._log.attempted(t, dt, err_ratio, accepted)

    def after_step(
        self, t: float, t_new: float, stepper: Stepper, y_new: FloatArray, piece: Piece | None = None
    ) -> None:
        """Report what lies in (t, t_new]; ``piece`` stands in for the stepper where an event cut the step short."""
        self.t = t_new
        if self._pieces is not None:
            self._pieces.append(piece if piece is not None else stepper.piece())
        if self._log is not None:
            self._log.nodes_t.append(t_new)
            self._log.nodes_y += y_new.data
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
        return None if self._log is None else self._log.record()

    def dense(self, y: FloatArray) -> DenseOutput | None:
        """Return the solution as a function, where it was asked for."""
        return None if self._pieces is None else DenseOutput(self._pieces, self._shape, self.t, y)


class _Log:
    """The record of a solve as it grows: typed buffers, which arrays in the end look at without copying."""

    def __init__(self, t0: float, y0: FloatArray) -> None:
        self._shape, self._dtype = y0.shape, y0.dtype
        self._t, self._dt, self._err_ratio, self._accepted = array("d"), array("d"), array("d"), bytearray()
        self.nodes_t, self.nodes_y = array("d", [t0]), bytearray(y0.tobytes())

    def attempted(self, t: float, dt: float, err_ratio: float, accepted: bool) -> None:
        self._t.append(t)
        self._dt.append(dt)
        self._err_ratio.append(err_ratio)
        self._accepted.append(accepted)

    def record(self) -> StepRecord:
        return StepRecord(
            t=np.asarray(self._t),
            dt=np.asarray(self._dt),
            err_ratio=np.asarray(self._err_ratio),
            accepted=np.frombuffer(self._accepted, bool),
            nodes_t=np.asarray(self.nodes_t),
            nodes_y=np.frombuffer(self.nodes_y, self._dtype).reshape(-1, *self._shape),
        )


def _slack(t: float) -> float:
    """Return the rounding error of a time that n steps have led to; n dt and linspace differ by about one ulp of t1."""
    return _EIGHT_EPS * abs(t)
