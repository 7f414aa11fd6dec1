"""Single orbits of typed equations by explicit methods: the engine's answers from generated code, 15 times as fast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import ulp
from struct import pack
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine import checks
from nodeviz.engine.integrate import MAX_STEPS
from nodeviz.engine.methods import Method, find_method
from nodeviz.engine.norms import worst_index
from nodeviz.engine.reasons import Ending, Reasons
from nodeviz.engine.solution import Solution, Status, StepRecord
from nodeviz.problems.orbit_code import CONTINUE, DONE, orbit_code

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.problems.equations import Equations

_BUDGET = 3e-3  # seconds between two yields
_SLOW = 1e-7  # seconds, more than an operation of compiled code takes


def orbit_steps(
    equations: Equations,
    parameters: Mapping[str, float],
    y0: npt.ArrayLike,
    t0: float,
    t1: float,
    *,
    method: str = "dopri5",
    n_steps: int | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_steps: int = MAX_STEPS,
    record: bool = True,
) -> Generator[None, None, Solution]:
    """Return a generator that solves one orbit, yielding every few milliseconds, and returns the Solution.

    The steps, counts, statuses and messages are those of ``nodeviz.engine.integrate.solve_steps(..., ts=[t0, t1])``
    up to rounding. Wrong arguments raise at once. A TimeoutError thrown into it ends it with status ``timeout``.

    Parameters
    ----------
    y0 : (2,)
    method : an explicit method; n_steps gives it fixed steps
    record : whether the Solution carries every attempted step and the accepted points

    Raises
    ------
    ValueError : an argument is wrong, or the method is not explicit
    """
    chosen, start, (t0, t1) = find_method(method), _check_start(y0), _check_span(float(t0), float(t1))
    limit = checks.check_count("max_steps", max_steps)
    fixed = n_steps is not None or not chosen.adaptive
    grid = checks.check_grid(chosen, np.array([t0, t1]), None, n_steps, limit) if fixed else None
    tolerances = checks.Tolerances.checked(rtol, atol, np.dtype(np.float64))
    walk = _Walk(
        functions=orbit_code(equations, method, adaptive=not fixed).bind(equations.check(parameters)),
        method=chosen,
        reasons=Reasons(chosen, (2,), limit),
        y0=start,
        t0=t0,
        t1=t1,
        n_operations=len(equations.graph.nodes) * (chosen.evaluations_per_step or 1),
    )
    if grid is not None:
        return walk.solution(walk.fixed(grid), record)
    return walk.solution(walk.adaptive(tolerances, limit), record)


def _check_start(y0: npt.ArrayLike) -> tuple[float, float]:
    start = checks.check_state(y0)
    if start.shape != (2,):
        raise ValueError(f"y0 has shape {start.shape}; a start in the plane has two numbers, as in (2, 0)")
    return float(start[0]), float(start[1])


def _check_span(t0: float, t1: float) -> tuple[float, float]:
    # The engine's check takes ten times as long as this one; it only has to find the words.
    if not math.isfinite(t0) or not math.isfinite(t1) or t0 == t1:
        checks.check_times([t0, t1])
    return t0, t1


@dataclass(kw_only=True)
class _Walk:
    """The way from t0 to t1 in pieces of compiled code, each a few milliseconds long."""

    functions: Mapping[str, Callable[..., Any]]
    method: Method
    reasons: Reasons
    y0: tuple[float, float]
    t0: float
    t1: float
    n_operations: int  # of one step
    nfe: int = 0

    def fixed(self, grid: checks.Grid) -> Generator[None, None, Ending]:
        """Take the steps of the grid."""
        dt = grid.dt if self.t1 > self.t0 else -grid.dt
        step, pace = self.functions["walk"], _Pace(self.n_operations)
        i, t, (x, y) = 0, self.t0, self.y0
        kx, ky = self.functions["rates"](t, x, y) if self._fsal else (0.0, 0.0)
        while True:
            stop = min(grid.n, i + pace.n)
            before = i
            rows = list[float]()
            end, i, t, x, y, kx, ky, xn, yn = step(i, grid.n, stop, t, x, y, kx, ky, self.t0, self.t1, dt, rows)
            self.log.add(rows)
            if end != CONTINUE:
                break
            pace.took(i - before)
            yield
            pace.begin()
        self.nfe = i * self._per_step + self._fsal
        if end == DONE:
            return Status.OK, ""
        return self.reasons.stopped(t, rows[-5], np.array([xn, yn]), True)

    def adaptive(self, tolerances: checks.Tolerances, limit: int) -> Generator[None, None, Ending]:
        """Take steps whose error the controller accepts."""
        rtol, atol, t, (x, y) = tolerances.rtol, tolerances.atol, self.t0, self.y0
        kx, ky = self.functions["rates"](t, x, y)
        dt = self._first_step(kx, ky, rtol, atol)
        stale, sign = False, 1.0 if self.t1 > self.t0 else -1.0
        rtol, atol = math.sqrt(2.0) * rtol, math.sqrt(2.0) * atol
        least = 4 * ulp(max(abs(self.t0), abs(self.t1)))
        step, pace, left = self.functions["walk"], _Pace(self.n_operations), limit
        while True:
            n, rows = min(pace.n, left), list[float]()
            end, t, x, y, kx, ky, stale, dt, _xn, _yn, ex, ey = step(
                range(n), t, x, y, kx, ky, stale, dt, self.t1, sign, least, rtol, atol, rows
            )
            self.log.add(rows)
            left -= n
            if end != CONTINUE or left == 0:
                break
            pace.took(n)
            yield
            pace.begin()
        # The slope is known at the end of an accepted step (fsal), or asked for when another step begins there.
        slopes = 1 if self._fsal else 1 + self.log.n_accepted - (rows[-3] == rows[-3])
        self.nfe = 1 + slopes + self.log.n_attempts * (self._per_step - 1 + self._fsal)
        if end == DONE:
            return Status.OK, ""
        worst = worst_index(np.array([ex, ey]))
        if end == CONTINUE:
            return self.reasons.max_steps(t, dt, worst)
        return self.reasons.underflow(t, rows[-5], math.sqrt(rows[-4]), worst)

    def _first_step(self, kx: float, ky: float, rtol: float, atol: float) -> float:
        """Return what ``nodeviz.engine.first_step`` returns, in scalar arithmetic."""
        order = 1 + (self.method.tableau.err_order or 0) if self.method.tableau else 1
        (x, y), span = self.y0, self.t1 - self.t0
        sx, sy = atol + rtol * abs(x), atol + rtol * abs(y)
        d0, d1 = _rms(x / sx, y / sy), _rms(kx / sx, ky / sy)
        guess = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
        guess = min(guess, abs(span))
        dt = math.copysign(guess, span)
        fx, fy = self.functions["rates"](self.t0 + dt, x + dt * kx, y + dt * ky)
        d2 = _rms((fx - kx) / sx, (fy - ky) / sy) / guess if guess > 0.0 else math.nan
        steepest = d1 if d1 >= d2 else d2
        if not math.isfinite(steepest):
            return 1e-6 * abs(span)
        better = max(1e-6, guess * 1e-3) if steepest <= 1e-15 else (0.01 / steepest) ** (1.0 / order)
        first = min(100 * guess, better, abs(span))
        return first if first > 0.0 else 1e-6 * abs(span)

    def solution(self, steps: Generator[None, None, Ending], record: bool) -> Generator[None, None, Solution]:
        """Drive the steps and put the Solution together."""
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                ending: Ending = stop.value
                break
            try:
                yield
            except TimeoutError:
                ending = self.reasons.timeout(self.log.t)
                self.nfe = self.log.n_attempts * self._per_step
                break
        nodes = self.log.nodes()
        n_accepted = len(nodes) - 1
        ends = nodes[:: max(1, n_accepted)]
        return Solution(
            ts=ends[:, 0],
            ys=ends[:, 1:],
            status=ending[0],
            message=ending[1],
            nfe=self.nfe,
            n_accepted=n_accepted,
            n_rejected=self.log.n_attempts - n_accepted,
            steps=self.log.record() if record else None,
        )

    def __post_init__(self) -> None:
        self._fsal = self.method.tableau is not None and self.method.tableau.fsal
        self._per_step = self.method.evaluations_per_step or 1
        self.log = _Log(self.t0, *self.y0)


class _Log:
    """The attempts and the nodes, taken over piece by piece, so that the end of a long solve has nothing left to do."""

    def __init__(self, t: float, x: float, y: float) -> None:
        self.t = t  # the last accepted
        self.n_accepted = self.n_attempts = 0
        self._nodes = bytearray(pack("3d", t, x, y))
        self._t, self._dt, self._err_ratio, self._accepted = bytearray(), bytearray(), bytearray(), bytearray()

    def add(self, rows: list[float]) -> None:
        """Take over a piece: dt, err_ratio**2 and, if accepted, the new t, x, y of each attempt; NaN if not."""
        table = np.frombuffer(pack(f"{len(rows)}d", *rows)).reshape(-1, 5)  # the fastest way by far
        accepted = table[:, 2] == table[:, 2]
        nodes = table.compress(accepted, axis=0)[:, 2:]
        starts = np.concatenate([[self.t], nodes[:, 0]])
        self._t += starts[np.cumsum(accepted) - accepted].tobytes()
        self._dt += table[:, 0].tobytes()
        self._err_ratio += np.sqrt(table[:, 1]).tobytes()
        self._accepted += accepted.tobytes()
        self._nodes += nodes.tobytes()
        self.t = float(starts[-1])
        self.n_attempts += len(table)
        self.n_accepted += len(nodes)

    def nodes(self) -> FloatArray:
        """Return the nodes (K + 1, 3): t, x, y."""
        return np.frombuffer(self._nodes).reshape(-1, 3)

    def record(self) -> StepRecord:
        """Return everything; arrays that look at what was collected."""
        t, dt, err_ratio = (np.frombuffer(column) for column in (self._t, self._dt, self._err_ratio))
        nodes = self.nodes()
        return StepRecord(
            t=t,
            dt=dt,
            err_ratio=err_ratio,
            accepted=np.frombuffer(self._accepted, bool),
            nodes_t=nodes[:, 0],
            nodes_y=nodes[:, 1:],
        )


def _rms(a: float, b: float) -> float:
    return math.sqrt(0.5 * (a * a + b * b))


class _Pace:
    """How many steps fit between two yields: a cautious guess at first, then by what the last piece took."""

    def __init__(self, n_operations: int) -> None:
        self.n = max(1, min(500, int(_BUDGET / (n_operations * _SLOW))))
        self.begin()

    def begin(self) -> None:
        """Note that a piece begins: what the caller did meanwhile is no part of it."""
        self._begun = perf_counter()

    def took(self, n: int) -> None:
        """Note that a piece of n steps ended, and size the next one by it."""
        per_step = (perf_counter() - self._begun) / n
        self.n = max(1, min(4 * self.n, 100_000, int(_BUDGET / per_step)))
