"""Paths of all solvers from all starts, and their distance from the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from nodeviz.engine.arrays import FloatArray, IntArray, freeze
from nodeviz.engine.methods import METHODS
from nodeviz.engine.solution import Status
from nodeviz.experiments.phase_frame import A, Eigenvalues, Paths, TextArray, read_only
from nodeviz.experiments.phase_params import MOST_STEPS
from nodeviz.experiments.reference import Reference, solve_reference

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.engine.solution import Solution, StepRecord
    from nodeviz.experiments.budget import Pool
    from nodeviz.experiments.phase_params import PhaseParams, Solver
    from nodeviz.problems.planar import PlanarField

SECONDS = 2.0  # what one solve may take before it is stopped and says so
# With all that is asked of the field along the paths: from one start, so that the first picture comes soon, and in all.
START_SECONDS, RACE_SECONDS = 6.0, 15.0
DRAWN, DRAWN_IN_ALL = 4000, 400_000  # nodes of a path, and of all paths, that a frame keeps; errors are taken at all
SAMPLES, MOST_SAMPLES = 1200, 6000  # points of a reference curve
LOOPED_SAMPLES = 150  # the same of a field that is asked point by point
MAX_STEPS = 200_000
PIECE = 4000  # nodes in one batch, so that a batch stays below 10 ms
MANY = 50_000  # and where each costs but a few operations
EQUAL = 0.05  # work that differs by no more than this is called equal


@dataclass(frozen=True, slots=True)
class Race:
    """All solves from one start.

    Attributes
    ----------
    reference : the solution to compare with; reference_t (R,), reference_y (R, 2) : the same sampled
    past_y : (Q, 2) sampled backwards in time
    solutions, errors : one per solver; the error at every node
    drawn : one per solver, the nodes that a frame keeps
    """

    start: tuple[float, float]
    reference: Reference
    reference_t: FloatArray
    reference_y: FloatArray
    past_y: FloatArray
    solutions: list[Solution]
    errors: list[FloatArray]
    drawn: list[Nodes]


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes of a path: t, dt, error (K,), y (K, 2) and eigenvalues (K, 2).

    ``dt`` is the step that the solver took to get there, not the distance of two nodes that are kept.
    """

    t: FloatArray
    y: FloatArray
    dt: FloatArray
    error: FloatArray
    eigenvalues: Eigenvalues


def steps_of(solver: Solver, params: PhaseParams) -> int | None:
    """Return how many equal steps a solver takes at first, or None where it chooses its steps by a tolerance."""
    if not solver.fixed:
        return None
    if solver.n_steps is not None:
        return solver.n_steps
    evaluations = METHODS[solver.method].evaluations_per_step
    if params.work == "steps" or evaluations is None:
        return params.n_steps
    return max(1, round(work_of(params) / evaluations))


def work_of(params: PhaseParams) -> int:
    """Return the evaluations that make equal work: what RK4 needs for its steps."""
    return 4 * params.n_steps


def race(
    planar: PlanarField,
    params: PhaseParams,
    solvers: Sequence[Solver],
    start: tuple[float, float],
    pool: Pool,
    level: int = 0,
) -> Generator[None, None, Race]:
    """Solve from one start; the generator yields while it works.

    Parameters
    ----------
    pool : what all that may take
    level : where the reference begins; a start before may have shown that dop853 does not get there
    """
    reference = yield from solve_reference(planar, start, params.t0, params.t1, pool, first=level)
    solutions, errors, drawn = [], [], []
    for solver in solvers:
        yield
        seconds = min(SECONDS, 0.7 * START_SECONDS / len(solvers))
        solution = yield from pool.within(seconds, _run(planar, params, solver, start))
        error = yield from distances(reference, record(solution), pool)
        solutions.append(solution)
        errors.append(error)
        drawn.append((yield from _kept(planar, record(solution), error, _most(params), pool)))
    reference_t = sample_times(reference, params.t1)
    reference_y = yield from reference.at_steps(reference_t, pool)
    past_y: FloatArray = np.empty((0, 2))
    if params.show_past:
        back = 2 * params.t0 - params.t1
        past = yield from solve_reference(planar, start, params.t0, back, pool)
        past_y = yield from past.at_steps(sample_times(past, back), pool)
    return Race(start, reference, reference_t, reference_y, past_y, solutions, errors, drawn)


def sample_times(reference: Reference, end: float) -> FloatArray:
    """Return times (R,) at which to draw a reference: equally many in every step of its own, ``end`` the last.

    It steps finely where the curve bends, so that it looks round however often it turns.
    """
    nodes = record(reference.solution).nodes_t
    count = int(np.clip(8 * len(nodes), SAMPLES, MOST_SAMPLES)) if reference.planar.vectorised else LOOPED_SAMPLES
    times: FloatArray = np.interp(np.linspace(0, len(nodes) - 1, count), np.arange(len(nodes)), nodes)
    times[-1] = end
    return times


