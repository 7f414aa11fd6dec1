"""The driver: checks the arguments, walks from t0 to t1, and returns a Solution however it ends."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan, ulp
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nodeviz.engine import checks, reasons
from nodeviz.engine.controllers import FRESH, I_CONTROLLER, Controller, decide
from nodeviz.engine.events import Event, EventLocator
from nodeviz.engine.first_step import first_step
from nodeviz.engine.implicit import ImplicitStepper
from nodeviz.engine.methods import Method, find_method
from nodeviz.engine.norms import ErrorNorm, all_finite
from nodeviz.engine.recorder import Recorder
from nodeviz.engine.solution import EventHits, Solution, Status, StepRecord
from nodeviz.engine.steppers import ExplicitStepper, Stepper
from nodeviz.engine.symplectic import SymplecticStepper

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from nodeviz.engine.arrays import FloatArray, VectorField
    from nodeviz.engine.reasons import Ending

__all__ = ["Event", "EventHits", "Solution", "Status", "StepRecord", "solve", "solve_steps"]

MAX_STEPS = 100_000
YIELD_AFTER = 1e-3
"""Seconds of stepping between two yields: often enough to pause or cancel, rare enough to cost nothing."""


def solve(
    vector_field: VectorField,
    y0: npt.ArrayLike,
    ts: npt.ArrayLike,
    *,
    method: str = "dopri5",
    dt: float | None = None,
    n_steps: int | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    per_sample: bool = False,
    max_steps: int = MAX_STEPS,
    dense: bool = False,
    events: Sequence[Event] = (),
    record: bool = False,
    jacobian: Callable[[Any, FloatArray], Any] | None = None,
    controller: Controller | None = None,
    dt0: float | None = None,
    dt_min: float | None = None,
) -> Solution:
    """Solve y' = f(t, y) from ts[0] to ts[-1], backwards if ts falls.

    Parameters
    ----------
    vector_field : f(t, y) -> array of the shape of y; may offer ``into(t, y, out)``. It may keep neither y nor out
    y0 : (D,) or (D, B) for a batch, state first; integers become float64, float32 stays
    ts : (T,) times to report, which do not set the steps
    method : a name of METHODS
    dt, n_steps : fixed steps, by size or by number over the whole span; the last one is shortened to hit the end
    rtol, atol : tolerances of an adaptive method, in the RMS norm over all values
    per_sample : every column of a batch has its own steps; the field then gets t of shape (b,) for the columns left
    max_steps : attempted steps (per column) before the solve gives up
    dense, record, events : what to keep besides ys: a function of t, every step, zeros of functions of (t, y)
    jacobian : df/dy (t, y) -> (D, D[, B]) for implicit methods; otherwise by differences
    controller : step-size controller, I by default
    dt0, dt_min : first and least |dt|; by default guessed, and a few roundings of t

    Returns
    -------
    Solution : failures are statuses in it, with the part solved

    Raises
    ------
    ValueError : an argument is wrong, in one sentence with the limit and the remedy
    """
    run = solve_steps(
        vector_field, y0, ts, method=method, dt=dt, n_steps=n_steps, rtol=rtol, atol=atol, per_sample=per_sample,
        max_steps=max_steps, dense=dense, events=events, record=record, jacobian=jacobian, controller=controller,
        dt0=dt0, dt_min=dt_min,
    )  # fmt: skip
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def solve_steps(
    vector_field: VectorField,
    y0: npt.ArrayLike,
    ts: npt.ArrayLike,
    *,
    method: str = "dopri5",
    dt: float | None = None,
    n_steps: int | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    per_sample: bool = False,
    max_steps: int = MAX_STEPS,
    dense: bool = False,
    events: Sequence[Event] = (),
    record: bool = False,
    jacobian: Callable[[Any, FloatArray], Any] | None = None,
    controller: Controller | None = None,
    dt0: float | None = None,
    dt_min: float | None = None,
) -> Generator[None, None, Solution]:
    """Return a generator that yields after each step, or few, and returns the Solution. Arguments as for ``solve``.

    Wrong arguments raise at once, before the first ``next``. A caller whose time is up throws TimeoutError into the
    generator: it then returns the part solved, with status ``timeout``.
    """
    state, times, chosen = checks.check_state(y0), checks.check_times(ts), find_method(method)
    limit = checks.check_count("max_steps", max_steps)
    grid = checks.check_grid(chosen, times, dt, n_steps, limit)
    tolerances = checks.Tolerances.checked(rtol, atol, state.dtype)
    if dt0 is not None:
        dt0 = checks.check_positive("dt0", dt0, "leave it out for a guess")
    if dt_min is not None:
        dt_min = checks.check_positive("dt_min", dt_min, "leave it out for the least that rounding allows")
    if per_sample:
        raise ValueError("per_sample: not built yet")
    with np.errstate(all="ignore"):
        slope = checks.first_slope(vector_field, float(times[0]), state)
    stepper = _make_stepper(chosen, vector_field, state, slope, jacobian, tolerances if grid is None else None)
    march = _March(
        stepper=stepper,
        recorder=Recorder(times, state, record=record, dense=dense),
        locator=EventLocator(events, float(times[0]), state),
        reasons=reasons.Reasons(chosen, state.shape, grid, limit),
        t0=float(times[0]),
        t1=float(times[-1]),
    )
    if grid is not None:
        return _collect(march, march.fixed(grid))
    return _collect(march, march.adaptive(vector_field, tolerances, controller or I_CONTROLLER, dt0, dt_min, limit))


def _make_stepper(
    method: Method,
    vector_field: VectorField,
    y0: FloatArray,
    f0: FloatArray,
    jacobian: Callable[[Any, FloatArray], Any] | None,
    tolerances: checks.Tolerances | None,
) -> Stepper:
    if method.tableau is None:
        return SymplecticStepper(vector_field, y0, f0, leapfrog=method.name == "leapfrog")
    if method.implicit:
        return ImplicitStepper(method.tableau, vector_field, y0, f0, jacobian=jacobian, tolerances=tolerances)
    return ExplicitStepper(method.tableau, vector_field, y0, f0)


def _collect(march: _March, steps: Generator[None, None, Ending]) -> Generator[None, None, Solution]:
    """Drive the steps, quiet about overflow (a status says it), and put the Solution together."""
    ending: Ending | None = None
    while ending is None:
        try:
            with np.errstate(all="ignore"):
                pause = perf_counter() + YIELD_AFTER
                while perf_counter() < pause:
                    next(steps)
        except StopIteration as stop:
            ending = stop.value
        else:
            try:
                yield
            except TimeoutError:
                ending = march.reasons.timeout(march.recorder.t)
    ts, ys = march.recorder.finish(march.stepper.y)
    return Solution(
        ts=ts,
        ys=ys,
        status=ending[0],
        message=ending[1],
        nfe=march.stepper.nfe,
        n_accepted=march.n_accepted,
        n_rejected=march.n_rejected,
        steps=march.recorder.steps(),
        dense=march.recorder.dense(march.stepper.y),
        events=march.locator.hits(),
    )


@dataclass(kw_only=True)
class _March:
    """The walk from t0 to t1 with one step size for all: fixed or adaptive steps, each a loop."""

    stepper: Stepper
    recorder: Recorder
    locator: EventLocator
    reasons: reasons.Reasons
    t0: float
    t1: float
    n_accepted: int = 0
    n_rejected: int = 0

    def fixed(self, grid: checks.Grid) -> Generator[None, None, Ending]:
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

    def adaptive(
        self,
        vector_field: VectorField,
        tolerances: checks.Tolerances,
        controller: Controller,
        dt0: float | None,
        dt_min: float | None,
        max_steps: int,
    ) -> Generator[None, None, Ending]:
        """Take steps whose error the controller accepts."""
        stepper, t, t1 = self.stepper, self.t0, self.t1
        sign, order, memory = (1.0 if t1 > t else -1.0), stepper.err_order + 1, FRESH
        norm = ErrorNorm(tolerances.rtol, tolerances.atol, stepper.y)
        dt = self._guess(vector_field, order, tolerances) if dt0 is None else min(dt0, abs(t1 - t))
        for _ in range(max_steps):
            floor = max(dt_min or 0.0, 4 * ulp(t))
            dt = max(dt, floor)
            last = dt >= abs(t1 - t) * (1 - 1e-10)
            step = t1 - t if last else sign * dt
            solved = stepper.attempt(t, step)
            err_ratio = norm(stepper) if solved else nan
            if err_ratio <= 1.0 and not all_finite(stepper.y_new):
                err_ratio = nan
            decision = decide(controller, err_ratio, abs(step), memory, order=order, dt_min=floor)
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
                    return self.reasons.underflow(t, step, err_ratio, norm.worst(stepper), stepper.y_new, floor)
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

    def _guess(self, vector_field: VectorField, order: int, tolerances: checks.Tolerances) -> float:
        shape = self.locator.shape
        slope = self.stepper.slope(self.t0).reshape(shape)
        y, span = self.stepper.y.reshape(shape), self.t1 - self.t0
        self.stepper.nfe += 1
        dt = first_step(vector_field, self.t0, y, slope, order, tolerances.rtol, tolerances.atol, span)
        return dt if isfinite(dt) else abs(span)
