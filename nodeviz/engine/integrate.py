"""The driver: checks the arguments, walks from t0 to t1, and returns a Solution however it ends."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nodeviz.engine import checks
from nodeviz.engine.events import Event, EventLocator, check_events
from nodeviz.engine.implicit import ImplicitStepper
from nodeviz.engine.march import March
from nodeviz.engine.methods import Method, find_method
from nodeviz.engine.per_sample import ColumnMarch
from nodeviz.engine.reasons import Reasons
from nodeviz.engine.recorder import Recorder
from nodeviz.engine.solution import EventHits, Solution, Status, StepRecord
from nodeviz.engine.steppers import ExplicitStepper, Stepper
from nodeviz.engine.symplectic import SymplecticStepper

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from nodeviz.engine.arrays import FloatArray, VectorField
    from nodeviz.engine.controllers import Controller
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
    events: Sequence[Event | Callable[[float, FloatArray], Any]] = (),
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
    dense, record, events : what to keep besides ys: a function of t, every step, zeros of functions of (t, y), which
        are given plain or as Event(function, terminal, direction)
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
    events: Sequence[Event | Callable[[float, FloatArray], Any]] = (),
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
    control = checks.Control.checked(rtol, atol, controller, dt0, dt_min, max_steps, state.dtype)
    wanted = check_events(events)
    grid = checks.check_grid(chosen, times, dt, n_steps, control.max_steps)
    why = Reasons(chosen, state.shape, control.max_steps)
    if per_sample:
        checks.check_per_sample(chosen, state, grid, dense=dense, record=record, events=bool(wanted))
    t0 = np.full(state.shape[1], times[0]) if per_sample else float(times[0])
    with np.errstate(all="ignore"):
        slope = checks.first_slope(vector_field, t0, state)
        if per_sample:
            columns = ColumnMarch(chosen, vector_field, state, slope, times, control, why)
            return _collect(columns, columns.steps())
        march = March(
            stepper=_make_stepper(chosen, vector_field, state, slope, jacobian, control if grid is None else None),
            recorder=Recorder(times, state, record=record, dense=dense),
            locator=EventLocator(wanted, float(times[0]), state),
            reasons=why,
            t0=float(times[0]),
            t1=float(times[-1]),
        )
    return _collect(march, march.adaptive(vector_field, control) if grid is None else march.fixed(grid))


def _make_stepper(
    method: Method,
    vector_field: VectorField,
    y0: FloatArray,
    f0: FloatArray,
    jacobian: Callable[[Any, FloatArray], Any] | None,
    control: checks.Control | None,
) -> Stepper:
    if method.tableau is None:
        return SymplecticStepper(vector_field, y0, f0, leapfrog=method.name == "leapfrog")
    if method.implicit:
        tolerances = None if control is None else control.tolerances
        return ImplicitStepper(method.tableau, vector_field, y0, f0, jacobian=jacobian, tolerances=tolerances)
    return ExplicitStepper(method.tableau, vector_field, y0, f0)


def _collect(march: March | ColumnMarch, steps: Generator[None, None, Ending]) -> Generator[None, None, Solution]:
    """Drive the steps, quiet about overflow (a status says it), and return the Solution however they end."""
    while True:
        try:
            with np.errstate(all="ignore"):
                pause = perf_counter() + YIELD_AFTER
                while perf_counter() < pause:
                    next(steps)
        except StopIteration as stop:
            return march.solution(stop.value)
        try:
            yield
        except TimeoutError:
            return march.solution(march.timeout())