def _most(params: PhaseParams) -> int:
    """Return how many nodes of each path a frame keeps."""
    return min(DRAWN, max(DRAWN // 10, DRAWN_IN_ALL // (len(params.solvers) * len(params.start))))


def _kept(
    planar: PlanarField, steps: StepRecord, error: FloatArray, most: int, pool: Pool
) -> Generator[None, None, Nodes]:
    """Return the nodes that a frame keeps, the last one included."""
    t, y = _thin(steps.nodes_t, most), _thin(steps.nodes_y, most)
    dt = _thin(np.concatenate([[np.nan], np.diff(steps.nodes_t)]), most)
    eigenvalues = yield from _eigenvalues(planar, t, y, pool)
    return Nodes(t, y, dt, _thin(error, most), eigenvalues)


def _run(
    planar: PlanarField, params: PhaseParams, solver: Solver, start: tuple[float, float]
) -> Generator[None, None, Solution]:
    """Solve with one solver; at equal work an implicit one again with the steps that its evaluations call for."""
    n_steps = steps_of(solver, params)
    solution = yield from _orbit(planar, params, solver, start, n_steps)
    implicit = METHODS[solver.method].evaluations_per_step is None
    if params.work == "steps" or n_steps is None or solver.n_steps is not None or not implicit:
        return solution
    best, few, many = solution, 0, MOST_STEPS  # few steps take too few evaluations, many too many
    for _ in range(6):
        if not best.ok or _off(best, params) <= EQUAL / 2:
            break
        if solution.ok and int(solution.nfe) > work_of(params):
            many = n_steps
        else:  # or they are so long that their equations have no solution
            few = n_steps
        n_steps = round(n_steps * work_of(params) / max(1, int(solution.nfe)))
        if not few < n_steps < many:
            n_steps = few + 1 if many == MOST_STEPS else (few + many) // 2
        if n_steps in {few, many}:
            break
        solution = yield from _orbit(planar, params, solver, start, n_steps)
        if solution.status is Status.TIMEOUT:
            return solution
        if solution.ok and _off(solution, params) < _off(best, params):
            best = solution
    return best


def _off(solution: Solution, params: PhaseParams) -> float:
    return abs(int(solution.nfe) / work_of(params) - 1.0)


def _orbit(
    planar: PlanarField, params: PhaseParams, solver: Solver, start: tuple[float, float], n_steps: int | None
) -> Generator[None, None, Solution]:
    return planar.orbit_steps(
        np.array(start),
        params.t0,
        params.t1,
        method=solver.method,
        n_steps=n_steps,
        rtol=params.rtol if solver.rtol is None else solver.rtol,
        atol=params.atol,
        max_steps=max(MAX_STEPS, n_steps or 0),
    )


def remark(planar: PlanarField, params: PhaseParams, solver: Solver, solution: Solution) -> str:
    """Return what one should know about a solve that went well, or an empty text."""
    remarks = []
    if solver.method in {"symplectic-euler", "leapfrog"} and not planar.separable:
        remarks.append(
            f"the field is not separable (x' depends on x, or y' on y), so {solver.method} has order 1 here"
            if solver.method == "leapfrog"
            else "the field is not separable (x' depends on x, or y' on y), so symplectic-euler is not symplectic here"
        )
    shared = solver.fixed and solver.n_steps is None and params.work == "evaluations"
    if shared and solution.ok and _off(solution, params) > EQUAL:
        remarks.append(f"it takes {int(solution.nfe)} evaluations where equal work would be {work_of(params)}")
    return "; ".join(remarks)


def record(solution: Solution) -> StepRecord:
    """Return the record of steps, which every orbit here has."""
    assert solution.steps is not None
    return solution.steps


def distances(reference: Reference, steps: StepRecord, pool: Pool) -> Generator[None, None, FloatArray]:
    """Return the Euclidean distance from the reference at every node, no smaller than the reference can tell."""
    states = yield from reference.at_steps(steps.nodes_t, pool)
    distance = np.empty(len(states))
    for first in range(0, len(states), MANY):
        part = slice(first, first + MANY)
        with np.errstate(all="ignore"):  # a path that blows up squares its way to infinity
            apart = np.linalg.norm(steps.nodes_y[part] - states[part], axis=1)
            distance[part] = np.maximum(apart, reference.floor(states[part]))
        yield
    distance[0] = 0.0  # both start from the same point
    return distance


def paths(
    planar: PlanarField, params: PhaseParams, solvers: Sequence[Solver], races: Sequence[Race]
) -> Generator[None, None, Paths]:
    """Return the part of the frame that the races make; the generator yields while it works."""
    columns = [[race.drawn[s] for race in races] for s in range(len(solvers))]
    padded = {}
    for name in ("t", "y", "dt", "error", "eigenvalues"):
        padded[name] = read_only(_pad([[getattr(one, name) for one in row] for row in columns]))
        yield
    attempts = [record(solution) for solution in races[0].solutions]
    solutions = [[race.solutions[s] for race in races] for s in range(len(solvers))]
    first = races[0].reference
    return Paths(
        entries=_texts([solver.entry for solver in solvers]),
        methods=_texts([solver.method for solver in solvers]),
        start=freeze([race.start for race in races]),
        n_starts=len(params.start),
        **padded,
        nfe=_counts([[int(one.nfe) for one in row] for row in solutions]),
        n_accepted=_counts([[int(one.n_accepted) for one in row] for row in solutions]),
        n_rejected=_counts([[int(one.n_rejected) for one in row] for row in solutions]),
        final_error=freeze([[_final_error(race, s, params.t1) for race in races] for s in range(len(solvers))]),
        max_error=freeze([[_largest(race.errors[s]) for race in races] for s in range(len(solvers))]),
        status=_texts([[str(one.status) for one in row] for row in solutions]),
        message=_texts([["" if one.ok else in_words(one.message) for one in row] for row in solutions]),
        remark=_texts([remark(planar, params, solver, row[0]) for solver, row in zip(solvers, solutions, strict=True)]),
        attempt_t=freeze(_pad([[_thin(steps.t, DRAWN)] for steps in attempts])[:, 0]),
        attempt_dt=freeze(_pad([[_thin(steps.dt, DRAWN)] for steps in attempts])[:, 0]),
        attempt_accepted=freeze(_pad([[_thin(steps.accepted.astype(float), DRAWN)] for steps in attempts])[:, 0]),
        reference_t=freeze(_held([race.reference_t for race in races])),
        reference_y=freeze(_held([race.reference_y for race in races])),
        reference_method=first.method,
        reference_rtol=first.rtol,
        reference_message=in_words(first.message),
        past_y=freeze(_held([race.past_y for race in races])),
    )


def _held(curves: Sequence[FloatArray]) -> FloatArray:
    """Return curves of different lengths as one array, each staying at its end."""
    longest = max(map(len, curves))
    return np.stack([np.concatenate([curve, np.repeat(curve[-1:], longest - len(curve), axis=0)]) for curve in curves])


def _thin(values: FloatArray, most: int) -> FloatArray:
    if len(values) <= most:
        return values
    kept: FloatArray = values[np.linspace(0, len(values) - 1, most).round().astype(int)]
    return kept


def _final_error(race: Race, s: int, t1: float) -> float:
    solution = race.solutions[s]
    reached = abs(float(record(solution).nodes_t[-1]) - t1) <= 1e-9 * max(1.0, abs(t1))
    return float(race.errors[s][-1]) if reached else float("nan")


def _largest(errors: FloatArray) -> float:
    finite = errors[np.isfinite(errors)]
    return float(finite.max()) if len(finite) else float("nan")


def _pad(rows: Sequence[Sequence[A]]) -> A:
    """Return ragged arrays as one, padded with NaN along their first axis."""
    longest = max(len(column) for row in rows for column in row)
    padded = np.full((len(rows), len(rows[0]), longest, *rows[0][0].shape[1:]), np.nan, rows[0][0].dtype)
    for i, row in enumerate(rows):
        for j, column in enumerate(row):
            padded[i, j, : len(column)] = column
    return cast("A", padded)


def _eigenvalues(planar: PlanarField, t: FloatArray, y: FloatArray, pool: Pool) -> Generator[None, None, Eigenvalues]:
    """Return the eigenvalues (K, 2) of the Jacobian at nodes (K,), (K, 2), from trace and determinant."""
    found = np.full((len(t), 2), np.nan, complex)
    piece = PIECE if planar.vectorised else 1
    for first in range(0, len(t), piece):
        if pool.empty:
            break
        part = slice(first, first + piece)
        with pool.spend(), np.errstate(all="ignore"):
            jacobian = planar.jacobian(t[part], y[part].T)
            half = (jacobian[0, 0] + jacobian[1, 1]) / 2
            determinant = jacobian[0, 0] * jacobian[1, 1] - jacobian[0, 1] * jacobian[1, 0]
            root = np.sqrt((half * half - determinant).astype(complex))
            found[part] = np.stack([half + root, half - root], axis=-1)
        yield
    return found


def in_words(message: str) -> str:
    """Return a message of the engine with the components of the plane called by their names."""
    return message.replace("component 0", "x").replace("component 1", "y")


def _texts(values: object) -> TextArray:
    return read_only(np.array(values, dtype=str))


def _counts(values: list[list[int]]) -> IntArray:
    return read_only(np.array(values, dtype=np.int64))
