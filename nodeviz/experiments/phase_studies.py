"""How the error falls with the step, with the evaluations and with the time: order and work-precision."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import FloatArray, freeze
from nodeviz.engine.methods import METHODS
from nodeviz.experiments.budget import within
from nodeviz.experiments.phase_frame import Studies
from nodeviz.experiments.phase_paths import record
from nodeviz.experiments.phase_portrait import key_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.engine.solution import Solution
    from nodeviz.experiments.phase_params import PhaseParams, Solver
    from nodeviz.experiments.reference import Reference
    from nodeviz.problems.planar import PlanarField

DOUBLINGS = 12
# Evaluations of one study of one solver, compiled and not: half a second. Counted, not timed: a study on a busy machine
# is the same study.
MOST_EVALUATIONS, MOST_LOOPED = 150_000, 30_000
SECONDS = 2.0  # of one study and of one solve, where a single evaluation is slow
TOLERANCES = tuple(10.0**-k for k in range(2, 12))
FIT_LO, FIT_HI = 1e-12, 1e-2
STUDIED = frozenset({"order", "work-precision", "time-precision", "numbers"})  # instruments that show studies


def empty(params: PhaseParams) -> Studies:
    """Return studies that have not begun."""
    n_solvers = len(params.solvers)
    nothing = freeze(np.empty((n_solvers, 0)))
    return Studies(
        order_dt=nothing,
        order_error=nothing,
        slope=freeze(np.full(n_solvers, np.nan)),
        work_nfe=nothing,
        work_error=nothing,
        work_ms=nothing,
        system=params.system,
        key=_key(params),
        complete=False,
    )


def _key(params: PhaseParams) -> str:
    """Return a text that differs whenever the studies may."""
    return f"{key_of(params, ('equations', 'parameters', 't0', 't1', 'solvers', 'rtol'))} | {params.start[0]}"


def known(params: PhaseParams, last: Studies | None) -> Studies:
    """Return the last studies where nothing they depend on changed, else studies that have not begun."""
    fresh = empty(params)
    # A callable may read what has changed without a word.
    same = last is not None and last.key == fresh.key and last.system == params.system and not callable(params.system)
    return last if last is not None and same else fresh


def wanted(params: PhaseParams) -> bool:
    """Return whether one of the instruments shows them."""
    return not STUDIED.isdisjoint({params.upper, params.lower})


def study(
    planar: PlanarField, params: PhaseParams, solvers: Sequence[Solver], reference: Reference
) -> Generator[Studies | None, None, None]:
    """Yield the studies as they grow by one solver; None while the work goes on."""
    target = reference.at(np.array([params.t1]))
    goal = _Goal(params.t1, target[0], float(reference.floor(target)[0]))
    rows: dict[str, list[list[float]]] = {name: [] for name in ("dt", "error", "nfe", "werror", "ms")}
    slopes: list[float] = []
    for solver in solvers:
        dts, errors, nfes, milliseconds = yield from _refine(planar, params, solver, goal)
        rows["dt"].append(dts)
        rows["error"].append(errors)
        slopes.append(fitted_slope(dts, errors))
        if not solver.fixed:
            nfes, errors, milliseconds = yield from _tighten(planar, params, solver, goal)
        rows["nfe"].append(nfes)
        rows["werror"].append(errors)
        rows["ms"].append(milliseconds)
        yield dataclasses.replace(
            empty(params),
            order_dt=_table(rows["dt"], len(solvers)),
            order_error=_table(rows["error"], len(solvers)),
            slope=freeze(slopes + [np.nan] * (len(solvers) - len(slopes))),
            work_nfe=_table(rows["nfe"], len(solvers)),
            work_error=_table(rows["werror"], len(solvers)),
            work_ms=_table(rows["ms"], len(solvers)),
            complete=len(slopes) == len(solvers),
        )


@dataclass(frozen=True, slots=True)
class _Goal:
    """Where the orbit ends, and the error below which the reference cannot tell."""

    t1: float
    state: FloatArray
    floor: float


def _refine(
    planar: PlanarField, params: PhaseParams, solver: Solver, goal: _Goal
) -> Generator[None, None, tuple[list[float], list[float], list[float], list[float]]]:
    """Halve the step of equal steps until the error is at rounding or the budget is spent."""
    dts: list[float] = []
    errors: list[float] = []
    nfes: list[float] = []
    milliseconds: list[float] = []
    spent, most, clock = 0, most_evaluations(planar, solver), 0.0
    for doubling in range(DOUBLINGS):
        n_steps = max(4, round(abs(params.t1 - params.t0) * 2)) * 2**doubling
        solution, elapsed = yield from _timed(planar, params, solver, n_steps=n_steps, rtol=params.rtol)
        spent += int(solution.nfe)
        clock += elapsed / 1000
        error = _error(solution, goal)
        if error > goal.floor:
            dts.append(abs(params.t1 - params.t0) / n_steps)
            errors.append(error)
            nfes.append(float(int(solution.nfe)))
            milliseconds.append(elapsed)
        # The next one takes about as many evaluations as all before it.
        if error < max(FIT_LO, goal.floor) or 2 * spent > most or clock > SECONDS:
            break
    return dts, errors, nfes, milliseconds


def _tighten(
    planar: PlanarField, params: PhaseParams, solver: Solver, goal: _Goal
) -> Generator[None, None, tuple[list[float], list[float], list[float]]]:
    """Tighten the tolerance of an adaptive solver step by step."""
    nfes: list[float] = []
    errors: list[float] = []
    milliseconds: list[float] = []
    spent, most, clock = 0, most_evaluations(planar, solver), 0.0
    for rtol in TOLERANCES:
        solution, elapsed = yield from _timed(planar, params, solver, n_steps=None, rtol=rtol)
        spent += int(solution.nfe)
        clock += elapsed / 1000
        error = _error(solution, goal)
        if error > goal.floor:
            nfes.append(float(int(solution.nfe)))
            errors.append(error)
            milliseconds.append(elapsed)
        if spent > most or str(solution.status) == "max_steps" or clock > SECONDS:
            break
    return nfes, errors, milliseconds


def most_evaluations(planar: PlanarField, solver: Solver) -> int:
    """Return how many evaluations a study may take: typed equations run compiled with explicit methods only."""
    tableau = METHODS[solver.method].tableau
    compiled = planar.typed is not None and tableau is not None and tableau.explicit
    return MOST_EVALUATIONS if compiled else MOST_LOOPED


def _timed(
    planar: PlanarField, params: PhaseParams, solver: Solver, *, n_steps: int | None, rtol: float
) -> Generator[None, None, tuple[Solution, float]]:
    """Solve from the first start; return the solution and the milliseconds of computing it took."""
    steps = planar.orbit_steps(
        np.array(params.start[0]),
        params.t0,
        params.t1,
        method=solver.method,
        n_steps=n_steps,
        rtol=rtol,
        atol=rtol * 1e-3,
        max_steps=n_steps or most_evaluations(planar, solver) // 4,
    )
    spent = 0.0

    def clocked() -> Generator[None, None, Solution]:
        nonlocal spent
        bounded = within(SECONDS, steps)
        while True:
            started = time.perf_counter()
            try:
                next(bounded)
            except StopIteration as end:
                spent += time.perf_counter() - started
                return end.value  # type: ignore[no-any-return]
            spent += time.perf_counter() - started
            yield

    solution = yield from clocked()
    return solution, 1000 * spent


def _error(solution: Solution, goal: _Goal) -> float:
    steps = record(solution)
    if abs(float(steps.nodes_t[-1]) - goal.t1) > 1e-9 * max(1.0, abs(goal.t1)):
        return float("nan")
    with np.errstate(all="ignore"):  # a solve that ends at 1e200 squares its way to infinity
        return float(np.linalg.norm(steps.nodes_y[-1] - goal.state))


def fitted_slope(dts: Sequence[float], errors: Sequence[float]) -> float:
    """Return the slope of log error against log dt over the finest steps whose error is between 1e-12 and 1e-2.

    Coarser steps are not yet in the regime that the order speaks of, and errors near 1e-12 are rounding: the
    two smallest errors above 5e-12 are fitted (above 1e-12 where there are too few).
    """
    dt, error = np.array(dts), np.array(errors)
    for floor in (5 * FIT_LO, FIT_LO):
        good = np.flatnonzero((error > floor) & (error < FIT_HI))[-2:]
        if len(good) >= 2:
            return float(np.polyfit(np.log(dt[good]), np.log(error[good]), 1)[0])
    return float("nan")


def _table(rows: Sequence[Sequence[float]], n_solvers: int) -> FloatArray:
    table = np.full((n_solvers, max((len(row) for row in rows), default=0)), np.nan)
    for line, row in zip(table, rows, strict=False):
        line[: len(row)] = row
    return freeze(table)
