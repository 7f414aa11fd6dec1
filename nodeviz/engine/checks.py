"""Checks of what a caller gives to ``solve``: each failure is one sentence with the value, the limit and a remedy."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nodeviz.engine.controllers import I_CONTROLLER, Controller

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray, VectorField
    from nodeviz.engine.methods import Method

# (floor, advice) for rtol: below it the error estimate is rounding noise.
_RTOL_LIMITS = {"float64": (2.2e-14, "1e-12"), "float32": (1.2e-7, "1e-5")}


def check_state(y0: npt.ArrayLike, name: str = "y0") -> FloatArray:
    """Return y0 as a float64 (or float32) array of shape (D,) or (D, B); integers become float64.

    Raises
    ------
    ValueError : not numbers, complex, empty, of another shape, or not finite
    """
    try:
        given = np.asarray(y0)
        if given.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(f"{name}={y0!r}: not an array of real numbers; give one number per component") from None
    if given.ndim not in (1, 2) or given.size == 0:
        raise ValueError(f"{name} has shape {given.shape}; it must be (D,) or (D, B) with at least one value")
    state = np.array(given, dtype=given.dtype if given.dtype == np.float32 else np.float64, order="C")
    if not np.isfinite(state).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(state))[0])
        raise ValueError(f"{name}{list(where)}={state[where]}: not finite; start from finite numbers")
    return state


def check_times(ts: npt.ArrayLike) -> FloatArray:
    """Return the report times as float64 (T,), T >= 2, running one way from t0 to t1.

    Raises
    ------
    ValueError : fewer than two, not finite, t1 equal to t0, or turning back
    """
    try:
        times = np.array(ts, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"ts={ts!r}: not an array of numbers; give the times to report, t0 first") from None
    if times.ndim != 1 or times.size < 2:
        raise ValueError(f"ts has shape {times.shape}; it must be (T,) with at least t0 and t1")
    if not np.isfinite(times).all():
        i = int(np.argmin(np.isfinite(times)))
        raise ValueError(f"ts[{i}]={times[i]}: not finite; give finite times")
    if times[0] == times[-1]:
        raise ValueError(
            f"ts: t1 equals t0={float(times[0])!r}, so there is nothing to solve; give two different times"
        )
    step = np.diff(times) * np.sign(times[-1] - times[0])
    if (step < 0).any():
        i = int(np.argmax(step < 0)) + 1
        raise ValueError(f"ts[{i}]={times[i]}: turns back; sort the times, rising or falling")
    return times


def check_positive(name: str, value: Any, remedy: str) -> float:
    """Return a finite number above zero as float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name}={value!r}: not a number; {remedy}")
    number = float(value)
    if not isfinite(number) or number <= 0.0:
        raise ValueError(f"{name}={value!r}: must be finite and above 0; {remedy}")
    return number


