"""The walk from t0 to t1 with one step size for the whole state: two loops, for fixed and for adaptive steps."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, ulp
from typing import TYPE_CHECKING

from nodeviz.engine.controllers import FRESH, decide
from nodeviz.engine.first_step import first_step
from nodeviz.engine.norms import ErrorNorm, all_finite
from nodeviz.engine.solution import Solution, Status

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import VectorField
    from nodeviz.engine.checks import Control, Grid, Tolerances
    from nodeviz.engine.events import EventLocator
    from nodeviz.engine.reasons import Ending, Reasons
    from nodeviz.engine.recorder import Recorder
    from nodeviz.engine.steppers import Stepper


@dataclass(kw_only=True)
class March:
    """The walk from t0 to t1 with one step size for all: fixed or adaptive steps, each a loop."""

    stepper: Stepper
    recorder: Recorder
    locator: EventLocator
    reasons: Reasons
    t0: float
    t1: float
    n_accepted: int = 0
    n_rejected: int = 0

    def fixed(self, grid: Grid) -> Generator[None, None, Ending]:
        """Take the steps of the grid."""
        stepper, t = self.stepper, self.t0
        dt = grid.dt if self.t1 > self.t0 else -grid.dt
        for i in range(1, grid.n + 1):
            t_new = self.t0 + i * dt if i < grid.n else self.t1
            step = dt if i < grid.n else self.t1 - t
            solved = stepper.attempt(t, step)
            if not solved or not all_finite(stepper.y_new):
                self.n_rejected += 1
                self.recorder.attempted(t, step, nan, False)
                return self.reasons.stopped(t, step, stepper.y_new, solved)
            self.recorder.attempted(t, step, nan, True)
            if self._take(t, t_new):
                return self.reasons.event(self.recorder.t)
            t = t_new
            yield
        return Status.OK, ""

    def adaptive(self, vector_field: VectorField, control: Control) -> Generator[None, None, Ending]:
        """Take steps whose error the controller accepts."""
        stepper, t, t1 = self.stepper, self.t0, self.t1
        sign, order, memory = (1.0 if t1 > t else -1.0), stepper.err_order + 1, FRESH
        norm = ErrorNorm(control.tolerances.rtol, control.tolerances.atol, stepper.y)
        dt = (
            self._guess(vector_field, order, control.tolerances)
            if control.dt0 is None
            else min(control.dt0, abs(t1 - t))
        )
        for _ in range(control.max_steps):
            floor = max(control.dt_min, 4 * ulp(t))
            dt = max(dt, floor)
            last = dt >= abs(t1 - t) * (1 - 1e-10)
            step = t1 - t if last else sign * dt
            solved = stepper.attempt(t, step)
            err_ratio = norm(stepper) if solved else nan
            if err_ratio <= 1.0 and not all_finite(stepper.y_new):
                err_ratio = nan
            decision = decide(control.controller, err_ratio, abs(step), memory, order=order, dt_min=floor)
            self.recorder.attempted(t, step, err_ratio, decision.accepted)
            dt, memory = decision.dt_next, decision.memory
            if decision.accepted:
                t_new = t1 if last else t + step
                if self._take(t, t_new):
                    return self.reasons.event(self.recorder.t)
                norm.accept()
                t = t_new
                if last:
                    return Status.OK, ""
            else:
                self.n_rejected += 1
                if decision.underflow:
                    return self.reasons.underflow(t, step, err_ratio, norm.worst(stepper))
            yield
        return self.reasons.max_steps(t, dt, norm.worst(stepper))

    def _take(self, t: float, t_new: float) -> bool:
        """Count and report an accepted step; True when a terminal event ends the solve in it."""
        stepper = self.stepper
        stop = None
        self.n_accepted += 1
        if self.locator.events:
            stop = self.locator.after_step(t_new, stepper.y_new.reshape(self.locator.shape), stepper.piece)
        if stop is not None and stop != t_new:
            piece = stepper.piece()
            stepper.y_new[:] = piece(stop)
            self.recorder.after_step(t, stop, stepper, stepper.y_new, piece)
        else:
            self.recorder.after_step(t, t_new, stepper, stepper.y_new)
        stepper.accept()
        return stop is not None

    def _guess(self, vector_field: VectorField, order: int, tolerances: Tolerances) -> float:
        y, slope = (v.reshape(self.locator.shape) for v in (self.stepper.y, self.stepper.slope(self.t0)))
        self.stepper.nfe += 1
        span = self.t1 - self.t0
        return float(first_step(vector_field, self.t0, y, slope, order=order, tolerances=tolerances, span=span))

    def timeout(self) -> Ending:
        """Return the ending of a solve whose caller has no time left."""
        return self.reasons.timeout(self.recorder.t)

    def solution(self, ending: Ending) -> Solution:
        """Return the part solved so far."""
        ts, ys = self.recorder.finish(self.stepper.y)
        return Solution(
            ts=ts,
            ys=ys,
            status=ending[0],
            message=ending[1],
            nfe=self.stepper.nfe,
            n_accepted=self.n_accepted,
            n_rejected=self.n_rejected,
            steps=self.recorder.steps(),
            dense=self.recorder.dense(self.stepper.y),
            events=self.locator.hits(),
        )