def check_count(name: str, value: Any, limit: int | None = None) -> int:
    """Return a whole number of at least 1, and at most ``limit``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name}={value!r}: not a whole number; give 1 or more")
    count = int(value)
    if count < 1:
        raise ValueError(f"{name}={count}: must be at least 1; give the number of steps wanted")
    if limit is not None and count > limit:
        raise ValueError(f"{name}={count}: more than max_steps={limit}; take fewer steps or raise max_steps")
    return count


def check_controller(controller: Any) -> Controller:
    """Return the controller, or raise ValueError where it lacks what a Controller has."""
    needed = ("remembers", "factor", "factors")
    if isinstance(controller, type) or not all(hasattr(controller, name) for name in needed):
        raise ValueError(f"controller={controller!r}: not a step-size controller; give a PIDController(), or none")
    return controller  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """rtol (dimensionless) and atol (units of y), checked against what the dtype resolves."""

    rtol: float
    atol: float

    @classmethod
    def checked(cls, rtol: Any, atol: Any, dtype: np.dtype[Any]) -> Tolerances:
        """Return the pair, or raise ValueError naming the one that is wrong."""
        floor, advice = _RTOL_LIMITS[dtype.name]
        rtol = check_positive("rtol", rtol, "1e-6 is a common choice")
        if rtol < floor:
            raise ValueError(f"rtol={rtol:g}: {dtype.name} cannot resolve below {floor:.2g}; use {advice} or more")
        if rtol >= 1.0:
            raise ValueError(f"rtol={rtol:g}: an error as large as the solution; use less than 1, such as 1e-3")
        if isinstance(atol, Real) and float(atol) == 0.0:
            raise ValueError(
                "atol=0: a component at zero could then never be accepted; use a small number such as 1e-12"
            )
        return cls(rtol, check_positive("atol", atol, "1e-9 is a common choice"))


@dataclass(frozen=True, slots=True)
class Control:
    """What governs adaptive steps: tolerances, controller, first and least |dt| (0: roundings of t), their number."""

    tolerances: Tolerances
    controller: Controller
    dt0: float | None
    dt_min: float
    max_steps: int

    @classmethod
    def checked(
        cls,
        rtol: Any,
        atol: Any,
        controller: Controller | None,
        dt0: Any,
        dt_min: Any,
        max_steps: Any,
        dtype: np.dtype[Any],
    ) -> Control:
        """Return the record, or raise ValueError naming the argument that is wrong."""
        return cls(
            Tolerances.checked(rtol, atol, dtype),
            I_CONTROLLER if controller is None else check_controller(controller),
            None if dt0 is None else check_positive("dt0", dt0, "leave it out for a guess"),
            0.0 if dt_min is None else check_positive("dt_min", dt_min, "leave it out for the least rounding allows"),
            check_count("max_steps", max_steps),
        )


@dataclass(frozen=True, slots=True)
class Grid:
    """Fixed steps: n of size |dt|, the last one shortened to end exactly at t1."""

    dt: float
    n: int


def check_grid(method: Method, ts: FloatArray, dt: Any, n_steps: Any, max_steps: int) -> Grid | None:
    """Return the fixed grid that dt or n_steps asks for; None lets an adaptive method choose its steps.

    Raises
    ------
    ValueError : both given, neither given to a method without an error estimate, or more than max_steps steps
    """
    span = abs(float(ts[-1] - ts[0]))
    if dt is not None and n_steps is not None:
        raise ValueError(f"dt={dt!r} and n_steps={n_steps!r}: each fixes the step alone; give one of them")
    if n_steps is not None:
        count = check_count("n_steps", n_steps, max_steps)
        return Grid(span / count, count)
    if dt is not None:
        size = check_positive("dt", dt, "the direction of time follows from ts")
        # A step that misses the end by rounding alone is no further step.
        steps = span / size * (1.0 - 1e-12)
        if steps > max_steps:
            raise ValueError(
                f"dt={dt!r}: {steps:.3g} steps, more than max_steps={max_steps}; take a larger dt or raise max_steps"
            )
        return Grid(size, max(1, ceil(steps)))
    if not method.adaptive:
        raise ValueError(f"method={method.name!r} takes fixed steps: give n_steps (for the whole span) or dt")
    return None


def check_per_sample(
    method: Method, y0: FloatArray, grid: Grid | None, *, dense: bool, record: bool, events: bool
) -> None:
    """Check that steps per column make sense.

    Raises
    ------
    ValueError : y0 is no batch, steps are fixed, the method is implicit, or an output needs one step for all
    """
    if y0.ndim != 2:
        raise ValueError(f"per_sample=True: y0 has shape {y0.shape}; give a batch (D, B), or leave per_sample out")
    if grid is not None:
        raise ValueError("per_sample=True: fixed steps are the same for all columns; leave out n_steps and dt")
    if method.implicit:
        raise ValueError(
            f"per_sample=True: method={method.name!r} has one step for all columns; use an explicit method"
        )
    for name, wanted in (("dense", dense), ("record", record), ("events", events)):
        if wanted:
            raise ValueError(f"per_sample=True: {name} needs one step for all columns; solve the columns one by one")


def first_slope(vector_field: VectorField, t: Any, y0: FloatArray) -> FloatArray:
    """Evaluate the field at the start, shape of y0: the first evaluation of the solve, and the check of its shape.

    Raises
    ------
    ValueError : another shape than y0's
    """
    slope = np.asarray(vector_field(t, y0.copy()))
    if slope.shape != y0.shape:
        raise ValueError(f"vector_field returned shape {slope.shape}; it must return that of y0, {y0.shape}")
    return slope.astype(y0.dtype)
